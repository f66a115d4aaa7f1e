"""One view per path: read the input, call the service, shape the answer."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from wxauth.services.data import opening, wechat_session
from wxauth.services.erasure import deletion
from wxauth.services.login import logout
from wxauth.services.profile import phone, pictures, user_info
from wxauth.services.transfer import personal
from wxauth.types import Secret
from wxauth.wiring import get_user_serializer

from . import errors, login, serializers
from .base import View
from .parsers import MAX_DATA, PictureParser, StrictJSONParser
from .schema import WECHAT, WECHAT_PHONE, Operation, make_schema

#: Keys of decrypted data that never leave the server.
_IDS = frozenset({"openId", "unionId"})

_ENCRYPTED = (errors.UNDECRYPTABLE, errors.SESSION_KEY_MISSING)


def _user_object() -> Any:
    return get_user_serializer()()


class LoginView(login.LoginView):
    """Log in by a code of wx.login, and become a user at the first time."""

    schema = make_schema()
    operations = {
        "post": Operation(
            request=serializers.LoginRequestSerializer,
            answer=serializers.LoginAnswerSerializer,
            errors=(
                errors.UNKNOWN_APP,
                errors.INVALID_CODE,
                errors.CODE_USED,
                errors.SNAPSHOT,
                errors.BLOCKED,
                errors.NOT_REGISTERED,
                errors.SIGNUP_REFUSED,
                errors.INVALID_PHONE_CODE,
                errors.CONFLICT,
                *WECHAT,
            ),
        )
    }


class LogoutView(View):
    """End this login: its token dies."""

    operations = {"post": Operation()}

    def post(self, request: Request) -> Response:
        logout.log_out(login=self.login, request=request._request)
        return Response(status=204)


class LogoutAllView(View):
    """End every login of the caller, on all devices and in all apps."""

    operations = {"post": Operation()}

    def post(self, request: Request) -> Response:
        logout.log_out_everywhere(login=self.login, request=request._request)
        return Response(status=204)


class UserView(View):
    """Everything that answers with the user object."""

    def answer(self) -> Response:
        serializer = get_user_serializer()(self.login.person, context={"request": self.request})
        return Response(serializer.data)


class MeView(UserView):
    """The caller."""

    limit = "profile"
    # Every page of a mini-program begins with it, and it costs one statement.
    unlimited = frozenset({"GET", "HEAD"})
    operations = {
        "get": Operation(answer=_user_object),
        "post": Operation(serializers.NicknameSerializer, _user_object),
        "patch": Operation(serializers.NicknameSerializer, _user_object),
        "delete": Operation(answer=_user_object, errors=(errors.DELETION_REFUSED,)),
    }

    def get(self, request: Request) -> Response:
        return self.answer()

    def post(self, request: Request) -> Response:
        """Change the nickname."""
        sent = serializers.NicknameSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        user_info.set_nickname(login=self.login, nickname=sent.validated_data["nickname"])
        return self.answer()

    def patch(self, request: Request) -> Response:
        """Change the nickname. ``wx.request`` has no PATCH: the same as POST."""
        return self.post(request)

    def delete(self, request: Request) -> Response:
        """Ask for the account to be deleted (注销), once the waiting time is over."""
        deletion.ask(login=self.login)
        return self.answer()


class DeletionCancelView(UserView):
    """Take it back: the account stays."""

    limit = "profile"
    operations = {"post": Operation(answer=_user_object)}

    def post(self, request: Request) -> Response:
        deletion.cancel(login=self.login)
        return self.answer()


class ExportView(View):
    """Everything that is kept about the caller."""

    limit = "export"
    operations = {"get": Operation(answer=serializers.ExportSerializer)}

    def get(self, request: Request) -> Response:
        return Response(personal.collect(self.login.person, locate=request.build_absolute_uri))


class AvatarView(UserView):
    """The caller's picture."""

    limit = "avatar"
    # JSON is read to say what is wrong with it: most often the path of a file on the phone.
    parser_classes = [PictureParser, StrictJSONParser]
    operations = {
        **dict.fromkeys(
            ("post", "put"),
            Operation(
                serializers.AvatarSerializer,
                _user_object,
                (errors.STORAGE_UNAVAILABLE, errors.MISCONFIGURED),
                media_type=PictureParser.media_type,
            ),
        ),
        "delete": Operation(answer=_user_object),
    }

    def post(self, request: Request) -> Response:
        """Upload a picture."""
        sent = serializers.AvatarSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        pictures.set_avatar(login=self.login, picture=sent.validated_data["avatar"].read())
        return self.answer()

    def put(self, request: Request) -> Response:
        """Upload a picture. ``wx.uploadFile`` is POST only: the same as POST."""
        return self.post(request)

    def delete(self, request: Request) -> Response:
        """Show no picture any more."""
        pictures.clear_avatar(login=self.login)
        return self.answer()


class UserInfoView(UserView):
    """Fill in the profile with what wx.getUserInfo or wx.getUserProfile gave."""

    limit = "decrypt"
    max_body = MAX_DATA
    operations = {"post": Operation(serializers.UserInfoSerializer, _user_object, _ENCRYPTED)}

    def post(self, request: Request) -> Response:
        sent = serializers.UserInfoSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        fields = sent.validated_data
        user_info.take_user_info(
            login=self.login,
            encrypted_data=fields["encryptedData"],
            iv=fields["iv"],
            raw_data=fields.get("rawData"),
            signature=fields.get("signature"),
        )
        return self.answer()


class PhoneView(UserView):
    """Bind the phone number that the phone button gave."""

    limit = "phone"
    max_body = MAX_DATA
    repeatable = True
    operations = {
        "post": Operation(
            serializers.PhoneSerializer,
            _user_object,
            (*_ENCRYPTED, errors.CONFLICT, *WECHAT_PHONE),
        )
    }

    def post(self, request: Request) -> Response:
        sent = serializers.PhoneSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        fields = sent.validated_data
        code = fields.get("phone_code", fields.get("code"))
        if code is not None:
            phone.take_code(login=self.login, code=Secret(code))
        else:
            phone.take_encrypted(
                login=self.login, encrypted_data=fields["encryptedData"], iv=fields["iv"]
            )
        return self.answer()


class DecryptView(View):
    """Read other encrypted data of the caller: WeRun steps, share and group ids."""

    limit = "decrypt"
    max_body = MAX_DATA
    operations = {
        "post": Operation(
            serializers.EncryptedDataSerializer, serializers.DecryptAnswerSerializer, _ENCRYPTED
        )
    }

    def post(self, request: Request) -> Response:
        fields = _encrypted(request)
        data = opening.open_data(
            login=self.login, encrypted_data=fields["encryptedData"], iv=fields["iv"]
        )
        shown = {key: value for key, value in data.items() if key not in _IDS}
        return Response({"data": shown})


class SessionCheckView(View):
    """Ask WeChat whether the newest session_key that is stored for the caller still holds."""

    limit = "decrypt"
    operations = {
        "post": Operation(
            answer=serializers.SessionCheckSerializer,
            errors=(errors.SESSION_KEY_MISSING, *WECHAT),
        )
    }

    def post(self, request: Request) -> Response:
        return Response({"valid": wechat_session.check(login=self.login)})


class LoginsView(View):
    """The caller's newest live logins."""

    operations = {"get": Operation(answer=partial(serializers.LoginSerializer, many=True))}

    def get(self, request: Request) -> Response:
        rows = logout.list_logins(login=self.login)
        one = serializers.LoginSerializer(context={"request": request})
        return Response([one.to_representation(row) for row in rows])


class LoginDetailView(View):
    """One of the caller's logins."""

    operations = {"delete": Operation(errors=(errors.NOT_FOUND,))}

    def delete(self, request: Request, login_id: str) -> Response:
        logout.end_login(login=self.login, login_id=int(login_id))
        return Response(status=204)


class NotFoundView(View):
    """Every other path below ours: JSON, whatever the project's own 404 page is."""

    authentication_classes = []
    permission_classes: Any = []
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise Http404


def _encrypted(request: Request) -> Any:
    sent = serializers.EncryptedDataSerializer(data=request.data)
    sent.is_valid(raise_exception=True)
    return sent.validated_data

"""The shape of requests and answers. Field names are WeChat's own, so that what ``wx`` gives
passes through as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.core.files.base import File
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from wxauth.clock import rfc3339
from wxauth.conf import conf
from wxauth.models import Identity, Login, OpenId, Person
from wxauth.services.login.enclosures import Rejected
from wxauth.services.login.entry import LoggedIn
from wxauth.services.profile import phone, pictures
from wxauth.wiring import get_user_serializer

from .errors import PayloadTooLarge, describe

#: Bytes of ``extra``, as JSON.
EXTRA_BYTES = 2048
#: How the path of a file on the phone begins, in the developer tools and on a phone.
TEMPORARY = ("http://tmp", "wxfile://")


class TextField(serializers.CharField):
    """A text that came as a text: ``12345`` is not ``"12345"``, and nothing is trimmed."""

    default_error_messages = {
        "invalid": _("This must be a text."),
        "nul": _("This holds a NUL character."),
    }

    def __init__(self, **kwargs: Any) -> None:
        if not kwargs.get("allow_blank"):
            kwargs.setdefault("min_length", 1)  # For the schema: that blank is refused, it omits.
        super().__init__(trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if "\0" in data:
            self.fail("nul")
        return super().to_internal_value(data)


class DataField(TextField):
    """What ``wx`` encrypted or signed: any text at all.

    One that is empty, endless or holds NUL is unacceptable data, not an ill-formed request: it is
    answered like every later failure, and beside a login it is a warning.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_blank=True, **kwargs)
        self.validators = []

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return data


class SecretField(serializers.CharField):
    """A ``Secret`` on its way out: the renderer makes a text of it, and nobody before."""

    def to_representation(self, value: Any) -> Any:
        return value


class PhoneField(SecretField):
    """The number of a ``Person``, for the person alone."""

    def to_representation(self, value: Any) -> Any:
        return phone.read(value)


class StrictBooleanField(serializers.BooleanField):
    """``true`` or ``false``; not ``"yes"``, 1 or null."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return bool(data)


class ExtraField(serializers.DictField):
    """A flat object up to 2 KB, for the project's adapter."""

    default_error_messages = {
        "flat": _("This must be a flat object of texts, numbers, booleans and nulls."),
        "large": _("This is larger than 2 KB."),
    }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict) or any(isinstance(v, (dict, list)) for v in data.values()):
            self.fail("flat")
        if len(json.dumps(data, ensure_ascii=False).encode()) > EXTRA_BYTES:
            self.fail("large")
        return data


def require_together(fields: Mapping[str, Any], one: str, other: str) -> None:
    """Each of two fields is worthless without the other."""
    for present, absent in ((one, other), (other, one)):
        if fields.get(present) is not None and fields.get(absent) is None:
            raise serializers.ValidationError(
                {absent: _("This is needed together with %(field)s.") % {"field": present}}
            )


class WebTicketRequestSerializer(serializers.Serializer[Any]):
    next = TextField(required=False, max_length=500, help_text=_("The path of this site to show."))


class WebTicketAnswerSerializer(serializers.Serializer[Any]):
    url = SecretField(help_text=_("What the web-view opens. It works once."))
    expires_in = serializers.IntegerField(help_text=_("In seconds."))


class DecryptAnswerSerializer(serializers.Serializer[Any]):
    # A serializer has an attribute of this name; the metaclass takes the field out of its way.
    data = serializers.DictField(  # type: ignore[assignment]
        help_text=_("As WeChat encrypted it, without openId and unionId.")
    )


class SessionCheckSerializer(serializers.Serializer[Any]):
    valid = serializers.BooleanField(
        help_text=_("False: log in before obtaining encrypted data again.")
    )


class EncryptedDataSerializer(serializers.Serializer[Any]):
    """What ``wx`` gives as ``encryptedData`` and ``iv``."""

    encryptedData = DataField()
    iv = DataField()


class PhoneSerializer(serializers.Serializer[Any]):
    """What the phone button gives: a code, or the encrypted data of old."""

    phone_code = TextField(
        required=False, max_length=256, help_text=_("The e.detail.code of the phone button.")
    )
    code = TextField(
        required=False, max_length=256, help_text=_("The same, as the button calls it.")
    )
    encryptedData = DataField(required=False)
    iv = DataField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "phone_code" in attrs or "code" in attrs:
            return attrs
        require_together(attrs, "encryptedData", "iv")
        if "iv" not in attrs:
            raise serializers.ValidationError(
                {"phone_code": _("This is needed, or encryptedData and iv.")}
            )
        return attrs


class UserInfoSerializer(EncryptedDataSerializer):
    rawData = DataField(required=False)
    signature = DataField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        require_together(attrs, "rawData", "signature")
        return attrs


class LoginRequestSerializer(serializers.Serializer[Any]):
    code = TextField(max_length=256, help_text=_("What wx.login gave, or SendAuth."))
    appid = TextField(
        required=False, max_length=32, help_text=_("Needed where there is no default app.")
    )
    phone_code = TextField(
        required=False, max_length=256, help_text=_("The e.detail.code of the phone button.")
    )
    encryptedData = DataField(required=False)
    iv = DataField(required=False)
    rawData = DataField(required=False)
    signature = DataField(required=False)
    signup = StrictBooleanField(
        default=True,
        help_text=_("False only asks whether this person is registered: nothing is written."),
    )
    extra = ExtraField(
        required=False,
        help_text=_("A flat object up to 2 KB for the project, at a first login."),
    )

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        fields["code"].required = not conf.CLOUD
        return fields

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        require_together(attrs, "encryptedData", "iv")
        require_together(attrs, "rawData", "signature")
        return attrs


class PrefetchSerializer(serializers.Serializer[Any]):
    """What WeChat's servers send in the query: our token, or a code of theirs."""

    appid = TextField(max_length=32)
    token = TextField(
        required=False, max_length=1024, help_text=_("What wx.setBackgroundFetchToken was given.")
    )
    code = TextField(
        required=False, max_length=256, help_text=_("Where it was given none: a login code.")
    )
    path = TextField(default="", allow_blank=True, help_text=_("The page that will open."))
    query = TextField(default="", allow_blank=True, help_text=_("Its query."))
    scene = TextField(default="", allow_blank=True, help_text=_("How it was opened."))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("token" in attrs) == ("code" in attrs):
            raise serializers.ValidationError({"token": _("Either this or code is needed.")})
        return attrs


class PrefetchAnswerSerializer(serializers.Serializer[Any]):
    """For a token. For a code, what ``login/`` answers."""

    extra = serializers.DictField(help_text=_("What the project adds."))

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "user": get_user_serializer()()}


class NicknameSerializer(serializers.Serializer[Any]):
    nickname = TextField(help_text=_("As the person typed it; at most 64 characters."))

    def to_internal_value(self, data: Any) -> Any:
        refuse_temporary_path(data)
        return super().to_internal_value(data)


class PictureField(serializers.FileField):
    """A file of at most 5 MB."""

    default_error_messages = {
        "required": _("Upload the picture as a file of this name, with wx.uploadFile."),
        "invalid": _("Upload the picture as a file of this name, with wx.uploadFile."),
    }

    def to_internal_value(self, data: Any) -> File[bytes]:
        if not isinstance(data, File):
            self.fail("invalid")
        if data.size > pictures.MAX_BYTES:
            raise PayloadTooLarge
        return data


class AvatarSerializer(serializers.Serializer[Any]):
    avatar = PictureField(
        help_text=_("JPEG, PNG, WebP or GIF; at most 5 MB, and 4096 pixels a side.")
    )

    def to_internal_value(self, data: Any) -> Any:
        refuse_temporary_path(data)
        return super().to_internal_value(data)


def refuse_temporary_path(data: Mapping[str, Any]) -> None:
    """What ``chooseAvatar`` gives names a file on the phone: here it leads nowhere."""
    for name in ("avatar", "avatarUrl"):
        value = data.get(name)
        if isinstance(value, str) and value.startswith(TEMPORARY):
            raise serializers.ValidationError(
                {
                    name: _(
                        "This is the path of a file on the phone, which nobody else can open: "
                        "upload the file to me/avatar/ with wx.uploadFile."
                    )
                }
            )


class UserSerializer(serializers.Serializer[Person]):
    """The user object, from a Person. A project replaces it by ``WXAUTH["USER_SERIALIZER"]``.

    The fields are its shape, for the schema and for a project's subclass.
    """

    id = serializers.SerializerMethodField()
    nickname = serializers.SerializerMethodField()
    avatar = serializers.SerializerMethodField()
    phone = PhoneField(source="*", allow_null=True)
    created_at = serializers.SerializerMethodField()
    deletion_due_at = serializers.SerializerMethodField()

    def to_representation(self, instance: Person) -> dict[str, Any]:
        if type(self) is not UserSerializer:
            return super().to_representation(instance)
        # REST framework copies every field for every answer, which takes five times as long.
        return {
            "id": self.get_id(instance),
            "nickname": self.get_nickname(instance),
            "avatar": self.get_avatar(instance),
            "phone": phone.read(instance),
            "created_at": self.get_created_at(instance),
            "deletion_due_at": self.get_deletion_due_at(instance),
        }

    def get_id(self, person: Person) -> str:
        return str(person.pk)

    def get_nickname(self, person: Person) -> str | None:
        return person.nickname or None

    def get_avatar(self, person: Person) -> str | None:
        if person.avatar:
            return str(self.context["request"].build_absolute_uri(person.avatar.url))
        return person.avatar_url or None

    def get_created_at(self, person: Person) -> str:
        return rfc3339(person.created_at)

    def get_deletion_due_at(self, person: Person) -> str | None:
        """When this account is deleted, because its person asked for it."""
        due_at = person.deletion_due_at
        return None if due_at is None else rfc3339(due_at)


class WarningSerializer(serializers.Serializer[Rejected]):
    """Something sent along with a login that could not be used; the login stands."""

    field = serializers.CharField()
    code = serializers.SerializerMethodField()
    action = serializers.SerializerMethodField()

    def get_code(self, warning: Rejected) -> str:
        return str(self._describe(warning)["code"])

    def get_action(self, warning: Rejected) -> str:
        return str(self._describe(warning)["action"])

    def _describe(self, warning: Rejected) -> dict[str, Any]:
        return describe(warning.error, repeatable=warning.field == "phone_code")


class LoginAnswerSerializer(serializers.Serializer[LoggedIn]):
    token = SecretField()
    token_type = serializers.SerializerMethodField()
    expires_in = serializers.SerializerMethodField()
    expires_at = serializers.SerializerMethodField()
    created = serializers.BooleanField()
    warnings = WarningSerializer(many=True)
    extra = serializers.DictField()

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "user": get_user_serializer()(source="login.person")}

    def to_representation(self, instance: LoggedIn) -> dict[str, Any]:
        # As with the user: the fields are for the schema.
        user = get_user_serializer()(instance.login.person, context=self.context)
        return {
            "token": instance.token,
            "token_type": self.get_token_type(instance),
            "expires_in": self.get_expires_in(instance),
            "expires_at": self.get_expires_at(instance),
            "created": instance.created,
            "warnings": [WarningSerializer(warning).data for warning in instance.warnings],
            "extra": {str(name): value for name, value in instance.extra.items()},
            "user": user.data,
        }

    def get_token_type(self, done: LoggedIn) -> str:
        return "Bearer"

    def get_expires_in(self, done: LoggedIn) -> int:
        """Seconds."""
        return int((done.login.expires_at - done.login.created_at).total_seconds())

    def get_expires_at(self, done: LoggedIn) -> str:
        return rfc3339(done.login.expires_at)


class LoginSerializer(serializers.Serializer[Login]):
    """One login in the caller's list."""

    id = serializers.SerializerMethodField()
    app = serializers.SerializerMethodField()
    device = serializers.CharField(source="user_agent")
    created_at = serializers.SerializerMethodField()
    expires_at = serializers.SerializerMethodField()
    current = serializers.SerializerMethodField()

    def get_id(self, login: Login) -> str:
        return str(login.pk)

    def get_app(self, login: Login) -> str:
        return login.appid

    def get_created_at(self, login: Login) -> str:
        return rfc3339(login.created_at)

    def get_expires_at(self, login: Login) -> str:
        return rfc3339(login.expires_at)

    def get_current(self, login: Login) -> bool:
        return bool(login.pk == self.context["request"].auth.pk)


class LinkRequestSerializer(serializers.Serializer[Any]):
    code = TextField(max_length=256, help_text=_("What wx.login gave, or SendAuth."))
    appid = TextField(
        required=False, max_length=32, help_text=_("Needed where there is no default app.")
    )


class IdentitySerializer(serializers.Serializer[Identity]):
    """One WeChat identity in the caller's list; its openids and its unionid stay here."""

    id = serializers.SerializerMethodField()
    apps = serializers.SerializerMethodField()
    created_at = serializers.SerializerMethodField()
    current = serializers.SerializerMethodField()

    def get_id(self, identity: Identity) -> str:
        return str(identity.pk)

    def get_apps(self, identity: Identity) -> list[str]:
        """The appids in which the identity is known, oldest first."""
        return [openid.appid for openid in self._openids(identity)]

    def get_created_at(self, identity: Identity) -> str:
        return rfc3339(min(openid.created_at for openid in self._openids(identity)))

    def get_current(self, identity: Identity) -> bool:
        """Whether the caller's own login came of it."""
        return bool(identity.pk == self.context["request"].auth.via.identity_id)

    def _openids(self, identity: Identity) -> list[OpenId]:
        return sorted(identity.openids.all(), key=lambda openid: openid.pk)


class ExportSerializer(serializers.Serializer[Any]):
    """Everything that is kept about the caller; docs/privacy.md names each column."""

    exported_at = serializers.CharField()
    accounts = serializers.ListField(
        child=serializers.DictField(),
        help_text=_("The caller's own, then those that were merged into it."),
    )
    identities = serializers.ListField(child=serializers.DictField())
    logins = serializers.ListField(child=serializers.DictField())
    events = serializers.ListField(child=serializers.DictField())

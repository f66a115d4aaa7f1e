"""The shape of requests and answers. Field names are WeChat's own, so that what ``wx`` gives
passes through as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from wxauth.clock import rfc3339
from wxauth.models import Login, Person
from wxauth.services import phone
from wxauth.services.enclosures import Enclosure, Rejected
from wxauth.services.login import LoggedIn
from wxauth.wiring import get_user_serializer

from .errors import describe

#: Bytes of ``extra``, as JSON.
EXTRA_BYTES = 2048


class TextField(serializers.CharField):
    """A text that came as a text: ``12345`` is not ``"12345"``, and nothing is trimmed."""

    default_error_messages = {
        "invalid": _("This must be a text."),
        "nul": _("This holds a NUL character."),
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if "\0" in data:
            self.fail("nul")
        return super().to_internal_value(data)


class StrictBooleanField(serializers.BooleanField):
    """``true`` or ``false``; not ``"yes"``, 1 or null."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return bool(data)


class ExtraField(serializers.Field[dict[str, Any], Any, Any, Any]):
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

    def to_representation(self, value: Any) -> Any:
        return value


def require_together(fields: Mapping[str, Any], one: str, other: str) -> None:
    """Each of two fields is worthless without the other."""
    for present, absent in ((one, other), (other, one)):
        if fields.get(present) is not None and fields.get(absent) is None:
            raise serializers.ValidationError(
                {absent: _("This is needed together with %(field)s.") % {"field": present}}
            )


class DecryptAnswerSerializer(serializers.Serializer[Any]):
    # A serializer has an attribute of this name; the metaclass takes the field out of its way.
    data = serializers.DictField(  # type: ignore[assignment]
        help_text=_("As WeChat encrypted it, without openId and unionId.")
    )


class EncryptedDataSerializer(serializers.Serializer[Any]):
    """What ``wx`` gives as ``encryptedData`` and ``iv``."""

    encryptedData = TextField()
    iv = TextField(max_length=256)


class UserInfoSerializer(EncryptedDataSerializer):
    rawData = TextField(required=False)
    signature = TextField(required=False, max_length=256)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        require_together(attrs, "rawData", "signature")
        return attrs


class LoginRequestSerializer(serializers.Serializer[Any]):
    code = TextField(max_length=256, help_text=_("What wx.login gave."))
    appid = TextField(
        required=False, max_length=32, help_text=_("Needed where there is no default app.")
    )
    encryptedData = TextField(required=False)
    iv = TextField(required=False, max_length=256)
    rawData = TextField(required=False)
    signature = TextField(required=False, max_length=256)
    signup = StrictBooleanField(
        default=True,
        help_text=_("False only asks whether this person is registered: nothing is written."),
    )
    extra = ExtraField(
        required=False,
        help_text=_("A flat object up to 2 KB for the project, at a first login."),
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        require_together(attrs, "encryptedData", "iv")
        require_together(attrs, "rawData", "signature")
        return attrs

    def get_enclosure(self) -> Enclosure:
        sent = self.validated_data
        return Enclosure(
            encrypted_data=sent.get("encryptedData"),
            iv=sent.get("iv"),
            raw_data=sent.get("rawData"),
            signature=sent.get("signature"),
        )


class NicknameSerializer(serializers.Serializer[Any]):
    nickname = TextField(help_text=_("As the person typed it; at most 64 characters."))


class UserSerializer(serializers.Serializer[Person]):
    """The user object, from a Person. A project replaces it by ``WXAUTH["USER_SERIALIZER"]``."""

    id = serializers.SerializerMethodField()
    nickname = serializers.SerializerMethodField()
    avatar = serializers.SerializerMethodField()
    phone = serializers.SerializerMethodField()
    created_at = serializers.SerializerMethodField()

    def get_id(self, person: Person) -> str:
        return str(person.pk)

    def get_nickname(self, person: Person) -> str | None:
        return person.nickname or None

    def get_avatar(self, person: Person) -> str | None:
        if person.avatar:
            return str(self.context["request"].build_absolute_uri(person.avatar.url))
        return person.avatar_url or None

    def get_phone(self, person: Person) -> str | None:
        return phone.reveal(person)

    def get_created_at(self, person: Person) -> str:
        return rfc3339(person.created_at)


class WarningSerializer(serializers.Serializer[Rejected]):
    """Something sent along with a login that could not be used; the login stands."""

    field = serializers.CharField()
    code = serializers.SerializerMethodField()
    action = serializers.SerializerMethodField()

    def get_code(self, warning: Rejected) -> str:
        return str(describe(warning.error)["code"])

    def get_action(self, warning: Rejected) -> str:
        return str(describe(warning.error)["action"])


class LoginAnswerSerializer(serializers.Serializer[LoggedIn]):
    token = serializers.SerializerMethodField()
    token_type = serializers.SerializerMethodField()
    expires_in = serializers.SerializerMethodField()
    expires_at = serializers.SerializerMethodField()
    created = serializers.BooleanField()
    warnings = WarningSerializer(many=True)
    extra = serializers.DictField()

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "user": get_user_serializer()(source="login.person")}

    def get_token(self, done: LoggedIn) -> str:
        return done.token.reveal()

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

"""Who is who: User → Person → Identity → OpenId → Login. The database keeps the promises.

The user is referred to from one place (``Person``) and a unionid is stored in one place
(``Identity``), so "same unionid, same user" cannot be broken by a forgotten update.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from .fields import ByteExactField
from .managers import EventManager, LoginManager, OpenIdManager, PrimaryManager

if TYPE_CHECKING:
    from datetime import datetime


class Person(models.Model):
    """The WeChat side of a user: profile, phone, block."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="wxauth_person",
        verbose_name=_("user"),
    )
    #: Empty until the person set one; never WeChat's placeholder 微信用户.
    nickname = models.CharField(_("nickname"), max_length=64, blank=True)
    nickname_appid = ByteExactField(_("nickname from app"), max_length=32, blank=True)
    avatar = models.FileField(_("avatar"), upload_to="wxauth/avatars/", max_length=200, blank=True)
    #: WeChat's own picture, shown by the client and never fetched by this server.
    avatar_url = models.CharField(_("avatar address"), max_length=1024, blank=True)
    avatar_appid = ByteExactField(_("avatar from app"), max_length=32, blank=True)
    sealed_phone = ByteExactField(_("sealed phone"), max_length=255, null=True, blank=True)
    #: Keyed hash of the E.164 form: finds a person by number, and keeps numbers unique.
    phone_hash = ByteExactField(_("phone hash"), max_length=43, null=True, blank=True)
    #: Keyed hash of the last four digits.
    phone_tail = ByteExactField(_("phone tail hash"), max_length=16, null=True, blank=True)
    phone_appid = ByteExactField(_("phone from app"), max_length=32, blank=True)
    #: A block here does not shut the same user's website or staff account, as is_active would.
    blocked_at = models.DateTimeField(_("blocked at"), null=True, blank=True)
    blocked_by = models.CharField(_("blocked by"), max_length=150, blank=True)
    blocked_reason = models.CharField(_("reason of the block"), max_length=200, blank=True)
    merged_into = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="merged_from",
        verbose_name=_("merged into"),
    )
    #: When this person asked for their account to be deleted (注销), and from when on it is.
    deletion_asked_at = models.DateTimeField(_("deletion asked for at"), null=True, blank=True)
    deletion_due_at = models.DateTimeField(_("deletion due at"), null=True, blank=True)
    #: Why it was not deleted when it was due, in the words of the adapter. A default of the
    #: database, so that processes of the version before, which do not name the column, may go on.
    deletion_refusal = models.CharField(
        _("why it is not deleted"), max_length=200, blank=True, default="", db_default=""
    )
    created_at = models.DateTimeField(_("created at"))
    #: A date, so that a busy person costs one UPDATE a day.
    last_seen_on = models.DateField(_("last seen on"), null=True, blank=True)

    objects = PrimaryManager["Person"]()

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        permissions = [
            ("merge_person", "Can merge people"),
            ("reveal_phone", "Can see phone numbers in full"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["phone_hash"], name="wxauth_person_phone_uniq"),
        ]
        indexes = [
            models.Index(fields=["phone_tail"], name="wxauth_person_tail_idx"),
            models.Index(fields=["-created_at", "-user"], name="wxauth_person_created_idx"),
            models.Index(fields=["deletion_due_at"], name="wxauth_person_due_idx"),
        ]

    def __str__(self) -> str:
        return self.nickname or str(_("nickname not set"))

    @property
    def is_shut_out(self) -> bool:
        """Whether this person may neither log in nor use a token."""
        return (
            self.blocked_at is not None
            or self.merged_into_id is not None
            or not self.user.is_active
        )


class Deletion(Person):
    """Somebody who has asked to be deleted, for the list of the staff."""

    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name = _("account deletion")
        verbose_name_plural = _("account deletions")


class Identity(models.Model):
    """A person on one platform (one Open Platform account 微信开放平台)."""

    person = models.ForeignKey(
        Person, on_delete=models.CASCADE, related_name="identities", verbose_name=_("person")
    )
    platform = ByteExactField(_("platform"), max_length=32)
    #: Null until WeChat said it: an app that is bound to no platform never does.
    unionid = ByteExactField("unionid", max_length=64, null=True, blank=True)

    objects = PrimaryManager["Identity"]()

    class Meta:
        verbose_name = _("identity")
        verbose_name_plural = _("identities")
        constraints = [
            models.UniqueConstraint(
                fields=["unionid", "platform"], name="wxauth_identity_unionid_uniq"
            ),
        ]

    def __str__(self) -> str:
        return self.unionid or f"{self.platform} #{self.pk}"


class OpenId(models.Model):
    """One app's view of a person."""

    identity = models.ForeignKey(
        Identity, on_delete=models.CASCADE, related_name="openids", verbose_name=_("identity")
    )
    appid = ByteExactField("appid", max_length=32)
    openid = ByteExactField("openid", max_length=64)
    #: Encrypted data that could not be read since the last login that brought a new session_key.
    failures = models.PositiveSmallIntegerField(_("failures"), default=0)
    created_at = models.DateTimeField(_("created at"))

    objects: ClassVar[OpenIdManager] = OpenIdManager()

    class Meta:
        verbose_name = "openid"
        verbose_name_plural = _("openids")
        constraints = [
            # The openid first: staff search by it, without knowing the app.
            models.UniqueConstraint(fields=["openid", "appid"], name="wxauth_openid_uniq"),
        ]

    def __str__(self) -> str:
        return str(self.openid)


class Login(models.Model):
    """One exchange of a code: the session_key that came of it, and the token handed out for it.

    One row a login, so that overlapping logins never overwrite each other's session_key.
    """

    via = models.ForeignKey(
        OpenId,
        on_delete=models.CASCADE,
        related_name="logins",
        db_index=False,
        verbose_name="openid",
    )
    #: Set at login, never updated.
    person = models.ForeignKey(
        Person,
        on_delete=models.CASCADE,
        related_name="logins",
        db_index=False,
        verbose_name=_("person"),
    )
    #: SHA-256 of the token. The token itself is shown once, to the phone.
    digest = ByteExactField(_("token digest"), max_length=43)
    #: Null where there is none: a channel without one, or dropped.
    sealed_session_key = ByteExactField(
        _("sealed session_key"), max_length=255, null=True, blank=True
    )
    #: The door that the person came through: a ``types.Channel``.
    channel = ByteExactField(_("channel"), max_length=32)
    created_at = models.DateTimeField(_("created at"))
    expires_at = models.DateTimeField(_("expires at"))
    revoked_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=200, blank=True)
    address = models.GenericIPAddressField(_("address"), null=True, blank=True)

    objects: ClassVar[LoginManager] = LoginManager()

    class Meta:
        verbose_name = pgettext_lazy("a row", "login")
        verbose_name_plural = pgettext_lazy("rows", "logins")
        constraints = [
            models.UniqueConstraint(fields=["digest"], name="wxauth_login_digest_uniq"),
        ]
        indexes = [
            models.Index(fields=["expires_at"], name="wxauth_login_expires_idx"),
            models.Index(fields=["via", "-created_at"], name="wxauth_login_via_idx"),
            models.Index(fields=["person", "-created_at"], name="wxauth_login_person_idx"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def appid(self) -> str:
        """The app that this login belongs to."""
        return str(self.via.appid)

    @property
    def openid(self) -> str:
        """The person's openid in that app: what WeChat Pay asks for on the server."""
        return str(self.via.openid)

    def is_live(self, now: datetime) -> bool:
        return self.revoked_at is None and self.expires_at > now


class SpentData(models.Model):
    """What was accepted once, for as long as it could be taken for fresh again: encrypted data of a
    phone's, a web ticket, a message that WeChat pushed."""

    #: Keyed hash of app, openid and ciphertext; of a ticket; of app and message.
    digest = ByteExactField(_("digest"), max_length=43, primary_key=True)
    expires_at = models.DateTimeField(_("expires at"))

    objects = PrimaryManager["SpentData"]()

    class Meta:
        verbose_name = _("spent data")
        verbose_name_plural = _("spent data")
        indexes = [models.Index(fields=["expires_at"], name="wxauth_spent_expires_idx")]

    def __str__(self) -> str:
        return str(self.digest)


class FailedKey(models.Model):
    """A session_key that did not fit some data, for as long as that is held against it.

    A row of its own, not the openid's: it stays when the openid is removed and comes again.
    """

    #: Keyed hash of app, openid and session_key.
    digest = ByteExactField(_("digest"), max_length=43, primary_key=True)
    failures = models.PositiveSmallIntegerField(_("failures"))
    expires_at = models.DateTimeField(_("expires at"))

    objects = PrimaryManager["FailedKey"]()

    class Meta:
        verbose_name = _("failed session_key")
        verbose_name_plural = _("failed session_keys")
        indexes = [models.Index(fields=["expires_at"], name="wxauth_failed_expires_idx")]

    def __str__(self) -> str:
        return str(self.digest)


class RememberedBlock(models.Model):
    """Somebody who was blocked has been erased: they do not come back as a stranger for a while.

    That, and nothing else: whose hash it is, nobody can read.
    """

    #: Keyed hash of an openid in its app, or of a unionid on its platform.
    digest = ByteExactField(_("digest"), max_length=43, primary_key=True)
    expires_at = models.DateTimeField(_("expires at"))

    objects = PrimaryManager["RememberedBlock"]()

    class Meta:
        verbose_name = _("remembered block")
        verbose_name_plural = _("remembered blocks")
        indexes = [models.Index(fields=["expires_at"], name="wxauth_block_expires_idx")]

    def __str__(self) -> str:
        return str(self.digest)


class AccessToken(models.Model):
    """WeChat's access_token of an app, and who is fetching the next one."""

    appid = ByteExactField("appid", max_length=32, primary_key=True)
    #: As long as WeChat likes: at least 512 characters before sealing.
    sealed_token = models.TextField(_("sealed access_token"), blank=True)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    #: Who may ask WeChat for the next one, and until when nobody else does.
    lease_holder = ByteExactField(_("lease holder"), max_length=32, blank=True)
    leased_until = models.DateTimeField(_("leased until"), null=True, blank=True)

    objects = PrimaryManager["AccessToken"]()

    class Meta:
        verbose_name = "access_token"
        verbose_name_plural = "access_token"

    def __str__(self) -> str:
        return str(self.appid)


class DailyCount(models.Model):
    """How often something happened on one day in one app."""

    day = models.DateField(_("day"))
    appid = ByteExactField("appid", max_length=32)
    name = ByteExactField(_("name"), max_length=40)
    value = models.BigIntegerField(_("count"), default=0)

    objects = PrimaryManager["DailyCount"]()

    class Meta:
        verbose_name = _("daily count")
        verbose_name_plural = _("daily counts")
        constraints = [
            models.UniqueConstraint(fields=["day", "appid", "name"], name="wxauth_count_uniq"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.appid} {self.name}: {self.value}"


#: Room for the key of any user model, as text.
USER_KEY_LENGTH = 150


class Event(models.Model):
    """What happened to people. Written once, changed by nobody, deleted when it is too old.

    Users are named by their keys as text, not by foreign keys: merging or deleting somebody must
    not rewrite what happened. Written by ``services.journal.events``; sign-up and login write
    none, because their rows are the record.
    """

    class Kind(models.TextChoices):
        LINKED = "linked", _("WeChat app linked")
        UNLINKED = "unlinked", _("WeChat identity removed")
        UNIONID_CHANGED = "unionid_changed", _("unionid changed")
        OPENID_CHANGED = "openid_changed", _("openid changed")
        JOINED = "joined", _("joined at login")
        CONFLICT = "conflict", _("duplicate found")
        MERGED = "merged", _("merged by staff")
        UNDONE = "undone", _("merge undone")
        PHONE_MOVED = "phone_moved", _("phone number moved")
        PHONE_REFUSED = "phone_refused", _("phone number refused: somebody else's")
        PHONE_SHOWN = "phone_shown", _("phone number shown in full")
        DELETION_ASKED = "deletion_asked", _("account deletion asked for")
        DELETION_CANCELLED = "deletion_cancelled", _("account deletion taken back")
        DELETION_REFUSED = "deletion_refused", _("account deletion refused")
        ERASED = "erased", _("account erased")
        AUTHORIZATION_REVOKED = "authorization_revoked", _("authorisation withdrawn in WeChat")
        PROFILE_CLEANED = "profile_cleaned", _("profile withdrawn by WeChat")
        WECHAT_ACCOUNT_CLOSED = "wechat_account_closed", _("WeChat account closed")

    kind = ByteExactField(_("kind"), max_length=32)
    #: The key of whom it happened to; of a merge, the survivor.
    user = ByteExactField(_("user"), max_length=USER_KEY_LENGTH)
    #: The key of the second user, where there are two.
    other = ByteExactField(_("other user"), max_length=USER_KEY_LENGTH, blank=True)
    appid = ByteExactField("appid", max_length=32, blank=True)
    #: Who did it: the key of a user, or the name of a command; empty: the person's own login.
    actor = ByteExactField(_("actor"), max_length=USER_KEY_LENGTH, blank=True)
    request_id = ByteExactField(_("request ID"), max_length=64, blank=True)
    detail = models.JSONField(_("details"), default=dict, blank=True)
    created_at = models.DateTimeField(_("time"))

    objects: ClassVar[EventManager] = EventManager()

    class Meta:
        # What Django goes through where it does not ask by `objects`.
        base_manager_name = "objects"
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            models.Index(fields=["user", "-created_at"], name="wxauth_event_user_idx"),
            models.Index(fields=["other", "-created_at"], name="wxauth_event_other_idx"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.kind}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("An event is not changed.")
        # Otherwise one that is made with the key of another is written over it.
        super().save(*args, **{**kwargs, "force_insert": True})

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("An event is not deleted.")


class Conflict(models.Model):
    """Two users whom WeChat says are one person, and whom only the staff may merge.

    The row is there as long as somebody has to look at it.
    """

    #: Whose openid brought the unionid.
    person = models.ForeignKey(
        Person, on_delete=models.CASCADE, related_name="+", verbose_name=_("person")
    )
    #: Who owns the unionid.
    owner = models.ForeignKey(
        Person, on_delete=models.CASCADE, related_name="+", verbose_name=_("owner of the unionid")
    )
    appid = ByteExactField("appid", max_length=32)
    created_at = models.DateTimeField(_("created at"))

    objects = PrimaryManager["Conflict"]()

    class Meta:
        verbose_name = _("conflict")
        verbose_name_plural = _("conflicts")
        constraints = [
            models.UniqueConstraint(fields=["person", "owner"], name="wxauth_conflict_uniq"),
        ]

    def __str__(self) -> str:
        return f"#{self.person_id} = #{self.owner_id}"


class Merge(models.Model):
    """What one merge did, row by row: the source of its undoing."""

    #: The key of the user who was given up.
    source = ByteExactField(_("given up"), max_length=USER_KEY_LENGTH)
    #: The key of the survivor.
    target = ByteExactField(_("survivor"), max_length=USER_KEY_LENGTH)
    #: By a login, for an equal unionid, as opposed to by the staff.
    automatic = models.BooleanField(_("at login"), default=False)
    actor = ByteExactField(_("actor"), max_length=USER_KEY_LENGTH, blank=True)
    #: Of ``rows``: 1 until it was written down. A default of the database, so that processes of the
    #: version before, which do not name the column, may go on while this one is deployed.
    format = models.PositiveSmallIntegerField(_("format"), db_default=1)
    #: Every row that was touched, and how; ``services.merging.entries`` knows the shape.
    rows = models.JSONField(_("rows"), default=list)
    #: What was done to the two accounts themselves; ``services.merging.merges`` and its
    #: ``accounts`` know the shape.
    accounts = models.JSONField(_("accounts"), default=dict)
    created_at = models.DateTimeField(_("created at"))
    undone_at = models.DateTimeField(_("undone at"), null=True, blank=True)

    objects = PrimaryManager["Merge"]()

    class Meta:
        verbose_name = _("merge")
        verbose_name_plural = _("merges")
        indexes = [
            models.Index(fields=["source", "target"], name="wxauth_merge_pair_idx"),
            models.Index(fields=["target"], name="wxauth_merge_target_idx"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

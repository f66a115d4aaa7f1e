"""What can go wrong, in the words of the product. Nothing here knows HTTP.

::

    WxauthError
    ├── InvalidRequest          the caller sent something that is not a request
    ├── UnknownApp              an appid that is not configured
    ├── CodeRefused
    │   ├── InvalidCode         WeChat does not know the login code (wrong, expired, of another app)
    │   └── CodeUsed            the login code was exchanged before
    ├── SnapshotUser            nobody: WeChat's snapshot page shows a virtual account
    ├── InvalidState            a browser came back with a state that is not its own, or used
    ├── Cancelled               the person said no on WeChat's page
    ├── StaffRefused            a member of the staff at a door for browsers
    ├── InvalidTicket           a web ticket that lets nobody in (any more)
    ├── InvalidPhoneCode        WeChat does not accept the phone code
    │   └── LoginCodeSent       ... because it is a login code
    ├── Undecryptable           encrypted data, or a rawData signature, that is not acceptable
    ├── SessionKeyMissing       no session_key to read encrypted data with
    ├── Blocked                 WeChat or the staff refuse this person
    ├── NotRegistered           the person is unknown and may not be made now
    ├── SignupRefused           the adapter refuses to make a user
    ├── DeletionRefused         the adapter refuses to delete a user now
    ├── NotFound                no such thing, or somebody else's
    ├── Conflict                a phone number or identity that belongs to another user
    │   └── LastIdentity        the only way to log in is not removed
    ├── MergeRefused            two users who cannot be merged, or parted again
    ├── RateLimited             too many requests of one address, person or openid
    ├── DatabaseUnavailable     the database is down, locked, read-only, or deadlocked three times
    ├── StorageUnavailable      the storage of uploaded pictures is down, full or read-only
    └── WeChatError
        ├── WeChatUnavailable   WeChat could not be asked, or is busy: nothing was consumed
        ├── WeChatBadResponse   WeChat's answer cannot be understood: the code may be consumed
        ├── WeChatTimeout       WeChat was asked and did not answer in time: likewise
        ├── WeChatLimit         WeChat's own quota is reached
        └── Misconfigured       WeChat refuses this server: the operator must act

A wrong setting is Django's ``ImproperlyConfigured``, deliberately outside this family: nobody who
catches ``WxauthError`` should swallow it.

No message holds a secret, a token, a session_key or a phone number: what is raised is logged.
"""

from __future__ import annotations


class WxauthError(Exception):
    """The base of everything that wxauth raises on purpose."""


class InvalidRequest(WxauthError):
    """The request is wrong. ``field`` names the first offending field, where there is one."""

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.field = field


class UnknownApp(WxauthError):
    """The appid is not configured on this server."""


class CodeRefused(WxauthError):
    """WeChat did not accept the login code: the phone calls ``wx.login`` again."""


class InvalidCode(CodeRefused):
    """40029, 42003: wrong, expired, or a code of another appid."""


class CodeUsed(CodeRefused):
    """40163: this code was exchanged before."""


class SnapshotUser(WxauthError):
    """The page was opened as a snapshot (快照页): its openid and unionid are of no person."""


class InvalidPhoneCode(WxauthError):
    """Wrong, used, expired, of another person, or a login code: the person taps once more."""


class LoginCodeSent(InvalidPhoneCode):
    """A code of ``wx.login`` where the phone button's was expected. The two are not alike."""


class InvalidState(WxauthError):
    """A browser came back from WeChat with a state that is not its own, too old, or used."""


class Cancelled(WxauthError):
    """The person said no on WeChat's page."""


class StaffRefused(WxauthError):
    """A member of the staff, at a door for browsers: they have a password."""


class InvalidTicket(WxauthError):
    """A web ticket that is not ours, too old, used, or of a login that has ended."""


class Undecryptable(WxauthError, ValueError):
    """Data that is not acceptable. It never says why: a reason is an oracle for a forger.

    CBC has no integrity of its own, so a caller who can tell a padding error from a JSON error
    can forge plaintext block by block.
    """

    def __init__(self) -> None:
        super().__init__("The encrypted data is not acceptable.")


class SessionKeyMissing(WxauthError):
    """There is no usable session_key: the person logs in again, then obtains the data again."""


class Blocked(WxauthError):
    """The person may not log in: blocked by WeChat (40226, 50002) or by the staff."""


class NotRegistered(WxauthError):
    """Nobody is registered under this openid, and the request may not register anybody."""


class SignupRefused(WxauthError):
    """The project's adapter refused to make a user. It may say why, in its own words."""

    def __init__(self, detail: str = "", *, code: str = "signup_refused") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class DeletionRefused(WxauthError):
    """This user cannot be deleted now. The message says why, in words for that person."""


class NotFound(WxauthError):
    """Not there, or not the caller's: the two are not told apart."""


class Conflict(WxauthError):
    """Something that can belong to one user only belongs to another."""


class LastIdentity(Conflict):
    """Without this identity the person could not log in any more."""


class MergeRefused(WxauthError):
    """Two users who cannot be merged, or a merge that cannot be undone.

    ``reasons`` are for the staff, one line each.
    """

    def __init__(self, *reasons: str) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


class DatabaseUnavailable(WxauthError):
    """The database did not do its part; the same request may succeed later."""


class StorageUnavailable(WxauthError):
    """The storage of uploaded files did not do its part; the same request may succeed later."""


class RateLimited(WxauthError):
    """Our own limit is reached. ``retry_after`` is in seconds."""

    def __init__(self, *, retry_after: int) -> None:
        super().__init__("Too many requests.")
        self.retry_after = retry_after


class WeChatError(WxauthError):
    """WeChat's side of the conversation went wrong."""


class WeChatUnavailable(WeChatError):
    """The request never left, or WeChat said it was busy: nothing was consumed.

    ``retry_after`` is in seconds.
    """

    def __init__(self, *args: object, retry_after: int = 2) -> None:
        super().__init__(*args)
        self.retry_after = retry_after


class WeChatBadResponse(WeChatError):
    """An answer that is no answer: the code that was sent may be consumed."""


class WeChatTimeout(WeChatError, TimeoutError):
    """No answer within the deadline: the code that was sent may be consumed."""


class WeChatLimit(WeChatError):
    """45009, 45011 and their like: WeChat's quota for this app or person is reached.

    The phone is the one that slows down: ``retry_after`` is in seconds. ``errcode`` is WeChat's.
    """

    def __init__(self, *args: object, retry_after: int = 60, errcode: int = 45011) -> None:
        super().__init__(*args)
        self.retry_after = retry_after
        self.errcode = errcode


class Misconfigured(WeChatError):
    """WeChat refuses this server (wrong secret, address not in the whitelist, …).

    ``errcode`` and ``rid`` are WeChat's own and are safe to log; with the rid WeChat's console
    (查询rid信息) shows the request for seven days.
    """

    def __init__(self, errcode: int, rid: str = "") -> None:
        super().__init__(f"WeChat refused this server with errcode {errcode} (rid {rid or '-'}).")
        self.errcode = errcode
        self.rid = rid
        #: By which address WeChat saw this server, where it refused that (40164).
        self.address = ""

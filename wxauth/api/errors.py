"""From an exception to an answer: one table. Every answer says what the phone should do next."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.core.signals import got_request_exception
from django.db import InterfaceError, InternalError, OperationalError
from django.http import Http404
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions as drf
from rest_framework.response import Response

from wxauth import exceptions as wx

logger = logging.getLogger("wxauth.api")

#: Seconds after which a transient failure is worth another try.
RETRY_AFTER = 2


@dataclass(frozen=True)
class Row:
    """One line of the error contract."""

    code: str
    status: int
    #: What the client does next: login, refetch, tap, signup, retry, fix or stop.
    action: str
    detail: str | Promise
    retry_after: int | None = None


INVALID_REQUEST = Row("invalid_request", 400, "fix", _("The request is not valid."))
UNKNOWN_APP = Row("unknown_app", 400, "fix", _("This appid is not known here."))
INVALID_CODE = Row(
    "invalid_code", 400, "login", _("WeChat does not accept this login code (any more).")
)
CODE_USED = Row("code_used", 400, "login", _("This login code has been used already."))
SNAPSHOT = Row(
    "snapshot",
    403,
    "tap",
    _("WeChat shows a snapshot of this page. Please tap 使用完整服务 (full service) below."),
)
INVALID_STATE = Row(
    "invalid_state",
    400,
    "login",
    _("This login is over, or another browser began it. Please start again."),
)
INVALID_TICKET = Row(
    "invalid_ticket",
    400,
    "login",
    _("This page was open too long, or used already. Please open it again."),
)
CANCELLED = Row("cancelled", 403, "login", _("You did not agree to log in with WeChat."))
STAFF_REFUSED = Row(
    "staff_refused", 403, "stop", _("Staff do not log in by WeChat. Please use your password.")
)
INVALID_PHONE_CODE = Row(
    "invalid_phone_code",
    400,
    "tap",
    _("WeChat does not accept this phone code. Please press the phone button again."),
)
#: The same, for whoever writes the client.
LOGIN_CODE_SENT = Row(
    "invalid_phone_code",
    400,
    "tap",
    _(
        "This looks like a code of wx.login, not of the phone button, whose code is e.detail.code. "
        "Please press the phone button again."
    ),
)
UNDECRYPTABLE = Row(
    "undecryptable",
    400,
    "refetch",
    _("This data cannot be used. Log in again, then obtain the data again."),
)
NOT_AUTHENTICATED = Row("not_authenticated", 401, "login", _("Please log in first."))
INVALID_TOKEN = Row("invalid_token", 401, "login", _("Please log in again."))
BLOCKED = Row("blocked", 403, "stop", _("This account may not log in."))
NOT_REGISTERED = Row("not_registered", 403, "signup", _("Nobody is registered here yet."))
SIGNUP_REFUSED = Row("signup_refused", 403, "stop", _("Sign-up was refused."))
DELETION_REFUSED = Row(
    "deletion_refused", 403, "stop", _("This account cannot be deleted at the moment.")
)
NOT_FOUND = Row("not_found", 404, "stop", _("There is nothing here."))
CONFLICT = Row("conflict", 409, "stop", _("This belongs to another account."))
LAST_IDENTITY = Row("conflict", 409, "stop", _("Without this you could not log in any more."))
SESSION_KEY_MISSING = Row(
    "session_key_missing",
    409,
    "refetch",
    _("WeChat's session has ended. Log in again, then obtain the data again."),
)
METHOD_NOT_ALLOWED = Row("method_not_allowed", 405, "fix", _("This method is not allowed here."))
NOT_ACCEPTABLE = Row("not_acceptable", 406, "fix", _("Only JSON is spoken here."))
PAYLOAD_TOO_LARGE = Row("payload_too_large", 413, "fix", _("The request is too large."))
UNSUPPORTED_MEDIA_TYPE = Row(
    "unsupported_media_type",
    415,
    "fix",
    _("The request must be JSON (application/json); a picture, multipart/form-data."),
)
RATE_LIMITED = Row("rate_limited", 429, "retry", _("Too many requests. Please wait a moment."), 60)
INTERNAL_ERROR = Row("internal_error", 500, "stop", _("Something went wrong on our side."))
WECHAT_BAD_RESPONSE = Row(
    "wechat_bad_response", 502, "login", _("WeChat gave no usable answer. Please log in again.")
)
#: The same where the code that was sent is good for another try: a phone code.
WECHAT_BAD_RESPONSE_RETRY = Row(
    "wechat_bad_response",
    502,
    "retry",
    _("WeChat gave no usable answer. Please try again in a moment."),
    RETRY_AFTER,
)
WECHAT_UNAVAILABLE = Row(
    "wechat_unavailable",
    503,
    "retry",
    _("WeChat cannot be reached at the moment."),
    RETRY_AFTER,
)
MISCONFIGURED = Row("misconfigured", 503, "stop", _("This service is not set up properly."))
DATABASE_UNAVAILABLE = Row(
    "database_unavailable",
    503,
    "retry",
    _("The service is busy. Please try again in a moment."),
    RETRY_AFTER,
)
STORAGE_UNAVAILABLE = Row(
    "storage_unavailable",
    503,
    "retry",
    _("The picture cannot be stored at the moment. Please try again later."),
    60,
)
WECHAT_TIMEOUT = Row(
    "wechat_timeout", 504, "login", _("WeChat did not answer in time. Please log in again.")
)


WECHAT_TIMEOUT_RETRY = Row(
    "wechat_timeout",
    504,
    "retry",
    _("WeChat did not answer in time. Please try again in a moment."),
    RETRY_AFTER,
)


class PayloadTooLarge(drf.APIException):
    """The body is larger than this endpoint takes."""

    status_code = 413


#: The first class that fits decides; subclasses stand before their bases.
TABLE: tuple[tuple[type[BaseException], Row], ...] = (
    (wx.InvalidRequest, INVALID_REQUEST),
    (wx.UnknownApp, UNKNOWN_APP),
    (wx.CodeUsed, CODE_USED),
    (wx.InvalidCode, INVALID_CODE),
    (wx.SnapshotUser, SNAPSHOT),
    (wx.InvalidState, INVALID_STATE),
    (wx.InvalidTicket, INVALID_TICKET),
    (wx.Cancelled, CANCELLED),
    (wx.StaffRefused, STAFF_REFUSED),
    (wx.LoginCodeSent, LOGIN_CODE_SENT),
    (wx.InvalidPhoneCode, INVALID_PHONE_CODE),
    (wx.Undecryptable, UNDECRYPTABLE),
    (wx.SessionKeyMissing, SESSION_KEY_MISSING),
    (wx.Blocked, BLOCKED),
    (wx.NotRegistered, NOT_REGISTERED),
    (wx.SignupRefused, SIGNUP_REFUSED),
    (wx.DeletionRefused, DELETION_REFUSED),
    (wx.NotFound, NOT_FOUND),
    (wx.LastIdentity, LAST_IDENTITY),
    (wx.Conflict, CONFLICT),
    (wx.RateLimited, RATE_LIMITED),
    (wx.DatabaseUnavailable, DATABASE_UNAVAILABLE),
    (wx.StorageUnavailable, STORAGE_UNAVAILABLE),
    (wx.WeChatTimeout, WECHAT_TIMEOUT),
    (wx.WeChatBadResponse, WECHAT_BAD_RESPONSE),
    (wx.WeChatUnavailable, WECHAT_UNAVAILABLE),
    (wx.WeChatLimit, RATE_LIMITED),
    (wx.Misconfigured, MISCONFIGURED),
    (ImproperlyConfigured, MISCONFIGURED),
    (PayloadTooLarge, PAYLOAD_TOO_LARGE),
    (drf.ValidationError, INVALID_REQUEST),
    (drf.ParseError, INVALID_REQUEST),
    (drf.NotAuthenticated, NOT_AUTHENTICATED),
    (drf.AuthenticationFailed, INVALID_TOKEN),
    (drf.MethodNotAllowed, METHOD_NOT_ALLOWED),
    (drf.NotAcceptable, NOT_ACCEPTABLE),
    (drf.UnsupportedMediaType, UNSUPPORTED_MEDIA_TYPE),
    (drf.NotFound, NOT_FOUND),
    (Http404, NOT_FOUND),
    (PermissionDenied, NOT_FOUND),
    (OperationalError, DATABASE_UNAVAILABLE),
    (InterfaceError, DATABASE_UNAVAILABLE),
    # How PostgreSQL says that it is read-only.
    (InternalError, DATABASE_UNAVAILABLE),
)


#: What goes before it where the code that was sent may be sent again: a login code is lost with
#: its answer; a phone code is not given up so soon, for each costs a tap, and money.
REPEATABLE: tuple[tuple[type[BaseException], Row], ...] = (
    (wx.WeChatTimeout, WECHAT_TIMEOUT_RETRY),
    (wx.WeChatBadResponse, WECHAT_BAD_RESPONSE_RETRY),
)


def get_row(error: BaseException, *, repeatable: bool = False) -> Row:
    """The line of the contract for this exception; what nobody foresaw is ours to mend.

    ``repeatable``: what was sent to WeChat is good for another try.
    """
    for kind, row in (*REPEATABLE, *TABLE) if repeatable else TABLE:
        if isinstance(error, kind):
            return row
    return INTERNAL_ERROR


def describe(error: BaseException, *, repeatable: bool = False) -> dict[str, Any]:
    """The body of the answer to this exception."""
    row = get_row(error, repeatable=repeatable)
    body: dict[str, Any] = {"code": row.code, "detail": str(row.detail), "action": row.action}
    if isinstance(error, wx.SignupRefused):
        # The project's own words, for its own front end.
        body["code"] = error.code
        body["detail"] = error.detail or body["detail"]
    retry_after = getattr(error, "retry_after", row.retry_after)
    if row.action == "retry" and retry_after is not None:
        body["retry_after"] = retry_after
    field, detail = _first_field(error)
    if field is not None:
        body["field"] = field
    if detail:
        body["detail"] = detail
    return body


def _first_field(error: BaseException) -> tuple[str | None, str]:
    """The first offending field and what is wrong with it."""
    if isinstance(error, wx.InvalidRequest):
        return error.field, str(error)
    if isinstance(error, wx.DeletionRefused):
        return None, str(error)
    if isinstance(error, drf.ValidationError):
        first: Any = error.detail
        field = None
        while isinstance(first, (Mapping, list)) and first:
            if isinstance(first, Mapping):
                key, first = next(iter(first.items()))
                field = field or (None if key == "non_field_errors" else str(key))
            else:
                first = first[0]
        return field, str(first)
    return None, ""


def handle(error: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's exception handler of every view of wxauth, whatever the project has set."""
    view, request = context["view"], context["request"]
    row = get_row(error, repeatable=view.repeatable)
    if row is INTERNAL_ERROR:
        logger.error("Unhandled exception in %s.", type(view).__name__, exc_info=error)
        # So that error trackers, and the test client, hear of it as of any other view's.
        got_request_exception.send(sender=type(view), request=request._request)
    elif row in (DATABASE_UNAVAILABLE, STORAGE_UNAVAILABLE, MISCONFIGURED):
        logger.error("%s: %s: %s", row.code, type(error).__name__, error)
    body = describe(error, repeatable=view.repeatable)
    headers = {}
    if "retry_after" in body:
        headers["Retry-After"] = str(body["retry_after"])
    if row.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="wxauth"'
    if row is METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(view.allowed_methods)
    # For the log, whatever the view makes of the body.
    view.code = body["code"]
    return Response(view.shape_error(body), status=row.status, headers=headers)

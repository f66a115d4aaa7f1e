"""What WeChat's errcodes mean for us: one table, closed by default. (protocol 1.6)

The next one is a row in ``ROWS`` and a line in its test: the number, the exception, what it means
and, where the operator must act, what to do (the log shows it; a phone never does). Choose by what
the *phone* can do: log in again (``InvalidCode``, ``CodeUsed``), nothing (``Blocked``), the same
again later (``WeChatUnavailable``: the code was not consumed; ``WeChatLimit``). An errcode that is
not in the table is ``Misconfigured``: it is logged, and nobody gets in by accident.

Where an errcode means something else to one endpoint, that endpoint's ``errors`` say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wxauth.exceptions import (
    Blocked,
    CodeUsed,
    InvalidCode,
    Misconfigured,
    WeChatLimit,
    WeChatUnavailable,
    WxauthError,
)


@dataclass(frozen=True)
class Row:
    errcode: int
    error: type[WxauthError]
    meaning: str
    #: Seconds, for ``WeChatLimit``.
    retry_after: int = 60


ROWS = (
    # -- the code, the person ----------------------------------------------------------------------
    Row(40029, InvalidCode, "The login code is wrong, expired, or of another appid."),
    Row(42003, InvalidCode, "The login code is expired."),
    Row(40163, CodeUsed, "The login code was exchanged before."),
    Row(40226, Blocked, "WeChat blocks the login of this person, as a high risk."),
    Row(50002, Blocked, "WeChat restricts this person: the account is frozen or cancelled."),
    # -- later -------------------------------------------------------------------------------------
    # WeChat allows one repetition, but a person waits: the phone is told to come back instead.
    Row(-1, WeChatUnavailable, "WeChat is busy."),
    Row(44990, WeChatLimit, "Too many calls in this second.", retry_after=1),
    Row(44991, WeChatLimit, "Too many calls in this minute."),
    # The hour at which a day's quota starts anew is not promised.
    Row(44993, WeChatLimit, "Too many calls today.", retry_after=3600),
    # A day's quota, or a minute's in older documentation: ask again some time in between.
    Row(45009, WeChatLimit, "The API quota of the app is used up.", retry_after=600),
    Row(45011, WeChatLimit, "The minute quota is used up."),
    # -- the operator ------------------------------------------------------------------------------
    Row(
        40001,
        Misconfigured,
        "The AppSecret is wrong, or the access_token is not the latest: does something else obtain "
        "access_tokens of this app?",
    ),
    Row(40002, Misconfigured, "The grant_type is wrong: a bug of wxauth, please report it."),
    Row(40003, Misconfigured, "The openid is not of this app: was it copied from another one?"),
    Row(40013, Misconfigured, "WeChat does not know the appid: compare it, capitals count."),
    Row(40014, Misconfigured, "The access_token is wrong: is it of another app?"),
    Row(40066, Misconfigured, "There is no such path: check API_BASE."),
    Row(40097, Misconfigured, "A parameter is wrong: a bug of wxauth, please report it."),
    Row(40125, Misconfigured, "The AppSecret is wrong, or of another app: set the current one."),
    Row(
        40164,
        Misconfigured,
        "The address of this server is not in the app's API IP whitelist (API IP 白名单): add the "
        "address by which it reaches the internet, at mp.weixin.qq.com under "
        "开发管理 - 开发设置 - IP白名单.",
    ),
    Row(40243, Misconfigured, "The AppSecret is frozen (冻结): unfreeze it in WeChat's console."),
    Row(41001, Misconfigured, "The access_token was empty: check the app's ACCESS_TOKEN."),
    Row(41002, Misconfigured, "The appid was empty: check the app's configuration."),
    Row(41004, Misconfigured, "The AppSecret was empty: check the app's configuration."),
    Row(41008, Misconfigured, "The login code was empty: a bug of wxauth, please report it."),
    Row(42001, Misconfigured, "The access_token is expired, and so is the next one."),
    Row(43002, Misconfigured, "POST is expected: does something between us and WeChat redirect?"),
    Row(44002, Misconfigured, "The request's body was lost on its way to WeChat."),
    Row(47001, Misconfigured, "The request's body was not JSON when it reached WeChat."),
    Row(48001, Misconfigured, "This API is not granted to the app: check its permissions."),
    Row(48017, Misconfigured, "A retired address of WeChat was called: is it pinned somewhere?"),
    Row(50004, Misconfigured, "WeChat does not let this app have an access_token."),
    Row(50007, Misconfigured, "The account of the app is frozen."),
    Row(87008, Misconfigured, "The sig_method is wrong: a bug of wxauth, please report it."),
    Row(89503, Misconfigured, "The app's admin must confirm this server in WeChat first."),
    Row(89506, Misconfigured, "The app's admin refused this server in WeChat, for a day."),
    Row(89507, Misconfigured, "The app's admin refused this server in WeChat, for an hour."),
)

#: What an endpoint says of an access_token that is wrong, expired or not the latest.
STALE_ACCESS_TOKEN = frozenset({40001, 40014, 42001})

_TABLE = {row.errcode: row for row in ROWS}


def classify(
    errcode: int, rid: str, errors: Mapping[int, type[WxauthError]] | None = None
) -> WxauthError:
    """The exception, to be raised by the caller, for an errcode other than 0.

    ``errors`` are the endpoint's own, and go before the table.
    """
    if errors and errcode in errors:
        return errors[errcode](f"WeChat refused with errcode {errcode} (rid {rid or '-'}).")
    row = _TABLE.get(errcode)
    if row is None or row.error is Misconfigured:
        return Misconfigured(errcode, rid)
    if row.error is WeChatLimit:
        return WeChatLimit(row.meaning, retry_after=row.retry_after, errcode=errcode)
    return row.error(row.meaning)


def meaning(errcode: int) -> str:
    """What an errcode means, for the log."""
    row = _TABLE.get(errcode)
    return row.meaning if row else "This errcode is not known here: look it up by its rid."

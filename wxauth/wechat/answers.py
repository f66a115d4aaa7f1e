"""What WeChat answers, judged here and nowhere else: bytes, read as UTF-8 JSON whatever the
Content-Type says (protocol 1.4), and an errcode or a well-formed result, nothing in between.

An answer holds secrets. So it is read by functions that *return* an error, and the error is raised
where no local variable of the traceback holds the answer.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeGuard, TypeVar

from wxauth import strict_json
from wxauth.exceptions import Misconfigured, SnapshotUser, WeChatBadResponse, WxauthError
from wxauth.types import E164, ID, PhoneInfo, Secret, Session, UserInfo

from .errcodes import classify

T = TypeVar("T")
Answer = Mapping[str, Any]

#: Base64 of 16 bytes.
SESSION_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")
#: WeChat wants room for 512 characters at least (protocol 5).
ACCESS_TOKEN = re.compile(r"[\x21-\x7e]{1,2048}")
#: The scopes whose access_token opens ``sns/userinfo`` (protocol 9.1).
PROFILE_SCOPES = frozenset({"snsapi_userinfo", "snsapi_login"})
#: Seconds. WeChat's live two hours; whatever is beyond a day is no lifetime.
LIFETIME = range(1, 24 * 3600 + 1)
COUNTRY_CODE = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)
#: A number in most places, a string in some (protocol 1.3).
ERRCODE = re.compile(r"-?[0-9]{1,9}")
RID = re.compile(r"rid: ([0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8})")
#: 40164 tells by which address this server reaches WeChat (protocol 1.6).
ADDRESS = re.compile(r"invalid ip ([0-9A-Fa-f.:]{2,45})(?![^ ,])")


def judge(
    body: bytes,
    read: Callable[[Answer], T | WxauthError],
    errors: Mapping[int, type[WxauthError]],
) -> T | WxauthError:
    """What ``read`` makes of a success, or the exception that stands for anything else."""
    try:
        # A nickname may hold raw control characters (protocol 1.4), or half an emoji: no code is
        # lost for the sake of a text that nobody reads.
        answer = strict_json.read_object(
            body, control_characters=True, repeated_keys=True, lone_surrogates=True
        )
    except ValueError:
        return WeChatBadResponse("WeChat's answer is not a JSON object.")
    errcode = answer.get("errcode", 0)
    if not isinstance(errcode, (int, str)) or not ERRCODE.fullmatch(str(errcode)):
        return WeChatBadResponse("WeChat's answer has no acceptable errcode.")
    if int(errcode) == 0:
        return read(answer)
    errmsg = str(answer.get("errmsg", ""))
    rid = RID.search(errmsg)
    error = classify(int(errcode), rid[1] if rid else "", errors)
    if isinstance(error, Misconfigured):
        error.address = _address(errmsg)
    return error


def read_session(answer: Answer) -> Session | WxauthError:
    session, session_key = _read_ids(answer), answer.get("session_key")
    if isinstance(session, WxauthError):
        return session
    if not _fits(session_key, SESSION_KEY):
        return WeChatBadResponse("WeChat's answer has no acceptable session_key.")
    return replace(session, session_key=Secret(session_key))


def read_oauth2(answer: Answer) -> Session | WxauthError:
    if answer.get("is_snapshotuser", 0) not in (0, "0"):
        # Checked before all else: openid and unionid look like anybody's (protocol 9.3).
        return SnapshotUser("This is a snapshot page, and its person is a virtual one.")
    session, access_token = _read_ids(answer), answer.get("access_token")
    if isinstance(session, WxauthError):
        return session
    if not _fits(access_token, ACCESS_TOKEN):
        return WeChatBadResponse("WeChat's answer has no acceptable access_token.")
    scope = answer.get("scope")
    if not isinstance(scope, str):
        return WeChatBadResponse("WeChat's answer has no acceptable scope.")
    if PROFILE_SCOPES.isdisjoint(scope.split(",")):
        return session
    return replace(session, access_token=Secret(access_token))


def _read_ids(answer: Answer) -> Session | WxauthError:
    openid, unionid = answer.get("openid"), answer.get("unionid") or None
    if not _fits(openid, ID):
        return WeChatBadResponse("WeChat's answer has no acceptable openid.")
    if unionid is not None and not _fits(unionid, ID):
        return WeChatBadResponse("WeChat's answer has no acceptable unionid.")
    return Session(openid=openid, unionid=unionid)


def read_user_info(answer: Answer, asked: str) -> UserInfo | WxauthError:
    nickname, avatar_url = answer.get("nickname"), answer.get("headimgurl")
    if answer.get("openid") != asked:
        return WeChatBadResponse("WeChat's answer is about another openid.")
    if not isinstance(nickname, str) or not isinstance(avatar_url, str):
        return WeChatBadResponse("WeChat's answer has no nickname and headimgurl.")
    return UserInfo(nickname=nickname, avatar_url=avatar_url)


def read_phone(answer: Answer, appid: str) -> PhoneInfo | WxauthError:
    info = answer.get("phone_info")
    watermark = info.get("watermark") if isinstance(info, dict) else None
    if not isinstance(info, dict) or not isinstance(watermark, dict):
        return WeChatBadResponse("WeChat's answer has no phone_info with a watermark.")
    if watermark.get("appid") != appid:
        return WeChatBadResponse("WeChat's answer is about another app.")
    # A text by the documentation, a number in its example (protocol 4.1).
    country, pure = info.get("countryCode"), info.get("purePhoneNumber")
    if type(country) is int:
        country = str(country)
    if not _fits(country, COUNTRY_CODE) or not isinstance(pure, str):
        return WeChatBadResponse("WeChat's answer has no acceptable country code.")
    number = Secret(f"+{country}{pure}")
    if not E164.fullmatch(number.reveal()):
        return WeChatBadResponse("WeChat's answer has no acceptable phone number.")
    return PhoneInfo(number=number)


def read_follower(answer: Answer, openid: str) -> str | WxauthError | None:
    # Who does not follow has an openid here and nothing else (channels 4.2).
    unionid = answer.get("unionid") or None
    if answer.get("openid") != openid:
        return WeChatBadResponse("WeChat's answer is about another openid.")
    if unionid is not None and not _fits(unionid, ID):
        return WeChatBadResponse("WeChat's answer has no acceptable unionid.")
    return unionid


def read_ok(answer: Answer) -> bool | WxauthError:
    # Where there is nothing else to see, the errcode has to be there.
    if "errcode" not in answer:
        return WeChatBadResponse("WeChat's answer has no errcode.")
    return True


def read_new_key(answer: Answer, openid: str) -> Secret | WxauthError:
    session_key = answer.get("session_key")
    if answer.get("openid") != openid:
        return WeChatBadResponse("WeChat's answer is about another openid.")
    if not _fits(session_key, SESSION_KEY):
        return WeChatBadResponse("WeChat's answer has no acceptable session_key.")
    return Secret(session_key)


def read_access_token(answer: Answer) -> tuple[Secret, int] | WxauthError:
    token, seconds = answer.get("access_token"), answer.get("expires_in")
    if not _fits(token, ACCESS_TOKEN):
        return WeChatBadResponse("WeChat's answer has no acceptable access_token.")
    if type(seconds) is not int or seconds not in LIFETIME:
        return WeChatBadResponse("WeChat's answer has no acceptable expires_in.")
    return Secret(token), seconds


def _fits(value: Any, pattern: re.Pattern[str]) -> TypeGuard[str]:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _address(errmsg: str) -> str:
    """The address in the errmsg of 40164; nothing else of an errmsg is ever shown."""
    found = ADDRESS.search(errmsg)
    try:
        return str(ipaddress.ip_address(found[1])) if found else ""
    except ValueError:
        return ""

"""The control side of a served fake: what the person with the phone does, over HTTP.

- ``GET /sandbox/code?appid=&person=``: a login code, as text.
- ``GET /sandbox/phone_code?appid=&person=``: a phone code, likewise.
- ``POST /sandbox/people``: people, as ``loading`` takes them.
- ``POST /sandbox/encrypt``: ``{"data": {…}}``, or ``{"kind": "userinfo" | "phone" | "werun"}``;
  ``"watermark": false`` leaves WeChat's watermark out of ``data``, ``"real": true`` gives the
  user info of an old base library.
- ``POST /sandbox/rotate``: a new session_key.
- ``POST /sandbox/refuse``: ``{"errcode": 40226 | 50002 | null}``: WeChat refuses this person, or
  no longer.
- ``POST /sandbox/push``: ``{"event": "user_authorization_revoke", "fields": {"RevokeInfo": "6"}}``
  is pushed to the project, in three tries at most; ``mode`` (``plain``, ``compatible``,
  ``secure``) and ``form`` (``json``, ``xml``) say how.
- ``POST /sandbox/faults``: ``{"kind": …, "times": 1 | null, "path": …}`` and what the kind takes,
  or ``{"clear": true}``.

``appid``, and ``person`` (a name) or ``openid``, may be left out everywhere: the defaults are
meant. What is wrong is answered as ``{"error": …}`` with 400 or 404.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from . import faults
from .fake import FakeWeChat
from .faults import Fault, Reply
from .loading import load_people
from .people import FakePerson, Unknown
from .phone import compact

PREFIX = "/sandbox/"
Fields = Mapping[str, Any]


def control(
    fake: FakeWeChat, method: str, path: str, query: Mapping[str, str], body: bytes
) -> Reply:
    """The answer to one request under ``/sandbox/``."""
    try:
        if path not in ROUTES:
            raise Unknown(f"There is no {path}.")
        expected, handle = ROUTES[path]
        if method != expected:
            return _json({"error": f"{path} takes {expected}."}, 405)
        answer = handle(fake, query if method == "GET" else _object(body))
    except Unknown as error:
        return _json({"error": str(error)}, 404)
    except ValueError as error:
        return _json({"error": str(error)}, 400)
    return Reply(answer.encode()) if isinstance(answer, str) else _json(answer)


def _code(fake: FakeWeChat, fields: Fields) -> str:
    return fake.login_code(_person(fake, fields), _text(fields, "appid"))


def _phone_code(fake: FakeWeChat, fields: Fields) -> str:
    return fake.phone_code(_person(fake, fields), _text(fields, "appid"))


def _people(fake: FakeWeChat, fields: Fields) -> dict[str, Any]:
    return {"people": [person.name for person in load_people(fake, fields)]}


def _encrypt(fake: FakeWeChat, fields: Fields) -> dict[str, Any]:
    person, appid = _person(fake, fields), _text(fields, "appid")
    if "data" in fields:
        if not isinstance(fields["data"], dict):
            raise ValueError("data must be an object.")
        watermark = fields.get("watermark", True) is not False
        return dict(fake.encrypt(fields["data"], person, appid, watermark=watermark))
    kind = fields.get("kind")
    if kind == "userinfo":
        return dict(fake.user_info(person, appid, real=fields.get("real") is True))
    if kind == "phone":
        return dict(fake.phone_data(person, appid))
    if kind == "werun":
        return dict(fake.werun_data(person, appid))
    raise ValueError("data, or a kind (userinfo, phone, werun), is needed.")


def _rotate(fake: FakeWeChat, fields: Fields) -> dict[str, Any]:
    fake.rotate_session_key(_person(fake, fields), _text(fields, "appid"))
    return {}


def _refuse(fake: FakeWeChat, fields: Fields) -> dict[str, Any]:
    errcode = fields.get("errcode")
    if errcode not in (40226, 50002, None):
        raise ValueError("errcode must be 40226, 50002 or null.")
    _person(fake, fields).refusal = errcode
    return {}


def _push(fake: FakeWeChat, fields: Fields) -> dict[str, Any]:
    event, more = _text(fields, "event"), fields.get("fields", {})
    mode, form = _text(fields, "mode") or "secure", _text(fields, "form") or "json"
    if event is None or not isinstance(more, dict):
        raise ValueError("An event is needed; fields must be an object.")
    if mode not in ("plain", "compatible", "secure") or form not in ("json", "xml"):
        raise ValueError("mode must be plain, compatible or secure; form json or xml.")
    person, appid = _person(fake, fields), _text(fields, "appid")
    message = {**fake.push_message(event, person, appid), **more}
    answers = fake.deliver(fake.seal(message, appid, mode=mode, form=form), appid)
    return {"answers": [status for status, _body in answers]}


def _faults(fake: FakeWeChat, fields: Fields) -> dict[str, Any]:
    if fields.get("clear") is True:
        fake.faults.clear(_text(fields, "path"))
        return {}
    kind, times = fields.get("kind"), fields.get("times", 1)
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}.")
    if times is not None and not (type(times) is int and times > 0):
        raise ValueError("times must be a number above 0, or null for ever.")
    path = _text(fields, "path") or faults.LOGIN
    fake.faults.add(KINDS[kind](fields), path=path, times=times)
    return {}


ROUTES: dict[str, tuple[str, Callable[[FakeWeChat, Fields], str | dict[str, Any]]]] = {
    "/sandbox/code": ("GET", _code),
    "/sandbox/phone_code": ("GET", _phone_code),
    "/sandbox/people": ("POST", _people),
    "/sandbox/encrypt": ("POST", _encrypt),
    "/sandbox/rotate": ("POST", _rotate),
    "/sandbox/refuse": ("POST", _refuse),
    "/sandbox/push": ("POST", _push),
    "/sandbox/faults": ("POST", _faults),
}

KINDS: dict[str, Callable[[Fields], Fault]] = {
    "errcode": lambda f: faults.Errcode(_errcode(f), _text(f, "errmsg")),
    "fields": lambda f: faults.Fields(_wrong(f), _missing(f)),
    "phone_info": lambda f: faults.PhoneInfo(_wrong(f), _missing(f)),
    "empty": lambda f: faults.empty(),
    "not_json": lambda f: faults.not_json(),
    "html": lambda f: faults.html(int(_number(f, "status", 502))),
    "redirect": lambda f: faults.Redirect(_text(f, "location") or "/"),
    "too_long": lambda f: faults.TooLong(int(_number(f, "size", 1_000_000))),
    "slow": lambda f: faults.Slow(_number(f, "seconds")),
    "dribble": lambda f: faults.Dribble(_number(f, "seconds")),
    "truncated": lambda f: faults.Truncated(),
    "reset": lambda f: faults.Reset(),
}


def _person(fake: FakeWeChat, fields: Fields) -> FakePerson:
    openid = _text(fields, "openid")
    if openid is not None:
        return fake.person_of(openid, _text(fields, "appid"))
    name = _text(fields, "person")
    return fake.person() if name is None else fake.person(name)


def _object(body: bytes) -> Fields:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ValueError("The body must be a JSON object.")
    return document


def _text(fields: Fields, name: str) -> str | None:
    value = fields.get(name) or None
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} must be a text.")
    return value


def _number(fields: Fields, name: str, default: float | None = None) -> float:
    value = fields.get(name, default)
    # The bound keeps NaN and infinity out as well, which Python's JSON parser lets through.
    if type(value) not in (int, float) or not 0 <= value <= 10_000_000:
        raise ValueError(f"{name} must be a number from 0 to 10000000.")
    return float(value)


def _errcode(fields: Fields) -> int | str:
    value = fields.get("errcode", -1)
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError("errcode must be a number, or a text.")
    return value


def _wrong(fields: Fields) -> dict[str, Any]:
    value = fields.get("wrong", {})
    if not isinstance(value, dict):
        raise ValueError("wrong must be an object.")
    return value


def _missing(fields: Fields) -> list[str]:
    value = fields.get("missing", [])
    if not isinstance(value, list):
        raise ValueError("missing must be a list of texts.")
    return value


def _json(document: Mapping[str, Any], status: int = 200) -> Reply:
    # A lone surrogate comes out as the \uXXXX that it is in JSON.
    body = compact(document).encode("utf-8", "backslashreplace")
    return Reply(body, status, "application/json")

"""The phones: what they send, one after the other or many at once, and how long it takes."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from Crypto.Cipher import AES
from Crypto.Util.Padding import pad

from .target import Served
from .wechat import APPID, number, session_key

#: People who have logged in before.
PEOPLE = [f"person{index}" for index in range(20)]

_serial = itertools.count()


class RequestError(Exception):
    """A request that was not answered with 200."""


async def ask(served: Served, path: str, body: object = None, token: str = "") -> tuple[int, bytes]:
    """One request on a connection of its own, as a proxy sends it."""
    data = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{'GET' if body is None else 'POST'} {served.target.prefix}{path} HTTP/1.1\r\n"
        "Host: 127.0.0.1\r\nConnection: close\r\nUser-Agent: MicroMessenger/8.0.50\r\n"
        + (
            ""
            if body is None
            else f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
        )
        + (f"Authorization: Bearer {token}\r\n" if token else "")
        + "\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    try:
        writer.write(head.encode() + data)
        answer = await reader.read(-1)
    finally:
        writer.close()
    status, _, rest = answer.partition(b"\r\n")
    return int(status.split()[1]), rest.partition(b"\r\n\r\n")[2]


async def log_in(served: Served, name: str) -> str:
    """A token, of a new code."""
    code = f"{name}.{next(_serial)}"
    status, body = await ask(served, "login/", {"code": code})
    if status != 200:
        raise RequestError(f"{served.target.name}: login {status} {body[:300]!r}")
    token: str = json.loads(body)["token"]
    return token


async def prepare(served: Served, names: Iterable[str] = PEOPLE) -> None:
    """Let these people log in; keep their tokens."""
    for name in names:
        served.tokens[name] = await log_in(served, name)


async def first(served: Served, index: int) -> None:
    await log_in(served, f"new{next(_serial)}")


async def returning(served: Served, index: int) -> None:
    names = list(served.tokens)
    await log_in(served, names[index % len(names)])


async def _with_token(served: Served, index: int, path: str, make: Callable[[str], object]) -> None:
    names = list(served.tokens)
    name = names[index % len(names)]
    status, body = await ask(served, path, make(name), served.tokens[name])
    if status != 200:
        raise RequestError(f"{served.target.name}: {path} {status} {body[:300]!r}")


async def me(served: Served, index: int) -> None:
    await _with_token(served, index, "me/", lambda name: None)


async def phone(served: Served, index: int) -> None:
    await _with_token(served, index, "me/phone/", encrypted_number)


async def phone_code(served: Served, index: int) -> None:
    await _with_token(
        served, index, "me/phone/", lambda name: {"phone_code": f"{name}.{next(_serial)}"}
    )


OPERATIONS = {
    "first": first,
    "returning": returning,
    "me": me,
    "phone": phone,
    "phone_code": phone_code,
}


def encrypted_number(name: str) -> dict[str, str]:
    """What the phone button gave in former days."""
    watermark = {"timestamp": int(time.time()), "appid": APPID}
    text = json.dumps({**number(name), "watermark": watermark}).encode()
    iv = os.urandom(16)
    cipher = AES.new(base64.b64decode(session_key(name)), AES.MODE_CBC, iv=iv)
    data = cipher.encrypt(pad(text, 16))
    return {
        "encryptedData": base64.b64encode(data).decode(),
        "iv": base64.b64encode(iv).decode(),
    }


async def repeat(served: Served, operation: str, times: int) -> float:
    """One phone after the other. Answers the seconds that it took."""
    act = OPERATIONS[operation]
    begun = time.monotonic()
    for index in range(times):
        await act(served, index)
    return time.monotonic() - begun


async def crowd(
    served: Served, operation: str, clients: int, seconds: float
) -> tuple[list[float], int]:
    """So many phones at once, each with one request after the other, for so long.

    Answers the seconds of each request that was answered well, and how many were not. The first
    quarter of the time is not counted: connections and caches are being made.
    """
    act = OPERATIONS[operation]
    begun = time.monotonic()
    counts, ends = begun + seconds / 4, begun + seconds * 5 / 4
    times: list[float] = []
    failures = 0

    async def keep_asking(index: int) -> None:
        nonlocal failures
        for turn in itertools.count():
            sent = time.monotonic()
            if sent >= ends:
                return
            try:
                await act(served, index + turn * clients)
            except (RequestError, OSError, IndexError):
                failures += sent >= counts
            else:
                done = time.monotonic()
                if counts <= done <= ends:
                    times.append(done - sent)

    await asyncio.gather(*(keep_asking(index) for index in range(clients)))
    return times, failures


async def many(served: Served, operation: str, times: int, clients: int = 8) -> None:
    """So many requests, some at a time: for their effect. A few may be refused."""
    act, turns = OPERATIONS[operation], iter(range(times))

    async def some() -> None:
        for index in turns:
            with suppress(RequestError):
                await act(served, index)

    await asyncio.gather(*(some() for _ in range(clients)))


async def at_once(served: Served, count: int) -> Sequence[int]:
    """A new person's first login, sent by so many requests at the same moment: their statuses."""
    name = f"twin{next(_serial)}"
    bodies = [{"code": f"{name}.{next(_serial)}"} for _ in range(count)]
    answers = await asyncio.gather(*(ask(served, "login/", body) for body in bodies))
    return [status for status, _ in answers]

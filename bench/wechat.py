"""A fake WeChat that does one thing well: it answers fast, or after a chosen latency.

Whoever asks is let in; ``wxauth.testing`` has the one that refuses like the original. A code is
``<name>.<anything>``, and everything about the person follows from the name.

    python wechat.py CERTIFICATE KEY

serves HTTP and HTTPS on two free ports and prints them.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import ssl
import sys
import time
from urllib.parse import parse_qs, urlsplit

APPID, SECRET = "wx0123456789abcdef", "0123456789abcdef0123456789abcdef"
ACCESS_TOKEN = "access-token-" + 115 * "x"


def openid(name: str) -> str:
    digest = hashlib.sha256(name.encode()).digest()
    return "o" + base64.urlsafe_b64encode(digest).decode()[:27]


def session_key(name: str) -> str:
    return base64.b64encode(hashlib.sha256(b"session_key " + name.encode()).digest()[:16]).decode()


def number(name: str) -> dict[str, str]:
    digits = int.from_bytes(hashlib.sha256(b"phone " + name.encode()).digest()[:8], "big")
    phone = f"13{digits % 10**9:09}"
    return {"phoneNumber": phone, "purePhoneNumber": phone, "countryCode": "86"}


class WeChat:
    """What all connections share."""

    def __init__(self) -> None:
        self.latency = 0.0
        self.calls = self.connections = 0

    def answer(self, url: str, body: bytes) -> dict[str, object]:
        parts = urlsplit(url)
        params = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if parts.path.startswith("/bench/"):
            self.latency = float(params.get("latency", self.latency))
            return {"calls": self.calls, "connections": self.connections}
        self.calls += 1
        if parts.path == "/sns/jscode2session":
            name = params["js_code"].partition(".")[0]
            return {"session_key": session_key(name), "openid": openid(name)}
        if parts.path == "/cgi-bin/stable_token":
            return {"access_token": ACCESS_TOKEN, "expires_in": 7200}
        if parts.path == "/wxa/business/getuserphonenumber":
            name = json.loads(body)["code"].partition(".")[0]
            watermark = {"timestamp": int(time.time()), "appid": APPID}
            info = {**number(name), "watermark": watermark}
            return {"errcode": 0, "errmsg": "ok", "phone_info": info}
        return {"errcode": 40066, "errmsg": "invalid url"}


class Connection(asyncio.Protocol):
    def __init__(self, wechat: WeChat, loop: asyncio.AbstractEventLoop) -> None:
        self._wechat, self._loop = wechat, loop
        self._received = b""
        self._counted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, rest = self._received.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if not blank or len(rest) < length:
            return
        self._received = rest[length:]
        url = head.split(b" ", 2)[1].decode()
        if not self._counted and not url.startswith("/bench/"):
            self._counted = True
            self._wechat.connections += 1
        document = json.dumps(self._wechat.answer(url, rest[:length]), separators=(",", ":"))
        reply = (
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: keep-alive\r\n"
            f"Content-Length: {len(document)}\r\n\r\n{document}"
        ).encode()
        if self._wechat.latency and not url.startswith("/bench/"):
            self._loop.call_later(self._wechat.latency, self._transport.write, reply)
        else:
            self._transport.write(reply)


async def serve(certificate: str, key: str) -> None:
    loop, wechat = asyncio.get_running_loop(), WeChat()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    ports = []
    for context in (None, tls):
        server = await loop.create_server(
            lambda: Connection(wechat, loop), "127.0.0.1", 0, ssl=context, backlog=512
        )
        ports.append(server.sockets[0].getsockname()[1])
    print(*ports, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))

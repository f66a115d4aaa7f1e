"""No fault of WeChat's may show a secret: not in logs, not in the exception, not in its frames."""

from __future__ import annotations

import errno
import http.client
import json
import logging
import socket
import struct
import traceback

import pytest

from wxauth.exceptions import WeChatError, WxauthError
from wxauth.types import App, Secret
from wxauth.wechat.client import WeChatClient

SECRET = "canary+secret/="
CODE = "canary+code/="
KEY = "canary0canary0canary0w=="
CANARIES = ("canary", "Y2FuYXJ5")


def reset(server, sock):
    server.read_head(sock)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def drip(server, sock):
    server.read_head(sock)
    server.drip(sock, b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n" + b" " * 400)


def answers(wire):
    full = {"openid": "o1", "session_key": KEY}
    bodies = {
        "success": full,
        "odd openid": {**full, "openid": "o 1"},
        "odd unionid": {**full, "unionid": 7},
        "odd session_key": {**full, "session_key": KEY[:-1]},
        "odd errcode": {**full, "errcode": []},
        "misconfigured": {"errcode": 40125, "errmsg": f"invalid {SECRET}, rid: x"},
        "used": {"errcode": 40163, "errmsg": f"code been used {CODE}"},
    }
    scripts = {name: wire.always(wire.reply(json.dumps(b).encode())) for name, b in bodies.items()}
    scripts["not JSON"] = wire.always(wire.reply(f'{{"session_key": "{KEY}"'.encode()))
    scripts["502"] = wire.always(wire.reply(SECRET.encode(), "502 Bad Gateway"))
    scripts["redirect"] = wire.always(wire.reply(b"", "302 Found", ["Location: /x"]))
    scripts["truncated"] = lambda server, sock: (
        server.read_head(sock),
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + KEY.encode()),
    )
    scripts["reset"] = reset
    scripts["drip"] = drip
    return scripts


FAULTS = [
    *("success", "odd openid", "odd unionid", "odd session_key", "odd errcode", "misconfigured"),
    *("used", "not JSON", "502", "redirect", "truncated", "reset"),
    pytest.param("drip", marks=pytest.mark.waits),
]


@pytest.fixture
def everything_logged(capsys):
    """All that any logger says, down to DEBUG, and all that http.client prints."""
    root, records = logging.getLogger(), []

    class Keep(logging.Handler):
        def emit(self, record):
            records.append(self.format(record) + repr(record.__dict__))

    handler, level = Keep(), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    http.client.HTTPConnection.debuglevel = 1
    yield lambda: "\n".join([*records, *capsys.readouterr()])
    http.client.HTTPConnection.debuglevel = 0
    root.setLevel(level)
    root.removeHandler(handler)


def told_by(error):
    """Everything that an error tracker would collect from an exception."""
    told = [repr(error), str(error), repr(error.args), repr(vars(error))]
    assert error.__cause__ is None
    assert error.__context__ is None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename != __file__:
            told += [repr(value) for value in frame.f_locals.values()]
            told += [repr(vars(value)) for value in frame.f_locals.values() if _has_vars(value)]
    return "\n".join(told)


def _has_vars(value):
    return hasattr(value, "__dict__") and type(value).__module__.startswith("wxauth")


def assert_clean(text):
    assert text
    for canary in CANARIES:
        assert canary not in text


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_shows_no_secret(serve, connect, wire, everything_logged, fault):
    server = serve(answers(wire)[fault])
    client = WeChatClient(App("wx1", Secret(SECRET)), connect(server.url))
    try:
        session = client.code2session(Secret(CODE))
    except WxauthError as error:
        assert fault != "success"
        assert_clean(told_by(error))
    else:
        assert fault == "success"
        assert_clean(repr(session))
    assert b"canary%2Bsecret%2F%3D" in server.heads[0]
    logged = everything_logged()
    if fault not in {"reset", "drip"}:  # urllib3 logs a request when its answer begins.
        assert "secret=(secret)&js_code=(js_code)" in logged
    assert_clean(logged)


def test_no_connection_shows_no_secret(connect, everything_logged):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = WeChatClient(App("wx1", Secret(SECRET)), connect(f"http://127.0.0.1:{port}"))
    with pytest.raises(WeChatError) as caught:
        client.code2session(Secret(CODE))
    assert_clean(told_by(caught.value))
    assert_clean(everything_logged())


@pytest.mark.waits
def test_a_refused_certificate_shows_no_secret(serve, connect, wire, tls, everything_logged):
    server = serve(wire.always(wire.reply(b"{}")), tls)
    client = WeChatClient(App("wx1", Secret(SECRET)), connect(server.url, deadline=5))
    with pytest.raises(WeChatError) as caught:
        client.code2session(Secret(CODE))
    assert_clean(told_by(caught.value))
    assert_clean(everything_logged())


@pytest.mark.waits
def test_a_failed_write_leaves_no_secret_in_what_urllib3_sees(
    serve, connect, wire, tls, certificate, monkeypatch
):
    """A write that fails below us has the filled request in the frames of the ssl module."""
    seen = []
    real = http.client.HTTPConnection.endheaders

    def endheaders(self, *args, **kwargs):
        try:
            return real(self, *args, **kwargs)
        except OSError as error:
            seen.append(told_by_all(error))
            raise

    def told_by_all(error):
        frames = [frame.f_locals for frame, _ in traceback.walk_tb(error.__traceback__)]
        return repr(error) + repr(frames) + repr(error.__context__)

    monkeypatch.setattr(http.client.HTTPConnection, "endheaders", endheaders)
    server = serve(wire.always(wire.reply(b"{}")), tls)
    transport = connect(server.url, deadline=5)
    transport._adapter.verify = str(certificate[0])
    transport.get("/x", {"secret": Secret(SECRET)})

    def fail(self, data, *args):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr("ssl.SSLSocket.send", fail)
    with pytest.raises(WeChatError):
        transport.get("/x", {"secret": Secret(SECRET)})
    assert len(seen) == 1
    assert_clean(seen[0])


class Tokens:
    """A source that gives one token, then another."""

    def get(self, appid, *, seconds):
        return Secret("canary+token")

    def refused(self, appid, token, *, seconds):
        return Secret("canary+another")


def phone_answers(wire):
    info = {"countryCode": "86", "purePhoneNumber": "13800138001"}
    mark = {"timestamp": 0, "appid": "wx1"}
    bodies = {
        "success": {"errcode": 0, "phone_info": {**info, "watermark": mark}},
        "foreign": {"phone_info": {**info, "watermark": {"appid": "wx2"}}},
        "odd number": {"phone_info": {**info, "purePhoneNumber": "canary", "watermark": mark}},
        "stale": {"errcode": 40001, "errmsg": f"invalid credential {CODE}"},
        "used": {"errcode": 40163, "errmsg": f"code been used {CODE}"},
        "address": {"errcode": 40164, "errmsg": f"invalid ip 1.2.3.4{CODE}, not in whitelist"},
    }
    scripts = {name: wire.always(wire.reply(json.dumps(b).encode())) for name, b in bodies.items()}
    scripts["not JSON"] = wire.always(wire.reply(b'{"purePhoneNumber": "canary"'))
    scripts["502"] = wire.always(wire.reply(b"canary", "502 Bad Gateway"))
    scripts["reset"] = reset
    scripts["drip"] = drip
    return scripts


PHONE_FAULTS = [
    *("success", "foreign", "odd number", "stale", "used", "address"),
    *("not JSON", "502", "reset"),
    pytest.param("drip", marks=pytest.mark.waits),
]


@pytest.mark.parametrize("fault", PHONE_FAULTS)
def test_no_phone_number_phone_code_or_access_token_is_shown(
    serve, connect, wire, everything_logged, fault
):
    server = serve(phone_answers(wire)[fault])
    client = WeChatClient(App("wx1", Secret(SECRET)), connect(server.url), access_tokens=Tokens())
    try:
        told = repr(client.get_phone_number(Secret(CODE), "o1"))
    except WxauthError as error:
        assert fault != "success"
        told = told_by(error)
    assert b"access_token=canary%2Btoken" in server.heads[0]
    for text in (told, everything_logged()):
        assert_clean(text)
        assert "138001" not in text


@pytest.mark.parametrize(
    "body",
    [
        {"access_token": "canary" * 50, "expires_in": 7200},
        {"access_token": "canary" * 50, "expires_in": "7200"},
        {"access_token": "canary \n", "expires_in": 7200},
        {"errcode": 40125, "errmsg": "invalid canary"},
    ],
    ids=["success", "odd seconds", "odd token", "misconfigured"],
)
def test_no_access_token_and_no_secret_is_shown(serve, connect, wire, everything_logged, body):
    server = serve(wire.always(wire.reply(json.dumps(body).encode())))
    client = WeChatClient(App("wx1", Secret(SECRET)), connect(server.url))
    try:
        told = repr(client.stable_access_token())
    except WxauthError as error:
        told = told_by(error)
    assert_clean(told)
    assert_clean(everything_logged())

from __future__ import annotations

import gzip
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from wxauth.exceptions import WeChatBadResponse, WeChatTimeout, WeChatUnavailable
from wxauth.types import Secret
from wxauth.wechat import transport as transport_module
from wxauth.wechat.watchdog import Call, current

ROOT = Path(__file__).resolve().parents[2]
PARAMS = {"appid": "wx1", "secret": Secret("s3cret"), "js_code": Secret("c0de")}


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def black_hole():
    """The port of a server whose queue is full: connecting neither succeeds nor fails."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
            waiting.append(sock)
        yield listener.getsockname()[1]
        for sock in waiting:
            sock.close()


@pytest.fixture
def lookups(monkeypatch):
    """Count the name look-ups: one for each attempt to connect."""
    seen = []
    real = socket.getaddrinfo

    def getaddrinfo(*args, **kwargs):
        seen.append(args[0])
        return real(*args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return seen


# -- what is sent, what comes back -----------------------------------------------------------------


def test_the_body_comes_back_as_bytes(serve, connect, wire):
    server = serve(wire.always(wire.reply("微信".encode())))
    assert connect(server.url).get("/sns/x", PARAMS) == "微信".encode()


def test_the_server_gets_every_parameter_quoted(serve, connect, wire):
    server = serve(wire.always(wire.reply(b"{}")))
    connect(server.url).get(
        "/sns/x",
        {"appid": "a&b=c d", "secret": Secret("s+/=&(js_code)\r\n"), "js_code": Secret("微")},
    )
    assert server.heads[0].split(b"\r\n")[0] == (
        b"GET /sns/x?appid=a%26b%3Dc%20d&secret=s%2B%2F%3D%26%28js_code%29%0D%0A"
        b"&js_code=%E5%BE%AE HTTP/1.1"
    )


def test_eve_cannot_have_the_secret_put_into_another_parameter(serve, connect, wire):
    server = serve(wire.always(wire.reply(b"{}")))
    connect(server.url).get(
        "/x", {"appid": "(secret)", "js_code": Secret("(secret)"), "secret": Secret("s3cret")}
    )
    assert server.heads[0].count(b"s3cret") == 1


def test_a_lone_surrogate_in_a_secret_is_sent_and_not_raised(serve, connect, wire):
    server = serve(wire.always(wire.reply(b"{}")))
    assert connect(server.url).get("/x", {"js_code": Secret("\ud800")}) == b"{}"


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "404 Not Found", "412 Odd", "299 Odd"])
def test_the_body_counts_and_not_the_status(serve, connect, wire, status):
    server = serve(wire.always(wire.reply(b"{}", status)))
    assert connect(server.url).get("/x", PARAMS) == b"{}"


def test_a_chunked_answer_is_put_together(serve, connect, wire):
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n1\r\n \r\n0\r\n\r\n"
    server = serve(wire.always(data))
    transport = connect(server.url)
    assert [transport.get("/x", PARAMS) for _ in range(2)] == [b"{} ", b"{} "]
    assert server.accepted == 1


def test_nothing_compressed_is_asked_for_or_unpacked(serve, connect, wire):
    bomb = gzip.compress(bytes(8_000_000))
    server = serve(wire.always(wire.reply(bomb, headers=["Content-Encoding: gzip"])))
    assert connect(server.url).get("/x", PARAMS) == bomb
    assert b"accept-encoding: identity\r\n" in server.heads[0].lower()


def test_no_cookie_is_kept(serve, connect, wire):
    server = serve(wire.always(wire.reply(b"{}", headers=["Set-Cookie: a=b; Path=/"])))
    transport = connect(server.url)
    transport.get("/x", PARAMS)
    transport.get("/x", PARAMS)
    assert b"cookie" not in server.heads[1].lower()


def test_a_proxy_in_the_environment_is_not_used(serve, connect, wire, monkeypatch):
    server, proxy = (serve(wire.always(wire.reply(b"{}"))) for _ in range(2))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    connect(server.url).get("/x", PARAMS)
    assert (server.accepted, proxy.accepted) == (1, 0)


# -- kept connections ------------------------------------------------------------------------------


def test_three_requests_share_one_connection(serve, connect, wire):
    server = serve(wire.always(wire.reply(b"{}")))
    transport = connect(server.url)
    for _ in range(3):
        transport.get("/x", PARAMS)
    assert server.accepted == 1


def test_as_many_connections_are_kept_as_are_used_at_once(serve, connect, wire):
    together = threading.Barrier(4, timeout=30)

    def script(server, sock):
        while server.read_head(sock):
            together.wait()
            sock.sendall(wire.reply(b"{}"))

    server = serve(script)
    transport = connect(server.url, pool_size=4, read_timeout=30, deadline=30)
    for _ in range(2):
        threads = [threading.Thread(target=transport.get, args=("/x", PARAMS)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert server.accepted == 4


def test_a_connection_that_the_server_closed_meanwhile_is_replaced(serve, connect, wire):
    closed = threading.Event()

    def script(server, sock):
        server.read_head(sock)
        sock.sendall(wire.reply(b"{}"))
        sock.close()
        closed.set()

    server = serve(script)
    transport = connect(server.url, deadline=5)
    transport.get("/x", PARAMS)
    assert closed.wait(30)
    assert transport.get("/x", PARAMS) == b"{}"
    assert server.accepted == 2


def test_a_connection_that_rested_too_long_is_not_trusted(serve, connect, wire, monkeypatch):
    server = serve(wire.always(wire.reply(b"{}")))
    transport = connect(server.url)
    transport.get("/x", PARAMS)
    monkeypatch.setattr(transport_module, "MAX_IDLE", 0)
    transport.get("/x", PARAMS)
    assert server.accepted == 2


# -- no connection: nothing was consumed -----------------------------------------------------------


def test_refused_twice_is_unavailable(connect, lookups):
    with pytest.raises(
        WeChatUnavailable, match=r"^WeChat could not be reached: connection refused"
    ):
        connect(f"http://127.0.0.1:{closed_port()}").get("/x", PARAMS)
    assert len(lookups) == 2


def test_an_unknown_name_is_unavailable(connect, lookups):
    with pytest.raises(WeChatUnavailable, match=r"^WeChat could not be reached: "):
        connect("http://wechat.invalid", deadline=5).get("/x", PARAMS)
    assert len(lookups) == 2


def test_a_name_that_no_name_server_can_look_up_is_unavailable(connect):
    with pytest.raises(WeChatUnavailable):
        connect(f"http://{'a' * 70}.example").get("/x", PARAMS)


def test_connecting_that_takes_too_long_is_unavailable(connect, black_hole, lookups):
    with pytest.raises(WeChatUnavailable, match="timed out"):
        connect(f"http://127.0.0.1:{black_hole}", connect_timeout=0.1, deadline=30).get(
            "/x", PARAMS
        )
    assert len(lookups) == 2


def test_a_silent_name_server_holds_nobody_beyond_the_deadline(connect, monkeypatch):
    over, answers = threading.Event(), []

    def getaddrinfo(*args, **kwargs):
        over.wait(30)
        answers.append(args)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(WeChatUnavailable, match="timed out"):
        connect("http://127.0.0.1", deadline=0.2, connect_timeout=60).get("/x", PARAMS)
    assert not answers
    over.set()


def test_a_dead_address_leaves_time_for_the_next_one(serve, connect, wire, black_hole, monkeypatch):
    server = serve(wire.always(wire.reply(b"{}")))
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, port, **kwargs: [
            *real("127.0.0.1", black_hole, **kwargs),
            *real("127.0.0.1", server.port, **kwargs),
        ],
    )
    transport = connect("http://wechat.example", connect_timeout=0.4, deadline=30)
    assert transport.get("/x", PARAMS) == b"{}"


def test_a_request_that_never_left_is_repeated_once(serve, connect, wire, monkeypatch):
    server = serve(wire.always(wire.reply(b"{}")))
    real, failures = socket.getaddrinfo, [socket.gaierror(socket.EAI_AGAIN, "try again")]

    def getaddrinfo(*args, **kwargs):
        if failures:
            raise failures.pop()
        return real(*args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert connect(server.url).get("/x", PARAMS) == b"{}"
    assert len(server.heads) == 1


# -- an answer that is none ------------------------------------------------------------------------


def test_an_error_page_of_a_gateway_is_unavailable(serve, connect, wire):
    server = serve(wire.always(wire.reply(b"<html>", "502 Bad Gateway")))
    with pytest.raises(WeChatUnavailable, match="502"):
        connect(server.url).get("/x", PARAMS)
    assert len(server.heads) == 1


def test_an_error_page_on_a_kept_connection_is_no_reason_to_send_the_code_again(
    serve, connect, wire
):
    def script(server, sock):
        for answer in (wire.reply(b"{}"), wire.reply(b"<html>", "503 Service Unavailable")):
            server.read_head(sock)
            sock.sendall(answer)

    server = serve(script)
    transport = connect(server.url)
    transport.get("/x", PARAMS)
    with pytest.raises(WeChatUnavailable, match="503"):
        transport.get("/x", PARAMS)
    assert (server.accepted, len(server.heads)) == (1, 2)


def test_a_redirect_is_not_followed_and_its_body_not_read(serve, connect):
    taken = []

    def script(server, sock):
        server.read_head(sock)
        sock.sendall(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n\r\n")
        for _ in range(64):
            sock.sendall(bytes(1_000_000))
        taken.append("all of it")

    server = serve(script)
    with pytest.raises(WeChatBadResponse, match="redirect"):
        connect(server.url, deadline=30).get("/x", PARAMS)
    server.stop()
    assert not taken
    assert len(server.heads) == 1


def test_64_kilobytes_are_read_and_not_a_byte_more(serve, connect, wire):
    limit = transport_module.MAX_BODY
    full, more = (serve(wire.always(wire.reply(b"x" * n))) for n in (limit, limit + 1))
    assert len(connect(full.url, deadline=5).get("/x", PARAMS)) == limit == 65536
    with pytest.raises(WeChatBadResponse, match="too large"):
        connect(more.url, deadline=5).get("/x", PARAMS)


def test_an_endless_body_ends_at_64_kilobytes(serve, connect):
    def script(server, sock):
        server.read_head(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            sock.sendall(b" " * 4096)

    with pytest.raises(WeChatBadResponse, match="too large"):
        connect(serve(script).url, deadline=30).get("/x", PARAMS)


def hang_up(server, sock):
    server.read_head(sock)


def reset(server, sock):
    server.read_head(sock)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def send(data):
    def script(server, sock):
        server.read_head(sock)
        sock.sendall(data)

    return script


BROKEN = {
    "hang up": hang_up,
    "reset": reset,
    "truncated": send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}"),
    "truncated chunk": send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}"),
    "no chunk": send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}"),
    "not HTTP": send(b"SSH-2.0-OpenSSH\r\n"),
    "two lengths": send(b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n{}"),
    "a long header": send(b"HTTP/1.1 200 OK\r\nA: " + b"a" * 70_000 + b"\r\n\r\n{}"),
    "many headers": send(b"HTTP/1.1 200 OK\r\n" + b"A: a\r\n" * 200 + b"\r\n{}"),
}


@pytest.mark.parametrize("script", BROKEN.values(), ids=BROKEN)
def test_a_broken_answer_is_a_bad_response_and_never_repeated(serve, connect, script):
    server = serve(script)
    with pytest.raises(WeChatBadResponse):
        connect(server.url, deadline=30).get("/x", PARAMS)
    assert server.accepted == len(server.heads) == 1


# -- the deadline ----------------------------------------------------------------------------------


def after_head(drip, start=b""):
    def script(server, sock):
        server.read_head(sock)
        sock.sendall(start)
        server.drip(sock, drip)

    return script


OK = b"HTTP/1.1 200 OK\r\n"
SLOW = {
    "status": after_head(b"HTTP/1.1 200 " + b"O" * 400),
    "headers": after_head(b"A: " + b"a" * 400, OK),
    "body": after_head(b" " * 400, OK + b"Content-Length: 400\r\n\r\n"),
    "body without length": after_head(b" " * 400, OK + b"\r\n"),
    "chunks": after_head(b"1\r\n \r\n" * 80, OK + b"Transfer-Encoding: chunked\r\n\r\n"),
    "continues": after_head(b"HTTP/1.1 100 Continue\r\n\r\n" * 16),
}


@pytest.mark.waits
@pytest.mark.parametrize("script", SLOW.values(), ids=SLOW)
def test_a_byte_now_and_then_does_not_stretch_the_deadline(serve, connect, script):
    server = serve(script)
    with pytest.raises(WeChatTimeout):
        connect(server.url).get("/x", PARAMS)
    assert not server.dripped
    assert server.accepted == len(server.heads) == 1


@pytest.mark.parametrize("start", [b"", OK, OK + b"Content-Length: 9\r\n\r\n"])
def test_silence_is_a_timeout(serve, connect, start):
    def script(server, sock):
        server.read_head(sock)
        sock.sendall(start)
        server.stopping.wait()

    server = serve(script)
    with pytest.raises(WeChatTimeout):
        connect(server.url, read_timeout=0.1, deadline=30).get("/x", PARAMS)
    server.stop()  # A busy machine's reads a request later than the client gives it up.
    assert len(server.heads) == 1


@pytest.mark.waits
def test_after_a_call_that_expired_the_next_one_is_served(serve, connect, wire):
    scripts = [SLOW["body"], wire.always(wire.reply(b"{}"))]
    server = serve(lambda server, sock: scripts.pop(0)(server, sock))
    transport = connect(server.url)
    with pytest.raises(WeChatTimeout):
        transport.get("/x", PARAMS)
    assert transport.get("/x", PARAMS) == b"{}"
    assert not server.dripped


@pytest.mark.waits
def test_the_deadline_holds_on_a_kept_connection_too(serve, connect, wire):
    def script(server, sock):
        server.read_head(sock)
        sock.sendall(wire.reply(b"{}"))
        SLOW["body"](server, sock)

    server = serve(script)
    transport = connect(server.url)
    transport.get("/x", PARAMS)
    with pytest.raises(WeChatTimeout):
        transport.get("/x", PARAMS)
    assert server.accepted == 1
    assert not server.dripped


def test_a_deadline_that_comes_after_the_body_spares_the_kept_connection(
    serve, connect, wire, monkeypatch
):
    server = serve(wire.always(wire.reply(b"{}")))
    transport = connect(server.url)
    read = transport_module._read

    def read_and_expire(response):
        body = read(response)
        current.get().expire()
        return body

    with monkeypatch.context() as patch:
        patch.setattr(transport_module, "_read", read_and_expire)
        with pytest.raises(WeChatTimeout):
            transport.get("/x", PARAMS)
    assert transport.get("/x", PARAMS) == b"{}"
    assert server.accepted == 1


def test_a_deadline_that_comes_after_the_call_touches_nothing():
    here, there = socket.socketpair()
    with here, there:
        with Call(60, {}) as call:
            call.watch(here)
        call.expire()
        there.sendall(b"x")
        assert here.recv(1) == b"x"


def test_a_socket_that_comes_after_the_deadline_is_shut_at_once():
    here, there = socket.socketpair()
    here.settimeout(10)
    with here, there, Call(3600, {}) as call:
        call.expire()
        call.watch(here)
        assert here.recv(1) == b""


def test_a_short_deadline_is_kept_while_a_long_one_is_waited_for():
    here, there = socket.socketpair()
    here.settimeout(10)
    with here, there, Call(3600, {}), Call(0.05, {}) as short:
        short.watch(here)
        assert here.recv(1) == b""
        assert short.expired


def test_calls_start_no_thread_of_their_own(serve, connect, wire, monkeypatch):
    transport = connect(serve(wire.always(wire.reply(b"{}"))).url)
    transport.get("/x", PARAMS)
    started = []
    start = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", lambda self: (started.append(self), start(self)))
    for _ in range(20):
        transport.get("/x", PARAMS)
    # The server's own, one per connection, has begun before.
    assert started == []


@pytest.mark.waits
def test_a_deadline_is_kept_in_a_forked_worker_too():
    script = """
import os, socket
from wxauth.wechat.watchdog import Call

with Call(3600, {}):
    pid = os.fork()
    if pid == 0:
        here, there = socket.socketpair()
        here.settimeout(10)
        with Call(0.05, {}) as call:
            call.watch(here)
            os._exit(0 if here.recv(1) == b"" else 1)
    assert os.waitpid(pid, 0)[1] == 0
"""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script]
    subprocess.run(command, cwd=ROOT, check=True)


# -- TLS -------------------------------------------------------------------------------------------


@pytest.mark.waits
def test_a_certificate_that_nobody_vouches_for_is_refused_once(serve, connect, wire, tls, lookups):
    server = serve(wire.always(wire.reply(b"{}")), tls)
    with pytest.raises(WeChatUnavailable, match=r"TLS failed, self.signed certificate"):
        connect(server.url, deadline=5).get("/x", PARAMS)
    assert server.heads == []
    assert len(lookups) == 1


@pytest.mark.waits
def test_a_certificate_of_another_host_is_refused(serve, connect, wire, tls, certificate):
    server = serve(wire.always(wire.reply(b"{}")), tls)
    transport = connect(server.url.replace("127.0.0.1", "localhost"), deadline=5)
    transport._adapter.verify = str(certificate[0])
    with pytest.raises(WeChatUnavailable, match="TLS failed"):
        transport.get("/x", PARAMS)
    assert server.heads == []


def test_plain_text_where_tls_is_expected_is_unavailable(serve, connect):
    server = serve(lambda server, sock: sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 9))
    with pytest.raises(WeChatUnavailable, match="TLS failed"):
        connect(server.url.replace("http", "https"), deadline=5).get("/x", PARAMS)


@pytest.mark.waits
def test_a_handshake_that_dribbles_ends_at_the_deadline(serve, connect):
    server = serve(lambda server, sock: server.drip(sock, b"\x16\x03\x03\x40\x00" + bytes(400)))
    with pytest.raises(WeChatUnavailable, match="timed out"):
        connect(server.url.replace("http", "https"), connect_timeout=30).get("/x", PARAMS)
    assert server.accepted == 1
    assert not server.dripped


@pytest.mark.waits
def test_the_deadline_and_the_secrets_work_under_tls(serve, connect, wire, tls, certificate):
    def script(server, sock):
        server.read_head(sock)
        sock.sendall(wire.reply(b"{}"))
        SLOW["body"](server, sock)

    server = serve(script, tls)
    transport = connect(server.url, deadline=1)
    transport._adapter.verify = str(certificate[0])
    assert transport.get("/x", PARAMS) == b"{}"
    assert b"secret=s3cret&" in server.heads[0]
    with pytest.raises(WeChatTimeout):
        transport.get("/x", PARAMS)
    assert server.accepted == 1
    assert not server.dripped

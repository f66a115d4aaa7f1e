from __future__ import annotations

import json
import socket
import threading
from urllib.parse import urlsplit

import pytest

from wxauth.testing import FakeWeChat, FakeWeChatServer, faults

from .conftest import APPID, OTHER, Http, login_path

AGES = 3600


def connect(fake: FakeWeChat) -> socket.socket:
    url = urlsplit(fake.url)
    return socket.create_connection((url.hostname, url.port), timeout=20)


def send_login(connection: socket.socket, code: str) -> None:
    connection.sendall(f"GET {login_path(code)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())


def read_all(connection: socket.socket) -> bytes:
    data = b""
    while chunk := connection.recv(65536):
        data += chunk
    return data


def test_busy_once_then_the_same_code_is_good(served, http_):
    served.faults.add(faults.Errcode(-1))
    code = served.login_code("alice")
    status, busy = http_.json("GET", login_path(code))
    assert (status, busy["errcode"]) == (200, -1)
    assert busy["errmsg"].startswith("system error, rid: ")
    assert "openid" in http_.json("GET", login_path(code))[1]


def test_an_errcode_comes_as_text_where_that_is_asked(served, http_):
    served.faults.add(faults.Errcode("40029"))
    assert (
        '"errcode":"40029","errmsg":"invalid code, rid: ' in http_.text("GET", login_path("x"))[1]
    )


def test_faults_come_in_their_order_as_often_as_told_and_on_their_path(served, http_):
    served.faults.add(faults.Errcode(45011), times=2)
    served.faults.add(faults.Errcode(45009), times=None)
    served.faults.add(faults.Errcode(1), path="/elsewhere")
    codes = [http_.json("GET", login_path("x"))[1]["errcode"] for _ in range(4)]
    assert codes == [45011, 45011, 45009, 45009]
    served.faults.clear(faults.LOGIN)
    assert http_.json("GET", login_path("x"))[1]["errcode"] == 40029
    assert http_.json("GET", "/elsewhere")[1]["errcode"] == 1
    served.faults.add(faults.Errcode(1), path="/elsewhere")
    served.faults.clear()
    assert http_.json("GET", "/elsewhere")[1]["errcode"] == 40066


@pytest.mark.parametrize("status", [200, 502])
def test_a_gateways_page_leaves_the_code_good(served, http_, status):
    served.faults.add(faults.html(status))
    code = served.login_code("alice")
    answer = http_.ask("GET", login_path(code))
    assert (answer.status, answer.headers["Content-Type"]) == (status, "text/html")
    assert answer.read().startswith(b"<html>")
    assert "openid" in http_.json("GET", login_path(code))[1]


def test_a_redirect_points_elsewhere(served, http_):
    served.faults.add(faults.Redirect("https://example.com/"))
    answer = http_.ask("GET", login_path("x"))
    assert (answer.status, answer.headers["Location"]) == (302, "https://example.com/")
    assert answer.read() == b""


@pytest.mark.parametrize(("fault", "body"), [(faults.empty(), ""), (faults.not_json(), "{")])
def test_an_answer_that_is_none_has_used_the_code(served, http_, fault, body):
    served.faults.add(fault)
    code = served.login_code("alice")
    status, text = http_.text("GET", login_path(code))
    assert status == 200
    assert text == body if not body else text.startswith(body)
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)
    assert http_.json("GET", login_path(code))[1]["errcode"] == 40163


def test_fields_are_wrong_or_missing(served, http_):
    served.faults.add(faults.Fields({"openid": 5}, missing=["session_key"]))
    answer = http_.json("GET", login_path(served.login_code("alice")))[1]
    assert (answer["openid"], set(answer)) == (5, {"openid", "unionid"})


def test_an_answer_is_far_too_long_and_otherwise_right(served, http_):
    served.faults.add(faults.TooLong(200_000))
    answer = http_.json("GET", login_path(served.login_code("alice")))[1]
    assert len(answer["padding"]) == 200_000
    assert answer["openid"] == served.person("alice").openid(APPID)


def test_a_truncated_answer_ends_before_the_promised_length(served):
    served.faults.add(faults.Truncated())
    with connect(served) as connection:
        send_login(connection, served.login_code("alice"))
        head, _, body = read_all(connection).partition(b"\r\n\r\n")
    promised = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    assert 0 < len(body) < promised


def test_a_reset_is_a_reset_and_the_code_is_used(served, http_):
    served.faults.add(faults.Reset())
    code = served.login_code("alice")
    with connect(served) as connection:
        send_login(connection, code)
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    assert http_.json("GET", login_path(code))[1]["errcode"] == 40163


def test_a_slow_answer_is_kept_back_until_the_fault_is_cleared(served):
    served.faults.add(faults.Slow(AGES))
    code = served.login_code("alice")
    with connect(served) as connection:
        send_login(connection, code)
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(20)
        served.faults.clear(faults.LOGIN)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert served.answer(faults.LOGIN, _params(code))["errcode"] == 40163


def test_a_slow_answer_comes_by_itself_in_the_end(served, http_):
    served.faults.add(faults.Slow(0.01))
    assert "openid" in http_.json("GET", login_path(served.login_code("alice")))[1]


def test_a_dribbled_answer_is_whole_and_comes_byte_by_byte(served):
    served.faults.add(faults.Dribble(0.001))
    with connect(served) as connection:
        send_login(connection, served.login_code("alice", APPID))
        pieces = [connection.recv(65536)]
        while not pieces[-1].endswith(b"}"):
            pieces.append(connection.recv(65536))
    body = b"".join(pieces).partition(b"\r\n\r\n")[2]
    assert json.loads(body)["openid"] == served.person("alice").openid(APPID)
    assert len(pieces) > 10


def test_headers_and_then_silence_ends_when_the_server_closes(fake):
    before = set(threading.enumerate())
    with FakeWeChatServer(fake) as server:
        fake.faults.add(faults.Dribble(AGES))
        connection = connect(fake)
        send_login(connection, fake.login_code("alice"))
        with connection:
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(65536)
            assert head.endswith(b"\r\n\r\n")
            closing = threading.Thread(target=server.close)
            closing.start()
            read_all(connection)
            closing.join()
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()


def test_a_closed_server_is_gone_for_kept_alive_connections_too(fake):
    server = FakeWeChatServer(fake)
    server.start()
    client = Http(server.url)
    assert client.json("GET", login_path("x"))[0] == 200
    kept = client.connection.sock
    server.close()
    assert kept.recv(1) == b""
    client.connection.close()
    with pytest.raises(ConnectionRefusedError):
        connect(fake)


def test_a_server_that_was_never_started_is_closed_all_the_same(fake):
    FakeWeChatServer(fake).close()
    with pytest.raises(ConnectionRefusedError):
        connect(fake)


def test_replacing_the_fake_lets_go_of_the_former_one(fake):
    with FakeWeChatServer(fake) as server:
        fake.faults.add(faults.Slow(AGES))
        with connect(fake) as connection:
            send_login(connection, fake.login_code("alice"))
            while not fake.calls:  # the request is in before the fake is replaced
                threading.Event().wait(0.005)
            server.fake = FakeWeChat()
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        client = Http(server.url)
        assert client.json("GET", login_path("x"))[1]["errcode"] == 40013
        client.connection.close()


def test_calls_are_counted_with_their_faults_and_without_secrets(served, http_):
    served.faults.add(faults.Errcode(-1))
    code = served.login_code("alice")
    http_.json("GET", login_path(code))
    http_.json("GET", login_path(code, OTHER))
    assert [call.path for call in served.calls] == [faults.LOGIN] * 2
    assert served.calls[0].params == {
        "appid": APPID,
        "js_code": code,
        "grant_type": "authorization_code",
    }


def _params(code: str) -> dict[str, str]:
    return {
        "appid": APPID,
        "secret": "s3cret",
        "js_code": code,
        "grant_type": "authorization_code",
    }

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import pytest

from wxauth.testing import FakeWeChat, FakeWeChatServer, load_file, load_people

from .conftest import APPID, OTHER, Http, login_path

DEMO = {
    "appid": "wx4f4bc4dec97d474b",
    "openid": "oGZUI0egBJY1zhBYw2KhdUfwVJJE",
    "unionid": "ocMvos6NjeKLIBqg5Mr9QjxrP1FA",
    "session_key": "tiihtNczf5v6AKRyjwEUhQ==",
    "nickname": "Band",
}


def test_answers_of_wechat_are_text_without_a_charset_in_utf8(served, http_):
    served.add_person("alice", openid="o中文")
    answer = http_.ask("GET", login_path(served.login_code("alice")))
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain")
    assert "o中文".encode() in answer.read()
    answer = http_.ask("GET", login_path("x"))
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain")
    answer.read()


def test_one_connection_serves_many_requests(served, http_):
    http_.text("GET", "/sandbox/code")
    kept = http_.connection.sock
    http_.json("POST", "/sandbox/rotate", {})
    http_.json("GET", login_path("x"))
    assert http_.connection.sock is kept


def test_slashes_are_escaped_where_that_is_asked(served, http_):
    served.set_session_key("/////////////////////w==", "alice")
    served.escape_slashes = True
    text = http_.text("GET", login_path(served.login_code("alice")))[1]
    assert text.count("\\/") == 21
    assert json.loads(text)["session_key"] == "/////////////////////w=="


def test_a_code_for_whom_and_where_one_likes(served, http_):
    status, code = http_.text("GET", f"/sandbox/code?appid={OTHER}&person=alice")
    assert (status, len(code)) == (200, 32)
    answer = http_.json("GET", login_path(code, OTHER))[1]
    assert answer["openid"] == served.person("alice").openid(OTHER)
    answer = http_.ask("GET", "/sandbox/code?appid=&person=")
    assert answer.headers["Content-Type"] == "text/plain"
    answer = http_.json("GET", login_path(answer.read().decode()))[1]
    assert answer["openid"] == served.person().openid(APPID)


def test_people_come_by_post_and_are_found_by_openid(served, http_):
    served.add_app(DEMO["appid"], "s3cret")
    assert http_.json("POST", "/sandbox/people", {"people": [DEMO]}) == (
        200,
        {"people": [DEMO["openid"]]},
    )
    code = http_.text("GET", f"/sandbox/code?appid={DEMO['appid']}&person={DEMO['openid']}")[1]
    answer = http_.json("GET", login_path(code, DEMO["appid"]))[1]
    assert answer == {key: DEMO[key] for key in ("openid", "unionid", "session_key")}
    who = {"appid": DEMO["appid"], "openid": DEMO["openid"]}
    sent = http_.json("POST", "/sandbox/encrypt", {**who, "kind": "userinfo", "real": True})[1]
    assert set(sent) == {"rawData", "signature", "encryptedData", "iv"}
    assert json.loads(sent["rawData"])["nickName"] == "Band"


def test_data_is_encrypted_under_the_key_of_the_moment(served, http_, monkeypatch):
    seen = []
    encrypt = served.encrypt
    monkeypatch.setattr(
        served,
        "encrypt",
        lambda data, person, appid, **rest: (
            seen.append((data, person.name, appid, served.session_key(person, appid), rest))
            or encrypt(data, person, appid, **rest)
        ),
    )
    ask = {"person": "alice", "appid": OTHER, "data": {"a": 1}, "watermark": False}
    assert set(http_.json("POST", "/sandbox/encrypt", ask)[1]) == {"encryptedData", "iv"}
    assert http_.json("POST", "/sandbox/rotate", {"person": "alice", "appid": OTHER}) == (200, {})
    http_.json("POST", "/sandbox/encrypt", {**ask, "watermark": True})
    (*first, key, rest), (*second, new_key, other) = seen
    assert first == second == [{"a": 1}, "alice", OTHER]
    assert (rest, other) == ({"watermark": False}, {"watermark": True})
    assert key != new_key
    for kind in ("phone", "werun"):
        status, sent = http_.json("POST", "/sandbox/encrypt", {"kind": kind})
        assert (status, set(sent)) == (200, {"encryptedData", "iv"})


def test_faults_are_set_and_cleared_over_the_wire(served, http_):
    def fault(**fields):
        assert http_.json("POST", "/sandbox/faults", fields) == (200, {})

    fault(kind="errcode", errcode="40029", errmsg="no", times=None)
    assert http_.json("GET", login_path("x"))[1]["errcode"] == "40029"
    fault(clear=True)
    fault(kind="html", status=503)
    assert http_.text("GET", login_path("x"))[0] == 503
    fault(kind="fields", wrong={"openid": None}, missing=["session_key"])
    answer = http_.json("GET", login_path(served.login_code()))[1]
    assert (answer["openid"], "session_key" in answer) == (None, False)
    fault(kind="redirect", location="https://example.com/", path="/other")
    assert http_.ask("GET", "/other").read() == b""
    for kind in ("empty", "not_json", "too_long", "truncated", "reset"):
        fault(kind=kind, path="/nowhere")
    for kind in ("slow", "dribble"):
        fault(kind=kind, seconds=0.5, path="/nowhere")
    assert http_.json("GET", login_path("x"))[1]["errcode"] == 40029


@pytest.mark.parametrize(
    ("method", "path", "document", "status", "says"),
    [
        ("GET", "/sandbox/", None, 404, "/sandbox/"),
        ("POST", "/sandbox/code", {}, 405, "GET"),
        ("GET", "/sandbox/rotate", None, 405, "POST"),
        ("GET", "/sandbox/code?person=nobody", None, 404, "nobody"),
        ("GET", "/sandbox/code?appid=wx0", None, 404, "wx0"),
        ("POST", "/sandbox/rotate", {"openid": "oNobody"}, 404, "oNobody"),
        ("POST", "/sandbox/rotate", {"person": 5}, 400, "person"),
        ("POST", "/sandbox/rotate", b"", 400, "JSON object"),
        ("POST", "/sandbox/rotate", b"\xff", 400, "JSON object"),
        ("POST", "/sandbox/rotate", b"[" * 100_000, 400, "JSON object"),
        ("POST", "/sandbox/rotate", [], 400, "JSON object"),
        ("POST", "/sandbox/encrypt", {}, 400, "kind"),
        ("POST", "/sandbox/encrypt", {"data": []}, 400, "data"),
        ("POST", "/sandbox/encrypt", b'{"data": {"a": "\\ud800"}}', 400, "surrogate"),
        ("POST", "/sandbox/rotate", b'{"person": "\\ud800"}', 404, "ud800"),
        ("POST", "/sandbox/people", {"people": [{}]}, 400, "people[0]"),
        ("POST", "/sandbox/faults", {}, 400, "kind"),
        ("POST", "/sandbox/faults", {"kind": []}, 400, "kind"),
        ("POST", "/sandbox/faults", {"kind": "slow"}, 400, "seconds"),
        ("POST", "/sandbox/faults", {"kind": "slow", "seconds": True}, 400, "seconds"),
        ("POST", "/sandbox/faults", b'{"kind": "slow", "seconds": NaN}', 400, "seconds"),
        ("POST", "/sandbox/faults", {"kind": "empty", "times": 0}, 400, "times"),
        ("POST", "/sandbox/faults", {"kind": "errcode", "errcode": []}, 400, "errcode"),
        ("POST", "/sandbox/faults", {"kind": "fields", "wrong": 1}, 400, "wrong"),
        ("POST", "/sandbox/faults", {"kind": "fields", "missing": 1}, 400, "missing"),
    ],
)
def test_what_is_wrong_is_said_in_json(http_, method, path, document, status, says):
    seen, answer = http_.json(method, path, document)
    assert (seen, set(answer)) == (status, {"error"})
    assert says in answer["error"]


@pytest.mark.parametrize("header", ["Content-Length: x", "Transfer-Encoding: chunked"])
def test_a_body_without_a_known_end_is_refused(served, header):
    url = urlsplit(served.url)
    with socket.create_connection((url.hostname, url.port), timeout=20) as connection:
        connection.sendall(f"POST /sandbox/rotate HTTP/1.1\r\n{header}\r\n\r\n".encode())
        data = b""
        while chunk := connection.recv(65536):
            data += chunk
    assert data.startswith(b"HTTP/1.1 411 ")


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ([], "object"),
        ({"nickname": "x"}, "name or an openid"),
        ({"name": "x", "opemid": "y"}, "opemid"),
        ({"name": "x", "phone": 13800138000}, "phone"),
        ({"name": ""}, "name"),
        ({"name": "x", "openid": None}, "openid"),
        ({"name": "x", "appid": "wx0"}, "wx0"),
        ({"name": "x", "session_key": "c2hvcnQ="}, "16 bytes"),
        ({"name": "x", "openid": "oTaken"}, "somebody else"),
    ],
)
def test_the_offending_entry_is_named(fake, entry, says):
    fake.add_person("alice", openid="oTaken")
    with pytest.raises(ValueError, match=r"^people\[1\]: ") as caught:
        load_people(fake, {"people": [{"name": "good"}, entry]})
    assert says in str(caught.value)
    assert "c2hvcnQ=" not in str(caught.value)


def test_an_entry_adds_to_somebody_who_exists_and_null_is_no_unionid(fake):
    entries = [
        {"name": "alice", "appid": APPID, "openid": "oOne"},
        {"name": "alice", "appid": OTHER, "openid": "oTwo", "unionid": None},
    ]
    load_people(fake, {"people": entries})
    alice = fake.person("alice")
    assert (alice.openid(APPID), alice.openid(OTHER)) == ("oOne", "oTwo")
    assert alice.unionid("default") is None
    assert alice.nickname == "小爱"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"people": 1}', '{"people": [{}]}', "\ud800"])
def test_a_wrong_file_is_named(fake, tmp_path, text):
    path = tmp_path / "people.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ValueError, match=r"people\.json: "):
        load_file(fake, path)
    path.write_text('{"people": [{"name": "carol"}]}')
    assert [person.name for person in load_file(fake, path)] == ["carol"]


def test_people_are_loaded_by_the_thousand():
    with FakeWeChatServer(FakeWeChat(any_app=True)) as server:
        client = Http(server.url)
        people = [{"name": f"p{n}", "openid": f"o{n}"} for n in range(20_000)]
        status, answer = client.json("POST", "/sandbox/people", {"people": people})
        assert (status, len(answer["people"])) == (200, 20_000)
        client.connection.close()

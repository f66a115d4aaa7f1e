"""The fake pushes as WeChat does: up to three times, in three modes, JSON or XML."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest

from wxauth import conf, strict_xml
from wxauth.testing import FakeWeChat, Unknown
from wxauth.testing.push import ANY_PUSH, encrypt, signature, to_xml

from .conftest import APPID, OTHER

KEYS = ("token", "k" * 43)


@pytest.fixture
def pushing(fake) -> FakeWeChat:
    fake.set_push_keys(APPID, *KEYS)
    return fake


class Project(HTTPServer):
    """Answers what it is told to, and remembers what came."""

    def __init__(self):
        self.answers, self.seen = [], []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, self.headers["Content-Type"], body))
        status, answer = self.server.answers.pop(0)
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        pass


@pytest.fixture
def project(pushing):
    with Project() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        pushing.push_url = f"http://127.0.0.1:{server.server_port}/push/{{appid}}/"
        yield server
        server.shutdown()


BUSY, GOOD, EMPTY, PAGE = (500, b""), (200, b"success"), (200, b""), (200, b"<html>")


@pytest.mark.parametrize(
    ("answers", "tries"),
    [([GOOD], 1), ([EMPTY], 1), ([BUSY, GOOD], 2), ([PAGE, BUSY, BUSY], 3), ([BUSY] * 3, 3)],
)
def test_it_is_sent_until_it_is_answered_and_three_times_at_most(pushing, project, answers, tries):
    project.answers = [*answers]
    push = pushing.push("debug_demo", "alice")
    assert pushing.deliver(push) == answers[:tries]
    assert len(set(project.seen)) == 1
    path, content_type, body = project.seen[0]
    assert urlsplit(path).path == f"/push/{APPID}/"
    assert dict(parse_qsl(urlsplit(path).query)) == push.query
    assert (content_type, body) == (push.content_type, push.body)


def test_a_project_that_is_away_is_tried_as_often(pushing):
    pushing.push_url = "http://127.0.0.1:9/"
    assert [status for status, _ in pushing.deliver(pushing.push("debug_demo"))] == [0, 0, 0]


def test_three_modes(pushing):
    plain, compatible, secure = (
        pushing.push("user_info_modified", "alice", mode=mode)
        for mode in ("plain", "compatible", "secure")
    )
    openid = pushing.person("alice").openid(APPID)
    assert json.loads(plain.body)["OpenID"] == json.loads(compatible.body)["OpenID"] == openid
    assert "msg_signature" not in plain.query
    assert "Encrypt" in json.loads(compatible.body)
    assert set(json.loads(secure.body)) == {"ToUserName", "Encrypt"}
    for push in (compatible, secure):
        assert push.query["encrypt_type"] == "aes"
        encrypted = json.loads(push.body)["Encrypt"]
        assert push.query["msg_signature"] == signature(KEYS[0], push.query, encrypted)


def test_xml_is_written_as_wechat_writes_it(pushing):
    message = {"A": "小爱 ]]> <b>", "B": 1, "C": {"D": ""}}
    text = to_xml(message)
    assert text.startswith("<xml><A><![CDATA[小爱 ]]")
    assert "<B>1</B>" in text
    assert strict_xml.read_object(text.encode()) == {**message, "B": "1"}
    push = pushing.push("user_info_modified", form="xml")
    assert push.content_type == "text/xml"
    assert push.body.startswith(b"<xml><ToUserName><![CDATA[gh_")


def test_an_event_is_about_somebody_and_comes_from_wechat_or_from_them(pushing):
    openid = pushing.person("alice").openid(APPID)
    about = pushing.push_message("user_authorization_revoke", "alice", RevokeInfo="6")
    assert (about["OpenID"], about["AppID"], about["RevokeInfo"]) == (openid, APPID, "6")
    assert about["FromUserName"] != openid
    assert pushing.push_message("subscribe", "alice")["FromUserName"] == openid
    assert "OpenID" not in pushing.push_message("user_info_modified", "alice", OpenID=None)


def test_its_clock_says_when(pushing):
    pushing.clock = lambda: 1_700_000_000.9
    assert pushing.push("debug_demo").query["timestamp"] == "1700000000"
    assert pushing.push_check().query["timestamp"] == "1700000000"


def test_nobody_pushes_to_an_app_without_keys(pushing):
    with pytest.raises(ValueError, match=f"{OTHER} has no Token"):
        pushing.push("debug_demo", "alice", OTHER)
    with pytest.raises(Unknown):
        pushing.push("debug_demo", "alice", "wx404")
    with pytest.raises(ValueError, match="where the project is"):
        pushing.deliver(pushing.push("debug_demo"))


def test_the_sandbox_and_the_project_have_agreed_on_the_same():
    agreed = conf.SANDBOX_PUSH
    assert (agreed.token.reveal(), *(key.reveal() for key in agreed.aes_keys)) == ANY_PUSH
    assert len(ANY_PUSH[1]) == 43
    fake = FakeWeChat(any_app=True)
    assert fake.push("debug_demo").query["signature"]


def test_padding_is_never_empty():
    for size in range(64):
        assert len(encrypt(b"m" * size, APPID, KEYS[1])) % 4 == 0


# -- over the wire -----------------------------------------------------------------------------


def test_a_push_over_the_wire(pushing, project, served, http_):
    project.answers = [BUSY, GOOD]
    ask = {
        "event": "user_authorization_revoke",
        "person": "alice",
        "form": "xml",
        "mode": "plain",
        "fields": {"RevokeInfo": "8"},
    }
    assert http_.json("POST", "/sandbox/push", ask) == (200, {"answers": [500, 200]})
    assert b"<RevokeInfo><![CDATA[8]]></RevokeInfo>" in project.seen[0][2]


@pytest.mark.parametrize(
    "wrong", [{}, {"event": 5}, {"event": "a", "fields": []}, {"event": "a", "mode": "odd"},
              {"event": "a", "form": "yaml"}]
)  # fmt: skip
def test_a_push_that_is_none_is_said(pushing, served, http_, wrong):
    status, answer = http_.json("POST", "/sandbox/push", wrong)
    assert status == 400
    assert answer["error"]


def test_who_follows_an_official_account_is_told_with_the_unionid(pushing, served, http_):
    alice = pushing.person("alice")
    token = pushing.access_token(APPID).token

    def ask(openid):
        path = f"/cgi-bin/user/info?access_token={token}&openid={openid}&lang=zh_CN"
        return http_.json("GET", path)[1]

    answer = ask(alice.openid(APPID))
    assert (answer["subscribe"], answer["unionid"]) == (1, alice.unionid("default"))
    alice.unfollowed.add(APPID)
    assert ask(alice.openid(APPID)) == {"subscribe": 0, "openid": alice.openid(APPID)}
    assert ask("o-nobody")["errcode"] == 40003
    token = "x"
    assert ask(alice.openid(APPID))["errcode"] == 40001

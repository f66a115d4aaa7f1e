"""The push address: what WeChat sends is taken once, and everything else is refused alike."""

from __future__ import annotations

import base64
import json
import logging
import os
from datetime import datetime, timezone
from types import SimpleNamespace
from urllib.parse import urlencode

import hypothesis
import pytest
from django.db import OperationalError
from django.dispatch import receiver
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from tests.api.phone import APP_ONE, APP_TWO, ROOT
from tests.statements import capture_statements
from wxauth.models import Event, SpentData
from wxauth.services.push import personal_data, receiving
from wxauth.signals import push_received
from wxauth.testing import Push
from wxauth.testing.plugin import PUSH
from wxauth.testing.push import signature, to_xml

pytestmark = pytest.mark.django_db
OTHER_KEY = "o" * 43
FORMS = pytest.mark.parametrize("form", ["json", "xml"])


@pytest.fixture
def news():
    """What ``push_received`` told."""
    told = []

    @receiver(push_received)
    def note(sender, appid, message, **kwargs):
        told.append((appid, message))

    yield told
    push_received.disconnect(note)


@pytest.fixture
def send(wxauth_push, client):
    """One request, as it is, to an app's address."""

    def post(push, appid=APP_ONE, **headers):
        url = f"{ROOT}push/{appid}/?{urlencode(push.query)}"
        return client.generic("POST", url, push.body, push.content_type, headers=headers)

    return post


def shape(answer):
    """Everything of an answer that somebody could tell it by."""
    headers = {k: v for k, v in answer.headers.items() if k != "X-Request-ID"}
    return answer.status_code, answer.content, headers


# -- the console's check -----------------------------------------------------------------------


def test_the_console_hears_what_it_said(wxauth_push, fake_wechat, client):
    check = fake_wechat.push_check(echo="4375120948345356249")
    answer = client.get(f"{ROOT}push/{APP_ONE}/", check.query)
    assert (answer.status_code, answer.content) == (200, b"4375120948345356249")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_wechats_own_check_is_answered(fake_wechat, client, configure, settings, monkeypatch):
    apps = {APP_ONE: {"SECRET": "s", "PUSH": {"TOKEN": "AAAAA"}}}
    configure(APPS=apps, DEFAULT_APP=APP_ONE)
    clock(monkeypatch, 1714036504)
    query = {
        "timestamp": "1714036504",
        "nonce": "1514711492",
        "signature": "f464b24fc39322e44b38aa78f5edd27bd1441696",
        "echostr": "4375120948345356249",
    }
    answer = client.get(f"{ROOT}push/{APP_ONE}/", query)
    assert (answer.status_code, answer.content) == (200, b"4375120948345356249")


@pytest.mark.parametrize(
    "wrong",
    [
        {"signature": "0" * 40}, {"signature": ""}, {"nonce": "1"}, {"timestamp": "1"},
        {"timestamp": "x"}, {"echostr": ""}, {"echostr": "<b>" * 100}, {"echostr": "a\nb"},
        {"echostr": "é"},
    ],
)  # fmt: skip
def test_any_other_check_is_refused(wxauth_push, fake_wechat, client, wrong):
    query = {**fake_wechat.push_check().query, **wrong}
    answer = client.get(f"{ROOT}push/{APP_ONE}/", query)
    assert (answer.status_code, answer.content) == (403, b"")


# -- what is taken -----------------------------------------------------------------------------


@FORMS
@pytest.mark.parametrize("mode", ["secure", "compatible"])
def test_a_message_is_taken_and_told_to_the_project(wxauth_push, news, fake_wechat, form, mode):
    answer = wxauth_push("debug_demo", "alice", mode=mode, form=form, debug_str="你好")
    assert (answer.status_code, answer.content) == (200, b"success")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    ((appid, message),) = news
    assert appid == APP_ONE
    assert (message["Event"], message["debug_str"]) == ("debug_demo", "你好")
    assert "Encrypt" not in message


def test_wechats_own_message_is_taken(news, client, configure, monkeypatch, fake_wechat):
    appid = "wxba5fad812f8e6fb9"
    push = {"TOKEN": "AAAAA", "AES_KEYS": ["A" * 43]}
    configure(APPS={appid: {"SECRET": "s", "PUSH": push}}, DEFAULT_APP=appid)
    clock(monkeypatch, 1714112445)
    query = {
        "signature": "6c5c811b55cc85e0e1b54100749188c20beb3f5d",
        "timestamp": "1714112445",
        "nonce": "415670741",
        "openid": "o9AgO5Kd5ggOC-bXrbNODIiE3bGY",
        "encrypt_type": "aes",
        "msg_signature": "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3",
    }
    body = {
        "ToUserName": "gh_97417a04a28d",
        "Encrypt": (
            "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPx"
            "LKJGQqcvZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMu"
            "FUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDr"
            "M1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04="
        ),
    }
    url = f"{ROOT}push/{appid}/?{urlencode(query)}"
    answer = client.generic("POST", url, json.dumps(body).encode())
    assert (answer.status_code, answer.content) == (200, b"success")
    assert news[0][1]["debug_str"] == "hello world"


@FORMS
def test_only_what_is_encrypted_counts(send, news, fake_wechat, form):
    push = fake_wechat.push("debug_demo", "alice", mode="compatible", form=form, debug_str="mine")
    changed = Push(push.query, push.body.replace(b"mine", b"eves"), push.content_type)
    assert changed.body != push.body
    assert send(changed).content == b"success"
    assert news[0][1]["debug_str"] == "mine"


@FORMS
def test_a_message_is_taken_once(wxauth_push, send, news, fake_wechat, form):
    message = fake_wechat.push_message("debug_demo", "alice")
    first, again = (fake_wechat.seal(message, form=form) for _ in range(2))
    assert first.body != again.body  # WeChat may encrypt it anew for each try.
    for push in (first, first, again):
        assert (send(push).status_code, send(push).content) == (200, b"success")
    assert len(news) == SpentData.objects.count() == 1
    assert send(fake_wechat.seal({**message, "CreateTime": 1}, form=form)).content == b"success"
    assert len(news) == 2


def test_each_app_has_its_own(wxauth_push, send, news, fake_wechat):
    message = fake_wechat.push_message("debug_demo", "alice")
    for appid in (APP_ONE, APP_TWO):
        assert send(fake_wechat.seal(message, appid), appid).content == b"success"
    assert [appid for appid, _ in news] == [APP_ONE, APP_TWO]
    assert send(fake_wechat.seal(message, APP_ONE), APP_TWO).status_code == 403


def test_the_old_key_is_good_until_it_is_taken_out(wxauth_push, configure, settings, fake_wechat):
    def agree(*keys):
        row = {**settings.WXAUTH["APPS"][APP_ONE], "PUSH": {"TOKEN": PUSH[0], "AES_KEYS": keys}}
        configure(APPS={**settings.WXAUTH["APPS"], APP_ONE: row})

    agree(OTHER_KEY, PUSH[1])
    assert wxauth_push("a", "alice").status_code == 200
    assert wxauth_push("b", "alice", aes_key=OTHER_KEY).status_code == 200
    agree(OTHER_KEY)
    assert wxauth_push("c", "alice").status_code == 403
    assert wxauth_push("d", "alice", aes_key=OTHER_KEY).status_code == 200


@pytest.mark.parametrize(("seconds", "status"), [(595, 200), (-595, 200), (605, 403), (-605, 403)])
def test_ten_minutes_of_difference_and_no_more(wxauth_push, fake_wechat, seconds, status):
    before = fake_wechat.clock
    fake_wechat.clock = lambda: before() + seconds
    assert wxauth_push("debug_demo", "alice").status_code == status


def test_names_lose_their_blanks(wxauth_push, send, news, fake_wechat):
    assert send(fake_wechat.seal(b'{" A ":"1"," B":2}')).content == b"success"
    assert news == [(APP_ONE, {"A": "1", "B": 2})]


@pytest.mark.parametrize(
    "message",
    [
        {}, {"MsgType": 5}, {"MsgType": "event", "Event": None}, {"MsgType": ["event"]},
        {"MsgType": "text", "Content": "hi"}, {"MsgType": "event", "Event": {"a": 1}},
        {"MsgType": "event", "Event": "user_authorization_revoke", "OpenID": 5},
        {"MsgType": "event", "Event": "user_authorization_revoke", "OpenID": ["a"], "UnionID": {}},
        {"MsgType": "event", "Event": "user_authorization_revoke", "OpenID": "o" * 65},
        {"MsgType": "event", "Event": "user_authorization_revoke", "OpenID": "", "UnionID": ""},
        {"MsgType": "event", "Event": "user_authorization_cancellation", "RevokeInfo": True},
    ],
)  # fmt: skip
def test_wrong_types_and_unknown_fields_do_not_matter(send, news, fake_wechat, message):
    assert send(fake_wechat.seal({**message, "x": "y"})).content == b"success"
    assert len(news) == 1


def test_a_receiver_that_raises_changes_nothing(wxauth_push, client):
    def fall_over(**kwargs):
        raise RuntimeError("the project's own")

    push_received.connect(fall_over)
    try:
        answer = wxauth_push("debug_demo", "alice")
    finally:
        push_received.disconnect(fall_over)
    assert (answer.status_code, answer.content) == (200, b"success")


def test_a_message_that_wechat_does_not_hear_an_answer_to_comes_three_times(
    wxauth_push, client, monkeypatch
):
    asked = []
    monkeypatch.setattr(receiving, "receive", lambda **kwargs: asked.append(1) or 1 / 0)
    client.raise_request_exception = False
    assert wxauth_push("debug_demo", "alice").status_code == 500
    assert len(asked) == 3


# -- what is refused ---------------------------------------------------------------------------


def encrypted(raw):
    return base64.b64encode(raw).decode()


def refusals(fake):
    """Everything that can be wrong, each alone."""
    right = fake.push("debug_demo", "alice")
    body = json.loads(right.body)
    plain = fake.push("user_authorization_revoke", "alice", mode="plain")

    def sealed(text):
        """Signed rightly, whatever it is."""
        push = fake.push("debug_demo", "alice")
        query = {**push.query, "msg_signature": signature(PUSH[0], push.query, text)}
        return Push(query, json.dumps({"Encrypt": text}).encode())

    def query(**changes):
        return Push({**right.query, **changes}, right.body)

    yield "plain mode", plain, APP_ONE
    yield "another app", fake.push("debug_demo", "alice", APP_TWO), APP_ONE
    yield "an app that is not there", right, "wx404"
    yield "an app without pushes", right, "wx0000000000000003"
    yield "the other signature", query(msg_signature=right.query["signature"]), APP_ONE
    yield "a wrong signature", query(msg_signature="0" * 40), APP_ONE
    yield "no signature", Push({}, right.body), APP_ONE
    yield "a foreign nonce", query(nonce="1"), APP_ONE
    yield "no time", query(timestamp=""), APP_ONE
    yield "a time of long ago", query(timestamp="1"), APP_ONE
    yield "an old key", fake.push("debug_demo", "alice", aes_key=OTHER_KEY), APP_ONE
    for size in (0, 15, 16, 17, 32):
        yield f"{size} bytes", sealed(encrypted(b"x" * size)), APP_ONE
    yield "a line break", sealed(body["Encrypt"][:8] + "\n" + body["Encrypt"][8:]), APP_ONE
    yield "no base64", sealed("%"), APP_ONE
    yield "65,537 bytes", Push(right.query, right.body + b" " * (65_537 - len(right.body))), APP_ONE
    yield "no body", Push(right.query), APP_ONE
    for text in (b"{", b"[]", b"null", b'{"Encrypt":5.5}', b'{"Encrypt":["a"]}', b"\xef\xbb\xbf{}",
                 b"<xml>", b"<xml><Encrypt/></xml>", to_xml({"Encrypt": "a"}).encode("utf-16"),
                 b'{"Encrypt":"a","Encrypt":"a"}', b'{"Encrypt":"a"," Encrypt":"a"}',
                 b"<xml><Encrypt>a</Encrypt><Encrypt>a</Encrypt></xml>",
                 b"[" * 5000, b"<a>" * 5000):  # fmt: skip
        yield repr(text[:40]), Push(right.query, text), APP_ONE
    for text in (b"", b"text", b"{", b'{"a":1,}', b"[]", b"\xff", b'{"A":1,"A":2}',
                 b'{"A":1,"A ":1}', b"<xml><A>1</xml>",
                 b'<!DOCTYPE x [<!ENTITY a "b">]><x><A>&a;</A></x>'):  # fmt: skip
        yield f"inside: {text!r}", fake.seal(text), APP_ONE


def test_every_refusal_is_the_same_and_asks_the_database_nothing(
    wxauth_push, send, news, fake_wechat, configure, settings
):
    apps = {**settings.WXAUTH["APPS"], "wx0000000000000003": {"SECRET": "s"}}
    configure(APPS=apps)
    seen = {}
    for name, push, appid in refusals(fake_wechat):
        with capture_statements(all_of_them=True) as statements:
            answer = send(push, appid)
        assert statements == [], name
        seen[name] = shape(answer)
    assert len(seen) > 35
    (same,) = {repr(each) for each in seen.values()}
    assert same.startswith("(403, b'',")
    assert news == []


def test_what_is_refused_leaves_nothing(wxauth_push, alice, fake_wechat, send):
    alice.post("me/", {"nickname": "小爱"})
    for name, push, appid in refusals(fake_wechat):
        assert send(push, appid).status_code == 403, name
    assert alice.row.nickname == "小爱"
    assert not SpentData.objects.exists()
    assert not Event.objects.exists()


def test_the_log_says_why_to_whom_has_the_token_only(wxauth_push, fake_wechat, send, caplog):
    caplog.set_level(logging.INFO, "wxauth.outcomes")
    reasons = {}
    for name, push, appid in refusals(fake_wechat):
        caplog.clear()
        send(push, appid)
        (record,) = [r for r in caplog.records if getattr(r, "outcome", "") == "push_refused"]
        reasons[name] = record.reason
    assert reasons["plain mode"] == "plain"
    # Both apps of the tests have one Token.
    assert reasons["an old key"] == reasons["another app"] == "key"
    assert reasons["inside: b'{'"] == "unreadable"
    for name in ("a wrong signature", "the other signature", "no body", "b'<xml>'"):
        assert reasons[name] in {"", "plain"}, name
    before = fake_wechat.clock
    fake_wechat.clock = lambda: before() - 700
    caplog.clear()
    send(fake_wechat.push("debug_demo", "alice"))
    assert [r.reason for r in caplog.records if hasattr(r, "reason")] == ["clock"]


def test_other_methods_are_not_there(wxauth_push, client):
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = client.generic(method, f"{ROOT}push/{APP_ONE}/")
        assert (answer.status_code, answer.content) == (405, b"")
        assert answer.headers["Allow"] == "GET, POST, HEAD"


def test_whatever_is_accepted_the_answer_is_text(wxauth_push, fake_wechat, send):
    answer = send(fake_wechat.push("debug_demo", "alice"), Accept="image/png")
    assert (answer.status_code, answer.content) == (200, b"success")


# -- when something is broken ------------------------------------------------------------------


def test_while_the_database_is_away_wechat_is_told_to_come_back(
    wxauth_push, send, news, fake_wechat, monkeypatch, caplog
):
    push = fake_wechat.push("debug_demo", "alice", debug_str="canary-of-the-content")

    def be_away(*args, **kwargs):
        raise OperationalError("server closed the connection")

    with monkeypatch.context() as patch:
        patch.setattr("wxauth.services.data.replay.is_spent", be_away)
        answer = send(push)
    assert (answer.status_code, answer.content) == (503, b"")
    assert "Retry-After" in answer.headers
    (record,) = [r for r in caplog.records if r.name == "wxauth.push"]
    assert record.levelno == logging.ERROR
    digest = record.args[0]
    assert "canary" not in caplog.text
    assert news == []
    assert send(push).content == b"success"
    assert SpentData.objects.get().digest == digest
    assert len(news) == 1


def clock(monkeypatch, seconds):
    """It is this time, to whoever asks whether a push is in time."""
    now = datetime.fromtimestamp(seconds, timezone.utc)
    monkeypatch.setattr(receiving, "timezone", SimpleNamespace(now=lambda: now))


def test_who_has_no_pushes_pays_nothing(client, fake_wechat):
    with capture_statements(all_of_them=True) as statements:
        for push in (Client().get, Client().post):
            assert push(f"{ROOT}push/{APP_ONE}/").status_code == 403
    assert statements == []


# -- secrets -----------------------------------------------------------------------------------


def test_no_line_of_the_log_holds_a_key_an_openid_or_what_a_message_says(
    wxauth_push, send, alice, fake_wechat, caplog, monkeypatch, client
):
    caplog.set_level(logging.DEBUG)
    client.raise_request_exception = False
    alice.post("me/", {"nickname": "canary-name"})
    openid = alice.login.openid
    caplog.clear()
    for _name, push, appid in refusals(fake_wechat):
        send(push, appid)
    wxauth_push("user_authorization_revoke", "alice", RevokeInfo="6", more="canary-more")
    with monkeypatch.context() as patch:
        patch.setattr("wxauth.services.data.replay.is_spent", lambda digest: 1 / 0)
        send(fake_wechat.push("user_info_modified", "alice", more="canary-more"))
    wxauth_push("user_authorization_cancellation", "alice", more="canary-more")
    lines = [
        f"{record.getMessage()} {record.__dict__}"
        for record in caplog.records
        # Statements are Django's own, and the developer's.
        if record.name != "django.db.backends"
    ]
    assert lines
    for secret in (*PUSH, OTHER_KEY, openid, "canary"):
        assert not [line for line in lines if secret in line], secret


# -- whatever comes ----------------------------------------------------------------------------

RUNS = int(os.environ.get("PARSER_RUNS", "20"))
PIECES = (
    b"", b"\0", b"\xff", b'"', b"\\", b"\\ud800", b"{", b"}", b"[", b"]", b":", b",", b"<", b">",
    b"</", b"<!DOCTYPE", b"&", b"&lt;", b"]]>", b"<![CDATA[", b"\xef\xbb\xbf", b"301", b"null",
    b"9" * 30,
)  # fmt: skip


@pytest.mark.parametrize("inside", [False, True], ids=["a body", "a message in it"])
def test_whatever_is_sent_it_is_taken_or_refused(
    alice, wxauth_push, send, fake_wechat, client, inside
):
    client.raise_request_exception = True

    @hypothesis.settings(
        max_examples=RUNS,
        derandomize="PARSER_RUNS" not in os.environ,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(data=st.data())
    def try_one(data):
        form, event = data.draw(st.sampled_from(("json", "xml"))), data.draw(
            st.sampled_from((*personal_data.ACTIONS, "subscribe", "debug_demo"))
        )  # fmt: skip
        message = fake_wechat.push_message(event, "alice", RevokeInfo="6", UnionID="u")
        text = (to_xml(message) if form == "xml" else json.dumps(message)).encode()
        push = fake_wechat.seal(text, form=form)
        sent = text if inside else push.body
        for _ in range(data.draw(st.integers(0, 4))):
            start = data.draw(st.integers(0, len(sent)))
            gone = data.draw(st.integers(0, 8) | st.integers(0, len(sent)))
            put = data.draw(st.sampled_from(PIECES) | st.binary(max_size=8))
            sent = sent[:start] + put + sent[start + gone :]
        push = fake_wechat.seal(sent, form=form) if inside else Push(push.query, sent)
        answer = send(push)
        assert (answer.status_code, answer.content) in ((200, b"success"), (403, b"")), sent

    try_one()

"""GET prefetch/: what WeChat's servers ask for a mini-program that is about to start."""

from __future__ import annotations

import json
import logging

import pytest
from django.test import Client

from tests.api.contract import assert_error, assert_headers
from tests.api.phone import APP_ONE, APP_TWO, Phone, call
from tests.statements import capture_statements
from wxauth.adapter import Adapter
from wxauth.models import Login
from wxauth.testing import faults

pytestmark = pytest.mark.django_db

MOBILE = "wx0000000000000004"


@pytest.fixture(autouse=True)
def opened(configure):
    configure(PREFETCH=True)


def fetch(query, **headers):
    """As WeChat's servers do: a client of its own, and no header of ours."""
    return Client().get("/api/wxauth/prefetch/", query, headers=headers)


def test_with_our_token_alice_and_what_the_project_adds(fake_wechat, alice, adapter):
    class Ahead(Adapter):
        def prefetch(self, *, login, path, query, scene):
            return {"of": str(login.person_id), "page": [path, query, scene]}

    adapter(Ahead)
    query = fake_wechat.prefetch_query(
        "alice", token=alice.token, path="pages/shop/shop", query="id=7&a=b", scene=1047
    )
    answer = fetch(query)
    assert_headers(answer)
    assert answer.json() == {
        "user": alice.me(),
        "extra": {"of": alice.me()["id"], "page": ["pages/shop/shop", "id=7&a=b", "1047"]},
    }


def test_a_token_costs_one_statement_and_writes_nothing(fake_wechat, alice, count_rows):
    before = count_rows()
    with capture_statements(all_of_them=True) as statements:
        assert fetch(fake_wechat.prefetch_query("alice", token=alice.token)).status_code == 200
    assert len(statements) == 1
    assert count_rows() == before


def test_with_a_code_it_is_a_login(fake_wechat, count_rows):
    body = fetch(fake_wechat.prefetch_query("alice")).json()
    me = call(Client(), "GET", "me/", token=body["token"]).json()
    assert (body["created"], body["user"]) == (True, me)
    assert Login.objects.get().channel == "prefetch"


@pytest.mark.parametrize("both", [True, False])
def test_both_or_none_is_no_request(fake_wechat, alice, both, count_rows):
    before = count_rows()
    query = fake_wechat.prefetch_query("alice", token=alice.token)
    if both:
        query["code"] = fake_wechat.login_code("alice")
    else:
        del query["token"]
    asked = len(fake_wechat.calls)
    assert_error(fetch(query), "invalid_request", field="token")
    assert (count_rows(), len(fake_wechat.calls)) == (before, asked)


NONSENSE = {
    "no appid": ({"appid": None}, "invalid_request"),
    "a foreign appid": ({"appid": "wx9999999999999999"}, "unknown_app"),
    "the token of another app": ({"appid": APP_TWO}, "invalid_token"),
    "a mobile app": ({"appid": MOBILE}, "unknown_app"),
    "no token of ours": ({"token": "x"}, "invalid_token"),
    "a token that nobody was given": ({"token": "wxa_" + "x" * 43}, "invalid_token"),
    "an endless token": ({"token": "wxa_" + "x" * 2000}, "invalid_request"),
    "an empty token": ({"token": ""}, "invalid_request"),
    "NUL": ({"path": "a\0b"}, "invalid_request"),
}


@pytest.mark.parametrize(("changes", "code"), NONSENSE.values(), ids=NONSENSE)
def test_nonsense_has_its_answer(fake_wechat, alice, settings, configure, changes, code):
    apps = {**settings.WXAUTH["APPS"], MOBILE: {"SECRET": "s", "KIND": "mobileapp"}}
    configure(APPS=apps)
    query = {**fake_wechat.prefetch_query("alice", token=alice.token), **changes}
    assert_error(fetch({k: v for k, v in query.items() if v is not None}), code)


def test_what_is_there_twice_means_nothing(fake_wechat, alice):
    query = fake_wechat.prefetch_query("alice", token=alice.token)
    assert_error(
        fetch({**query, "token": [alice.token, "wxa_x"]}), "invalid_request", field="token"
    )


def test_a_token_that_has_ended_shows_nobody(fake_wechat, alice):
    query = fake_wechat.prefetch_query("alice", token=alice.token)
    alice.post("logout/")
    assert_error(fetch(query), "invalid_token")


def test_whoever_is_blocked_is_not_shown(fake_wechat, alice):
    query = fake_wechat.prefetch_query("alice", token=alice.token)
    row = alice.row
    row.blocked_at = row.created_at
    row.save()
    assert_error(fetch(query), "invalid_token")


def test_the_header_and_the_cookie_of_somebody_are_not_looked_at(fake_wechat, alice, bob):
    query = fake_wechat.prefetch_query("alice", token=alice.token)
    answer = fetch(query, Authorization=f"Bearer {bob.token}")
    assert answer.json()["user"]["id"] == alice.me()["id"]


FAULTS = {
    "used": (faults.Errcode(40163), "code_used"),
    "expired": (faults.Errcode(42003), "invalid_code"),
    "foreign": (faults.Errcode(40029), "invalid_code"),
    "unknown appid": (faults.Errcode(40013), "misconfigured"),
    "wrong secret": (faults.Errcode(40125), "misconfigured"),
    "not granted": (faults.Errcode(48001), "misconfigured"),
    "busy": (faults.Errcode(-1), "wechat_unavailable"),
    "html": (faults.html(), "wechat_unavailable"),
    "empty": (faults.empty(), "wechat_bad_response"),
    "silence": (faults.Slow(30), "wechat_timeout"),
}


@pytest.mark.parametrize(("fault", "code"), FAULTS.values(), ids=FAULTS)
def test_what_goes_wrong_at_wechat_has_its_answer(
    fake_wechat, fault, code, assert_nothing_written, request
):
    if isinstance(fault, faults.Slow):
        request.getfixturevalue("impatient")
    fake_wechat.faults.add(fault)
    assert_error(fetch(fake_wechat.prefetch_query("alice")), code)


class Abundant(Adapter):
    SIZE = 0

    def prefetch(self, *, login, path, query, scene):
        return {"text": "微" * self.SIZE}

    def login_payload(self, *, user, login, created):
        return {"text": "微" * self.SIZE}


@pytest.mark.parametrize("by_token", [True, False])
def test_wechat_is_never_sent_more_than_it_keeps(
    fake_wechat, alice, adapter, monkeypatch, caplog, by_token
):
    adapter(Abundant)
    for size, fits in ((84_000, True), (86_000, False)):
        monkeypatch.setattr(Abundant, "SIZE", size)
        token = alice.token if by_token else ""
        answer = fetch(fake_wechat.prefetch_query("alice", token=token))
        assert len(answer.content) <= 256_000
        assert bool(answer.json()["extra"]) == fits
        assert answer.json()["user"]["id"] == alice.me()["id"]
    (record,) = [r for r in caplog.records if r.name == "wxauth.prefetch"]
    assert "too large" in record.getMessage()


def test_an_envelope_counts_too(fake_wechat, alice, adapter, configure, monkeypatch):
    monkeypatch.setattr(Abundant, "SIZE", 84_000)
    adapter(Abundant)
    configure(ENVELOPE=f"{__name__}.thick_envelope")
    answer = fetch(fake_wechat.prefetch_query("alice", token=alice.token))
    assert answer.json()["data"]["extra"] == {}


def thick_envelope(status, body):
    return status, {"data": body, "padding": "x" * 10_000}


def test_it_is_counted_by_app(fake_wechat, alice, configure, settings):
    alice_in_two = Phone(fake_wechat, "alice", APP_TWO)
    configure(LIMITS={**settings.WXAUTH["LIMITS"], "prefetch": "1/hour"})
    queries = [
        fake_wechat.prefetch_query("alice", phone.appid, token=phone.token)
        for phone in (alice, alice, alice_in_two)
    ]
    assert [fetch(query).status_code for query in queries] == [200, 429, 200]


def test_neither_code_nor_token_is_in_a_log(fake_wechat, alice, caplog):
    with caplog.at_level(logging.DEBUG):
        queries = [fake_wechat.prefetch_query("alice", token=alice.token, query="s3cret=1")]
        queries += [fake_wechat.prefetch_query("alice", query="s3cret=1"), {"token": "wxa_t0ken"}]
        bodies = [fetch(query).json() for query in queries]
    text = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert "prefetch" in text
    for secret in (alice.token, queries[1]["code"], bodies[1]["token"], "s3cret", "wxa_t0ken"):
        assert secret not in text
    # Nor in the answer to a request that could not be read.
    assert "t0ken" not in json.dumps(bodies[2])


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE"])
def test_a_head_does_not_spend_the_code(fake_wechat, client, method, assert_nothing_written):
    query = fake_wechat.prefetch_query("alice")
    answer = client.generic(method, "/api/wxauth/prefetch/", query_params=query)
    assert answer.status_code == 405
    assert fake_wechat.calls == []


def test_switched_off_which_is_the_default_there_is_nothing(fake_wechat, alice, configure):
    configure(PREFETCH=False)
    queries = [fake_wechat.prefetch_query("alice", token=token) for token in (alice.token, "")]
    asked = len(fake_wechat.calls)
    with capture_statements() as statements:
        for query in queries:
            assert_error(fetch(query), "not_found")
    assert (statements, len(fake_wechat.calls)) == ([], asked)


def test_alices_app_is_the_one_that_she_is_asked_in(fake_wechat, alice):
    query = fake_wechat.prefetch_query("alice", APP_ONE, token=alice.token)
    assert query["appid"] == APP_ONE
    assert set(query) >= {"timestamp", "path", "query", "scene", "customMiniprogramVersion"}

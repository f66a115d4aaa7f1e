"""Fixed windows: who is counted, what is let through, and what the refusal says."""

from __future__ import annotations

import ast
import time
import uuid
from pathlib import Path

import pytest
from django.contrib.auth.signals import user_login_failed
from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache
from django.test import Client
from django.urls import path
from rest_framework.response import Response

import wxauth
from tests.api.contract import assert_error
from tests.api.phone import APP_ONE, Phone, call, log_in
from tests.together import together
from wxauth.api import limits as api_limits
from wxauth.api import urls
from wxauth.api.base import View
from wxauth.conf import LIMITS
from wxauth.services import cache as shared_cache
from wxauth.services import limits
from wxauth.signals import limit_hit
from wxauth.views import LoginView

RUBBISH = {"code": "wrong"}
LOCMEM = "django.core.cache.backends.locmem.LocMemCache"


@pytest.fixture(autouse=True)
def _anew(monkeypatch, settings):
    monkeypatch.setattr(limits, "_windows", limits._Windows())
    monkeypatch.setattr(shared_cache, "_gone_until", 0.0)
    settings.CACHES = {"default": {"BACKEND": LOCMEM, "LOCATION": uuid.uuid4().hex}}


@pytest.fixture
def limit(configure, settings):
    """Set these limits. A day's window does not end in the middle of a test but at midnight."""

    def change(**rates):
        configure(LIMITS={**settings.WXAUTH["LIMITS"], **rates})

    return change


def login_from(address, **headers):
    return call(Client(REMOTE_ADDR=address), "POST", "login/", RUBBISH, headers=headers)


def passes(answers):
    return [answer.status_code != 429 for answer in answers]


# -- who ---------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_an_address_is_counted_and_told_when_to_come_back(fake_wechat, limit):
    limit(login_address="3/day")
    answers = [login_from("203.0.113.1") for _ in range(4)]
    assert passes(answers) == [True, True, True, False]
    body = assert_error(answers[-1], "rate_limited")
    assert 0 < body["retry_after"] <= 86400 - time.time() % 86400 + 2
    assert passes([login_from("203.0.113.2")]) == [True]
    assert len(fake_wechat.calls) == 4


@pytest.mark.waits
@pytest.mark.django_db
def test_the_window_ends(fake_wechat, limit):
    limit(login_address="1/sec")
    answers = [login_from("203.0.113.1") for _ in range(20)]
    assert False in passes(answers)
    assert [a.json()["retry_after"] for a in answers if a.status_code == 429][-1] == 1
    time.sleep(1.0 - time.time() % 1)
    assert passes([login_from("203.0.113.1")]) == [True]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("addresses", "same"),
    [
        (["2001:db8:1:2::1", "2001:db8:1:2:ffff::9"], True),
        (["2001:db8:1:2::1", "2001:db8:1:3::1"], False),
        (["::ffff:203.0.113.1", "203.0.113.1"], True),
        (["203.0.113.1", "203.0.113.2"], False),
    ],
)
def test_a_phone_has_a_64_of_ipv6_to_itself(fake_wechat, limit, addresses, same):
    limit(login_address="1/day")
    assert passes([login_from(address) for address in addresses]) == [True, not same]


@pytest.mark.django_db
def test_a_forged_header_is_no_address(fake_wechat, limit, configure):
    limit(login_address="1/day")
    spoofed = [
        login_from("203.0.113.1", **{"X-Forwarded-For": f"198.51.100.{n}"}) for n in range(3)
    ]
    assert passes(spoofed) == [True, False, False]
    configure(TRUSTED_PROXIES=1)
    behind = [
        login_from("10.0.0.1", **{"X-Forwarded-For": f"198.51.100.{n}, 203.0.113.7"})
        for n in range(3)
    ]
    assert passes(behind) == [True, False, False]


@pytest.mark.django_db
def test_a_success_resets_nothing(fake_wechat, client, limit):
    limit(login_address="3/day")
    answers = [log_in(client, fake_wechat), login_from("127.0.0.1"), log_in(client, fake_wechat)]
    assert passes([*answers, log_in(client, fake_wechat)]) == [True, True, True, False]


@pytest.mark.django_db
def test_an_openid_is_counted_after_wechats_answer(fake_wechat, limit):
    limit(login_openid="2/day")
    alice = [log_in(Client(REMOTE_ADDR=f"203.0.113.{n}"), fake_wechat, "alice") for n in range(3)]
    assert passes(alice) == [True, True, False]
    assert_error(alice[-1], "rate_limited")
    assert passes([log_in(Client(), fake_wechat, "bob")]) == [True]
    # A stranger with a wrong code cannot shut her out.
    assert len(fake_wechat.calls) == 4


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "endpoints"),
    [("decrypt", ["decrypt/", "me/userinfo/"]), ("phone", ["me/phone/"])],
)
def test_a_person_is_counted_on_all_devices(fake_wechat, limit, bob, name, endpoints):
    limit(**{name: "2/day"})
    devices = [Phone(fake_wechat, "alice"), Phone(fake_wechat, "alice")]
    answers = [
        device.post(endpoint, {"encryptedData": "!", "iv": "!"})
        for device in devices
        for endpoint in (endpoints * 2)[:2]
    ]
    assert passes(answers) == [True, True, False, False]
    assert passes([bob.post(endpoints[0], {"encryptedData": "!", "iv": "!"})]) == [True]
    assert devices[0].get("me/").status_code == 200


@pytest.mark.django_db
def test_a_limit_that_is_hit_is_told(alice, limit, caplog):
    limit(phone="1/day")
    heard = []

    def hear(sender, limit, appid, **kwargs):
        heard.append((limit, appid))

    limit_hit.connect(hear)
    for _ in range(2):
        alice.post("me/phone/", {})
    limit_hit.disconnect(hear)
    assert heard == [("phone", APP_ONE)]
    (record,) = [r for r in caplog.records if getattr(r, "limit", "")]
    assert (record.outcome, record.levelname) == ("limit_phone", "WARNING")


# -- what would be forgotten -------------------------------------------------------------------


def named_limits(patterns=urls.urlpatterns, root=Path(wxauth.__file__).parent):
    """The limit of every view, and those that services name when they count."""
    views = {getattr(pattern.callback, "cls", None) for pattern in patterns}
    named = {view.limit for view in views if getattr(view, "limit", None)}
    for file in (root / "services").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "limits.hit":
                named.add(ast.literal_eval(node.args[0]))
    return named


def assert_limits_are_used_and_there(names, named):
    unused, unknown = sorted(set(names) - named), sorted(named - set(names))
    assert not unused, (
        f"Nothing is counted against the limit {unused[0]!r} of wxauth.conf.LIMITS: give it to a "
        "view (`limit = …`), or take it away."
    )
    assert not unknown, (
        f"The limit {unknown[0]!r} is counted and does not exist: add it to wxauth.conf.LIMITS, "
        "with its default."
    )


def test_every_limit_is_counted_somewhere_and_no_other_is():
    assert_limits_are_used_and_there(LIMITS, named_limits())


def test_a_limit_that_nothing_uses_would_be_named():
    with pytest.raises(AssertionError, match=r"against the limit 'scan' .* give it to a view"):
        assert_limits_are_used_and_there({**LIMITS, "scan": "10/min"}, named_limits())


def test_a_view_with_a_limit_that_does_not_exist_would_be_named():
    class ScanView(View):
        limit = "scan"

    patterns = [*urls.urlpatterns, path("scan/", ScanView.as_view())]
    with pytest.raises(AssertionError, match="'scan' is counted and does not exist: add it"):
        assert_limits_are_used_and_there(LIMITS, named_limits(patterns))


# -- how ---------------------------------------------------------------------------------------


def admitted(results):
    return sum(results)


def hit(who="somebody"):
    try:
        limits.hit("phone", who)
    except limits.RateLimited:
        return False
    return True


@pytest.mark.parametrize("cached", [True, False], ids=["with a cache", "without"])
def test_as_many_pass_as_the_limit_says_however_many_come_at_once(
    fake_wechat, limit, settings, cached
):
    limit(phone="20/day")
    if not cached:
        settings.CACHES = {"default": {"BACKEND": f"{__name__}.Broken"}}
    assert admitted(together([hit] * 200)) == 20


class Broken(LocMemCache):
    """Whatever is asked, it fails; it counts how often."""

    asked = 0

    def _fail(self, *args, **kwargs):
        type(self).asked += 1
        raise ConnectionError("no cache, and a secret in the message")

    add = get = set = incr = delete = _fail


class Garbage(LocMemCache):
    """Somebody else's values under our keys."""

    def incr(self, key, delta=1, version=None):
        raise TypeError("not an integer")

    def add(self, *args, **kwargs):
        return False

    def get(self, *args, **kwargs):
        return {"not": "ours"}


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["Broken", "Garbage"])
def test_without_its_cache_the_process_goes_on_and_counts_by_itself(
    fake_wechat, client, limit, settings, caplog, kind
):
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.{kind}"}}
    limit(login_address="3/day")
    assert passes([log_in(client, fake_wechat) for _ in range(4)]) == [True, True, True, False]
    assert "secret" not in caplog.text


def test_after_an_error_the_cache_is_left_alone_for_a_while(limit, settings, monkeypatch):
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.Broken"}}
    monkeypatch.setattr(Broken, "asked", 0)
    for number in range(50):
        assert hit(f"person {number}")
    assert Broken.asked == 1
    # Five seconds later one asks again, for all.
    monkeypatch.setattr(shared_cache, "_gone_until", time.monotonic() - 1)
    assert all(together([hit] * 20))
    assert Broken.asked == 2


def test_a_cache_that_comes_back_is_used_again(limit, settings, monkeypatch):
    limit(phone="5/day")
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.Broken"}}
    assert [hit() for _ in range(2)] == [True] * 2
    settings.CACHES = {"default": {"BACKEND": LOCMEM, "LOCATION": uuid.uuid4().hex}}
    monkeypatch.setattr(shared_cache, "_gone_until", time.monotonic() - 1)
    assert [hit() for _ in range(6)] == [True] * 5 + [False]


def test_a_cache_that_forgot_is_told_what_it_had_counted(limit):
    limit(phone="5/day")
    assert [hit() for _ in range(4)] == [True] * 4
    cache.clear()
    assert [hit() for _ in range(3)] == [True, False, False]


@pytest.mark.parametrize(("processes", "share"), [(4, 5), (1, 20), (100, 1)])
def test_a_process_alone_lets_its_share_through(limit, configure, settings, processes, share):
    limit(phone="20/day")
    configure(PROCESSES=processes)
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.Broken"}}
    assert admitted([hit() for _ in range(40)]) == share


def test_where_nobody_said_how_many_there_are_a_process_lets_the_limit_through(limit, settings):
    limit(phone="20/day")
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.Broken"}}
    assert admitted([hit() for _ in range(40)]) == 20


def test_what_another_process_has_counted_counts(limit, monkeypatch):
    limit(phone="5/day")
    assert [hit() for _ in range(5)] == [True] * 5
    monkeypatch.setattr(limits, "_windows", limits._Windows())
    assert not hit()


def test_a_full_window_is_known_without_the_cache(limit, settings, monkeypatch):
    limit(phone="2/day")
    assert [hit() for _ in range(3)] == [True, True, False]
    monkeypatch.setattr(Broken, "asked", 0)
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.Broken"}}
    assert [hit() for _ in range(3)] == [False] * 3
    assert Broken.asked == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "body", "code"),
    [
        ("POST", b"not JSON", "invalid_request"),
        ("POST", b'{"code": ""}', "invalid_request"),
        ("POST", b'{"code": "c", "appid": "wx-nobody"}', "unknown_app"),
        ("PUT", b"{}", "method_not_allowed"),
    ],
)
def test_a_login_that_goes_wrong_before_its_code_is_claimed_is_counted(
    limit, monkeypatch, method, body, code
):
    limit(login_address="2/day")

    def send():
        return Client().generic(method, "/api/wxauth/login/", body, "application/json")

    for _ in range(2):
        assert_error(send(), code)
    # Another process, which has seen nothing yet.
    monkeypatch.setattr(limits, "_windows", limits._Windows())
    assert_error(send(), "rate_limited")


@pytest.mark.django_db
def test_a_refused_login_claims_nothing_and_was_no_attempt(fake_wechat, limit, monkeypatch):
    limit(login_address="1/day")
    heard = []

    def hear(sender, **kwargs):
        heard.append(sender)

    assert login_from("203.0.113.1").status_code == 400
    monkeypatch.setattr(limits, "_windows", limits._Windows())
    before = set(cache._cache)
    user_login_failed.connect(hear)
    assert_error(login_from("203.0.113.1"), "rate_limited")
    user_login_failed.disconnect(hear)
    assert set(cache._cache) == before
    assert heard == []
    assert len(fake_wechat.calls) == 1


@pytest.mark.django_db
def test_logins_without_an_address_are_counted_together(fake_wechat, limit, monkeypatch):
    monkeypatch.setattr(api_limits, "STAND_IN", 2)
    limit(login_address="1/day")
    answers = [
        log_in(Client(REMOTE_ADDR=""), fake_wechat, name) for name in ("alice", "bob", "eve")
    ]
    assert passes(answers) == [True, True, False]


class Redirecting(LoginView):
    """A project's own, which does not log in by itself."""

    def post(self, request):
        return Response({"elsewhere": True})


@pytest.mark.django_db
def test_a_login_view_that_does_something_else_is_counted(limit, rf):
    limit(login_address="2/day")
    view = Redirecting.as_view()
    answers = [view(rf.post("/", {}, "application/json")) for _ in range(3)]
    assert passes(answers) == [True, True, False]


def test_a_process_forgets_windows_that_are_over(limit, monkeypatch):
    monkeypatch.setattr(limits, "REMEMBERED", 100)
    for number in range(1_000):
        hit(f"person {number}")
    assert len(limits._windows._windows) <= 100


def test_neither_address_nor_openid_is_in_the_cache(limit):
    hit("203.0.113.77")
    stored = str(cache._cache) + str(cache._expire_info)
    assert "wxauth:limit:" in stored
    assert "203.0.113.77" not in stored


def test_changing_the_profile_is_counted_and_reading_it_is_not(alice, limit):
    limit(profile="1/day")
    assert alice.post("me/", {"nickname": "Alice"}).status_code == 200
    assert_error(alice.post("me/", {"nickname": "A"}), "rate_limited")
    assert [alice.get("me/").status_code for _ in range(3)] == [200] * 3
    assert alice.me()["nickname"] == "Alice"


def test_pictures_are_counted_before_they_are_read(alice, limit):
    limit(avatar="1/day")
    assert_error(alice.post("me/avatar/", {}), "invalid_request", field="avatar")
    assert_error(alice.post("me/avatar/", {}), "rate_limited")

"""Eve guesses codes from behind proxies, and writes X-Forwarded-For as she likes.

A limit by address holds her only as long as we know where she is. So where the proxies are as
declared, nothing that she writes moves her; and where they are not, the limit does not go away.
"""

from __future__ import annotations

import math
import uuid

import pytest
from django.test import Client

from tests.api.phone import call
from wxauth.api import device
from wxauth.models import Login
from wxauth.services import cache as shared_cache
from wxauth.services import limits

pytestmark = pytest.mark.django_db

PROXY = "10.0.0.1"
LIMIT, STAND_IN = 2, 20


@pytest.fixture(autouse=True)
def _anew(monkeypatch, settings, configure):
    monkeypatch.setattr(limits, "_windows", limits._Windows())
    monkeypatch.setattr(shared_cache, "_gone_until", 0.0)
    monkeypatch.setattr(device, "_warned", -math.inf)
    backend = "django.core.cache.backends.locmem.LocMemCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": uuid.uuid4().hex}}
    configure(LIMITS={**settings.WXAUTH["LIMITS"], "login_address": f"{LIMIT}/day"})


def guess(forwarded=None, peer=PROXY):
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    answer = call(Client(REMOTE_ADDR=peer), "POST", "login/", {"code": "wrong"}, headers=headers)
    assert answer.status_code in (400, 429), answer.content
    return answer.status_code == 400


def judged(*forwarded, peer=PROXY):
    """How many of these guesses were judged."""
    return sum(guess(each, peer) for each in forwarded)


def log_in(fake, **headers):
    call(Client(), "POST", "login/", {"code": fake.login_code("alice")}, headers=headers)
    return Login.objects.get()


# -- proxies as declared -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        lambda n: f"198.51.100.{n}",
        lambda n: f"198.51.100.{n}, 198.51.100.{n}, 198.51.100.{n}",
        lambda n: "," * n,
        lambda n: f" , ,{n}",
        lambda n: f"微信{n}".encode().decode("latin-1"),
        lambda n: f"\u0661{n}.1.1.1",
        lambda n: f"[::{n}]:80, unknown, _hidden",
        lambda n: f"{n}, " * 16_000,
        lambda n: str(n) * 64_000,
    ],
    ids=["one", "more", "empty", "blank", "UTF-8", "digits", "words", "many", "long"],
)
@pytest.mark.parametrize("proxies", [1, 2])
def test_whatever_she_writes_she_is_where_the_trusted_proxy_saw_her(
    fake_wechat, configure, proxies, written
):
    """The attack: another header with each guess, as far as 64 KB of it, to be somebody else."""
    configure(TRUSTED_PROXIES=proxies)
    seen = ", ".join(["203.0.113.7", "10.0.0.2"][:proxies])
    assert judged(*(f"{written(n)}, {seen}" for n in range(1, 9))) == LIMIT


@pytest.mark.parametrize(
    "proxies",
    [
        ["203.0.113.7:51234", "203.0.113.7:51235", "203.0.113.7", " 203.0.113.7:1 "],
        ["[2001:db8::7]:51234", "[2001:db8::7]:51235", "2001:db8::7", "[2001:db8::8]"],
        ["2001:db8::1", "2001:db8::2", "[2001:db8::ffff:0:0:3]:443", "[2001:db8::9%eth0]:1"],
        ["::ffff:203.0.113.7", "[::ffff:203.0.113.7]:443", "203.0.113.7:80", "203.0.113.7"],
    ],
    ids=["v4", "v6", "a /64", "mapped"],
)
def test_a_port_makes_nobody_another(fake_wechat, configure, proxies):
    """Some gateways write the port of each connection; the next one has another."""
    configure(TRUSTED_PROXIES=1)
    assert judged(*proxies) == LIMIT
    assert judged("203.0.113.8:51234", "[2001:db8:0:1::7]:51234") == 2


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("203.0.113.7:51234", "203.0.113.7"),
        ("[2001:db8::7]:51234", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("198.51.100.1:1, 203.0.113.7:2", "203.0.113.7"),
        ("203.0.113.7:", None),
        ("203.0.113.7:x", None),
        ("203.0.113.7:\u0661", None),
        ("203.0.113.7%eth0", None),
        ("[203.0.113.7:1", None),
        ("[]:1", None),
        ("203.0.113.7:1:2", None),
        ("unknown", None),
        ("203.0.113.7, ", None),
        ("", None),
    ],
)
def test_the_address_of_a_login_is_read_without_its_port(fake_wechat, configure, written, address):
    configure(TRUSTED_PROXIES=1)
    assert log_in(fake_wechat, **{"X-Forwarded-For": written}).address == address


# -- proxies that are not as declared ----------------------------------------------------------

MISDECLARED = {
    "absent": None,
    "empty": "",
    "words": "unknown",
    "too short": "203.0.113.7",
    "a hop that is empty": "203.0.113.7, , ",
    "a port that is none": "203.0.113.7:http, 10.0.0.2",
}


@pytest.mark.parametrize("forwarded", MISDECLARED.values(), ids=list(MISDECLARED))
def test_a_proxy_that_is_not_as_declared_does_not_switch_the_limit_off(
    fake_wechat, configure, forwarded
):
    """The attack: guess where the operator set the proxies wrong, and nobody is told from anybody.

    All phones are one then, so that the limit is ten times as high.
    """
    configure(TRUSTED_PROXIES=2)
    assert judged(*[forwarded] * (STAND_IN + 5)) == STAND_IN
    assert guess(forwarded, peer="10.0.0.9")  # Another proxy,
    assert guess("203.0.113.7, 10.0.0.2")  # and somebody who can be told, are not shut out.


def test_the_network_of_the_peer_counts_where_it_is_ipv6(fake_wechat, configure):
    configure(TRUSTED_PROXIES=1)
    assert sum(guess(peer=f"2001:db8::{n}") for n in range(1, 30)) == STAND_IN


@pytest.mark.parametrize("proxies", [0, 1])
def test_who_comes_through_a_unix_socket_without_an_address_is_counted_with_the_others(
    fake_wechat, configure, proxies
):
    configure(TRUSTED_PROXIES=proxies)
    assert judged(*[None] * (STAND_IN + 5), peer="") == STAND_IN


def test_phones_behind_a_misdeclared_proxy_share_no_claim(fake_wechat, configure):
    """The proxy is no phone: with its address, all phones of one make would be one device."""
    configure(TRUSTED_PROXIES=1)
    code = fake_wechat.login_code("alice")
    answers = [call(Client(), "POST", "login/", {"code": code}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 400]
    assert Login.objects.get().address is None


@pytest.mark.parametrize(
    ("proxies", "peer", "says"), [(1, PROXY, "X-Forwarded-For"), (0, "", "tells no address")]
)
def test_the_operator_is_told_once_an_hour(
    fake_wechat, configure, caplog, monkeypatch, proxies, peer, says
):
    configure(TRUSTED_PROXIES=proxies)

    def warnings():
        return [r.getMessage() for r in caplog.records if r.name == "wxauth.proxies"]

    judged(*["203.0.113.7, secret"] * 5, peer=peer)
    (warning,) = warnings()
    assert f"TRUSTED_PROXIES is {proxies}" in warning
    assert says in warning
    assert "203.0.113.7" not in warning
    monkeypatch.setattr(device, "_warned", device._warned - 3600)
    judged(*["unknown"] * 5, peer=peer)
    assert len(warnings()) == 2


def test_a_proxy_that_is_as_declared_is_nothing_to_warn_of(fake_wechat, configure, caplog):
    judged("unknown", None)
    configure(TRUSTED_PROXIES=1)
    judged("203.0.113.7", "<script>, 203.0.113.7")
    assert not [r for r in caplog.records if r.name == "wxauth.proxies"]


# -- the user agent ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("MicroMessenger/8.0.50 (iPhone; iOS 18)", "MicroMessenger/8.0.50 (iPhone; iOS 18)"),
        ("a\0b\x07c\x1b[31md\x7f", "abc[31md"),
        ("a\r\nb\tc", "abc"),
        ("a\x85b\xa0c\xad", "abc"),
        ("\u202eenohp", "enohp"),
        ("a\x00" * 300, "a" * 200),
        ("微信" * 150, "微信" * 100),
        ("", ""),
    ],
    ids=["usual", "control", "lines", "latin-1", "backwards", "long", "Chinese", "empty"],
)
def test_of_a_user_agent_what_can_be_read_is_kept(fake_wechat, written, kept):
    """The attack: a NUL that PostgreSQL refuses, a line for the log, colours for a terminal."""
    assert log_in(fake_wechat, **{"User-Agent": written}).user_agent == kept

"""Two machines on one database and one Redis, whose clocks differ by two minutes."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from .direct import Machine
from .stack import APPID

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="There is no gcc."),
]

MINUTES = 2


@pytest.fixture(scope="module")
def clock(folder):
    library = folder / "clock.so"
    source = Path(__file__).with_name("clock.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    return library


@pytest.fixture(scope="module")
def machines(stack, folder, clock):
    """One is right, one is ahead, one is behind."""
    started = []
    for name, ahead in (("right", 0), ("ahead", MINUTES), ("behind", -MINUTES)):
        machine = Machine(folder, stack.project, f"gunicorn-{name}")
        started.append(machine)
        machine.start(LD_PRELOAD=str(clock), CLOCK_AHEAD=str(ahead * 60))
    yield started
    for machine in started:
        machine.end()


@pytest.fixture
def log_in(stack):
    def log_in(machine, name="alice"):
        code = stack.wechat.fake.login_code(name, APPID)
        status, body = machine.ask("POST", "login/", {"code": code})
        assert status == 200, body
        return body["token"]

    return log_in


def test_their_clocks_differ(machines, log_in, stack):
    """Or all of this shows nothing."""
    moments = []
    for machine in machines:
        log_in(machine)
        newest = "SELECT EXTRACT(EPOCH FROM created_at) FROM wxauth_login ORDER BY id DESC LIMIT 1"
        if stack.database.url.startswith("mysql"):
            newest = newest.replace("EXTRACT(EPOCH FROM created_at)", "UNIX_TIMESTAMP(created_at)")
        moments.append(float(stack.database.sql(newest)))
    right, ahead, behind = moments
    assert 60 < ahead - right < 180
    assert 60 < right - behind < 180


def test_a_token_of_one_is_good_at_all(machines, log_in):
    for issuer in machines:
        token = log_in(issuer)
        assert [each.ask("GET", "me/", token=token)[0] for each in machines] == [200] * 3
        assert machines[0].ask("POST", "logout/", token=token)[0] in (200, 204)
        assert [each.ask("GET", "me/", token=token)[0] for each in machines] == [401] * 3


def test_fresh_data_is_fresh_everywhere_and_good_once(machines, log_in, stack):
    for reader in machines:
        token = log_in(machines[0])
        data = stack.wechat.fake.phone_data("alice", APPID)
        assert reader.ask("POST", "me/phone/", data, token)[0] == 200
        for other in machines:
            assert other.ask("POST", "me/phone/", data, token)[1]["code"] == "undecryptable"


def test_all_use_one_access_token(machines, log_in, stack):
    fake = stack.wechat.fake
    tokens = [log_in(machine) for machine in machines]
    before = sum("stable_token" in call.path for call in fake.calls)
    for _ in range(3):
        for machine, token in zip(machines, tokens, strict=True):
            body = {"code": fake.phone_code("alice", APPID)}
            assert machine.ask("POST", "me/phone/", body, token)[0] == 200
    # The one that was obtained lasts for two hours, and two minutes more or less.
    assert sum("stable_token" in call.path for call in fake.calls) - before <= 1


def test_limits_hold_within_twice_the_number(machines, log_in):
    """30 an hour. At its end, two clocks are in two hours."""
    token = log_in(machines[0], "phone-2")
    rubbish = {"encryptedData": "bm90aGluZw==", "iv": "MDAwMDAwMDAwMDAwMDAwMA=="}
    counts = Counter(
        machine.ask("POST", "decrypt/", rubbish, token)[0]
        for _ in range(30)
        for machine in machines
    )
    assert set(counts) <= {400, 409, 429}
    assert 30 <= counts[400] + counts[409] <= 60


def test_an_old_login_ends_within_two_minutes_everywhere(machines, log_in, stack):
    token = log_in(machines[0])
    row = "(SELECT id FROM (SELECT MAX(id) AS id FROM wxauth_login) AS newest)"
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + 30))
    zone = "" if stack.database.url.startswith("mysql") else "+00"
    stack.database.sql(f"UPDATE wxauth_login SET expires_at = '{moment}{zone}' WHERE id = {row}")
    right, ahead, behind = (machine.ask("GET", "me/", token=token)[0] for machine in machines)
    assert (right, ahead, behind) == (200, 401, 200)

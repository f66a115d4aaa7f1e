"""One token for everybody: over a store in memory, by a clock that the tests turn."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from wxauth.exceptions import DatabaseUnavailable, WeChatTimeout, WeChatUnavailable
from wxauth.types import Secret
from wxauth.wechat.access_token import AccessTokens, Stored
from wxauth.wechat.gate import Gate
from wxauth.wechat.source import OwnAccessTokens

APPID = "wx1111111111111111"


class Clock:
    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


class Store:
    """What the database does, in memory."""

    def __init__(self, clock):
        self.clock = clock
        self.rows = {}
        self.leases = {}
        self.down = False
        self.reads = 0
        self.lock = threading.Lock()

    def read(self, appid):
        with self.lock:
            self.reads += 1
            if self.down:
                raise DatabaseUnavailable
            return self.rows.get(appid)

    def lease(self, appid, holder, known, seconds):
        with self.lock:
            _, until = self.leases.get(appid, ("", 0))
            if until > self.clock() or self.rows.get(appid) != known:
                return False
            self.leases[appid] = (holder, self.clock() + seconds)
            return True

    def save(self, appid, holder, stored, *, release):
        with self.lock:
            if self.leases.get(appid, ("",))[0] == holder:
                self.rows[appid] = stored
                if release:
                    del self.leases[appid]

    def release(self, appid, holder):
        with self.lock:
            if self.leases.get(appid, ("",))[0] == holder:
                del self.leases[appid]

    def replace(self, appid, stored):
        with self.lock:
            self.rows[appid] = stored


class WeChat:
    """stable_token: the same token until 300 seconds before its end."""

    def __init__(self, clock):
        self.clock = clock
        self.asked = 0
        self.ends = 0.0
        self.trouble = None
        self.life = 7200
        self.going = threading.Event()
        self.answers = threading.Event()
        self.answers.set()

    def __call__(self, appid):
        self.asked += 1
        self.going.set()
        assert self.answers.wait(30)
        if self.trouble:
            raise self.trouble
        if self.ends - self.clock() <= 300:
            self.ends = self.clock() + self.life
        return Secret(f"token until {self.ends:.0f}"), int(self.ends - self.clock())


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(clock):
    return Store(clock)


@pytest.fixture
def wechat(clock):
    return WeChat(clock)


@pytest.fixture
def process(store, wechat, clock):
    """Make another process's view of the tokens."""
    return lambda: AccessTokens(store, wechat, clock=clock)


@pytest.fixture
def tokens(process):
    """This process's."""
    return process()


def at_once(count, call):
    """The results of ``call`` in so many threads at the same moment."""
    together, results = threading.Barrier(count, timeout=30), []

    def run():
        together.wait()
        try:
            results.append(call().reveal())
        except Exception as error:  # noqa: BLE001 - to be looked at below
            results.append(type(error))

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(results)


def test_a_token_is_asked_for_once_and_remembered(process, wechat, store):
    tokens = process()
    assert len({tokens.get(APPID).reveal() for _ in range(5)}) == 1
    assert (wechat.asked, store.reads) == (1, 1)


def test_each_app_has_its_own(process, wechat):
    tokens = process()
    tokens.get(APPID)
    tokens.get("wx2")
    assert wechat.asked == 2


def test_fifty_threads_obtain_one_token(tokens, wechat):
    results = at_once(50, lambda: tokens.get(APPID))
    assert wechat.asked == 1
    assert sum(results.values()) == 50
    assert len(results) == 1


def test_another_process_takes_the_token_from_the_store(process, wechat):
    assert process().get(APPID).reveal() == process().get(APPID).reveal()
    assert wechat.asked == 1


def test_a_process_looks_into_the_store_from_300_seconds_before_the_end(
    tokens, store, wechat, clock
):
    tokens.get(APPID)
    clock.now += 6899
    tokens.get(APPID)
    assert store.reads == 1
    clock.now += 2
    tokens.get(APPID)
    assert (store.reads, wechat.asked) == (2, 1)


def test_the_next_token_is_obtained_before_the_end_and_by_then_wechat_has_one(
    tokens, process, wechat, clock
):
    first = tokens.get(APPID).reveal()
    clock.now += 6921
    assert tokens.get(APPID).reveal() != first
    assert process().get(APPID).reveal() == tokens.get(APPID).reveal()
    assert wechat.asked == 2


def test_while_one_obtains_the_next_token_all_others_use_the_old_one(
    tokens, process, wechat, clock
):
    old = tokens.get(APPID).reveal()
    others = process()
    others.get(APPID)
    clock.now += 7000
    wechat.going.clear()
    wechat.answers.clear()
    first = threading.Thread(target=tokens.get, args=(APPID,))
    first.start()
    assert wechat.going.wait(30)
    assert tokens.get(APPID).reveal() == others.get(APPID).reveal() == old
    assert at_once(20, lambda: others.get(APPID)) == {old: 20}
    wechat.answers.set()
    first.join()
    assert tokens.get(APPID).reveal() == others.get(APPID).reveal() != old
    assert wechat.asked == 2


def test_a_wechat_in_trouble_does_not_matter_while_the_old_token_lives(tokens, wechat, clock):
    old = tokens.get(APPID).reveal()
    clock.now += 7000
    wechat.trouble = WeChatTimeout("no answer")
    assert [tokens.get(APPID).reveal() for _ in range(5)] == [old] * 5
    assert wechat.asked == 2  # The lease keeps everybody from asking again at once.
    clock.now += 11
    wechat.trouble = None
    assert tokens.get(APPID).reveal() != old


def test_without_any_token_the_trouble_is_told_and_the_next_one_asks_again(tokens, process, wechat):
    wechat.trouble = WeChatTimeout("no answer")
    for tokens_ in (tokens, process()):
        with pytest.raises(WeChatTimeout):
            tokens_.get(APPID)
    wechat.trouble = None
    tokens.get(APPID)
    assert wechat.asked == 3


def test_everybody_who_waited_hears_of_the_trouble(tokens, wechat):
    wechat.trouble = WeChatTimeout("no answer")
    wechat.answers.clear()
    threading.Timer(0.2, wechat.answers.set).start()
    results = at_once(20, lambda: tokens.get(APPID))
    assert results == {WeChatTimeout: 20}


@pytest.mark.waits
def test_who_has_no_token_waits_no_longer_than_told_for_a_holder_that_died(tokens, store, clock):
    store.leases[APPID] = ("killed", clock.now + 10)
    with pytest.raises(WeChatUnavailable):
        tokens.get(APPID, seconds=0.2)
    assert at_once(10, lambda: tokens.get(APPID, seconds=0.2)) == {WeChatUnavailable: 10}
    clock.now += 10
    assert tokens.get(APPID)


def test_who_waits_for_another_process_gets_its_token(tokens, store, clock, wechat):
    store.leases[APPID] = ("another", clock.now + 10)
    stored = Stored(Secret("theirs"), clock.now + 7200)
    threading.Timer(0.2, lambda: store.save(APPID, "another", stored, release=True)).start()
    assert tokens.get(APPID).reveal() == "theirs"
    assert wechat.asked == 0


def test_without_the_database_the_remembered_token_is_used_to_its_end(tokens, store, clock):
    token = tokens.get(APPID).reveal()
    store.down = True
    clock.now += 7100
    assert tokens.get(APPID).reveal() == token
    clock.now += 95
    with pytest.raises(DatabaseUnavailable):
        tokens.get(APPID)


def test_a_refused_token_is_replaced_once_for_all_who_were_refused(
    tokens, process, store, wechat, clock
):
    old = tokens.get(APPID)
    others = process()
    others.get(APPID)
    wechat.ends = 0  # somebody else's force_refresh
    clock.now += 60
    results = at_once(20, lambda: tokens.refused(APPID, old))
    assert len(results) == 1
    assert old.reveal() not in results
    assert others.refused(APPID, old).reveal() in results
    assert wechat.asked == 2
    assert tokens.get(APPID).reveal() == others.get(APPID).reveal() in results


def test_who_was_refused_does_not_take_the_same_token_from_whoever_looked_before(
    tokens, store, wechat, clock
):
    old = tokens.get(APPID)
    wechat.ends = 0
    clock.now += 6950  # The process forgets it: the next one looks into the store, where it is.
    store.rows[APPID] = Stored(old, clock.now + 7000)
    looking, go_on, read = threading.Event(), threading.Event(), store.read

    def slow_read(appid):
        stored = read(appid)
        store.read = read
        looking.set()
        assert go_on.wait(30)
        return stored

    store.read = slow_read
    first = threading.Thread(target=tokens.get, args=(APPID,))
    first.start()
    assert looking.wait(30)
    results = []
    second = threading.Thread(target=lambda: results.append(tokens.refused(APPID, old)))
    second.start()
    flight = tokens._flights[APPID]
    while not flight._waiters:
        looking.wait(0.01)
    go_on.set()
    first.join()
    second.join()
    assert results[0].reveal() != old.reveal()


def test_a_token_that_wechat_refuses_and_gives_again_is_given_back_without_a_loop(tokens, wechat):
    old = tokens.get(APPID)
    for _ in range(10):
        assert tokens.refused(APPID, old).reveal() == old.reveal()
    assert wechat.asked == 2


def test_a_token_of_before_is_exchanged_for_the_present_one_without_asking(tokens, wechat):
    now = tokens.get(APPID).reveal()
    assert tokens.refused(APPID, Secret("of yesterday")).reveal() == now
    assert wechat.asked == 1


def test_a_token_that_is_nearly_over_when_it_comes_is_not_asked_for_each_time(
    tokens, wechat, clock
):
    wechat.life = 200
    for _ in range(50):
        tokens.get(APPID)
    assert wechat.asked == 1
    clock.now += 11
    tokens.get(APPID)
    assert wechat.asked == 2


def test_a_token_put_in_place_is_everybodys(tokens, process, wechat, clock):
    tokens.get(APPID)
    tokens.replace(APPID, Secret("forced"), 7200)
    assert tokens.get(APPID).reveal() == process().get(APPID).reveal() == "forced"
    assert tokens.expires_at(APPID) == clock.now + 7200


def test_no_token_is_seen_in_what_is_printed(tokens, store):
    tokens.get(APPID)
    assert "token until" not in repr(vars(tokens)) + repr(store.rows)


# -- a project's own source ------------------------------------------------------------------------


def test_a_projects_own_source_is_asked_each_time():
    given = iter(["one", "two"])
    own = OwnAccessTokens(lambda appid: f"{appid} {next(given)}", Gate(8))
    assert own.get("wx1", seconds=30).reveal() == "wx1 one"
    assert own.refused("wx1", Secret("wx1 one"), seconds=30).reveal() == "wx1 two"


@pytest.mark.parametrize("bad", [None, "", 5, b"token"])
def test_a_source_that_gives_no_text_is_unavailable(bad):
    with pytest.raises(WeChatUnavailable):
        OwnAccessTokens(lambda appid: bad, Gate(8)).get("wx1", seconds=30)


def test_a_source_that_fails_is_logged_without_its_words(caplog):
    def fail(appid):
        raise RuntimeError("canary")

    with pytest.raises(WeChatUnavailable) as caught:
        OwnAccessTokens(fail, Gate(8)).get("wx1", seconds=30)
    assert "RuntimeError" in caplog.text
    assert "canary" not in caplog.text + str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.waits
def test_a_source_that_hangs_holds_as_many_threads_as_there_are_places_and_nobody_else():
    hanging, entered = threading.Event(), []

    def hang(appid):
        entered.append(threading.current_thread())
        hanging.wait(30)
        return "late"

    own = OwnAccessTokens(hang, Gate(2))
    for _ in range(2):
        with pytest.raises(WeChatUnavailable, match="gave no"):
            own.get("wx1", seconds=0.05)
    with pytest.raises(WeChatUnavailable, match="Too many"):
        own.get("wx1", seconds=30)
    assert len(entered) == 2
    hanging.set()
    for thread in entered:
        thread.join()
    assert own.get("wx1", seconds=30).reveal() == "late"

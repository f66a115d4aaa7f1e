"""What processes share stands alike in every cache, whichever way it is asked."""

from __future__ import annotations

import threading
import uuid

import pytest
from django.conf import settings as project
from django.core.cache import caches
from django.core.cache.backends.redis import RedisCache
from django.core.management import call_command

from tests.together import together
from wxauth.services import stores
from wxauth.services.stores import Add, Delete, Get, Increase, Set, run

SHIPPED = project.CACHES["default"]
BACKENDS = "django.core.cache.backends."


class Django(RedisCache):
    """A Redis that somebody has a class of their own for."""


def lost(name):
    return (
        f"Django's RedisCache does without {name}, by which wxauth/services/stores.py finds the "
        "client of a Redis. Every login asks Redis one command at a time until it finds another "
        "way: slower, and as good."
    )


@pytest.fixture(params=["as shipped", "memory", "database", "a class of its own"])
def alias(request, settings, db):
    """The name of a cache of each kind, with nothing in it."""
    if request.param == "as shipped":
        settings.CACHES = {"default": {**SHIPPED, "KEY_PREFIX": uuid.uuid4().hex}}
    elif request.param == "memory":
        place = {"LOCATION": uuid.uuid4().hex}
        settings.CACHES = {"default": {"BACKEND": f"{BACKENDS}locmem.LocMemCache", **place}}
    elif request.param == "database":
        place = {"LOCATION": "tests_of_stores"}
        settings.CACHES = {"default": {"BACKEND": f"{BACKENDS}db.DatabaseCache", **place}}
        call_command("createcachetable", verbosity=0)
    elif "redis" in SHIPPED["BACKEND"]:
        ours = {"BACKEND": f"{__name__}.Django", "KEY_PREFIX": uuid.uuid4().hex}
        settings.CACHES = {"default": {**SHIPPED, **ours}}
    else:
        pytest.skip("The cache is no Redis.")
    return "default"


def test_a_text_is_set_once_overwritten_and_deleted(alias):
    assert run(alias, Get("a")) == [None]
    assert run(alias, Add("a", "one", 60), Add("a", "two", 60), Get("a")) == [True, False, "one"]
    assert run(alias, Set("a", "three", 60), Get("a")) == [None, "three"]
    assert run(alias, Delete("a"), Get("a")) == [None, None]


def test_a_number_goes_up_from_where_it_was_seen_last(alias):
    assert run(alias, Increase("n", 60), Increase("n", 60)) == [1, 2]
    assert run(alias, Increase("n", 60, start=2)) == [3]
    run(alias, Delete("n"))
    assert run(alias, Increase("n", 60, start=3), Increase("n", 60, start=1)) == [4, 5]


def test_one_round_may_ask_for_several_things(alias):
    assert run(alias, Increase("n", 60), Add("a", "one", 60), Get("n")) == [1, True, stored(alias)]


def stored(alias):
    """A count as its cache has it: nobody reads one but by adding to it."""
    (count,) = run(alias, Get("n"))
    assert int(count) == 1
    return count


def test_a_key_is_the_one_that_django_would_use(alias):
    run(alias, Increase("n", 60))
    assert caches[alias].get("n") == 1
    assert 0 < left(alias, "n") <= 60


def left(alias, key):
    cache = caches[alias]
    if isinstance(cache, RedisCache):
        return cache._cache.get_client().ttl(cache.make_key(key))
    cache.touch(key, 60)  # The others have no way to tell.
    return 60


@pytest.mark.skipif("redis" not in SHIPPED["BACKEND"], reason="The cache is no Redis.")
def test_many_threads_add_up(settings):
    settings.CACHES = {"default": {**SHIPPED, "KEY_PREFIX": uuid.uuid4().hex}}
    counts = together([lambda: run("default", Increase("n", 60))[0]] * 30)
    assert sorted(counts) == list(range(1, 31))


# -- what is needed of Django --------------------------------------------------------------------


@pytest.fixture
def redis_cache(settings):
    """Nobody listens there: a client is found without being asked anything."""
    pytest.importorskip("redis")
    location = "redis://127.0.0.1:9/0"
    settings.CACHES = {"default": {"BACKEND": f"{BACKENDS}redis.RedisCache", "LOCATION": location}}
    return caches["default"]


def test_django_has_a_client_of_its_redis(redis_cache):
    from redis import Redis

    assert hasattr(redis_cache, "_cache"), lost("_cache")
    assert hasattr(redis_cache._cache, "get_client"), lost("_cache.get_client")
    client = stores._get_client(redis_cache)
    assert isinstance(client, Redis), lost("a client of the package redis")
    assert client.connection_pool.connection_kwargs["port"] == 9


def test_a_thread_has_one_client_and_keeps_it(redis_cache):
    mine = stores._get_client(redis_cache)
    assert stores._get_client(caches["default"]) is mine
    others = []
    thread = threading.Thread(target=lambda: others.append(stores._get_client(caches["default"])))
    thread.start()
    thread.join()
    assert others != [mine]


def test_where_django_has_none_it_is_asked_itself(redis_cache, monkeypatch):
    monkeypatch.setattr(RedisCache, "_cache", object())
    assert stores._get_client(redis_cache) is None


def test_a_class_of_somebodys_own_is_asked_by_its_own_methods(settings):
    pytest.importorskip("redis")
    location = "redis://127.0.0.1:9/0"
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.Django", "LOCATION": location}}
    assert stores._get_client(caches["default"]) is None

"""Where the numbers stand that processes share: in a Redis, or in whatever else Django's cache is.

Django asks a Redis one thing at a time, with a client made anew for each, and unpickles what it
finds: what a login asks took five times the CPU that three pipelines of one client take. So a Redis
that is Django's is asked by its own client, under the keys that Django would use; any other cache
by Django's interface, command by command.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from django.core.cache import BaseCache, caches
from django.core.cache.backends.redis import RedisCache

#: Tries of what another process may undo in between.
TRIES = 3


@dataclass(frozen=True)
class Add:
    """Set a text unless there is one. Whether it was set."""

    key: str
    text: str
    seconds: float


@dataclass(frozen=True)
class Set:
    key: str
    text: str
    seconds: float


@dataclass(frozen=True)
class Get:
    """What stands there, a text or not, or None."""

    key: str


@dataclass(frozen=True)
class Delete:
    key: str


@dataclass(frozen=True)
class Increase:
    """Add one to a number. What it is then.

    Where there is none it begins with ``start``, what was seen of it last, and lives for so many
    seconds.
    """

    key: str
    seconds: int
    start: int = 0


Command = Add | Set | Get | Delete | Increase


def run(alias: str, *commands: Command) -> list[Any]:
    """What came of each, in one round trip where the cache can. Raises whatever goes wrong."""
    cache = caches[alias]
    client = _get_client(cache)
    if client is None:
        return [_ask_django(cache, command) for command in commands]
    return _ask_redis(cache, client, commands)


# -- Redis -------------------------------------------------------------------------------------

#: By cache, of which each thread has its own.
_clients: WeakKeyDictionary[BaseCache, Any] = WeakKeyDictionary()


def _get_client(cache: BaseCache) -> Any:
    """The client of a Redis that is Django's, or None: then Django itself is asked.

    The one place that takes more of Django than it promises; ``tests/services/test_stores.py``
    says what. A subclass may do as it likes with its Redis: it is asked like any other cache.
    """
    if type(cache) is not RedisCache:
        return None
    client = _clients.get(cache)
    if client is None:
        try:
            client = cache._cache.get_client(write=True)
        except AttributeError:  # Another Django: slower, and as good.
            return None
        _clients[cache] = client
    return client


def _ask_redis(cache: BaseCache, client: Any, commands: Sequence[Command]) -> list[Any]:
    pipeline = client.pipeline(transaction=False)
    for command in commands:
        key = cache.make_and_validate_key(command.key)
        match command:
            case Add():
                pipeline.set(key, command.text, ex=command.seconds, nx=True)
            case Set():
                pipeline.set(key, command.text, ex=command.seconds)
            case Get():
                pipeline.get(key)
            case Delete():
                pipeline.delete(key)
            case Increase():
                # Not INCR first: most windows are new to it, and those would take a second trip.
                pipeline.set(key, command.start, ex=command.seconds, nx=True)
                pipeline.incr(key)
    replies = iter(pipeline.execute())
    return [_take(command, replies) for command in commands]


def _take(command: Command, replies: Iterator[Any]) -> Any:
    reply = next(replies)
    match command:
        case Add():
            return bool(reply)
        case Get():
            return reply.decode() if isinstance(reply, bytes) else reply
        case Increase():
            return int(next(replies))
    return None


# -- any other cache ---------------------------------------------------------------------------


def _ask_django(cache: BaseCache, command: Command) -> Any:
    match command:
        case Add():
            return bool(cache.add(command.key, command.text, command.seconds))
        case Set():
            cache.set(command.key, command.text, command.seconds)
        case Get():
            return cache.get(command.key)
        case Delete():
            cache.delete(command.key)
        case Increase():
            return _increase(cache, command)
    return None


def _increase(cache: BaseCache, command: Increase) -> int:
    # Not "read, then write": two hundred requests at once would all read the same number.
    for number in range(TRIES):
        if number or not command.start:  # One that was seen before is there, most likely.
            cache.add(command.key, command.start, command.seconds)
        with suppress(ValueError):  # It expired between the two.
            return int(cache.incr(command.key))
    raise TimeoutError("A number that expires as soon as it is there.")

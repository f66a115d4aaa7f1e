"""What the transport needs of urllib3, by name. The bounds in ``pyproject.toml`` rest on this.

urllib3 promises none of it. When a new version fails here, the sentence says what does not hold any
more and what it was for: look there before the version is allowed.
"""

from __future__ import annotations

import functools

import pytest
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.poolmanager import PoolManager

from wxauth.types import Secret
from wxauth.wechat import transport

PARAMS = {"js_code": Secret("canary")}

#: What urllib3 must call of ours, and what it is for.
CALLED = {
    (transport._Connection, "_new_conn"): "the deadline holds while a connection is made",
    (transport._Connection, "is_connected"): "no code is sent on a connection that rested too long",
    (transport._Connection, "send"): "the secrets take the place of their placeholders",
    (transport._TLSConnection, "connect"): "the operator is told why TLS failed",
    (transport._Pool, "_put_conn"): "a deadline hits no other call on the same connection",
}
#: What urllib3 must have for us, and what it is for.
THERE = {
    (HTTPConnection, "_new_conn"): "the deadline holds while a connection is made",
    (HTTPConnection, "is_connected"): "no code is sent on a connection that rested too long",
    (HTTPSConnection, "connect"): "the operator is told why TLS failed",
    (HTTPConnectionPool, "ConnectionCls"): "connections are ours",
    (HTTPConnectionPool, "_put_conn"): "a deadline hits no other call on the same connection",
}


def lost(owner, name, purpose):
    return (
        f"urllib3 {urllib3.__version__} does without {owner.__name__}.{name}, which is there so "
        f"that {purpose}: see wxauth/wechat/transport.py, and the bounds in pyproject.toml."
    )


def assert_there(names):
    for (owner, name), purpose in names.items():
        assert hasattr(owner, name), lost(owner, name, purpose)


def assert_called(names, seen):
    for (owner, name), purpose in names.items():
        assert name in seen, lost(owner, name, purpose)


@pytest.fixture
def seen(monkeypatch):
    """The names of ours that were used."""
    names = set()

    def watch(owner, name):
        original = owner.__dict__[name]
        function = original.fget if isinstance(original, property) else original

        @functools.wraps(function)
        def noted(*args, **kwargs):
            names.add(name)
            return function(*args, **kwargs)

        replaced = property(noted) if isinstance(original, property) else noted
        monkeypatch.setattr(owner, name, replaced)

    for owner, name in CALLED:
        watch(owner, name)
    return names


def test_urllib3_has_what_we_override():
    assert_there(THERE)


@pytest.mark.waits
def test_urllib3_calls_what_we_override(serve, connect, wire, tls, certificate, monkeypatch, seen):
    server = serve(wire.always(wire.reply(b"{}")), tls)
    client = connect(server.url, deadline=30)
    client._adapter.verify = str(certificate[0])
    for _ in range(2):
        assert client.get("/x", PARAMS) == b"{}"
    assert_called(CALLED, seen)
    # Both on one connection, as far as urllib3 could tell from ``is_connected``.
    assert server.accepted == 1
    assert [b"canary" in head for head in server.heads] == [True, True]


def test_connections_and_pools_are_ours(connect):
    manager = connect("http://127.0.0.1:1")._adapter.poolmanager
    assert isinstance(manager, PoolManager)
    for scheme, pool, connection in (
        ("http", transport._Pool, transport._Connection),
        ("https", transport._TLSPool, transport._TLSConnection),
    ):
        made = manager.connection_from_host("127.0.0.1", 1, scheme)
        purpose = "connections are ours"
        assert type(made) is pool, lost(PoolManager, "pool_classes_by_scheme", purpose)
        assert type(made._new_conn()) is connection, lost(
            HTTPConnectionPool, "ConnectionCls", purpose
        )


def test_a_connection_knows_its_host_port_timeout_and_socket():
    connection = HTTPConnection("127.0.0.1", 1, timeout=2.0)
    found = (connection.host, connection.port, connection.timeout, connection.sock)
    assert found == ("127.0.0.1", 1, 2.0, None), (
        f"urllib3 {urllib3.__version__} keeps host, port, timeout or socket of a connection "
        "elsewhere: see _Connection in wxauth/wechat/transport.py."
    )
    error = NewConnectionError(connection, "refused")
    assert isinstance(error, HTTPError), "requests and the transport catch HTTPError."


def test_a_name_that_is_gone_would_be_said(monkeypatch):
    monkeypatch.delattr(HTTPConnectionPool, "_put_conn")
    with pytest.raises(AssertionError, match=r"without HTTPConnectionPool\._put_conn, .* deadline"):
        assert_there(THERE)
    with pytest.raises(AssertionError, match=r"without _Connection\.send, .* the secrets"):
        assert_called(CALLED, {name for _, name in CALLED} - {"send"})

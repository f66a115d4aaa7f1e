from __future__ import annotations

import json
import ssl

import pytest

from wxauth.exceptions import WeChatTimeout, WeChatUnavailable
from wxauth.types import Secret

TOKEN = {"access_token": Secret("t0ken")}


def test_a_json_object_is_posted_with_the_secrets_in_it(serve, connect, wire):
    server = serve(wire.always(wire.reply(b"{}")))
    transport = connect(server.url)
    body = {"code": Secret('c0de"\\(access_token)'), "openid": "o微", "force": True}
    for _ in range(2):
        assert transport.post("/x", TOKEN, body) == b"{}"
    assert server.accepted == 1
    for head, sent in zip(server.heads, server.bodies, strict=True):
        assert head.startswith(b"POST /x?access_token=t0ken HTTP/1.1\r\n")
        assert b"content-type: application/json\r\n" in head.lower()
        assert json.loads(sent) == {
            "code": 'c0de"\\(access_token)',
            "openid": "o微",
            "force": True,
        }


def test_a_lone_surrogate_is_sent_and_not_raised(serve, connect, wire):
    server = serve(wire.always(wire.reply(b"{}")))
    connect(server.url).post("/x", {}, {"code": Secret("\ud800")})
    assert server.bodies == [b'{"code": "\\ud800"}']


def test_the_libraries_above_see_stars(serve, connect, wire, monkeypatch):
    seen = []
    transport = connect(serve(wire.always(wire.reply(b"{}"))).url)
    send = transport._adapter.send

    def spy(request, **options):
        seen.append((request.url, request.body, dict(request.headers)))
        return send(request, **options)

    monkeypatch.setattr(transport._adapter, "send", spy)
    transport.post("/x", TOKEN, {"code": Secret("c0de")})
    ((url, body, headers),) = seen
    assert "t0ken" not in url
    assert set(body) == {ord("*")}
    assert "c0de" not in repr(headers)


@pytest.mark.waits
def test_less_time_than_the_deadline_may_be_given(serve, connect):
    server = serve(lambda server, sock: server.stopping.wait())
    transport = connect(server.url, deadline=30, read_timeout=30)
    with pytest.raises(WeChatTimeout):
        transport.post("/x", {}, {"code": Secret("c0de")}, seconds=0.2)
    with pytest.raises(WeChatTimeout):
        transport.get("/x", {}, seconds=0.2)


@pytest.mark.waits
def test_a_self_signed_certificate_is_named_for_what_it_usually_is(serve, connect, wire, tls):
    server = serve(wire.always(wire.reply(b"{}")), tls)
    with pytest.raises(WeChatUnavailable, match=r"self-signed certificate.*开放接口服务"):
        connect(server.url, deadline=5).get("/x", {})
    assert server.heads == []


@pytest.mark.waits
def test_another_trouble_with_tls_is_not(serve, connect, wire, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server = serve(wire.always(wire.reply(b"{}")), context)
    transport = connect(server.url.replace("127.0.0.1", "localhost"), deadline=5)
    transport._adapter.verify = str(certificate[0])
    with pytest.raises(WeChatUnavailable) as caught:
        transport.get("/x", {})
    assert "TLS failed" in str(caught.value)
    assert "开放接口服务" not in str(caught.value)

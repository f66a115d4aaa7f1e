"""Bodies as they come over a real socket, where a length is only a claim."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import pytest

from tests.api.contract import CONTRACT

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ask(live_server, fake_wechat):
    """Send these bytes after the usual head; the answer's status, headers and body."""

    def send(*pieces: bytes, headers: str, finish: bool = False) -> tuple[int, bytes, dict]:
        head = (
            "POST /api/wxauth/login/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\n{headers}\r\n\r\n"
        )
        address = urlsplit(live_server.url)
        with socket.create_connection((address.hostname, address.port), timeout=20) as sock:
            sock.sendall(head.encode())
            for piece in pieces:
                sock.sendall(piece)
            if finish:
                sock.shutdown(socket.SHUT_WR)
            received = b"".join(iter(lambda: sock.recv(65536), b""))
        top, _, body = received.partition(b"\r\n\r\n")
        return int(top.split()[1]), top.lower(), json.loads(body)

    return send


def assert_refused(answer: tuple[int, bytes, dict], code: str) -> None:
    status, head, body = answer
    assert (status, body["action"]) == CONTRACT[code]
    assert body["code"] == code
    assert b"cache-control: no-store" in head
    assert b"x-request-id: " in head
    assert b"content-type: application/json" in head


def test_ten_megabytes_are_too_large(ask):
    body = b'{"code": "' + b"x" * (10 * 1024 * 1024) + b'"}'
    answer = ask(body, headers=f"Content-Length: {len(body)}")
    assert_refused(answer, "payload_too_large")


def test_a_body_shorter_than_its_length_is_an_invalid_request(ask):
    answer = ask(b'{"code": "wro', headers="Content-Length: 100", finish=True)
    assert_refused(answer, "invalid_request")


def test_a_body_without_a_length_is_none(ask):
    answer = ask(headers="X-Nothing: here", finish=True)
    assert_refused(answer, "invalid_request")
    assert answer[2]["field"] == "code"


def test_a_chunked_body_without_end_is_not_waited_for(ask):
    answer = ask(headers="Transfer-Encoding: chunked")
    assert_refused(answer, "invalid_request")


def test_a_body_in_small_pieces_is_read_whole(ask):
    pieces = [bytes([byte]) for byte in b'{"code": "wrong"}']
    answer = ask(*pieces, headers=f"Content-Length: {len(pieces)}")
    assert_refused(answer, "invalid_code")

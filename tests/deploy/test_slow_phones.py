"""Phones in a tunnel: what they keep waiting is nginx, and nobody else."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from contextlib import ExitStack

import pytest

from .stack import APPID, HOST
from .traffic import Traffic, tell

pytestmark = pytest.mark.slow

#: More than there are threads in all processes together.
PHONES = 64


@pytest.fixture
def phones(stack):
    """Connections that nobody reads from yet."""
    with ExitStack() as opened:

        def phone():
            plain = socket.socket()
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            plain.settimeout(20)
            plain.connect(("127.0.0.1", stack.nginx.port))
            return opened.enter_context(stack.tls.wrap_socket(plain, server_hostname=HOST))

        yield [phone() for _ in range(PHONES)]


def answered(stack, seconds):
    """What others get meanwhile."""
    with Traffic(stack, connections=8, rate=40) as traffic:
        traffic.wait(40 * seconds(5, 60))
    return traffic.got


def test_bodies_that_come_byte_by_byte_keep_nobody_waiting(stack, phones, seconds):
    code = stack.wechat.fake.login_code("phone-0", APPID)
    body = json.dumps({"code": code}).encode()
    head = f"POST /api/wxauth/login/ HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    for phone in phones:
        phone.sendall(head.encode())
    over = threading.Event()

    def dribble():
        for place in range(len(body) - 1):
            for phone in phones:
                phone.sendall(body[place : place + 1])
            if over.wait(1):
                return place + 1
        return len(body) - 1

    sent = []
    dribbling = threading.Thread(target=lambda: sent.append(dribble()))
    dribbling.start()
    try:
        got = answered(stack, seconds)
    finally:
        over.set()
        dribbling.join()
    tell(f"{PHONES} bodies at one byte a second", got)
    assert Counter(each.status for each in got) == {200: len(got)}
    # Whoever comes out of the tunnel is let in.
    phones[0].sendall(body[sent[0] :])
    assert phones[0].recv(64).startswith(b"HTTP/1.1 200")


def test_answers_that_nobody_reads_keep_nobody_waiting(stack, phones, seconds):
    # Processes that have never made it: the first time is what two threads used to break.
    stack.gunicorn.reload()
    # The largest answer there is, more than all the buffers of a socket hold.
    request = f"GET /api/schema/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
    for phone in phones:
        phone.sendall(request.encode())
    got = answered(stack, seconds)
    tell(f"{PHONES} answers that nobody reads", got)
    assert Counter(each.status for each in got) == {200: len(got)}
    assert {phone.recv(12) for phone in phones} == {b"HTTP/1.1 200"}

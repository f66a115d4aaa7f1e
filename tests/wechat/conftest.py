"""A server that does whatever a script says, on a real socket."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
import threading

import pytest

from wxauth.wechat.transport import Transport


class Server:
    """Accepts connections and hands each to ``script(server, sock)`` in a thread of its own."""

    def __init__(self, script, tls=None):
        self.script = script
        self.tls = tls
        self.accepted = 0
        self.heads = []
        self.bodies = []
        #: Whether somebody sat through a drip to its end: how to tell a deadline without a clock.
        self.dripped = False
        self.stopping = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self._accept)]
        self.threads[0].start()

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def read_head(self, sock):
        """The head of one request, read to its end; empty when the client has hung up."""
        head, length = b"", 0
        sock.settimeout(0.05)
        while len(head) < head.find(b"\r\n\r\n") + 4 + length or b"\r\n\r\n" not in head:
            try:
                piece = sock.recv(4096)
            except TimeoutError:
                if self.stopping.is_set():
                    return b""
                continue
            if not piece:
                return b""
            head += piece
            found = re.search(rb"\r\ncontent-length: ([0-9]+)\r\n", head.lower())
            length = int(found[1]) if found else 0
        sock.settimeout(30)
        head, separator, body = head.partition(b"\r\n\r\n")
        self.heads.append(head + separator)
        self.bodies.append(body)
        return head + separator

    def drip(self, sock, data):
        """One byte at a time, far more often than any read timeout."""
        for position, byte in enumerate(data, 1):
            self.dripped = position == len(data)
            sock.sendall(bytes([byte]))
            if self.stopping.wait(0.05):
                return

    def stop(self):
        if self.stopping.is_set():
            return
        self.stopping.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            thread = threading.Thread(target=self._serve, args=(sock,))
            self.threads.append(thread)
            thread.start()

    def _serve(self, sock):
        sock.settimeout(30)
        try:
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
            self.script(self, sock)
        except OSError:
            pass  # The client hung up: the business of the test, not of the server.
        finally:
            sock.close()


def reply(body, status="200 OK", headers=()):
    length = f"Content-Length: {len(body)}"
    lines = [f"HTTP/1.1 {status}", "Content-Type: text/plain", length, *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def always(data):
    """A script: every request gets these bytes; the connection stays."""

    def script(server, sock):
        while server.read_head(sock):
            sock.sendall(data)

    return script


@pytest.fixture
def serve():
    servers = []

    def start(script, tls=None):
        servers.append(Server(script, tls))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def connect():
    """Make a transport that is closed at the end. Times are short, and far from each other."""
    transports = []

    def make(url, **options):
        transports.append(Transport(url, **{"deadline": 0.6, **options}))
        return transports[-1]

    yield make
    for transport in transports:
        transport.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """(certificate, key) of a self-signed server, as paths."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert),
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


@pytest.fixture
def tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


@pytest.fixture
def wire():
    """The two functions that write HTTP by hand."""

    class Wire:
        pass

    Wire.reply, Wire.always = staticmethod(reply), staticmethod(always)
    return Wire

"""The fake WeChat on a real port."""

from __future__ import annotations

import contextlib
import ipaddress
import signal
import socket
import socketserver
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from .browser import PhoneBrowser
from .consent import PREFIX as CONNECT
from .fake import FakeWeChat, read_json
from .faults import Reply
from .page import PhonePage, Request
from .phone import compact
from .refusals import Refused
from .sandbox import PREFIX, control


class FakeWeChatServer:
    """Serves a fake under ``url``, in threads of its own.

    A context manager: the port is bound by the constructor (``OSError`` where it cannot be; 0
    takes a free one), answered from ``start()`` on and closed by ``close()``, which also breaks
    off whatever is still open. ``fake`` may be replaced while the server runs. ``page`` is the
    simulated phone, where one is to be served.
    """

    def __init__(
        self,
        fake: FakeWeChat,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        page: PhonePage | None = None,
    ) -> None:
        self._http = _HTTPServer((host, port), _Handler)
        self._http.page = page
        self.url = f"http://{host}:{self._http.server_address[1]}"
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._http.fake = fake
        fake.url = self.url

    @property
    def fake(self) -> FakeWeChat:
        """What answers. Replacing it lets go of whatever the former one kept waiting."""
        return self._http.fake

    @fake.setter
    def fake(self, fake: FakeWeChat) -> None:
        self._http.fake.faults.clear()
        self._http.fake = fake
        fake.url = self.url

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        if self._thread.ident is not None:  # else shutdown() waits for a loop that never ran
            self._http.shutdown()
            self._thread.join()
        self.fake.faults.clear()
        self._http.server_close()

    def __enter__(self) -> FakeWeChatServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class PhoneBrowserServer:
    """Serves WeChat's browser of the simulated phone under ``port``, a free one."""

    def __init__(self, browser: PhoneBrowser, host: str) -> None:
        self._http = _HTTPServer((host, 0), _BrowserHandler)
        self._http.browser = browser
        self.port = int(self._http.server_address[1])

    def __enter__(self) -> PhoneBrowserServer:
        threading.Thread(target=self._http.serve_forever, args=[0.05], daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()


class StopSignal:
    """Ctrl-C and SIGTERM as something to wait for. Made in the main thread, before serving."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._stopped.set())

    def wait(self) -> None:
        # In steps: a wait without end cannot be interrupted on Windows.
        while not self._stopped.wait(0.5):
            pass


class _HTTPServer(ThreadingHTTPServer):
    fake: FakeWeChat
    page: PhonePage | None
    browser: PhoneBrowser
    daemon_threads = True
    # The default of 5 would refuse connections that arrive together.
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[_Handler]) -> None:
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        super().__init__(address, handler)

    def server_bind(self) -> None:
        # Not HTTPServer's own: it asks the DNS for the host's name, which may take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.socket.getsockname()[:2]

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        # Else a kept-alive connection would go on answering: this WeChat is gone.
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Clients that give up are what faults are for; anything else is a bug to be seen.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection; the ``Wire`` of ``faults``."""

    server: _HTTPServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        request = self.read()
        if request is None:
            return
        fake, page, path = self.server.fake, self.server.page, urlsplit(request.target).path
        params, body = request.query, request.body
        if path.startswith(PREFIX):
            self.reply(control(fake, self.command, path, params, body))
            return
        if path.startswith(CONNECT):
            self.reply(fake.connect(request.target, request.headers))
            return
        if page is not None and page.owns(path):
            self.reply(page.answer(request))
            return
        asked = {**params, **_fields(body)}
        fake.record(path, asked)
        fault, over = fake.faults.take(path)
        answer = fault.answer(lambda: fake.answer(path, params, body, self.command))
        if page is not None:
            page.note(path, asked, fault, answer)
        fault.send(self, answer if isinstance(answer, Reply) else _reply(fake, answer), over)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 -- the standard library's names

    def read(self) -> Request | None:
        """What is asked, if it may be answered."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or "Transfer-Encoding" in self.headers:
            # Without its end known, the next request of this connection cannot be found.
            self.close_connection = True
            self.send_error(411)
            return None
        body = self.rfile.read(int(length))
        if not _is_local_name(self.headers.get("Host", "")):
            self.send_error(421, "This is no name of a machine in your network")
            return None
        query = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, self.path, query, headers, body)

    def reply(self, reply: Reply) -> None:
        self.head(reply)
        self.body(reply.body)

    def head(self, reply: Reply) -> None:
        self.send_response(reply.status)
        # WeChat labels JSON as text/plain without a charset (protocol 1.4).
        self.send_header("Content-Type", reply.content_type)
        length = len(reply.body) if reply.length is None else reply.length
        self.send_header("Content-Length", str(length))
        if reply.location is not None:
            self.send_header("Location", reply.location)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def body(self, data: bytes) -> None:
        self.wfile.write(data)

    def hang_up(self, *, reset: bool = False) -> None:
        self.close_connection = True
        if reset:
            # With a linger of 0 seconds, closing sends RST in place of FIN.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- likewise
        """Quiet: a URL holds the AppSecret."""


class _BrowserHandler(_Handler):
    def do_GET(self) -> None:
        request = self.read()
        if request is not None:
            self.reply(self.server.browser.answer(request))

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 -- likewise


def _is_local_name(host: str) -> bool:
    """Whether no web page out there can have this name.

    A page that the developer visits could otherwise give its own name our address (DNS rebinding),
    and be anybody. An address is no name; names without a dot, and these, exist in no public DNS.
    """
    name = urlsplit(f"//{host}").hostname or ""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "." not in name or name.endswith((".localhost", ".local", ".internal"))
    return True


def _fields(body: bytes) -> dict[str, Any]:
    """What a request posts, for those who look on."""
    try:
        return read_json(body)
    except Refused:
        return {}


def _reply(fake: FakeWeChat, answer: dict[str, Any]) -> Reply:
    text = compact(answer)
    if fake.escape_slashes:
        text = text.replace("/", "\\/")
    return Reply(text.encode("utf-8", "backslashreplace"))

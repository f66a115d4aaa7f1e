"""Between a server and its clients: counts how often a client spoke and was answered."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Proxy:
    """Passes on what is said. A context manager; ``port`` is where it listens."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self.port = 0
        self.turns = 0

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._server_port)
        spoke = ["server"]
        await asyncio.gather(
            self._pass(reader, back, spoke, "client"), self._pass(there, writer, spoke, "server")
        )

    async def _pass(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, spoke: list[str], who: str
    ) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65536):
                if who == "client":
                    self.turns += spoke[0] != "client"
                    self.note(data)
                spoke[0] = who
                sink.write(data)
        sink.close()

    def note(self, data: bytes) -> None:
        """What a client said."""


class PostgresProxy(Proxy):
    """Counts the statements, too: BEGIN, COMMIT and a driver's health checks are some."""

    statements = 0

    def note(self, data: bytes) -> None:
        # A client speaks in whole messages, and each here fits into one piece: a letter, the
        # length. Only the first of a connection has no letter. Q: a query; E: one parsed before.
        while len(data) >= 5:
            letter = data[:1]
            offset = 1 if letter.isalpha() else 0
            self.statements += letter in (b"Q", b"E")
            data = data[offset + int.from_bytes(data[offset : offset + 4], "big") :]

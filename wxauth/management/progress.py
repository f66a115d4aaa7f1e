"""How far a long command is, for whoever sits before it."""

from __future__ import annotations

import time
from typing import Any

WIDTH = 30
#: Seconds between two pictures.
PAUSE = 0.2


class Progress:
    """A bar that draws itself over and over, on a terminal; elsewhere it is silent."""

    def __init__(self, stream: Any, total: int) -> None:
        self._stream = stream
        self._total = max(total, 1)
        self._drawn = 0.0
        self._on = bool(stream.isatty())

    def show(self, position: int, text: str) -> None:
        now = time.monotonic()
        if not self._on or now - self._drawn < PAUSE:
            return
        self._drawn = now
        share = min(position / self._total, 1)
        bar = "#" * int(share * WIDTH)
        self._write(f"[{bar:<{WIDTH}}] {share:4.0%}  {text}")

    def clear(self) -> None:
        """Make room for other output."""
        if self._on:
            self._write("")
            self._drawn = 0

    def _write(self, text: str) -> None:
        # Back to the beginning of the line; what stood there goes.
        self._stream.write(f"\r\x1b[K{text}", ending="")
        self._stream.flush()

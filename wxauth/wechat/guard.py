"""What stands between a process and WeChat: places, and a circuit per app and endpoint group."""

from __future__ import annotations

import threading

from .circuit import Circuit
from .gate import Gate


class Guard:
    """Shared by all clients of a process. ``places``: calls at once."""

    def __init__(self, places: int = 8) -> None:
        self.gate = Gate(places)
        self._lock = threading.Lock()
        self._circuits: dict[tuple[str, str], Circuit] = {}

    def circuit(self, appid: str, group: str) -> Circuit:
        with self._lock:
            if (appid, group) not in self._circuits:
                self._circuits[appid, group] = Circuit(f"app {appid}, {group}")
            return self._circuits[appid, group]

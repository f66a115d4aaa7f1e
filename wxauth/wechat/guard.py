"""What stands between a process and WeChat: places, and per app and endpoint group a lane."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from .circuit import Circuit
from .gate import Gate
from .pace import Pace


@dataclass(frozen=True)
class Lane:
    circuit: Circuit
    pace: Pace


class Guard:
    """Shared by all clients of a process. ``places``: calls at once."""

    def __init__(self, places: int = 8) -> None:
        self.gate = Gate(places)
        self._lock = threading.Lock()
        self._lanes: dict[tuple[str, str], Lane] = {}

    def lane(self, appid: str, group: str) -> Lane:
        with self._lock:
            if (appid, group) not in self._lanes:
                self._lanes[appid, group] = Lane(Circuit(f"app {appid}, {group}"), Pace())
            return self._lanes[appid, group]

"""CPU seconds of processes with all their children, and of everybody else on the machine."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping

import psutil

#: Cores that others may use before a round is not worth much.
TOLERATED = 0.15


def cpu(root: psutil.Process) -> float:
    """Seconds of a process and its children, those that have ended included."""
    times = root.cpu_times()
    seconds: float = times.user + times.system + times.children_user + times.children_system
    for child in root.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


class Meter:
    """What each of these processes used since the meter was made."""

    def __init__(self, processes: Mapping[str, psutil.Process]) -> None:
        self._processes = processes
        self._before = self._read()

    def read(self) -> dict[str, float]:
        """CPU seconds by name; ``others``: cores that the rest of the machine kept busy."""
        used = {name: now - self._before[name] for name, now in self._read().items()}
        elapsed, machine = used.pop("elapsed"), used.pop("machine")
        used["others"] = max(0.0, machine - sum(used.values())) / max(elapsed, 0.01)
        return used

    def _read(self) -> dict[str, float]:
        times = psutil.cpu_times()
        # Stolen time counts: another machine on the same hardware was busy.
        machine = sum(times) - times.idle - getattr(times, "iowait", 0.0)
        # What guests use, user and nice hold already.
        machine -= getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        return {
            **{name: cpu(process) for name, process in self._processes.items()},
            "phones": time.process_time(),  # That is us.
            "elapsed": time.monotonic(),
            "machine": machine,
        }

"""How much is done: for figures that stand, for a quick look, or to see that the bench works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    name: str
    #: How often each target is started, and has its turn with each operation.
    starts: int
    rounds: int
    #: Requests in one turn.
    turns: Mapping[str, int]
    #: New people whose first logins arrive together, 16 of each.
    twins: int
    threads: tuple[int, ...]
    clients: tuple[int, ...]
    seconds: float
    #: Logins after which the memory is looked at; others than the project stop at the second.
    logins: tuple[int, ...]


FULL = Plan(
    "full",
    starts=2,
    rounds=5,
    turns={"first": 80, "returning": 150, "me": 250, "phone": 80, "phone_code": 60},
    twins=12,
    threads=(8, 16, 32, 64),
    clients=(50, 200),
    seconds=2.4,
    logins=(100, 10_000, 100_000),
)
QUICK = Plan(
    "quick",
    starts=1,
    rounds=3,
    turns={"first": 40, "returning": 60, "me": 100, "phone": 40, "phone_code": 30},
    twins=4,
    threads=(16, 32),
    clients=(200,),
    seconds=2.0,
    logins=(100, 1_000),
)
SMOKE = Plan(
    "smoke",
    starts=1,
    rounds=1,
    turns=dict.fromkeys(("first", "returning", "me", "phone", "phone_code"), 3),
    twins=1,
    threads=(8,),
    clients=(10,),
    seconds=0.3,
    logins=(30, 40),
)

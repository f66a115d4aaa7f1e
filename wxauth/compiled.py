"""Statements that are built once: what the ORM makes of a queryset, run again with other values.

Building the SELECT of a login or of a token check, over four or five tables, takes the ORM several
times as long as running it. Here it is built at a process's first request; from then on only the
values change. What runs it, and makes objects of the row, is the ORM as ever.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import connections, models

M = TypeVar("M", bound=models.Model)


class _Slot(str):
    """Stands in a queryset where a text will stand."""

    __slots__ = ()


@dataclass(frozen=True)
class _Statement:
    queryset: Any
    compiler: Any
    sql: str
    #: Slots, and whatever is the same each time.
    params: tuple[Any, ...]


class Compiled(Generic[M]):
    """The one row, or none, that ``find`` finds among some rows by some texts.

    ``find`` is a method of a queryset. The texts are compared with columns of texts, and the SQL is
    the same whatever they are.
    """

    def __init__(self, find: Callable[..., models.QuerySet[M]]) -> None:
        self._find = find
        #: By database: each has its own dialect.
        self._statements: dict[str, _Statement] = {}

    def get(self, rows: models.QuerySet[M], *texts: str) -> M | None:
        alias = rows.db
        slots = tuple(_Slot(number) for number in range(len(texts)))
        statement = self._statements.get(alias) or self._build(rows, slots)
        values = dict(zip(slots, texts, strict=True))
        params = tuple(values[p] if type(p) is _Slot else p for p in statement.params)
        # Threads share what was built; each has a connection and values of its own.
        compiler = copy(statement.compiler)
        compiler.connection = connections[alias]
        compiler.as_sql = lambda: (statement.sql, params)
        queryset = statement.queryset.all()
        queryset.query.get_compiler = lambda **kwargs: compiler
        return next(iter(queryset), None)

    def _build(self, rows: models.QuerySet[M], slots: tuple[_Slot, ...]) -> _Statement:
        queryset = self._find(rows, *slots)
        compiler: Any = queryset.query.get_compiler(using=rows.db)
        sql, params = compiler.as_sql()
        # One that became a constant on the way would find the same row for everybody.
        if sorted(p for p in params if type(p) is _Slot) != sorted(slots):
            raise TypeError("Not every text is a parameter of the statement.")
        statement = self._statements[rows.db] = _Statement(queryset, compiler, sql, tuple(params))
        return statement

"""Everybody whom WeChat knows here, in the format that importing reads."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from typing import IO

from wxauth.models import OpenId
from wxauth.services.profile import phone

from .records import COLUMNS, escape

BATCH = 2000


def export_people(file: IO[str], *, as_csv: bool, phones: bool) -> Iterator[int]:
    """Write a line for each openid, yielding their number after each batch.

    Phone numbers stay out unless asked for: the file holds them in plain text.
    """
    columns = [name for name in COLUMNS if phones or name != "phone"]
    write = _csv_writer(file, columns) if as_csv else _json_writer(file)
    written = last = 0
    while rows := list(_page(last)):
        for openid in rows:
            person = openid.identity.person
            number = phone.read(person) if phones else None
            values = {
                "openid": openid.openid,
                "appid": openid.appid,
                "unionid": openid.identity.unionid or "",
                "user": str(person.pk),
                "nickname": person.nickname,
                "phone": number.reveal() if number else "",
            }
            write({name: values[name] for name in columns})
        last = rows[-1].pk
        written += len(rows)
        yield written


def _page(last: int) -> Iterator[OpenId]:
    rows = OpenId.objects.filter(pk__gt=last).order_by("pk").select_related("identity__person")
    return iter(rows[:BATCH])


def _csv_writer(file: IO[str], columns: list[str]) -> Callable[[dict[str, str]], object]:
    writer = csv.DictWriter(file, columns)
    writer.writeheader()
    return lambda values: writer.writerow({name: escape(values[name]) for name in columns})


def _json_writer(file: IO[str]) -> Callable[[dict[str, str]], object]:
    def write(values: dict[str, str]) -> None:
        filled = {name: value for name, value in values.items() if value}
        file.write(json.dumps(filled, ensure_ascii=False) + "\n")

    return write

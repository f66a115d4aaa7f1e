"""People as lines of a file or rows of a project's table: what importing and exporting speak.

CSV with a header, or one JSON object a line; the columns are ``openid``, ``appid``, ``unionid``,
``user`` (the key of the user), ``nickname`` and ``phone``. Only ``openid`` and ``user`` must be
there. Nothing here keeps more than one line in memory.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from django.db import models
from django.utils.translation import gettext as _

from wxauth import strict_json
from wxauth.services.profile import phone, user_info
from wxauth.types import ID, Secret

COLUMNS = ("openid", "appid", "unionid", "user", "nickname", "phone")


#: What a spreadsheet takes for the beginning of a formula, be it in somebody's nickname.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def escape(text: str) -> str:
    """A cell of CSV that no spreadsheet computes: with an apostrophe in front, where need be."""
    return f"'{text}" if text.startswith((*_FORMULA, "'")) else text


def unescape(text: str) -> str:
    """What ``escape`` was given."""
    return text[1:] if text.startswith("'") and text[1:].startswith((*_FORMULA, "'")) else text


class Refused(Exception):  # noqa: N818 - a word: the line is refused, nothing is wrong here
    """A line that cannot be taken. The reason is for people and repeats nothing of the line."""


class Unreadable(Exception):  # noqa: N818 - likewise
    """A file that is not what it should be from here on."""


@dataclass(frozen=True)
class Record:
    """One line. ``user`` is a key as text."""

    openid: str
    appid: str
    unionid: str | None
    user: str
    nickname: str = ""
    phone: Secret | None = field(default=None, repr=False)

    @cached_property
    def phone_hash(self) -> str | None:
        """What the number is found by."""
        return phone.digest(self.phone) if self.phone else None


@dataclass(frozen=True)
class Line:
    """A line with its number and either what it says or why it is refused.

    ``position``: how far the source is read, in whatever it is measured by.
    """

    number: int
    position: int
    content: Record | Refused


@dataclass
class Sums:
    """What became of the lines so far, and those of the last batch that were refused, with the
    reasons."""

    unchanged: int = 0
    refused: int = 0
    #: How far the source is read, as in ``Line``.
    position: int = 0
    refusals: list[tuple[int, str]] = field(default_factory=list)


def read_file(path: Path, *, appid: str | None) -> Iterator[Line]:
    """The lines of a file: JSON lines, or CSV where its name ends in ``.csv``.

    ``appid`` stands where a line names none. Raises ``Unreadable`` and ``OSError``.
    """
    with path.open("rb") as file:
        rows = _read_csv(file) if path.suffix.lower() == ".csv" else _read_json(file)
        for number, row in rows:
            yield Line(number, file.tell(), _parse(row, appid))


def read_model(
    rows: models.QuerySet[Any], columns: Mapping[str, str], *, appid: str
) -> Iterator[Line]:
    """The rows of a table of the project. ``columns``: our column → the field of the table.

    By primary key, in batches: some databases would send a whole table at once.
    """
    names = ["pk", *columns.values()]
    last: Any = None
    number = 0
    while True:
        page = rows.order_by("pk") if last is None else rows.order_by("pk").filter(pk__gt=last)
        found = list(page.values_list(*names)[:2000])
        if not found:
            return
        for last, *values in found:  # noqa: B007 - where the next page begins
            number += 1
            row = dict(zip(columns, values, strict=True))
            yield Line(number, number, _parse(row, appid))


def _read_csv(file: IO[bytes]) -> Iterator[tuple[int, Any]]:
    reader = csv.DictReader(decode(file))
    try:
        missing = {"openid", "user"} - set(reader.fieldnames or ())
        if missing:
            raise Unreadable(_("The header names no column %(name)s.") % {"name": min(missing)})
        for row in reader:
            whole = None not in row and None not in row.values()
            yield (
                reader.line_num,
                {name: unescape(text) for name, text in row.items()} if whole else None,
            )
    except (csv.Error, UnicodeDecodeError):
        raise Unreadable(
            _("Line %(number)d is not CSV in UTF-8.") % {"number": reader.line_num + 1}
        ) from None


def _read_json(file: IO[bytes]) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            # Each may have a byte order mark: files are put one after the other.
            yield number, strict_json.read_object(line.removeprefix(codecs.BOM_UTF8))
        except ValueError:
            yield number, None


def decode(file: IO[bytes]) -> Iterator[str]:
    """Line by line: a text file reads ahead, and does not know its position meanwhile."""
    encoding = "utf-8-sig"  # Spreadsheets write a byte order mark.
    for line in file:
        yield line.decode(encoding)
        encoding = "utf-8"


def _parse(row: Any, appid: str | None) -> Record | Refused:
    if not isinstance(row, Mapping):
        return Refused(_("This is no record."))
    try:
        values = {name: _text(row.get(name)) for name in COLUMNS}
        number = _phone(values["phone"])
    except Refused as refused:
        return refused
    if not ID.fullmatch(values["openid"]):
        return Refused(_("The openid is missing, or is none."))
    if values["unionid"] and not ID.fullmatch(values["unionid"]):
        return Refused(_("The unionid is none."))
    if not values["user"]:
        return Refused(_("The user is missing."))
    named = values["appid"] or appid
    if not named:
        return Refused(_("The appid is missing."))
    return Record(
        openid=values["openid"],
        appid=named,
        unionid=values["unionid"] or None,
        user=values["user"],
        nickname=user_info.clean_nickname(values["nickname"]),
        phone=number,
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (bool, float, list, dict)):
        raise Refused(_("A value is neither a text nor a whole number."))
    return str(value).strip()


def _phone(text: str) -> Secret | None:
    if not text:
        return None
    number = phone.parse(text)
    if number is None:
        raise Refused(_("The phone number is neither +<country code>… nor 11 digits."))
    return number

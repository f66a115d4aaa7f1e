"""Freeze the newest schema: ``.venv/bin/python tests/freeze.py``, once, when its migration lands.

Writes ``tests/fixtures/schema-NNNN``: rows of every table, and what SQLite, PostgreSQL, MariaDB
and MySQL (where ``databases.py`` finds them) make of the tables. What is frozen already is left
alone.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django
from django.conf import settings
from django.db import connection, models
from django.test.utils import setup_databases, teardown_databases

#: Rows per table: an ordinary one, a full one, one of nulls and blanks.
ORDINARY, FULL, BARE = 1, 2, 3
TEXTS = (models.CharField, models.FileField, models.TextField)
#: So that a frozen row can be tried: who alice is, and what opens her rows.
ALICE = {
    "token": "wxa_frozen-token-of-alice-0123456789abcdefghijklmno",
    "openid": "o-alice",
    "appid": "wx0000000000000001",
    "unionid": "u-alice",
    "phone": "+8613800138001",
    "session_key": "c2Vzc2lvbi1rZXktMTIzNA==",
}


def main() -> None:
    if sys.argv[1:] == ["--here"]:
        freeze()
        return
    from tests.databases import SUITES, call, silent_server

    for name in ("SQLite", "PostgreSQL", "MariaDB", "MySQL"):
        problem = silent_server(SUITES[name][0])
        if problem is None and (code := call(name, __file__, "--here")):
            problem = f"ended with {code}"
        print(f"{name}: {problem or 'frozen'}")


def freeze() -> None:
    """Freeze what the database of the settings makes of it."""
    django.setup()
    from tests import schemas

    databases = setup_databases(verbosity=0, interactive=False)
    try:
        newest = schemas.numbers()[-1]
        folder = schemas.FIXTURES / f"schema-{newest}"
        folder.mkdir(parents=True, exist_ok=True)
        apps = schemas.apps_at(newest)
        write(folder / f"{connection.display_name.lower()}.json", schemas.describe(apps))
        if not (folder / "rows.json").exists():
            keys = {name: settings.WXAUTH[name] for name in ("ENCRYPTION_KEYS", "LOOKUP_KEY")}
            rows = make_rows(schemas.tables(apps))
            schemas.load(apps, rows)
            rows = schemas.dump(apps)
            write(folder / "rows.json", {"alice": ALICE, "keys": keys, "rows": rows})
    finally:
        teardown_databases(databases, verbosity=0)


def write(path: Path, content: dict[str, Any]) -> None:
    if not path.exists():
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def make_rows(tables: list[Any]) -> dict[str, list[dict[str, Any]]]:
    rows = {
        model.__name__: [
            {
                field.attname: make_value(field, number)
                for field in model._meta.local_concrete_fields
            }
            for number in (ORDINARY, FULL, BARE)
        ]
        for model in tables
    }
    for name, values in make_alice().items():
        rows[name][0].update(values)
    # Two who may be one; the full person was merged into somebody else.
    rows["Person"][FULL - 1]["merged_into_id"] = ORDINARY
    for row in rows["Conflict"]:
        row["owner_id"] = row["person_id"] % 3 + 1
    # Merges of the formats that there are.
    for row in rows["Merge"]:
        row["format"] = row["id"] % 2 + 1
    return dict(json.loads(json.dumps(rows, default=str)))


def make_value(field: Any, number: int) -> Any:
    """Something for this column; what is unique differs from row to row."""
    if field.is_relation:
        return None if field.null and number != FULL else number
    if field.primary_key:
        return f"key-{number}" if isinstance(field, TEXTS) else number
    if field.null and number == BARE:
        return None
    if field.blank and number == BARE and isinstance(field, TEXTS):
        return ""
    if isinstance(field, models.GenericIPAddressField):
        return f"2001:db8::{number}"
    if isinstance(field, (models.CharField, models.FileField)):
        # As long as it may be, with what four bytes, case and final blanks can do to it.
        text = f"{field.name} {number} 微信🐼 Aa"
        return text.ljust(field.max_length if number == FULL else 0, "ä")[: field.max_length]
    if isinstance(field, models.TextField):
        return f"{field.name} {number} 微信🐼\n" * 50
    if isinstance(field, models.JSONField):
        return {"微信": [number, None, True, {"🐼": "a b"}]}
    if isinstance(field, models.BooleanField):
        return number == FULL
    if isinstance(field, models.DateTimeField):
        return datetime(2026, 3, number, 23, 59, 59, 123456, timezone.utc)
    if isinstance(field, models.DateField):
        return date(2026, 2, number)
    if isinstance(field, models.IntegerField):
        return 32767 if number == FULL else number
    raise NotImplementedError(f"Say here what may stand in {field!r}.")


def make_alice() -> dict[str, dict[str, Any]]:
    """What has to be right for the first row of each table to be somebody's."""
    from wxauth.crypto.tokens import token_digest
    from wxauth.sealed import ACCESS_TOKEN, PHONE, SESSION_KEY, SealedColumn
    from wxauth.types import Secret
    from wxauth.wiring import get_keyring

    def seal(text: str, column: SealedColumn, row: object) -> str:
        return column.seal(get_keyring(), Secret(text), row=row)

    digest, appid = token_digest(ALICE["token"]), ALICE["appid"]
    return {
        "Person": {
            "sealed_phone": seal(ALICE["phone"], PHONE, ORDINARY),
            "blocked_at": None,
            "merged_into_id": None,
        },
        "Identity": {"platform": "default", "unionid": ALICE["unionid"]},
        "OpenId": {"appid": appid, "openid": ALICE["openid"]},
        "Login": {
            "digest": digest,
            "sealed_session_key": seal(ALICE["session_key"], SESSION_KEY, digest),
            "channel": "miniprogram",
            "expires_at": datetime(2999, 1, 1, tzinfo=timezone.utc),
            "revoked_at": None,
        },
        "AccessToken": {"appid": appid, "sealed_token": seal("x" * 512, ACCESS_TOKEN, appid)},
    }


if __name__ == "__main__":
    main()

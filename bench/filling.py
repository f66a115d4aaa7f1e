"""Rows for ``bench.growth``: ``python -m bench.filling LOGINS SEALED LINES FOLDER``, on PostgreSQL.

People with five live logins each, from the last six days. The first ``SEALED`` logins hold a
session_key that opens, as the product seals it; the others one that looks like it and bears the
name of a newer key, as if a rotation had been there. And, in a folder, two files of so many lines
for ``wxauth_import``, of users who have no person yet.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import django

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from bench.wechat import APPID, openid, session_key  # noqa: E402
from wxauth.crypto.tokens import token_digest  # noqa: E402
from wxauth.models import Login, OpenId  # noqa: E402
from wxauth.services.data import session_keys  # noqa: E402
from wxauth.types import Secret  # noqa: E402

EACH = 5
#: Rows made at once.
BATCH = 2_000

PEOPLE = """
    INSERT INTO users_user (username, password, is_superuser, first_name, last_name, email,
                            is_staff, is_active, date_joined)
    SELECT 'grown' || i, '!', false, '', '', '', false, true, now()
    FROM generate_series(0, %(people)s - 1) AS i ORDER BY i;
    INSERT INTO wxauth_person (user_id, nickname, nickname_appid, avatar, avatar_url, avatar_appid,
                               phone_appid, blocked_by, blocked_reason, created_at)
    SELECT id, '', '', '', '', '', '', '', '', now() FROM users_user ORDER BY id;
    INSERT INTO wxauth_identity (person_id, platform)
    SELECT user_id, %(appid)s FROM wxauth_person ORDER BY user_id;
    INSERT INTO wxauth_openid (identity_id, appid, openid, failures, created_at)
    SELECT identity.id, %(appid)s,
           'o' || left(translate(encode(sha256(username::bytea), 'base64'), '+/', '-_'), 27), 0,
           now()
    FROM wxauth_identity AS identity JOIN users_user ON users_user.id = identity.person_id
    ORDER BY identity.id
"""
LOGINS = """
    INSERT INTO wxauth_login (via_id, person_id, digest, sealed_session_key, channel, created_at,
                              expires_at, user_agent, address)
    SELECT openid.id, person_id, left(encode(sha256(('login' || i)::bytea), 'hex'), 43),
           '1ffffffff.' || repeat(md5(i::text), 2) || 'abcdef', 'miniprogram', at,
           at + interval '7 days', repeat('x', 90), '203.0.113.7'
    FROM generate_series(%(sealed)s, %(logins)s - 1) AS i
    CROSS JOIN LATERAL (SELECT now() - interval '6 days' * random()) AS times(at)
    JOIN wxauth_openid AS openid ON openid.id = (SELECT min(id) FROM wxauth_openid) + i / %(each)s
    JOIN wxauth_identity AS identity ON identity.id = openid.identity_id
    ORDER BY i
"""


def users(first: int, count: int) -> list[Any]:
    model: Any = get_user_model()
    made: list[Any] = model.objects.bulk_create(
        [model(username=f"grown{index}", password="!") for index in range(first, first + count)]
    )
    return made


def fill(logins: int, sealed: int) -> None:
    counts = {"people": logins // EACH, "appid": APPID, "each": EACH}
    with connection.cursor() as cursor:
        for statement in PEOPLE.split(";"):
            cursor.execute(statement, counts)
        openids = OpenId.objects.select_related("identity").order_by("pk")[: sealed // EACH]
        seal(list(openids))
        cursor.execute(LOGINS, counts | {"sealed": sealed, "logins": logins})


def seal(openids: list[OpenId]) -> None:
    """Five logins of each, with a key that opens."""
    now, rows = timezone.now(), []
    for index, via in enumerate(openids):
        for number in range(EACH):
            digest = token_digest(f"{via.openid} {number}")
            then = now - timedelta(seconds=index % (6 * 86_400))
            key = Secret(session_key(f"grown{index}"))
            rows.append(
                Login(
                    via=via, person_id=via.identity.person_id, digest=digest,
                    channel="miniprogram", sealed_session_key=session_keys.seal(key, digest),
                    created_at=then, expires_at=then + timedelta(days=7), user_agent=90 * "x",
                    address="203.0.113.7",
                )
            )  # fmt: skip
    Login.objects.bulk_create(rows, batch_size=BATCH)


def write(folder: Path, first: int, count: int) -> None:
    """Two files: one of them with phone numbers, which are sealed."""
    for kind, known in (("plain", first), ("phones", first + count)):
        with (folder / f"{kind}.jsonl").open("w") as file:
            for begin in range(known, known + count, BATCH):
                made = users(begin, min(BATCH, known + count - begin))
                for index, user in enumerate(made, begin):
                    line = {
                        "openid": openid(f"grown{index}"),
                        "unionid": f"u{openid(f'grown{index}')}",
                        "user": str(user.pk),
                        "nickname": f"某人{index}",
                        **({"phone": f"1380{index:07}"} if kind == "phones" else {}),
                    }
                    file.write(json.dumps(line, ensure_ascii=False) + "\n")


def main() -> None:
    logins, sealed, lines = map(int, sys.argv[1:4])
    fill(logins, min(sealed, logins))
    write(Path(sys.argv[4]), logins // EACH, min(lines, logins))


if __name__ == "__main__":
    main()

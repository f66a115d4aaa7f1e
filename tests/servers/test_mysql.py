"""MySQL's own accounts and the driver, as the deployment page tells."""

from __future__ import annotations

import environ
import pytest
from django.db import connection, connections

pytestmark = pytest.mark.skipif(connection.vendor != "mysql", reason="It is about its accounts.")


@pytest.fixture(autouse=True)
def _mysql(db):
    if connection.mysql_is_mariadb:
        pytest.skip("MariaDB's accounts are others.")


def ask(question, using=connection):
    with using.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone()[-1]


@pytest.fixture
def connect():
    """Another connection, with what stands after DATABASE_URL."""
    opened = []

    def connect(query):
        other = connections.create_connection("default")
        options = environ.Env.db_url_config(f"mysql://h/d{query}").get("OPTIONS", {})
        options = {**connection.settings_dict["OPTIONS"], **options}
        other.settings_dict = {**connection.settings_dict, "OPTIONS": options}
        opened.append(other)
        return other

    yield connect
    for other in opened:
        other.close()


@pytest.mark.parametrize(
    ("query", "encrypted"), [("", False), ("?ssl_mode=REQUIRED", True)], ids=["plain", "TLS"]
)
def test_the_driver_is_let_in_by_caching_sha2_password(connect, query, encrypted):
    me = "CONCAT(user, '@', host) = CURRENT_USER()"
    assert ask(f"SELECT plugin FROM mysql.user WHERE {me}") == "caching_sha2_password"
    with connection.cursor() as cursor:
        # The server forgets the hashes: the next one has to show the password itself.
        cursor.execute("FLUSH PRIVILEGES")
    assert bool(ask("SHOW STATUS LIKE 'Ssl_cipher'", connect(query))) is encrypted

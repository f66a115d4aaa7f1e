"""/healthz and /readyz: what a load balancer asks, by address and without TLS."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from tests import schemas

PROBE = {"Host": "10.0.0.7:8000"}


def test_the_process_is_well_whatever_the_database_does(client):
    """No ``db`` fixture: a statement would fail this test."""
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_any_method_will_do(client, method):
    assert client.generic(method, "/healthz").status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_probe_passes_no_host_and_no_tls_check(client, settings, path):
    settings.SECURE_SSL_REDIRECT = True
    assert client.get(path, headers=PROBE).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_the_rest_of_the_site_does_check(client, settings):
    assert client.get("/api/wxauth/me/", headers=PROBE).status_code == 400


@pytest.mark.django_db(transaction=True)
def test_ready_when_the_database_answers_and_is_migrated(client):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.fixture
def no_database(monkeypatch, tmp_path):
    """The next connection finds nobody there."""
    connection.close()
    with monkeypatch.context() as patch:
        if connection.vendor == "sqlite":
            patch.setitem(connection.settings_dict, "NAME", str(tmp_path / "absent" / "db"))
        else:
            patch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
            patch.setitem(connection.settings_dict, "PORT", "9")
        yield
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_not_ready_while_the_database_is_down(client, no_database):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "database_unavailable"})
    assert client.get("/healthz").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_not_ready_before_every_migration_is_applied(client):
    newest = schemas.get_name(schemas.numbers()[-1])
    MigrationRecorder(connection).record_unapplied("wxauth", newest)
    try:
        answer = client.get("/readyz")
    finally:
        MigrationRecorder(connection).record_applied("wxauth", newest)
    assert (answer.status_code, answer.json()) == (503, {"status": "migrations_pending"})
    assert client.get("/readyz").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_probe_keeps_no_connection(client):
    client.get("/readyz")
    assert connection.connection is None

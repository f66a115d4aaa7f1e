"""A command that dies in the middle of an erasure: all of a person is there, or nothing."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from tests.project.test_races import ROOT
from tests.rows import ONE, TWO, give_phone, make_login, make_openid
from wxauth.models import (
    Conflict,
    Event,
    Identity,
    Login,
    Merge,
    OpenId,
    Person,
    RememberedBlock,
)
from wxauth.services.merging import merges

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no SIGKILL."),
]
User = get_user_model()
EVERYTHING = (User, Person, Identity, OpenId, Login, Conflict, Merge, RememberedBlock, Event)


@pytest.fixture
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def make_alice(bob):
    """alice, blocked, with a picture, a number, two apps, somebody merged into her, and a pair."""
    login = make_login(make_openid("alice"))
    make_login(make_openid("alice-2", appid=TWO, identity=login.via.identity))
    give_phone(login, "+8613800138001")
    merged = make_login(make_openid("al"))
    merges.merge(source=merged.person_id, target=login.person_id, actor="test")
    person = Person.objects.get(pk=login.person_id)
    person.avatar.save("alice.jpg", ContentFile(b"pixels"), save=False)
    person.nickname = "Alice"
    person.blocked_at = timezone.now()
    person.deletion_asked_at = timezone.now() - timedelta(days=8)
    person.deletion_due_at = timezone.now() - timedelta(days=1)
    person.save()
    Conflict.objects.create(person=person, owner=bob, appid=ONE, created_at=timezone.now())
    return person


def everything():
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in EVERYTHING}


def of(person, rows):
    """Only what is this person's."""
    return {
        "users": [row for row in rows["User"] if row["id"] == person.pk],
        "people": [row for row in rows["Person"] if row["user_id"] == person.pk],
    }


def test_whoever_is_killed_has_erased_all_of_a_person_or_nothing(media):
    bob = make_login(make_openid("bob")).person
    give_phone(Login.objects.get(), "+8613800138002")
    chosen = {"database": str(connection.settings_dict["NAME"]), "media": str(media)}
    command = [sys.executable, "-m", "tests.project.erasing_worker", json.dumps(chosen)]
    outcomes = []
    bobs = of(bob, everything())
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        for moment in range(1, 200):
            alice = make_alice(bob)
            before = everything()
            print(moment, file=process.stdin, flush=True)
            outcome = process.stdout.readline()
            left = everything()
            whole = left == before
            if whole:
                # It goes on where it stopped, whatever became of the picture.
                call_command("wxauth_clear_expired", stdout=io.StringIO())
                left = everything()
            outcomes.append((outcome, whole))
            assert left["Person"] == bobs["people"], f"killed at moment {moment}"
            assert not left["Conflict"]
            assert {row["identity_id"] for row in left["OpenId"]} == {
                row["id"] for row in left["Identity"]
            }
            assert len(left["OpenId"]) == len(left["Login"]) == 1
            names = {row["username"] for row in left["User"] if row["id"] != bob.pk}
            assert all(name.startswith("erased_") for name in names)
            assert [row["rows"] for row in left["Merge"]] == [[]] * len(left["Merge"])
            # Once for each identity and openid that was blocked.
            assert len(left["RememberedBlock"]) == 5
            kinds = [row["kind"] for row in left["Event"] if row["user"] == str(alice.pk)]
            assert kinds.count("erased") == 1
            assert of(bob, left) == bobs
            assert list((media / "wxauth/avatars").iterdir()) == []
            if outcome == "done\n":
                break
        process.stdin.close()
    assert outcomes[-1] == ("done\n", False)
    # Most moments are before the COMMIT, and some after it.
    assert [whole for _, whole in outcomes].count(True) >= 15
    assert ("killed\n", False) in outcomes

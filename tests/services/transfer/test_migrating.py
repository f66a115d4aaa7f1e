"""An app changes hands: everybody has another openid, and stays who they are."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from tests.rows import ONE, TWO, make_login, make_openid
from wxauth.authentication import get_login
from wxauth.crypto.tokens import new_token
from wxauth.models import Event, Login, OpenId
from wxauth.services.login.by_code import log_in
from wxauth.services.login.exchange import get_app
from wxauth.types import Secret

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _english(settings):
    settings.LANGUAGE_CODE = "en"


@pytest.fixture
def write(tmp_path):
    def write(*pairs):
        path = tmp_path / "openids.csv"
        path.write_text("old_openid,new_openid\n" + "".join(f"{a},{b}\n" for a, b in pairs))
        return path

    return write


def run(path, old=ONE, new=ONE, **options):
    out = io.StringIO()
    call_command(
        "wxauth_migrate_openids", path, from_appid=old, to_appid=new, stdout=out, **options
    )
    return out.getvalue()


def state():
    return sorted(OpenId.objects.values_list("pk", "appid", "openid", "identity__person"))


@pytest.mark.parametrize("new_app", [ONE, TWO])
def test_alice_is_herself_under_her_new_openid(write, fake_wechat, new_app):
    token = new_token()
    alice = make_login(make_openid("alice"), token=token).person
    path = write(("o-alice", "o-new"))
    assert "1 moved, 0 unchanged, 0 refused." in run(path, new=new_app)
    fake_wechat.add_person("alice", appid=new_app, openid="o-new", unionid="union-alice")
    done = log_in(app=get_app(new_app), code=Secret(fake_wechat.login_code("alice", new_app)))
    assert (done.login.person_id, done.created) == (alice.pk, False)
    # The session_key of the old openid opens nothing of the new one.
    assert get_login(token) is None
    assert Login.objects.earliest("pk").sealed_session_key is None
    event = Event.objects.get()
    assert (event.kind, event.user, event.actor) == (
        "openid_changed", str(alice.pk), "wxauth_migrate_openids",
    )  # fmt: skip


def test_a_second_run_changes_nothing(write):
    make_openid("alice")
    path = write(("o-alice", "o-new"))
    run(path)
    before = state()
    assert "0 moved, 1 unchanged, 0 refused." in run(path)
    assert state() == before
    assert Event.objects.count() == 1


def test_a_dry_run_writes_nothing(write):
    make_openid("alice")
    before = state()
    assert "1 moved" in run(write(("o-alice", "o-new")), dry_run=True)
    assert state() == before
    assert not Event.objects.exists()


def test_what_cannot_be_moved_is_named_and_stays(write):
    for name in ("alice", "bob"):
        make_openid(name)
    before = state()
    said = run(write(("o-nobody", "o-1"), ("o-alice", "o-bob"), ("", "o-2"), ("o-alice", "o x")))
    assert "0 moved, 0 unchanged, 4 refused." in said
    assert [text.split(":")[0] for text in said.splitlines()[:-1]] == [
        "line 2", "line 3", "line 4", "line 5",
    ]  # fmt: skip
    assert state() == before


def test_another_platform_is_another_identity(write, settings):
    apps = {**settings.WXAUTH["APPS"]}
    apps[TWO] = {**apps[TWO], "PLATFORM": "second"}
    settings.WXAUTH = {**settings.WXAUTH, "APPS": apps}
    person = make_openid("alice").identity.person
    run(write(("o-alice", "o-new")), new=TWO)
    identity = OpenId.objects.get().identity
    assert (identity.platform, identity.unionid, identity.person) == ("second", None, person)
    assert person.identities.count() == 1


def test_an_unknown_app_and_a_file_that_is_none(write, tmp_path):
    path = write(("a", "b"))
    with pytest.raises(CommandError):
        run(path, new="wx-unknown")
    with pytest.raises(CommandError):
        run(tmp_path / "nothing.csv")
    path.write_text("a,b\n1,2\n")
    with pytest.raises(CommandError, match="columns"):
        run(path)

"""What a project asks about its own users, by public names."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser

from tests.rows import TWO, give_phone, make_login, make_openid
from tests.statements import capture_statements
from wxauth import people
from wxauth.crypto.keyring import generate_key
from wxauth.exceptions import MergeRefused, NotFound
from wxauth.models import Event, Login, Person

pytestmark = pytest.mark.django_db

NUMBER = "+8613800138000"


@pytest.fixture
def alice():
    """alice, who gave her number on a phone that is logged in."""
    login = make_login(make_openid("alice"))
    give_phone(login, NUMBER)
    return login.person.user


@pytest.fixture
def bob():
    return make_login(make_openid("bob")).person.user


# -- phone numbers -----------------------------------------------------------------------------


def test_the_number_of_a_user_is_a_secret_that_reveals_its_text(alice):
    with capture_statements() as statements:
        number = people.get_phone(alice)
    assert len(statements) == 1
    assert number is not None
    assert number.reveal() == NUMBER
    assert "138" not in repr(number) + str(number)


def test_a_user_is_given_as_the_object_or_the_key(alice):
    for user in (alice, alice.pk, str(alice.pk)):
        assert people.get_phone(user).reveal() == NUMBER


def test_who_gave_no_number_or_has_never_been_here_has_none(bob):
    stranger = get_user_model().objects.create_user("stranger")
    assert [people.get_phone(user) for user in (bob, stranger, 10**9)] == [None] * 3


def test_a_number_that_no_key_opens_is_none_and_the_log_says_so(alice, settings, caplog):
    settings.WXAUTH = {**settings.WXAUTH, "ENCRYPTION_KEYS": [generate_key()]}
    assert people.get_phone(alice) is None
    (record,) = caplog.records
    assert record.name == "wxauth.phone"
    assert "138" not in caplog.text


@pytest.mark.parametrize(
    "written",
    [
        NUMBER,
        "13800138000",
        "8613800138000",
        "008613800138000",
        "+86 138 0013 8000",
        "138-0013-8000",
        "(+86) 138.0013.8000",
        people.Secret(NUMBER),
    ],
    ids=str,
)
def test_a_user_is_found_by_the_number_however_it_is_written(alice, bob, written):
    with capture_statements() as statements:
        found = people.find_by_phone(written)
        assert found == alice
        assert found.username == "alice"
    assert len(statements) == 1


@pytest.mark.parametrize(
    "written",
    [
        None,
        "",
        "138",
        "alice",
        "13800138001",
        "+13800138000",
        "１３８００１３８０００",
        "\0",
        "0" * 99,
    ],
    ids=repr,
)
def test_what_is_nobodys_number_finds_nobody(alice, bob, written):
    assert people.find_by_phone(written) is None


def test_a_number_of_another_country_needs_its_country_code(bob):
    give_phone(Login.objects.get(person=bob.pk), "+12025550123")
    assert people.find_by_phone("+1 (202) 555-0123") == bob
    assert people.find_by_phone("2025550123") is None


def test_a_user_who_may_not_log_in_is_found_too(alice):
    get_user_model().objects.filter(pk=alice.pk).update(is_active=False)
    assert people.find_by_phone(NUMBER).is_active is False


def test_a_number_that_was_given_up_with_its_account_is_nobodys(alice, bob):
    give_phone(Login.objects.get(person=bob.pk), "+8613800138001")
    people.merge(source=alice, target=bob, actor="tests")
    # bob has a number of his own and kept it.
    assert people.find_by_phone("13800138001") == bob
    assert people.find_by_phone(NUMBER) is None


# -- logins ------------------------------------------------------------------------------------


def test_every_login_of_a_user_ends_and_nobody_elses(alice, bob):
    openid = Login.objects.get(person=alice.pk).via
    make_login(make_openid("alice", appid=TWO, identity=openid.identity))
    assert people.end_logins(alice) == 2
    ended = Login.objects.filter(person=alice.pk)
    assert {(row.revoked_at is None, row.sealed_session_key) for row in ended} == {(False, None)}
    assert Login.objects.get(person=bob.pk).revoked_at is None
    assert people.end_logins(alice) == 0


def test_one_login_may_stay(alice, bob):
    stays = make_login(Login.objects.get(person=alice.pk).via)
    assert people.end_logins(alice.pk, keep=stays) == 1
    assert Login.objects.get(person=alice.pk, revoked_at=None) == stays
    # Somebody else's protects nothing.
    assert people.end_logins(alice, keep=Login.objects.get(person=bob.pk)) == 1


def test_logins_end_in_one_statement(alice):
    with capture_statements() as statements:
        people.end_logins(alice)
    assert [sql.split()[0] for sql in statements] == ["UPDATE"]


# -- merging -----------------------------------------------------------------------------------


def test_two_users_become_one_and_the_record_says_who_wanted_it(alice, bob):
    done = people.merge(source=alice.pk, target=bob, actor=bob)
    assert Person.objects.get(pk=alice.pk).merged_into_id == bob.pk
    assert people.get_phone(bob).reveal() == NUMBER
    event = Event.objects.get(kind=Event.Kind.MERGED)
    assert (event.actor, event.detail) == (str(bob.pk), {"merge": done.pk})


def test_what_cannot_be_merged_says_why_and_changes_nothing(alice, bob):
    get_user_model().objects.filter(pk=bob.pk).update(is_active=False)
    with pytest.raises(MergeRefused) as caught:
        people.merge(source=alice, target=bob, actor="tests")
    assert caught.value.reasons
    assert people.get_phone(alice).reveal() == NUMBER


# -- whatever is no user -----------------------------------------------------------------------


@pytest.mark.parametrize("user", ["alice", "", None, [], AnonymousUser()], ids=str)
def test_what_cannot_be_the_key_of_a_user_is_not_found(user):
    for ask in (people.get_phone, people.end_logins):
        with pytest.raises(NotFound):
            ask(user)
    with pytest.raises(NotFound):
        people.merge(source=user, target=1, actor="tests")


def test_a_login_is_no_user_though_its_key_looks_like_one(alice):
    login = Login.objects.get(person=alice.pk)
    for row in (login, login.person, login.via):
        with pytest.raises(TypeError, match=type(row).__name__):
            people.end_logins(row)
    assert Login.objects.get(pk=login.pk).revoked_at is None

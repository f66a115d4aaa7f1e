"""Undoing a merge depends on what the merge did, and on nothing else in the rows."""

from __future__ import annotations

import hashlib
from decimal import Decimal

import pytest
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models
from django.utils import timezone

from tests.columns import extra_column
from tests.rows import make_login, make_openid
from tests.shop.models import (
    Club,
    Comment,
    Favourite,
    Invitation,
    Order,
    Payment,
    Profile,
    Slug,
    Wallet,
)
from wxauth.exceptions import MergeRefused
from wxauth.models import Merge
from wxauth.services.merging import merges

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _english(settings):
    settings.LANGUAGE_CODE = "en"


@pytest.fixture
def alice():
    return make_login(make_openid("alice")).person


@pytest.fixture
def bob():
    return make_login(make_openid("bob")).person


@pytest.fixture
def combine(settings):
    """Where both have a profile, the survivor's gets the points of both."""
    settings.WXAUTH = {**settings.WXAUTH, "MERGE": {"shop.Profile": f"{__name__}.add_points"}}


def add_points(*, source, target):
    target.points += source.points
    if hasattr(target, "level"):
        target.level = "gold"


def merge(source, target):
    return merges.merge(source=source.pk, target=target.pk, actor="carol")


def undo(done):
    return merges.undo(merge_id=done.pk, actor="carol")


def refusal(done):
    with pytest.raises(MergeRefused) as refused:
        undo(done)
    done.refresh_from_db()
    assert done.undone_at is None
    return refused.value.reasons


# -- what was edited since -------------------------------------------------------------------------


def test_an_order_that_was_edited_since_goes_back_as_it_is(alice, bob):
    order = Order.objects.create(user=bob.user, text="tea")
    done = merge(bob, alice)
    Order.objects.update(text="green tea")
    undo(done)
    order.refresh_from_db()
    assert (order.user_id, order.text) == (bob.pk, "green tea")


def test_a_profile_that_took_points_over_gives_them_back_and_keeps_the_new_city(
    alice, bob, combine
):
    for person in (alice, bob):
        Profile.objects.create(user=person.user, points=5)
    done = merge(bob, alice)
    Profile.objects.filter(user=alice.pk).update(city="Beijing")
    undo(done)
    kept = Profile.objects.get(user=alice.pk)
    assert (kept.points, kept.city) == (5, "Beijing")


def test_points_that_were_spent_since_are_not_given_back(alice, bob, combine):
    for person in (alice, bob):
        Profile.objects.create(user=person.user, points=5)
    done = merge(bob, alice)
    kept = Profile.objects.get(user=alice.pk)
    Profile.objects.filter(pk=kept.pk).update(points=1)
    assert refusal(done) == (f"shop.profile {kept.pk} was changed since.",)


def test_nothing_and_the_word_for_it_are_not_the_same(alice, bob, settings):
    settings.WXAUTH = {**settings.WXAUTH, "MERGE": {"shop.Profile": f"{__name__}.uninvite"}}
    Profile.objects.create(user=bob.user)
    kept = Profile.objects.create(user=alice.user, invitation="a")
    done = merge(bob, alice)
    Profile.objects.filter(pk=kept.pk).update(invitation="None")
    assert refusal(done) == (f"shop.profile {kept.pk} was changed since.",)
    Profile.objects.filter(pk=kept.pk).update(invitation=None)
    undo(done)
    kept.refresh_from_db()
    assert kept.invitation == "a"


def uninvite(*, source, target):
    target.invitation = None


def test_what_the_database_rounds_is_remembered_as_the_database_has_it(alice, bob, settings):
    settings.WXAUTH = {**settings.WXAUTH, "MERGE": {"shop.Wallet": f"{__name__}.add_a_third"}}
    for person in (alice, bob):
        Wallet.objects.create(user=person.user, balance=1)
    done = merge(bob, alice)
    assert Wallet.objects.get(pk=alice.pk).balance == Decimal("1.33")
    undo(done)
    assert Wallet.objects.get(pk=alice.pk).balance == 1


def add_a_third(*, source, target):
    target.balance += Decimal(1) / 3


def test_a_comment_that_is_about_something_else_since_stays_where_it_is(alice, bob):
    comment = Comment.objects.create(about=bob.user, text="nice")
    done = merge(bob, alice)
    # The key in it still reads like alice's.
    Comment.objects.update(content_type=ContentType.objects.get_for_model(Club))
    assert refusal(done) == (f"shop.comment {comment.pk} was changed since.",)


# -- rows that have the key of their user ----------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_wallet_that_was_used_since_goes_back_with_every_payment(alice, bob):
    wallet = Wallet.objects.create(user=bob.user, balance=5)
    Payment.objects.create(wallet=wallet, amount=1)
    done = merge(bob, alice)
    Payment.objects.create(wallet=Wallet.objects.get(pk=alice.pk), amount=2)
    Wallet.objects.update(balance=3)
    undo(done)
    assert Wallet.objects.get().pk == bob.pk
    assert set(Payment.objects.values_list("wallet", "amount")) == {(bob.pk, 1), (bob.pk, 2)}
    connection.check_constraints()


def test_a_wallet_does_not_go_back_over_another(alice, bob):
    Wallet.objects.create(user=bob.user, balance=5)
    done = merge(bob, alice)
    Wallet.objects.create(user=bob.user)
    reason = f"shop.wallet {alice.pk} cannot go back: {bob.pk} is in its place now."
    assert refusal(done) == (reason,)
    assert Wallet.objects.count() == 2


# -- what cannot go back ---------------------------------------------------------------------------


def test_a_favourite_does_not_go_back_beside_the_same(alice, bob):
    moved = Favourite.objects.create(user=bob.user, product=1)
    done = merge(bob, alice)
    new = Favourite.objects.create(user=bob.user, product=1)
    reason = f"shop.favourite {moved.pk} cannot go back: {new.pk} is in its place now."
    assert refusal(done) == (reason,)
    # Put right by hand, as the reason suggests.
    new.delete()
    undo(done)
    moved.refresh_from_db()
    assert moved.user_id == bob.pk


def test_what_only_a_constraint_understands_forbids_it_too(alice, bob):
    eve = make_openid("eve").identity.person
    slug = Slug.objects.create(owner=bob.user, text="tea")
    invitation = Invitation.objects.create(inviter=bob.user, invitee=eve.user)
    done = merge(bob, alice)
    Slug.objects.create(owner=bob.user, text="TEA")
    Invitation.objects.update(invitee=bob.user)
    assert set(refusal(done)) == {
        f"shop.slug {slug.pk} cannot go back: a constraint forbids it now.",
        f"shop.invitation {invitation.pk} cannot go back: a constraint forbids it now.",
    }


# -- the project's next version --------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("model", [Order, Profile, Wallet])
def test_a_column_that_the_project_adds_does_not_forbid_undoing(alice, bob, combine, model):
    order = Order.objects.create(user=bob.user, text="tea")
    Wallet.objects.create(user=bob.user)
    for person in (alice, bob):
        Profile.objects.create(user=person.user, points=5)
    done = merge(bob, alice)
    with extra_column(model, "note", models.CharField(max_length=9, default="new"), stored=True):
        assert set(model.objects.values_list("note", flat=True)) == {"new"}
        undo(done)
        order.refresh_from_db()
        assert order.user_id == bob.pk
        assert Wallet.objects.get().pk == bob.pk
        assert Profile.objects.get(user=alice.pk).points == 5


@pytest.mark.django_db(transaction=True)
def test_a_column_that_is_gone_cannot_be_given_back(alice, bob, combine):
    level = models.CharField(max_length=9, default="new")
    with extra_column(Profile, "level", level, stored=True):
        for person in (alice, bob):
            Profile.objects.create(user=person.user)
        done = merge(bob, alice)
    assert refusal(done) == ("shop.profile has not all of these columns any more: level.",)


def test_a_model_that_is_gone_cannot_be_given_back(alice, bob):
    Order.objects.create(user=bob.user)
    done = merge(bob, alice)
    done.rows[0]["model"] = "shop.basket"
    done.save(update_fields=["rows"])
    assert refusal(done) == ("shop.basket is no model (any more).",)


# -- merges of earlier versions --------------------------------------------------------------------


def age(done):
    """The record as of before there was a format: a text for each dict, and fingerprints."""
    for entry in done.rows:
        if entry["done"] == "left":
            continue
        model = apps.get_model(entry["model"])
        if entry["done"] != "changed":
            entry["from"], entry["to"] = (entry[side][entry["column"]] for side in ("from", "to"))
        names = [field.attname for field in model._meta.local_concrete_fields]
        for key in entry["rows"]:
            _pk, *values = model._base_manager.values_list("pk", *names).get(pk=key)
            entry["rows"][key] = hashlib.sha256(repr(values).encode()).hexdigest()[:16]
    Merge.objects.filter(pk=done.pk).update(rows=done.rows, format=1)
    return Merge.objects.get(pk=done.pk)


def fill(alice, bob):
    for person in (alice, bob):
        Profile.objects.create(user=person.user, points=5)
    wallet = Wallet.objects.create(user=bob.user, balance=Decimal("1.50"))
    Payment.objects.create(wallet=wallet, amount=1)
    Comment.objects.create(about=bob.user, text="nice")
    return Order.objects.create(user=bob.user, text="tea")


def test_a_merge_that_does_not_name_its_format_is_of_the_first():
    """A process of the version before writes it while this one is being deployed."""
    done = Merge.objects.create(source="1", target="2", created_at=timezone.now())
    done.refresh_from_db()
    assert done.format == 1


def test_a_merge_of_the_first_format_is_undone(alice, bob, combine):
    order = fill(alice, bob)
    done = age(merge(bob, alice))
    assert {entry["done"] for entry in done.rows} == {"moved", "left", "changed", "rekeyed"}
    undo(done)
    order.refresh_from_db()
    assert order.user_id == bob.pk
    assert Wallet.objects.get().pk == bob.pk
    assert Payment.objects.get().wallet_id == bob.pk
    assert Comment.objects.get().object_id == str(bob.pk)
    assert Profile.objects.get(user=alice.pk).points == 5


def test_a_merge_of_the_first_format_compares_whole_rows_and_says_so(alice, bob, combine):
    order = fill(alice, bob)
    done = age(merge(bob, alice))
    Order.objects.update(text="green tea")
    (reason,) = refusal(done)
    assert reason.startswith(f"shop.order {order.pk} was changed since, or its table was")
    key = order.pk
    order.delete()
    assert refusal(done) == (f"shop.order {key} was deleted since.",)

"""Two users become one, on a project with everything that can refer to a user; and two again."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from tests.rows import give_phone, make_login, make_openid
from tests.shop.models import (
    Address,
    Club,
    Comment,
    Favourite,
    Invitation,
    Membership,
    Order,
    Payment,
    Profile,
    Slug,
    Wallet,
)
from wxauth.exceptions import MergeRefused, NotFound
from wxauth.models import Event, Identity, Login, Merge, Person
from wxauth.services.merging import merges
from wxauth.services.profile import phone
from wxauth.signals import merge_undone, merged

pytestmark = pytest.mark.django_db
User = get_user_model()
SHOP = (
    Address, Club, Comment, Favourite, Invitation, Membership, Order, Payment, Profile, Slug,
    Wallet, Club.fans.through,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _english(settings):
    settings.LANGUAGE_CODE = "en"


@pytest.fixture
def alice():
    return make_login(make_openid("alice")).person


@pytest.fixture
def bob():
    return make_login(make_openid("bob")).person


def merge(source, target):
    return merges.merge(source=source.pk, target=target.pk, actor="carol")


def undo(done):
    return merges.undo(merge_id=done.pk, actor="carol")


def snapshot():
    """Every row of the project, and of the two accounts."""
    models = (*SHOP, User, Person, Identity)
    return {
        model._meta.label: sorted(map(repr, model._base_manager.values_list())) for model in models
    }


def configure(settings, **keys):
    settings.WXAUTH = {**settings.WXAUTH, **keys}


def lines(done, model):
    return [entry for entry in done.rows if entry["model"] == model._meta.label_lower]


def fill(user, other=None):
    """A row of every kind. With ``other``, whatever can collide collides with theirs."""
    club, _ = Club.objects.get_or_create(name="chess")
    own = Club.objects.create(name=f"club of {user.pk}")
    own.fans.add(user)
    club.fans.add(user)
    Membership.objects.create(user=user, club=club, role=f"role of {user.pk}")
    Membership.objects.create(user=user, club=own)
    Order.objects.create(user=user, text="tea")
    Order.objects.create(user=user, text="rice")
    Profile.objects.create(user=user, city=f"city of {user.pk}", points=5)
    wallet = Wallet.objects.create(user=user, balance=Decimal("1.50"))
    Payment.objects.create(wallet=wallet, amount=Decimal("0.50"))
    Favourite.objects.create(user=user, product=1)
    Favourite.objects.create(user=user, product=user.pk + 1000)
    Slug.objects.create(owner=user, text="Tea" if other else "TEA")
    Comment.objects.create(about=user, text="nice")
    Comment.objects.create(about=user.wxauth_person, text="about the person")
    Address.objects.create(person=user.wxauth_person, street="Nanjing Road")


# -- what moves ------------------------------------------------------------------------------------


def test_everything_that_refers_to_bob_refers_to_alice(alice, bob):
    fill(bob.user)
    done = merge(bob, alice)
    for model in (Order, Profile, Favourite, Membership):
        assert not model.objects.filter(user=bob.pk).exists()
        assert model.objects.filter(user=alice.pk).exists()
    assert Wallet.objects.get().pk == alice.pk
    assert Payment.objects.get().wallet_id == alice.pk
    assert set(Club.objects.filter(fans=alice.pk)) == set(Club.objects.all())
    assert not Club.objects.filter(fans=bob.pk).exists()
    kinds = {str(pk) for pk in (alice.pk,)}
    assert set(Comment.objects.values_list("object_id", flat=True)) == kinds
    assert Comment.objects.filter(
        content_type=ContentType.objects.get_for_model(Person), object_id=str(alice.pk)
    ).exists()
    assert Address.objects.get().person_id == alice.pk
    assert Slug.objects.get().owner_id == alice.pk
    # And the record names every one of them.
    orders = lines(done, Order)
    assert [list(entry["rows"]) for entry in orders] == [
        [str(order.pk) for order in Order.objects.order_by("pk")]
    ]
    assert {entry["done"] for entry in done.rows} == {"moved", "rekeyed"}


def test_what_is_anothers_stays_anothers(alice, bob):
    eve = make_login(make_openid("eve")).person
    fill(eve.user)
    before = snapshot()
    merge(bob, alice)
    after = snapshot()
    for model in SHOP:
        assert before[model._meta.label] == after[model._meta.label]


def test_a_comment_on_something_else_with_the_same_key_stays(alice, bob):
    club = Club.objects.create(pk=bob.pk, name="not a user")
    comment = Comment.objects.create(about=club, text="nice club")
    merge(bob, alice)
    comment.refresh_from_db()
    assert comment.object_id == str(bob.pk)


def test_the_source_is_shut_and_points_to_the_survivor(alice, bob):
    merge(bob, alice)
    bob.refresh_from_db()
    assert bob.merged_into_id == alice.pk
    assert not User.objects.get(pk=bob.pk).is_active
    assert User.objects.get(pk=alice.pk).is_active
    assert set(Identity.objects.values_list("person", flat=True)) == {alice.pk}
    logins = dict(Login.objects.values_list("person", "revoked_at"))
    assert logins[alice.pk] is None
    assert logins[bob.pk] is not None


def test_a_user_without_a_person_can_be_merged_either_way(alice):
    carl = User.objects.create_user("carl", password="x")
    Order.objects.create(user=carl, text="tea")
    done = merges.merge(source=carl.pk, target=alice.pk, actor="carol")
    assert Order.objects.get().user_id == alice.pk
    assert Person.objects.get(pk=carl.pk).merged_into_id == alice.pk
    undo(done)
    assert not Person.objects.filter(pk=carl.pk).exists()
    assert Order.objects.get().user_id == carl.pk
    merges.merge(source=alice.pk, target=carl.pk, actor="carol")
    assert Identity.objects.get().person_id == carl.pk


def test_rights_move_like_any_through_table(alice, bob):
    from django.contrib.auth.models import Group

    bob.user.groups.add(Group.objects.create(name="buyers"))
    merge(bob, alice)
    assert alice.user.groups.get().name == "buyers"


# -- collisions ------------------------------------------------------------------------------------


def test_where_both_have_a_row_the_survivors_counts_and_nothing_is_lost(alice, bob):
    fill(alice.user)
    fill(bob.user, alice.user)
    counts = {model: model._base_manager.count() for model in SHOP}
    done = merge(bob, alice)
    assert counts == {model: model._base_manager.count() for model in SHOP}
    assert Profile.objects.get(user=alice.pk).city == f"city of {alice.pk}"
    assert Profile.objects.get(user=bob.pk).city == f"city of {bob.pk}"
    assert sorted(Favourite.objects.filter(user=alice.pk).values_list("product", flat=True)) == (
        sorted([1, alice.pk + 1000, bob.pk + 1000])
    )
    chess = Membership.objects.filter(user=alice.pk, club__name="chess")
    assert chess.get().role == f"role of {alice.pk}"
    assert Wallet.objects.count() == 2
    (left,) = [entry for entry in lines(done, Profile) if entry["done"] == "left"]
    assert left["rows"] == {
        str(Profile.objects.get(user=bob.pk).pk): str(Profile.objects.get(user=alice.pk).pk)
    }
    # By an expression, only that it collides is known.
    (left,) = lines(done, Slug)
    assert list(left["rows"].values()) == [None]


def test_the_project_may_keep_what_the_source_had(alice, bob, settings):
    configure(settings, MERGE={"shop.Profile": "keep_source"})
    Profile.objects.create(user=alice.user, city="Beijing", points=1, invitation="a")
    Profile.objects.create(user=bob.user, city="Xi'an", points=7, invitation="b")
    done = merge(bob, alice)
    kept = Profile.objects.get(user=alice.pk)
    assert (kept.city, kept.points, kept.invitation) == ("Xi'an", 7, "a")
    undo(done)
    kept.refresh_from_db()
    assert (kept.city, kept.points) == ("Beijing", 1)


def add_points(*, source, target):
    target.points += source.points


def test_the_project_may_combine(alice, bob, settings):
    configure(settings, MERGE={"shop.Profile": f"{__name__}.add_points"})
    for person in (alice, bob):
        Profile.objects.create(user=person.user, city=f"city of {person.pk}", points=5)
    done = merge(bob, alice)
    kept = Profile.objects.get(user=alice.pk)
    assert (kept.points, kept.city) == (10, f"city of {alice.pk}")
    undo(done)
    kept.refresh_from_db()
    assert kept.points == 5


def test_the_project_may_leave_a_model_alone(alice, bob, settings):
    configure(settings, MERGE={"shop.Order": "leave"})
    fill(bob.user)
    merge(bob, alice)
    assert set(Order.objects.values_list("user", flat=True)) == {bob.pk}
    assert Profile.objects.get().user_id == alice.pk


def test_a_row_about_both_that_must_not_be_about_one_stays(alice, bob):
    row = Invitation.objects.create(inviter=bob.user, invitee=alice.user)
    eve = make_openid("eve").identity.person
    other = Invitation.objects.create(inviter=bob.user, invitee=eve.user)
    merge(bob, alice)
    row.refresh_from_db()
    other.refresh_from_db()
    assert (row.inviter_id, row.invitee_id) == (bob.pk, alice.pk)
    assert other.inviter_id == alice.pk


# -- the two accounts ------------------------------------------------------------------------------


def test_the_survivor_takes_over_what_it_has_not(alice, bob):
    Person.objects.filter(pk=bob.pk).update(
        nickname="Bob", nickname_appid="wx1", avatar_url="https://thirdwx.qlogo.cn/b"
    )
    Person.objects.filter(pk=alice.pk).update(nickname="Alice")
    merge(bob, alice)
    alice.refresh_from_db()
    assert (alice.nickname, alice.avatar_url) == ("Alice", "https://thirdwx.qlogo.cn/b")


def test_a_phone_number_goes_over_and_opens_there(alice, bob):
    give_phone(Login.objects.get(person=bob), "+8613800001234")
    done = merge(bob, alice)
    alice.refresh_from_db()
    bob.refresh_from_db()
    assert phone.read(alice).reveal() == "+8613800001234"
    assert (bob.sealed_phone, bob.phone_hash) == (None, None)
    assert "13800001234" not in str(done.rows) + str(done.accounts)
    undo(done)
    alice.refresh_from_db()
    bob.refresh_from_db()
    assert alice.phone_hash is None
    assert phone.read(bob) is not None


def test_of_two_numbers_the_survivors_counts(alice, bob):
    give_phone(Login.objects.get(person=alice), "+8613800001111")
    give_phone(Login.objects.get(person=bob), "+8613800002222")
    digest = Person.objects.get(pk=alice.pk).phone_hash
    merge(bob, alice)
    alice.refresh_from_db()
    assert alice.phone_hash == digest


def test_a_block_goes_over(alice, bob):
    now = timezone.now()
    Person.objects.filter(pk=bob.pk).update(blocked_at=now, blocked_reason="spam")
    done = merge(bob, alice)
    alice.refresh_from_db()
    assert (alice.blocked_at, alice.blocked_reason) == (now, "spam")
    assert not Login.objects.filter(person=alice, revoked_at=None).exists()
    undo(done)
    alice.refresh_from_db()
    assert alice.blocked_at is None


def test_what_happened_is_on_record_and_heard(alice, bob, django_capture_on_commit_callbacks):
    heard = []

    def hear(signal, sender, user, source, merge, **kwargs):
        heard.append((signal, user.pk, source.pk, merge.pk))

    for signal in (merged, merge_undone):
        signal.connect(hear)
    with django_capture_on_commit_callbacks(execute=True):
        done = merge(bob, alice)
    with django_capture_on_commit_callbacks(execute=True):
        undo(done)
    for signal in (merged, merge_undone):
        signal.disconnect(hear)
    assert heard == [
        (merged, alice.pk, bob.pk, done.pk),
        (merge_undone, alice.pk, bob.pk, done.pk),
    ]
    told = Event.objects.order_by("pk").values_list("kind", "user", "other", "actor")
    assert list(told) == [
        ("merged", str(alice.pk), str(bob.pk), "carol"),
        ("undone", str(alice.pk), str(bob.pk), "carol"),
    ]


# -- refusals --------------------------------------------------------------------------------------


def test_nobody_is_merged_into_oneself_or_into_somebody_gone(alice, bob):
    eve = make_openid("eve").identity.person
    with pytest.raises(MergeRefused):
        merge(alice, alice)
    merge(bob, alice)
    for source, target in ((bob, eve), (eve, bob), (bob, alice)):
        with pytest.raises(MergeRefused):
            merge(source, target)
    with pytest.raises(NotFound):
        merges.merge(source=999_999, target=alice.pk, actor="")
    with pytest.raises(NotFound):
        merges.merge(source="no key", target=alice.pk, actor="")
    User.objects.filter(pk=eve.pk).update(is_active=False)
    with pytest.raises(MergeRefused):
        merge(alice, eve)


def explode(*, source, target):
    raise RuntimeError


def test_a_merge_that_breaks_in_the_middle_changes_nothing(alice, bob, settings):
    configure(settings, MERGE={"shop.Wallet": f"{__name__}.explode"})
    fill(alice.user)
    fill(bob.user, alice.user)
    before = snapshot()
    with pytest.raises(RuntimeError):
        merge(bob, alice)
    assert snapshot() == before
    assert not Merge.objects.exists()


def test_a_preview_is_the_merge_and_changes_nothing(alice, bob, django_capture_on_commit_callbacks):
    fill(alice.user)
    fill(bob.user, alice.user)
    before = snapshot()
    with django_capture_on_commit_callbacks() as callbacks:
        shown = merges.preview(source=bob.pk, target=alice.pk)
    assert callbacks == []
    assert snapshot() == before
    assert not Merge.objects.exists()
    assert not Event.objects.exists()
    assert merge(bob, alice).rows == shown.rows


# -- undo ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("both", [False, True])
def test_undo_brings_every_row_back(alice, bob, both):
    fill(bob.user, alice.user)
    if both:
        fill(alice.user)
    before = snapshot()
    done = merge(bob, alice)
    assert snapshot() != before
    undo(done)
    assert snapshot() == before


def test_undo_leaves_alone_what_came_since(alice, bob):
    fill(bob.user)
    done = merge(bob, alice)
    new = Order.objects.create(user=alice.user, text="since")
    undo(done)
    new.refresh_from_db()
    assert new.user_id == alice.pk


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda order: order.delete(), "deleted"),
        (lambda order: Order.objects.filter(pk=order.pk).update(user=eve_pk()), "changed"),
    ],
)
def test_undo_names_what_stands_in_its_way(alice, bob, change, word):
    make_openid("eve")
    fill(bob.user)
    done = merge(bob, alice)
    order, untouched = Order.objects.order_by("pk")
    key = order.pk
    change(order)
    before = snapshot()
    with pytest.raises(MergeRefused) as refused:
        undo(done)
    assert refused.value.reasons == (f"shop.order {key} was {word} since.",)
    assert snapshot() == before
    assert untouched.pk != key
    done.refresh_from_db()
    assert done.undone_at is None


def eve_pk():
    return User.objects.get(username="eve").pk


def test_undo_is_done_once_and_in_order(alice, bob):
    eve = make_openid("eve").identity.person
    fill(bob.user)
    first = merge(bob, alice)
    second = merge(alice, eve)
    with pytest.raises(MergeRefused):
        undo(first)
    undo(second)
    undo(first)
    with pytest.raises(MergeRefused):
        undo(first)
    assert set(Order.objects.values_list("user", flat=True)) == {bob.pk}
    with pytest.raises(NotFound):
        merges.undo(merge_id=999_999, actor="")


def test_undo_of_a_merge_with_somebody_deleted_is_refused(alice, bob):
    done = merge(bob, alice)
    bob.user.delete()
    with pytest.raises(MergeRefused):
        undo(done)


def test_a_nickname_that_the_survivor_chose_since_stays(alice, bob):
    Person.objects.filter(pk=bob.pk).update(nickname="Bob")
    done = merge(bob, alice)
    Person.objects.filter(pk=alice.pk).update(nickname="Alice")
    undo(done)
    assert Person.objects.get(pk=alice.pk).nickname == "Alice"


def test_a_thousand_orders_move(alice, bob):
    Order.objects.bulk_create(Order(user=bob.user, text=str(n)) for n in range(1200))
    done = merge(bob, alice)
    assert Order.objects.filter(user=alice.pk).count() == 1200
    assert sum(len(entry["rows"]) for entry in lines(done, Order)) == 1200
    undo(done)
    assert Order.objects.filter(user=bob.pk).count() == 1200

"""Whatever happens to people, in whatever order: the promises of the model hold after each step.

Some WeChat accounts log in to apps of two platforms, with and without unionid; users link, unlink,
are merged, parted, blocked, deleted. STATE_RUNS says how many lives are tried.
"""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import count

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.shop.models import Order
from wxauth.authentication import get_login
from wxauth.crypto.tokens import token_digest
from wxauth.exceptions import (
    Blocked,
    Conflict,
    LastIdentity,
    MergeRefused,
    NotRegistered,
)
from wxauth.models import Conflict as Pending
from wxauth.models import Event, Identity, Login, Merge, OpenId, Person
from wxauth.services.login import by_code, exchange, linking, logout
from wxauth.services.login.exchange import get_app
from wxauth.services.merging import merges
from wxauth.services.profile import phone
from wxauth.types import Secret, Session
from wxauth.wiring import get_adapter

User = get_user_model()

RUNS = int(os.environ.get("STATE_RUNS", "3"))
STEPS = 50
APPS = {"wx-east-1": "east", "wx-east-2": "east", "wx-west-1": "west", "wx-west-2": "west"}
SESSION_KEY = "secret-session-key-0123=="

people = st.sampled_from(["alice", "bob", "eve"])
apps = st.sampled_from(sorted(APPS))
platforms = st.sampled_from(sorted(set(APPS.values())))
numbers = st.sampled_from([f"+861380000{n:04}" for n in range(1, 4)])


class WeChat:
    """Who has which unionid just now, and the client that says so: its codes are the people."""

    def __init__(self):
        self.unionids = {}
        self.fresh = count()

    def openid(self, person, appid):
        return f"openid-{person}-{appid}"

    def client(self, app):
        wechat = self

        class Client:
            def code2session(self, code):
                person = code.reveal()
                unionid = wechat.unionids.get((person, APPS[app.appid]))
                return Session(wechat.openid(person, app.appid), Secret(SESSION_KEY), unionid)

        return Client()


class Lives(RuleBasedStateMachine):
    users = Bundle("users")

    def __init__(self):
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.wechat = WeChat()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(exchange, "get_client", self.wechat.client)
        #: Users whom wxauth has made.
        self.made = set()
        #: Who was put together on purpose, by a user or by the staff; everybody with oneself.
        self.together = {name: {name} for name in ("alice", "bob", "eve")}
        self.handed_out = []

    def teardown(self):
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)
        self.patch.undo()

    def accounts(self, key):
        """The WeChat accounts behind a user's openids."""
        found = OpenId.objects.filter(identity__person=key).values_list("openid", flat=True)
        return {openid.split("-")[1] for openid in found}

    def put_together(self, names):
        everybody = set().union(*(self.together[name] for name in names)) if names else set()
        for name in everybody:
            self.together[name] = everybody

    # -- WeChat --------------------------------------------------------------------------------

    @rule(person=people, platform=platforms)
    def a_unionid_shows_up_or_changes(self, person, platform):
        self.wechat.unionids[person, platform] = f"unionid-{person}-{next(self.wechat.fresh)}"

    @rule(person=people, platform=platforms)
    def a_unionid_is_not_told(self, person, platform):
        self.wechat.unionids.pop((person, platform), None)

    # -- people --------------------------------------------------------------------------------

    @rule(target=users, password=st.booleans())
    def somebody_signs_up_without_wechat(self, password):
        user = User.objects.create_user(
            f"host-{User.objects.count()}-{len(self.handed_out)}-{next(self.wechat.fresh)}"
        )
        if password:
            user.set_password("x")
            user.save()
        return user.pk

    @rule(person=people, appid=apps, signup=st.booleans())
    def log_in(self, person, appid, signup):
        before = self.owner(person, appid)
        disposable = self.disposable()
        events = Event.objects.count()
        try:
            done = by_code.log_in(app=get_app(appid), code=Secret(person), signup=signup)
        except (Blocked, NotRegistered):
            return
        key = done.login.person_id
        if done.created:
            self.made.add(key)
            assert before is None
            assert Event.objects.count() == events
        if before is not None and key != before:
            # An openid changes its user only by a join, and only if a user had nothing to lose.
            gone = Person.objects.get(pk=before)
            assert gone.merged_into_id == key
            assert before in disposable
        self.handed_out.append(done.token.reveal())

    @rule(token=st.integers(0, 5), person=people, appid=apps)
    def link(self, token, person, appid):
        caller = self.caller(token)
        if caller is None:
            return
        before = self.owners()
        owned = self.accounts(caller.person_id)
        try:
            done = linking.link(app=get_app(appid), user=caller.person.user, code=Secret(person))
        except Conflict:
            assert self.owners() == before
            return
        assert done.login.person_id == caller.person_id
        after = self.owners()
        assert {key: after[key] for key in before} == before
        self.put_together(owned | {person})
        self.handed_out.append(done.token.reveal())

    @rule(user=users, person=people, appid=apps)
    def link_by_password(self, user, person, appid):
        host = User.objects.filter(pk=user).first()
        if host is None:
            return
        before = self.owners()
        owned = self.accounts(user)
        try:
            done = linking.link(app=get_app(appid), user=host, code=Secret(person))
        except (Conflict, Blocked):
            assert self.owners() == before
            return
        self.put_together(owned | {person})
        self.handed_out.append(done.token.reveal())

    @rule(token=st.integers(0, 5), which=st.integers(0, 3))
    def unlink(self, token, which):
        caller = self.caller(token)
        if caller is None:
            return
        rows = linking.list_identities(login=caller)
        identity = rows[which % len(rows)]
        try:
            linking.unlink(login=caller, identity_id=identity.pk)
        except LastIdentity:
            assert len(rows) == 1
            assert Identity.objects.filter(pk=identity.pk).exists()

    @rule(token=st.integers(0, 5), everywhere=st.booleans())
    def log_out(self, token, everywhere):
        caller = self.caller(token)
        if caller is not None:
            (logout.log_out_everywhere if everywhere else logout.log_out)(login=caller)

    @rule(token=st.integers(0, 5), number=numbers)
    def give_a_number(self, token, number):
        caller = self.caller(token)
        if caller is None:
            return
        try:
            phone.keep(login=caller, number=Secret(number))
        except Conflict:
            digest = phone.digest(Secret(number))
            assert Person.objects.exclude(pk=caller.person_id).filter(phone_hash=digest).exists()

    @rule(which=st.integers(0, 9))
    def buy_something(self, which):
        user = self.anybody(which)
        if user is not None:
            Order.objects.create(user=user, text="tea")

    # -- staff ---------------------------------------------------------------------------------

    @rule(one=st.integers(0, 9), other=st.integers(0, 9))
    def merge(self, one, other):
        source, target = self.anybody(one), self.anybody(other)
        if source is None:
            return
        names = self.accounts(source.pk) | self.accounts(target.pk)
        try:
            merges.merge(source=source.pk, target=target.pk, actor="staff")
        except MergeRefused:
            return
        self.put_together(names)
        assert not OpenId.objects.filter(identity__person=source.pk).exists()

    @rule(one=st.integers(0, 9), other=st.integers(0, 9))
    def preview(self, one, other):
        source, target = self.anybody(one), self.anybody(other)
        if source is None:
            return
        before = self.everything()
        with suppress(MergeRefused):
            merges.preview(source=source.pk, target=target.pk)
        assert self.everything() == before

    @rule(which=st.integers(0, 3))
    def undo(self, which):
        done = list(Merge.objects.filter(undone_at=None).order_by("-pk"))
        if not done:
            return
        before = self.everything()
        try:
            merges.undo(merge_id=done[which % len(done)].pk, actor="staff")
        except MergeRefused:
            assert self.everything() == before

    @rule(which=st.integers(0, 9), blocked=st.booleans())
    def block(self, which, blocked):
        user = self.anybody(which)
        if user is not None:
            Person.objects.filter(pk=user.pk).update(blocked_at=timezone.now() if blocked else None)

    @rule(which=st.integers(0, 9), active=st.booleans())
    def deactivate(self, which, active):
        user = self.anybody(which)
        if user is not None:
            user.is_active = active
            user.save()

    @rule(which=st.integers(0, 9), odds=st.integers(0, 3))
    def delete(self, which, odds):
        user = self.anybody(which)
        if user is not None and odds == 0:
            user.delete()

    # -- looking -------------------------------------------------------------------------------

    def anybody(self, which):
        """One of the users who are not merged into somebody."""
        users = list(User.objects.exclude(pk__in=self.given_up()).order_by("-pk"))
        return users[which % len(users)] if users else None

    def given_up(self):
        return set(Merge.objects.filter(undone_at=None).values_list("source", flat=True))

    def caller(self, which):
        """The login of one of the newest tokens, if it is good for anything."""
        newest = self.handed_out[::-1]
        return get_login(newest[which]) if which < len(newest) else None

    def owner(self, person, appid):
        known = OpenId.objects.with_owner(appid, self.wechat.openid(person, appid)).first()
        return known and known.identity.person_id

    def owners(self):
        return dict(OpenId.objects.values_list("pk", "identity__person"))

    def disposable(self):
        return {user.pk for user in User.objects.all() if get_adapter().is_disposable(user=user)}

    def everything(self):
        models = (User, Person, Identity, OpenId, Login, Event, Merge, Pending, Order)
        return [sorted(map(repr, model._base_manager.values_list())) for model in models]

    # -- what holds ----------------------------------------------------------------------------

    @invariant()
    def every_identity_has_a_person_with_a_user(self):
        """I1; and none is left without openids."""
        connection.check_constraints()
        assert not Identity.objects.filter(openids=None).exists()

    @invariant()
    def nobody_made_here_is_without_an_identity(self):
        """I2; where the survivor is deleted, the record still tells of the merge."""
        lost = User.objects.filter(pk__in=self.made, wxauth_person__identities=None).select_related(
            "wxauth_person"
        )
        for user in lost:
            assert str(user.pk) in self.given_up(), user.pk
            assert not user.is_active

    @invariant()
    def ids_are_unique(self):
        """I3 and I4"""
        openids = list(OpenId.objects.values_list("appid", "openid"))
        assert len(openids) == len(set(openids))
        unionids = list(Identity.objects.exclude(unionid=None).values_list("platform", "unionid"))
        assert len(unionids) == len(set(unionids))
        for platform, appid in Identity.objects.values_list("platform", "openids__appid"):
            assert APPS[appid] == platform

    @invariant()
    def every_token_is_one_login_of_the_owner(self):
        """I5"""
        for token in self.handed_out[-20:]:
            found = get_login(token)
            if found is None:
                continue
            assert Login.objects.filter(digest=token_digest(token)).count() == 1
            assert found.via.identity.person_id == found.person_id
            person = found.person
            assert person.merged_into_id is None
            assert person.blocked_at is None
            assert person.user.is_active

    @invariant()
    def nothing_secret_is_readable(self):
        """I6"""
        text = str(self.everything())
        assert SESSION_KEY not in text
        assert "1380000" not in text
        assert not [token for token in self.handed_out if token in text]

    @invariant()
    def nobody_was_joined_with_somebody_else(self):
        """No request joins two people who are not one."""
        for key in set(self.owners().values()):
            names = self.accounts(key)
            assert all(names <= self.together[name] for name in names), names

    @invariant()
    def a_phone_number_has_one_person(self):
        hashes = list(Person.objects.exclude(phone_hash=None).values_list("phone_hash", flat=True))
        assert len(hashes) == len(set(hashes))


@pytest.mark.django_db
def test_whatever_happens_the_promises_hold(settings):
    settings.WXAUTH = {
        **settings.WXAUTH,
        "APPS": {appid: {"SECRET": "x", "PLATFORM": name} for appid, name in APPS.items()},
        "DEFAULT_APP": "wx-east-1",
        "LIMITS": {"login_openid": "999999/min"},
    }
    run_state_machine_as_test(Lives, settings=LIVES)


LIVES = settings(
    max_examples=RUNS,
    stateful_step_count=STEPS,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

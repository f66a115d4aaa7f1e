"""What the admin's own log keeps of people who are gone."""

from __future__ import annotations

from django.contrib.admin.models import CHANGE, LogEntry


def test_the_nickname_and_the_openid_leave_the_log_with_their_user(alice, bob, eve):
    changes = ((bob.person, "merged from"), (bob.openid, "session_key"), (eve.person, "x"))
    for row, change in changes:
        LogEntry.objects.log_actions(alice.pk, [row], CHANGE, change, single_object=True)
    assert [entry.object_repr for entry in LogEntry.objects.order_by("pk")][:2] == ["Bob", "o-bob"]
    person, openid = bob.person.pk, bob.openid.pk
    bob.person.user.delete()
    entries = [(e.object_repr, e.object_id, e.user) for e in LogEntry.objects.order_by("pk")]
    assert entries == [
        (f"#{person}", str(person), alice),
        (f"#{openid}", str(openid), alice),
        (str(eve.person), str(eve.person.pk), alice),
    ]

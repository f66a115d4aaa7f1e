"""News, sent after commit with ``send_robust``: a receiver cannot change or break what happened.

Decisions belong in the adapter; receivers are several and unordered. Django's own
``user_logged_in``, ``user_logged_out`` and ``user_login_failed`` are sent too.
"""

from __future__ import annotations

from django.dispatch import Signal

#: Somebody became a user. ``sender``: the user model; ``user``; ``login``: the first Login.
signed_up = Signal()

#: Somebody logged in. ``sender``: the user model; ``user``; ``login``: the Login;
#: ``created``: whether this made the user.
logged_in = Signal()

# The following have ``sender``: the Login model.

#: Encrypted or signed data was accepted. ``login``: the caller's; ``position``: whose session_key
#: fitted, ``"own"`` (the caller's login's), ``"newest"`` or ``"superseded"`` (the one was stale).
data_opened = Signal()

#: Encrypted or signed data was refused. ``login``: the caller's. Why is not told to anybody.
data_refused = Signal()

#: Data of an openid was refused ten times since its last login: its session_keys are dropped.
#: ``login``: the caller's.
budget_spent = Signal()

#: A login code came a second time. ``appid``; ``login``: the Login that its sender got all the
#: same, or None where the code was refused.
code_reused = Signal()

#: A rate limit refused a request. ``limit``: its name in ``WXAUTH["LIMITS"]``; ``appid``: empty
#: where it is not known yet.
limit_hit = Signal()

#: A WeChat app was added to a user on purpose. ``sender``: the user model; ``user``; ``appid``.
linked = Signal()

#: A WeChat identity was removed on purpose. ``sender``: the user model; ``user``.
unlinked = Signal()

#: Two users became one. ``sender``: the user model; ``user``: the survivor; ``source``: the user
#: who was given up; ``merge``: the Merge, which names every row; ``merge.automatic``: at a login.
merged = Signal()

#: A merge was undone. ``sender``: the user model; ``user``: who had survived; ``source``: who is
#: back; ``merge``: the Merge.
merge_undone = Signal()

#: WeChat says that two users are one person, and both have something to lose: once for each pair.
#: ``sender``: the user model; ``user``: who logged in; ``owner``: the user with the unionid.
conflict_found = Signal()

#: Somebody was erased: what a project keeps elsewhere than in its database can go now. ``sender``:
#: the user model; ``user``: what is left, anonymous and inactive.
erased = Signal()

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

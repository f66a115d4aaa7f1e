"""A WeChat for tests and for development: it refuses like the original.

``FakeWeChat`` is the state (apps, people, codes, session keys), ``FakeWeChatServer`` puts it on a
real port, ``faults`` makes the answers go wrong. With pytest, take the fixture ``fake_wechat``;
``log_in`` (fixture ``wxauth_login``) starts where a login has ended, and needs no WeChat at all.
``python -m wxauth.testing`` and ``manage.py wxauth_sandbox`` serve one in the foreground.

Nothing but ``log_in`` needs Django or its settings, and nothing here uses wxauth's own
cryptography: a fake that shared code with what it tests would agree with every mistake in it.
"""

from __future__ import annotations

from . import faults
from .fake import Call, FakeWeChat
from .loading import load_file, load_people
from .logins import LiveLogin, log_in
from .people import FakePerson, Unknown
from .push import Push
from .server import FakeWeChatServer

__all__ = [
    "Call",
    "FakePerson",
    "FakeWeChat",
    "FakeWeChatServer",
    "LiveLogin",
    "Push",
    "Unknown",
    "faults",
    "load_file",
    "load_people",
    "log_in",
]

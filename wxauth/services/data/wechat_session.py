"""WeChat's session: the one session_key that is valid for a person in an app. (protocol 2)"""

from __future__ import annotations

from functools import partial

from wxauth.conf import conf
from wxauth.exceptions import SessionKeyMissing, WeChatBadResponse, WeChatTimeout
from wxauth.models import Login, OpenId
from wxauth.services import transactions
from wxauth.wiring import get_client

from . import session_keys


def check(*, login: Login) -> bool:
    """Whether the newest session_key that is stored for the caller is still WeChat's.

    Raises ``SessionKeyMissing`` where none is stored, a ``WeChatError`` or
    ``DatabaseUnavailable``.
    """
    found = session_keys.newest(login.via_id)
    if found is None:
        raise SessionKeyMissing("There is no usable session_key.")
    return get_client(conf.get_app(login.appid)).check_session_key(login.openid, found[1])


def end(*, openid: OpenId) -> bool:
    """End the person's WeChat session in this app, after a suspected leak of the session_key.

    Whatever is stored is forgotten: with a key that leaked, anybody makes up data that opens. Our
    own logins go on, and WeChat's new key takes the place of the old ones. True: WeChat said that
    the key was replaced; False: it was not valid any more, or WeChat's answer was lost.

    Raises ``SessionKeyMissing`` where none is stored; a ``WeChatError`` or ``DatabaseUnavailable``
    where WeChat could not be asked, and then nothing has changed.
    """
    found = session_keys.newest(openid.pk)
    if found is None:
        raise SessionKeyMissing("There is no usable session_key.")
    login, key = found
    try:
        new_key = get_client(conf.get_app(openid.appid)).reset_session_key(openid.openid, key)
    except (SessionKeyMissing, WeChatTimeout, WeChatBadResponse):
        new_key = None
    transactions.run(partial(session_keys.replace, openid.pk, login, new_key))
    return new_key is not None

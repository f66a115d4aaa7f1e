"""What a browser costs, by count, as ``tests/api/requests/test_costs.py`` has it. A figure may only
go down.

With signed cookies a session costs no statement, so what is left is a login's; in rows it costs
what Django wants for it. What a page pays that only asks who is there: ``test_sessions``.
"""

from __future__ import annotations

import pytest

from tests.api.phone import Phone

from .people import ACCOUNT, SITE, START, state_of

pytestmark = pytest.mark.django_db(transaction=True)

ENGINES = pytest.mark.parametrize(
    ("engine", "session"), [("signed_cookies", False), ("db", True)], ids=["cookies", "rows"]
)

#: Statements. A login of somebody who is known is BEGIN, SELECT, INSERT, COMMIT; ``last_login`` is
#: written by Django's own receiver.
LOGIN, LAST_LOGIN = 4, 1
#: Of a session in rows. Read it, and write the used state before the code is sent: 1 + 3; give it
#: another key: 6; write it at the end: 3.
STATE, KEY, SAVED = 4, 6, 3


def use(settings, engine):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"


@ENGINES
def test_a_callback_costs_a_login_and_the_sessions_own(
    open_browser, costs, settings, engine, session
):
    use(settings, engine)
    own = session * (STATE + KEY + SAVED)

    def come_back(person, appid=SITE, query=""):
        """What the callback alone costs."""
        browser = open_browser()
        state = state_of(browser.get(f"{START[appid]}?{query}"))
        code = browser.fake.oauth2_code(person, appid)
        cost = costs(lambda: browser.get(f"/wechat/callback/?code={code}&state={state}"))
        return cost["statements"] - own, cost["wechat"], cost["cache"]

    # As a first login of a phone, 11; the nickname in a transaction of its own, 3.
    assert come_back("alice") == (11 + 3, 2, 1)
    assert come_back("alice") == (LOGIN + LAST_LOGIN, 1, 1)
    come_back("alice", ACCOUNT)
    assert come_back("alice", ACCOUNT, "scope=base") == (LOGIN + LAST_LOGIN, 1, 1)
    # A guest: it is looked who that could be, and nothing is written but the session.
    assert come_back("bob", ACCOUNT, "scope=base") == (4, 1, 1)


@ENGINES
def test_a_start_and_a_web_view(open_browser, fake_wechat, costs, settings, engine, session):
    use(settings, engine)
    browser, phone = open_browser(), Phone(fake_wechat, "alice")

    # A new session: is there one of this key, and a row.
    assert costs(lambda: browser.get(START[SITE])).get("statements", 0) == session * 4

    answers = []

    def measure(act):
        """What it costs. The answer comes last in ``answers``."""
        cost = costs(lambda: answers.append(act()) or answers[-1])
        return cost.get("statements", 0), cost.get("cache", 0)

    # The token; the ticket is signed and stands nowhere.
    assert measure(lambda: phone.post("web-ticket/", {})) == (1, 1)
    url = answers[-1].json()["url"]
    # Whose login it is.
    browser = open_browser()
    assert measure(lambda: browser.get(url)) == (1, 1)
    ticket = answers[-1].context["ticket"].reveal()
    # The same once more; the ticket is spent in a transaction with a savepoint.
    spent = 1 + 5
    enter = measure(lambda: browser.client.post("/wechat/enter/", {"ticket": ticket}))
    assert enter == (spent + LOGIN + LAST_LOGIN + session * (STATE + SAVED), 2)

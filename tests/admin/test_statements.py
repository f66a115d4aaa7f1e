"""As many statements for thirty rows as for three."""

from __future__ import annotations

import pytest
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from tests.statements import capture_statements
from wxauth.models import Identity, OpenId

from .conftest import make_login
from .pages import MODELS, list_page, page, text


def count(client, address):
    ContentType.objects.clear_cache()
    with capture_statements() as statements:
        text(client.get(address))
    return len(statements)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("query", [{}, {"q": "o-person0"}])
def test_a_list_costs_the_same_for_thirty_rows_as_for_three(
    alice_client, make_person, model, query
):
    for number in range(3):
        make_person(f"person{number}", phone_number=f"+861380000000{number}")
    few = count(alice_client, list_page(model, **query))
    for number in range(3, 30):
        make_person(f"person{number}")
    assert count(alice_client, list_page(model, **query)) == few
    # The session and the user are two of them; a search one or two.
    assert few <= (4 if not query else 6)


def test_a_persons_page_costs_the_same_for_thirty_rows_as_for_three(alice_client, make_person):
    bob = make_person("bob")

    def add(start, end):
        now = timezone.now()
        for number in range(start, end):
            identity = Identity.objects.create(person=bob.person, platform=f"platform{number}")
            openid = OpenId.objects.create(
                identity=identity, appid=f"wx{number}", openid="o", created_at=now
            )
            make_login(bob.person, openid, now, "bob")

    add(0, 3)
    few = count(alice_client, page(bob.person))
    add(3, 30)
    assert count(alice_client, page(bob.person)) == few
    assert few <= 10


def test_no_list_counts_the_whole_table_beside_what_is_found(alice_client, bob):
    with capture_statements() as statements:
        text(alice_client.get(list_page("login", q="o-bob")))
    counts = [sql for sql in statements if "COUNT(" in sql]
    assert len(counts) == 1
    assert "WHERE" in counts[0]

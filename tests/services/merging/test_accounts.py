"""Every column of a person has a policy, and whoever adds one is told so."""

from __future__ import annotations

import pytest
from django.db import models

from tests.columns import extra_column
from wxauth.models import Person
from wxauth.services.merging.accounts import POLICIES, With
from wxauth.services.profile import phone


def check_policies():
    columns = {field.name for field in Person._meta.local_fields}
    missing = ", ".join(sorted(columns - POLICIES.keys()))
    assert not missing, (
        f"Say in POLICIES of wxauth/services/merging/accounts.py what a merge does with "
        f"Person.{missing}: who has it afterwards, and whether undoing brings it back."
    )
    assert POLICIES.keys() == columns


def test_every_column_of_a_person_has_a_policy():
    check_policies()


def test_a_column_without_a_policy_is_told_what_to_do():
    with (
        extra_column(Person, "birthday", models.DateField(null=True)),
        pytest.raises(AssertionError, match=r"Say in POLICIES .* a merge does with Person\.birth"),
    ):
        check_policies()
    check_policies()


def test_what_goes_with_a_column_goes_with_one_that_has_a_policy_of_its_own():
    for policy in POLICIES.values():
        if isinstance(policy, With):
            assert not any(isinstance(POLICIES[name], With) for name in policy.columns)


def test_whatever_is_known_of_a_number_goes_with_it():
    named = {name for name in POLICIES if "phone" in name}
    assert named == set(phone.NONE)

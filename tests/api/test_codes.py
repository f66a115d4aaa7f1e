"""A code is good for one login, also after something went wrong."""

from __future__ import annotations

import pytest

from tests.api.contract import assert_error
from tests.api.phone import call
from wxauth.models import Login
from wxauth.testing import faults

pytestmark = pytest.mark.django_db


def test_a_code_logs_in_once(fake_wechat, client):
    code = fake_wechat.login_code("alice")
    assert call(client, "POST", "login/", {"code": code}).status_code == 200
    # Another phone: nobody who finds a used code gets in with it.
    answer = call(client, "POST", "login/", {"code": code}, headers={"User-Agent": "another phone"})
    assert_error(answer, "code_used")
    assert Login.objects.count() == 1


def test_a_code_that_wechat_was_too_busy_for_is_still_good(fake_wechat, client):
    code = fake_wechat.login_code("alice")
    fake_wechat.faults.add(faults.Errcode(-1))
    assert_error(call(client, "POST", "login/", {"code": code}), "wechat_unavailable")
    assert call(client, "POST", "login/", {"code": code}).status_code == 200


def test_a_code_whose_answer_was_lost_is_spent(fake_wechat, client):
    code = fake_wechat.login_code("alice")
    fake_wechat.faults.add(faults.Truncated())
    assert_error(call(client, "POST", "login/", {"code": code}), "wechat_bad_response")
    assert_error(call(client, "POST", "login/", {"code": code}), "code_used")


def test_after_a_fault_the_next_login_goes_through(fake_wechat, client):
    for fault in (faults.Reset(), faults.html(502), faults.not_json(), faults.Errcode(45011)):
        fake_wechat.faults.add(fault)
        code = fake_wechat.login_code("alice")
        assert call(client, "POST", "login/", {"code": code}).status_code >= 400
    code = fake_wechat.login_code("alice")
    assert call(client, "POST", "login/", {"code": code}).status_code == 200

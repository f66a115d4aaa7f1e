"""The error contract, written down once more: what clients out there rely on.

Not taken from ``wxauth.api.errors``: a table that is compared with itself is always right.
"""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse

#: code → status, action.
CONTRACT = {
    "invalid_request": (400, "fix"),
    "unknown_app": (400, "fix"),
    "invalid_code": (400, "login"),
    "code_used": (400, "login"),
    "snapshot": (403, "tap"),
    "invalid_phone_code": (400, "tap"),
    "undecryptable": (400, "refetch"),
    "not_authenticated": (401, "login"),
    "invalid_token": (401, "login"),
    "blocked": (403, "stop"),
    "not_registered": (403, "signup"),
    "signup_refused": (403, "stop"),
    "deletion_refused": (403, "stop"),
    "not_found": (404, "stop"),
    "conflict": (409, "stop"),
    "session_key_missing": (409, "refetch"),
    "method_not_allowed": (405, "fix"),
    "not_acceptable": (406, "fix"),
    "payload_too_large": (413, "fix"),
    "unsupported_media_type": (415, "fix"),
    "rate_limited": (429, "retry"),
    "internal_error": (500, "stop"),
    "wechat_bad_response": (502, "login"),
    "wechat_unavailable": (503, "retry"),
    "misconfigured": (503, "stop"),
    "database_unavailable": (503, "retry"),
    "storage_unavailable": (503, "retry"),
    "wechat_timeout": (504, "login"),
}


#: What only pages for browsers answer.
PAGES = {
    "invalid_state": (400, "login"),
    "invalid_ticket": (400, "login"),
    "cancelled": (403, "login"),
    "staff_refused": (403, "stop"),
}

#: What the phone does next where the code that was sent is good for another try: a phone code.
WITH_PHONE_CODE = {"wechat_bad_response": "retry", "wechat_timeout": "retry"}


def assert_headers(answer: HttpResponse) -> None:
    """What every answer carries, and what none does."""
    assert answer["Cache-Control"] == "no-store"
    assert answer["X-Request-ID"]
    assert not answer.cookies
    if answer.status_code != 204:
        assert answer["Content-Type"] == "application/json"


def assert_error(
    answer: HttpResponse,
    code: str,
    *,
    field: str | None = None,
    retry_after: int | None = None,
    phone_code: bool = False,
) -> dict[str, Any]:
    """The answer is this row of the contract: status, body and headers."""
    assert_headers(answer)
    status, action = CONTRACT[code]
    if phone_code:
        action = WITH_PHONE_CODE.get(code, action)
    body: dict[str, Any] = json.loads(answer.content)
    assert (answer.status_code, body["code"], body["action"]) == (status, code, action), body
    assert set(body) <= {"code", "detail", "action", "retry_after", "field"}
    assert isinstance(body["detail"], str)
    assert body["detail"]
    if field is not None:
        assert body.get("field") == field, body
    if action == "retry":
        assert type(body["retry_after"]) is int
        assert body["retry_after"] > 0
        assert answer["Retry-After"] == str(body["retry_after"])
    else:
        assert "retry_after" not in body
        assert "Retry-After" not in answer
    if retry_after is not None:
        assert body["retry_after"] == retry_after
    assert ("WWW-Authenticate" in answer) == (status == 401)
    return body

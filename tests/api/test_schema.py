"""/api/schema/ and /api/docs/: the contract, for machines and for people."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client

from tests.api.contract import CONTRACT, WITH_PHONE_CODE
from wxauth.api import errors

ALWAYS = {
    "not_acceptable",
    "method_not_allowed",
    "internal_error",
    "database_unavailable",
}
BODY = {"invalid_request", "payload_too_large", "unsupported_media_type"}
TOKEN = {"not_authenticated", "invalid_token"}
DATA = {"undecryptable", "session_key_missing"}
LIMIT = {"rate_limited"}
STORAGE = {"storage_unavailable", "misconfigured"}
WECHAT = {
    "rate_limited",
    "wechat_bad_response",
    "wechat_unavailable",
    "misconfigured",
    "wechat_timeout",
}
#: What each operation may answer, by the contract.
OPERATIONS = {
    ("post", "login/"): ALWAYS
    | BODY
    | WECHAT
    | {"unknown_app", "invalid_code", "code_used", "snapshot", "blocked", "not_registered"}
    | {"signup_refused", "invalid_phone_code", "conflict"},
    ("post", "logout/"): ALWAYS | TOKEN,
    ("post", "logout/all/"): ALWAYS | TOKEN,
    ("get", "me/"): ALWAYS | TOKEN,
    ("post", "me/"): ALWAYS | TOKEN | BODY | LIMIT,
    ("patch", "me/"): ALWAYS | TOKEN | BODY | LIMIT,
    ("delete", "me/"): ALWAYS | TOKEN | LIMIT | {"deletion_refused"},
    ("post", "me/deletion/cancel/"): ALWAYS | TOKEN | LIMIT,
    ("get", "me/export/"): ALWAYS | TOKEN | LIMIT,
    ("post", "me/userinfo/"): ALWAYS | TOKEN | BODY | DATA | LIMIT,
    ("post", "me/avatar/"): ALWAYS | TOKEN | BODY | LIMIT | STORAGE,
    ("put", "me/avatar/"): ALWAYS | TOKEN | BODY | LIMIT | STORAGE,
    ("delete", "me/avatar/"): ALWAYS | TOKEN | LIMIT,
    ("post", "me/phone/"): ALWAYS
    | TOKEN
    | BODY
    | DATA
    | WECHAT
    | {"conflict", "invalid_phone_code"},
    ("get", "me/logins/"): ALWAYS | TOKEN,
    ("post", "link/"): ALWAYS
    | TOKEN
    | BODY
    | WECHAT
    | {"unknown_app", "invalid_code", "code_used", "snapshot", "blocked", "conflict"},
    ("get", "prefetch/"): ALWAYS
    | WECHAT
    | {"invalid_request", "unknown_app", "invalid_token", "invalid_code", "code_used", "blocked"}
    | {"not_registered", "signup_refused", "not_found", "conflict"},
    ("post", "web-ticket/"): ALWAYS | TOKEN | BODY | LIMIT | {"not_found"},
    ("get", "me/identities/"): ALWAYS | TOKEN,
    ("delete", "me/identities/{identity_id}/"): ALWAYS | TOKEN | {"not_found", "conflict"},
    ("delete", "me/logins/{login_id}/"): ALWAYS | TOKEN | {"not_found"},
    ("post", "decrypt/"): ALWAYS | TOKEN | BODY | DATA | LIMIT,
    ("post", "session/check/"): ALWAYS | TOKEN | WECHAT | {"session_key_missing"},
}


@pytest.fixture(scope="module")
def schema():
    answer = Client().get("/api/schema/?format=json")
    assert answer.status_code == 200
    return json.loads(answer.content)


def find(schema: dict, method: str, path: str) -> dict:
    return schema["paths"][f"/api/wxauth/{path}"][method]


def test_the_schema_is_valid_openapi(schema):
    validator = pytest.importorskip("openapi_spec_validator")
    validator.validate(schema)


def test_the_schema_is_made_without_a_warning(tmp_path):
    out = tmp_path / "schema.yaml"
    call_command("spectacular", "--fail-on-warn", "--validate", file=str(out))
    assert out.read_text("utf-8").startswith("openapi: 3")


def test_every_operation_is_there_and_no_other(schema):
    listed = {
        (method, path.removeprefix("/api/wxauth/"))
        for path, methods in schema["paths"].items()
        for method in methods
    }
    assert listed == set(OPERATIONS)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_error_is_listed_under_its_status(schema, method, path):
    responses = find(schema, method, path)["responses"]
    listed = {
        (int(status), code)
        for status, response in responses.items()
        for code in re.findall(r"`(\w+)`:", response.get("description", ""))
    }
    assert listed == {(CONTRACT[code][0], code) for code in OPERATIONS[method, path]}


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_an_error_lists_its_actions_and_its_keys(schema, method, path):
    for status, response in find(schema, method, path)["responses"].items():
        if int(status) < 400:
            continue
        shape = response["content"]["application/json"]["schema"]
        assert shape["required"] == ["code", "detail", "action"]
        codes = {code for code in OPERATIONS[method, path] if CONTRACT[code][0] == int(status)}
        actions = {code: CONTRACT[code][1] for code in codes}
        if path == "me/phone/":
            actions |= {code: WITH_PHONE_CODE[code] for code in codes & set(WITH_PHONE_CODE)}
        assert set(shape["properties"]["action"]["enum"]) == set(actions.values())
        if "signup_refused" not in codes:  # The adapter's own words are anybody's guess.
            assert set(shape["properties"]["code"]["enum"]) == codes


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_a_success_is_described(schema, method, path):
    responses = find(schema, method, path)["responses"]
    if path.startswith("logout") or (method == "delete" and path not in {"me/", "me/avatar/"}):
        assert "content" not in responses["204"]
    else:
        assert responses["200"]["content"]["application/json"]["schema"]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_a_token_is_asked_for_everywhere_but_at_the_doors(schema, method, path):
    security = find(schema, method, path).get("security", [])
    assert bool([each for each in security if each]) == (path not in {"login/", "prefetch/"})


def test_the_bodies_are_json_and_have_the_fields_of_the_contract(schema):
    def fields(name: str) -> set[str]:
        return set(schema["components"]["schemas"][name]["properties"])

    body = find(schema, "post", "login/")["requestBody"]
    assert set(body["content"]) == {"application/json"}
    assert fields("LoginRequest") == {
        "code", "appid", "phone_code", "encryptedData", "iv", "rawData", "signature", "signup",
        "extra",
    }  # fmt: skip
    assert fields("Phone") == {"phone_code", "code", "encryptedData", "iv"}
    assert fields("LoginAnswer") == {
        "token", "token_type", "expires_in", "expires_at", "created", "user", "warnings", "extra",
    }  # fmt: skip
    assert fields("User") == {
        "id", "nickname", "avatar", "phone", "created_at", "deletion_due_at",
    }  # fmt: skip
    assert fields("Login") == {"id", "app", "device", "created_at", "expires_at", "current"}


def test_a_picture_is_a_file_in_a_form(schema):
    for method in ("post", "put"):
        body = find(schema, method, "me/avatar/")["requestBody"]
        (content_type,) = body["content"]
        assert content_type == "multipart/form-data"
    (field,) = schema["components"]["schemas"]["Avatar"]["properties"].values()
    assert (field["type"], field["format"]) == ("string", "binary")


def test_what_may_be_null_says_so(schema):
    user = schema["components"]["schemas"]["User"]["properties"]
    nullable = {name for name, field in user.items() if field.get("nullable")}
    assert nullable == {"nickname", "avatar", "phone", "deletion_due_at"}


def test_the_contract_has_no_code_that_nothing_lists(schema):
    assert set.union(*OPERATIONS.values()) == set(CONTRACT)
    assert errors.INTERNAL_ERROR.code in ALWAYS


def test_the_docs_load_nothing_from_elsewhere(client):
    answer = client.get("/api/docs/")
    page = answer.content.decode()
    assert answer.status_code == 200
    links = re.findall(r"""(?:src|href)\s*=\s*["']([^"']+)""", page)
    assert links
    assert [link for link in links if re.match(r"(https?:)?//", link)] == []
    assert not re.search(r"""url\(\s*["']?(https?:)?//""", page)


WITHOUT = """
import sys
sys.modules["drf_spectacular"] = None  # An import of it fails.
import django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "wxauth"],
    ROOT_URLCONF="wxauth.urls", ALLOWED_HOSTS=["testserver"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
django.setup()
from django.test import Client
print(Client().get("/me/").status_code, Client().get("/nowhere").status_code)
"""


@pytest.mark.waits
def test_without_drf_spectacular_everything_else_works():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert (done.stdout.split(), done.returncode) == (["401", "404"], 0), done.stderr

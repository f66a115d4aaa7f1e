"""What the project answers outside the app's own views."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.utils import translation

from config import errors

KEYS = {"code", "detail", "action"}


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nope/", "/api/wxauth/nope/"])
def test_an_unknown_path_of_the_api_is_json(client: Client, path: str):
    response = client.get(path)
    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


def test_an_unknown_path_elsewhere_is_the_projects_page(client: Client):
    response = client.get("/nope/", headers={"Accept-Language": "zh-CN"})
    assert response.status_code == 404
    assert "页面不存在" in response.content.decode()


@pytest.mark.parametrize("debug", [False, True])
def test_a_forbidden_host_gets_json_from_the_api(client: Client, settings: Any, debug: bool):
    """Under DEBUG too, where Django has a page of its own for it."""
    settings.DEBUG = debug
    response = client.post("/api/wxauth/login/", headers={"Host": "eve.example"})
    assert response.status_code == 400
    assert response.json().keys() == KEYS
    assert response.json()["code"] == "invalid_request"
    assert response["Cache-Control"] == "no-store"
    assert response["X-Request-ID"]


def test_a_forbidden_host_gets_a_page_elsewhere(client: Client):
    response = client.get("/admin/", headers={"Host": "eve.example"})
    assert response.status_code == 400
    assert b"<!doctype html>" in response.content


def test_a_bug_in_a_middleware_gets_json_from_the_api(settings: Any):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.broken"]
    response = Client(raise_request_exception=False).get("/api/wxauth/me/")
    assert response.status_code == 500
    assert response.json()["code"] == "internal_error"
    assert "secret detail" not in response.content.decode()


def broken(get_response: Any) -> Any:
    def middleware(request: Any) -> HttpResponse:
        raise RuntimeError("secret detail")

    return middleware


def test_a_bug_elsewhere_gets_the_projects_page():
    response = errors.server_error(RequestFactory().get("/admin/"))
    assert response.status_code == 500
    assert b"<!doctype html>" in response.content


def test_an_error_of_the_api_speaks_the_callers_language():
    with translation.override("zh-hans"):
        response = errors.bad_request(RequestFactory().get("/api/"), Exception())
    assert json.loads(response.content)["detail"] == "请求无效。"


@pytest.mark.parametrize("name", ["400", "403", "404", "500"])
def test_pages_load_nothing_from_elsewhere(name: str):
    assert not re.search(r"(?:src|href)=|url\(|@import", render_to_string(f"{name}.html"))


def test_the_docs_page_loads_nothing_from_elsewhere(client: Client):
    page = client.get("/api/docs/").content.decode()
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(loaded) > 2
    assert all(address.startswith("/static/") for address in loaded)


def test_no_cookie_and_no_redirect_from_the_api_in_any_language(client: Client):
    response = client.get("/api/wxauth/me", headers={"Accept-Language": "en"})
    assert response.status_code == 401
    assert not response.cookies

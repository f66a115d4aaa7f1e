"""Where the admin's pages are."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.db.models import Model
from django.urls import reverse

MODELS = ("person", "identity", "openid", "login")


def list_page(model: str, **query: Any) -> str:
    address = reverse(f"admin:wxauth_{model}_changelist")
    return f"{address}?{urlencode(query)}" if query else address


def page(row: Model, view: str = "change") -> str:
    return reverse(f"admin:wxauth_{row._meta.model_name}_{view}", args=[row.pk])


def listed(response: Any) -> list[Any]:
    """The rows in the list, in order."""
    assert response.status_code == 200
    return list(response.context["cl"].result_list)


def text(response: Any) -> str:
    assert response.status_code == 200
    return response.content.decode()

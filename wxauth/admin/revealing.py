"""The page on which a member of the staff says why, and sees one phone number in full."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from wxauth.exceptions import DatabaseUnavailable, InvalidRequest, NotFound, RateLimited
from wxauth.logging import answering, choose_request_id
from wxauth.models import Person
from wxauth.services.profile import revealing

from .base import ReadOnlyAdmin


def may_reveal(request: HttpRequest) -> bool:
    return bool(request.user.has_perm(revealing.PERMISSION))


def reveal_address(site: admin.AdminSite, person: Person) -> str:
    return reverse(f"{site.name}:wxauth_person_phone", args=[quote(person.pk)])


def reveal_view(model_admin: ReadOnlyAdmin, request: HttpRequest, key: str) -> HttpResponse:
    """GET asks why, POST shows the number: never twice for one answer, never in an address."""
    plain: Any = unquote(key)
    person = model_admin.get_object(request, plain)
    if person is None:
        raise Http404
    if not may_reveal(request) or not model_admin.has_view_permission(request, person):
        raise PermissionDenied
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Show the phone number"),
        "opts": model_admin.opts,
        "person": model_admin.link_person(person),
        "reason": request.POST.get("reason", ""),
        "longest": revealing.LONGEST_REASON,
    }
    if request.method == "POST":
        sent = request.headers.get("X-Request-ID", "")
        with answering(choose_request_id(sent)):
            context |= _reveal(request, person)
    return TemplateResponse(request, "wxauth/admin/phone.html", context)


def _reveal(request: HttpRequest, person: Person) -> dict[str, Any]:
    """The number, or why there is none."""
    try:
        number = revealing.reveal(
            key=person.pk, actor=request.user, reason=request.POST.get("reason", "")
        )
    except InvalidRequest as error:
        return {"refused": str(error)}
    except RateLimited as error:
        minutes = -(-error.retry_after // 60)
        return {
            "refused": _("You have seen enough numbers for now: again in %(minutes)d minutes.")
            % {"minutes": minutes}
        }
    except NotFound:
        return {"refused": _("There is no phone number that can be read.")}
    except DatabaseUnavailable:
        return {"refused": _("The database refused; the number is not shown.")}
    return {"number": number}

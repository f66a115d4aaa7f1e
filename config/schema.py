"""``/api/schema/``: made once per process, language and format. Making it costs a second."""

from __future__ import annotations

import threading
from functools import cache

from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer

_lock = threading.Lock()


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """In JSON for whoever asks for it (``?format=json``, or by the Accept header), else in YAML."""
    asked = request.GET.get("format") or request.headers.get("Accept", "")
    renderer = OpenApiJsonRenderer if "json" in asked else OpenApiYamlRenderer
    # A burst makes it once, too; drf-spectacular breaks where two threads make their first at once.
    with _lock:
        content = _render(translation.get_language(), renderer)
    answer = HttpResponse(content, content_type=renderer.media_type)
    answer["Content-Disposition"] = f'inline; filename="wxauth.{renderer.format}"'
    return answer


@cache
def _render(
    language: str, renderer: type[OpenApiJsonRenderer] | type[OpenApiYamlRenderer]
) -> bytes:
    with translation.override(language):
        generator = SchemaGenerator()  # type: ignore[no-untyped-call]
        made = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
        content: bytes = renderer().render(made, renderer_context={})
    return content

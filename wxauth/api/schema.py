"""What the OpenAPI schema says about our views. Needs drf-spectacular; without it there is none."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from . import errors
from .errors import Row

try:
    from drf_spectacular.extensions import (
        OpenApiAuthenticationExtension,
        OpenApiSerializerFieldExtension,
    )
    from drf_spectacular.openapi import AutoSchema
    from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
except ImportError:  # pragma: no cover - the wheel test runs without it
    HAS_SPECTACULAR = False
else:
    HAS_SPECTACULAR = True

#: What WeChat can do to any request that asks it something.
WECHAT = (
    errors.RATE_LIMITED,
    errors.WECHAT_BAD_RESPONSE,
    errors.WECHAT_UNAVAILABLE,
    errors.MISCONFIGURED,
    errors.WECHAT_TIMEOUT,
)
#: The same for a phone code, which may be sent again.
WECHAT_PHONE = (
    errors.RATE_LIMITED,
    errors.INVALID_PHONE_CODE,
    errors.WECHAT_BAD_RESPONSE_RETRY,
    errors.WECHAT_UNAVAILABLE,
    errors.MISCONFIGURED,
    errors.WECHAT_TIMEOUT_RETRY,
)
_ALWAYS = (
    errors.NOT_ACCEPTABLE,
    errors.METHOD_NOT_ALLOWED,
    errors.INTERNAL_ERROR,
    errors.DATABASE_UNAVAILABLE,
)
_WITH_TOKEN = (errors.NOT_AUTHENTICATED, errors.INVALID_TOKEN)
_WITH_BODY = (errors.INVALID_REQUEST, errors.PAYLOAD_TOO_LARGE, errors.UNSUPPORTED_MEDIA_TYPE)


@dataclass(frozen=True)
class Operation:
    """One method of one path, for the schema: serializers in and out, and what can go wrong.

    ``answer`` None means 204. Errors that every such operation shares are added by themselves.
    """

    request: Any = None
    answer: Any = None
    errors: tuple[Row, ...] = ()
    media_type: str = "application/json"
    #: The parameters of the URL.
    query: Any = None


def _error_schema(rows: list[Row]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["code", "detail", "action"],
        "properties": {
            "code": {
                "type": "string",
                # The adapter may refuse a sign-up in its own words.
                **(
                    {"example": rows[0].code}
                    if errors.SIGNUP_REFUSED in rows
                    else {"enum": sorted({row.code for row in rows})}
                ),
            },
            "detail": {"type": "string", "description": "For people."},
            "action": {
                "type": "string",
                "enum": sorted({row.action for row in rows}),
                "description": "What the client does next; an unknown action is `stop`.",
            },
            "retry_after": {"type": "integer", "description": "Seconds."},
            "field": {"type": "string", "description": "The first offending field."},
        },
    }


if HAS_SPECTACULAR:

    class Schema(AutoSchema):
        """Reads ``view.operations``."""

        @property
        def operation(self) -> Operation:
            operation: Operation = self.view.operations[self.method.lower()]  # type: ignore[attr-defined]
            return operation

        def get_tags(self) -> list[str]:
            return ["wxauth"]

        def get_request_serializer(self) -> Any:
            return self.operation.request

        def map_parsers(self) -> list[str]:
            return [self.operation.media_type]

        def get_override_parameters(self) -> list[Any]:
            return [
                *filter(None, [self.operation.query]),
                OpenApiParameter(
                    "X-Request-ID",
                    str,
                    OpenApiParameter.HEADER,
                    description="Passed on to the answer and the logs; made where absent.",
                ),
            ]

        def get_response_serializers(self) -> Any:
            answer = self.operation.answer
            responses: dict[Any, Any] = {204: None} if answer is None else {200: answer()}
            by_status = defaultdict(list)
            for row in self._rows():
                by_status[row.status].append(row)
            for status, rows in sorted(by_status.items()):
                responses[status] = OpenApiResponse(
                    _error_schema(rows),
                    description=" · ".join(f"`{row.code}`: {row.detail}" for row in rows),
                )
            return responses

        def _rows(self) -> tuple[Row, ...]:
            rows = self.operation.errors + _ALWAYS
            if self.view.authentication_classes:
                rows += _WITH_TOKEN
            if self.operation.request is not None:
                rows += _WITH_BODY
            if self.view.limit and self.method not in self.view.unlimited:  # type: ignore[attr-defined]
                rows += (errors.RATE_LIMITED,)
            return tuple(dict.fromkeys(rows))

    class Picture(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
        target_class = "wxauth.api.serializers.PictureField"

        def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
            # Otherwise the address that a file is answered as.
            return {"type": "string", "format": "binary"}

    class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
        target_class = "wxauth.authentication.TokenAuthentication"
        name = "wxauth"

        def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
            return {
                "type": "http",
                "scheme": "bearer",
                "description": "The token that POST login/ answered: wxa_…",
            }


def make_schema() -> Any:
    """The schema of a view, or None where drf-spectacular is not installed."""
    return Schema() if HAS_SPECTACULAR else None

"""Errors to HTTP status and OperationOutcome: the only place with HTTP numbers."""

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from service.errors import (
    BadRequest,
    EvidenceUnavailable,
    NotEntitled,
    NotTrusted,
    Overloaded,
    ServiceError,
    TooLarge,
    Unavailable,
    UnknownService,
    UnsupportedMediaType,
    WrongHook,
)

FHIR_JSON = "application/fhir+json"
# (status, OperationOutcome issue code), the most specific error first.
_ANSWERS: tuple[tuple[type[ServiceError], int, str], ...] = (
    (WrongHook, 400, "not-supported"),
    (BadRequest, 400, "invalid"),
    (NotTrusted, 401, "login"),
    (NotEntitled, 403, "forbidden"),
    (UnknownService, 404, "not-found"),
    (EvidenceUnavailable, 412, "incomplete"),
    (TooLarge, 413, "too-long"),
    (UnsupportedMediaType, 415, "not-supported"),
    (Overloaded, 503, "throttled"),
    (Unavailable, 503, "transient"),
)


def response_to(error: ServiceError) -> Response:
    """The answer to a known error. A caller that is not trusted learns nothing (JWT-15)."""
    status, code = next((found[1:] for found in _ANSWERS if isinstance(error, found[0])), (500, "exception"))
    if status == 401:
        return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})
    expression = error.expression if isinstance(error, BadRequest) else None
    seconds = error.retry_after_s if isinstance(error, Overloaded) else 1
    headers = {"Retry-After": str(seconds)} if status == 503 else None
    return outcome(status, code, str(error), expression=expression, headers=headers)


def internal_error() -> Response:
    """Something unforeseen: 500, and nothing of what was sent."""
    return outcome(500, "exception", "internal error; the operator's log has its number")


def method_not_allowed(allowed: str) -> Response:
    """405 with the methods that are allowed."""
    return outcome(405, "not-supported", f"use {allowed}", headers={"Allow": allowed})


def not_found() -> Response:
    """No such path."""
    return outcome(404, "not-found", "nothing is served at this path")


def outcome(
    status: int, code: str, text: str, *, expression: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """An OperationOutcome as the body of an error (RESP-5)."""
    issue: dict[str, object] = {"severity": "error", "code": code, "diagnostics": text}
    if expression:
        issue["expression"] = [expression]
    body = msgspec.json.encode({"resourceType": "OperationOutcome", "issue": [issue]})
    return Response(body, status_code=status, media_type=FHIR_JSON, headers=dict(headers or {}))

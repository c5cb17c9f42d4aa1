"""The OpenAPI description of the endpoints, as data: shown in development, and what strange requests are made from."""

from typing import Any

from service.discovery import CDS_HOOKS_VERSION, SERVICES

_FREE = {"type": "object", "additionalProperties": True}
_CONTEXT = {
    "type": "object",
    "required": ["patientId"],
    "properties": {
        "patientId": {"type": "string", "description": "FHIR id, without Patient/ in front"},
        "userId": {"type": "string", "description": "Type/id of the user"},
        "encounterId": {"type": "string"},
        "selections": {
            "type": "array",
            "items": {"type": "string"},
            "description": "order-select: Type/id of the new drafts",
        },
        "draftOrders": {**_FREE, "description": "order hooks: Bundle of the unsigned orders"},
    },
}
_CALL = {
    "type": "object",
    "required": ["hook", "context"],
    "properties": {
        "hook": {"type": "string", "enum": [service.hook.value for service in SERVICES]},
        "hookInstance": {"type": "string", "format": "uuid"},
        "fhirServer": {"type": "string", "format": "uri"},
        "fhirAuthorization": _FREE,
        "context": _CONTEXT,
        "prefetch": {"type": "object", "additionalProperties": {"type": ["object", "null"]}},
    },
}
_ENTRY = {
    "type": "object",
    "required": ["card", "outcome", "outcomeTimestamp"],
    "properties": {
        "card": {"type": "string"},
        "outcome": {"type": "string", "enum": ["accepted", "overridden"]},
        "acceptedSuggestions": {"type": "array", "items": {"type": "object", "properties": {"id": {"type": "string"}}}},
        "overrideReason": _FREE,
        "outcomeTimestamp": {"type": "string", "format": "date-time"},
    },
}
_FEEDBACK = {"type": "object", "required": ["feedback"], "properties": {"feedback": {"type": "array", "items": _ENTRY}}}
_ID = {
    "name": "service",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "enum": [service.id for service in SERVICES]},
}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _answers(success: dict[str, Any], *refusals: int) -> dict[str, Any]:
    """The answers of an endpoint; a refusal carries an OperationOutcome, but for the bare 401."""
    texts = {
        400: "The body cannot be understood",
        401: "No valid token, where one is required",
        403: "Known, but not for this service or tenant",
        404: "No such service",
        412: "Needed FHIR data came neither by prefetch nor by FHIR access",
        413: "The body is too long",
        415: "The body is not declared as JSON",
        503: "Too many calls, the deadline, or the store is away",
    }
    return {"200": success} | {str(status): {"description": texts[status]} for status in refusals}


def description() -> dict[str, Any]:
    """OpenAPI 3.1."""
    cards = {"type": "object", "required": ["cards"], "properties": {"cards": {"type": "array", "items": _FREE}}}
    services = {
        "type": "object",
        "required": ["services"],
        "properties": {"services": {"type": "array", "items": _FREE}},
    }
    refusals = (400, 401, 403, 404, 412, 413, 415, 503)
    call = {
        "summary": "Answer one hook call with cards",
        "parameters": [_ID],
        "requestBody": {"required": True, **_json(_CALL)},
        "responses": _answers({"description": "Cards, or none", **_json(cards)}, *refusals),
    }
    feedback = {
        "summary": "What prescribers did with cards",
        "parameters": [_ID],
        "requestBody": {"required": True, **_json(_FEEDBACK)},
        "responses": _answers({"description": "Kept"}, *refusals),
    }
    discovery = {
        "summary": "The services",
        "responses": _answers({"description": "Services", **_json(services)}, 401, 503),
    }
    health = {
        "summary": "With which knowledge and in which state it answers",
        "responses": {"200": {"description": "The state", **_json(_FREE)}},
    }
    live = {"summary": "The process answers", "responses": {"200": {"description": "Alive", **_json(_FREE)}}}
    metrics = {
        "summary": "Counts for Prometheus, for the operator",
        "responses": {
            "200": {"description": "Counts", "content": {"text/plain": {"schema": {"type": "string"}}}},
            "401": {"description": "The operator's login is needed"},
            "404": {"description": "No login is configured"},
        },
    }
    ready = {
        "summary": "Whether calls should be sent here",
        "responses": {
            "200": {"description": "Ready; `degraded` names what is missing and costs no card", **_json(_FREE)},
            "503": {"description": "Not ready; `notReady` says why by name", **_json(_FREE)},
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "RLS iron and medication-safety CDS service", "version": CDS_HOOKS_VERSION},
        "paths": {
            "/cds-services": {"get": discovery},
            "/cds-services/{service}": {"post": call},
            "/cds-services/{service}/feedback": {"post": feedback},
            "/health": {"get": health},
            "/health/live": {"get": live},
            "/health/ready": {"get": ready},
            "/metrics": {"get": metrics},
        },
    }

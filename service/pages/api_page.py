"""The interface for integrators, drawn from its OpenAPI description; nothing is loaded from anywhere else."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from service.openapi import description
from service.pages.frame import Frame

PATH = "/api"


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a body, by its path."""

    path: str
    type: str
    required: bool
    about: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path."""

    method: str
    path: str
    summary: str
    about: str
    parameters: tuple[Member, ...]
    body: tuple[Member, ...]
    answers: tuple[tuple[str, str], ...]


class ApiPage:
    """The page of the interface."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def page(self, _request: Request) -> Response:
        """GET /api."""
        described = description()
        service = self._frame.service
        return self._frame.render(
            "api.html",
            current=PATH,
            info=described["info"],
            endpoints=list(_endpoints(described)),
            services=msgspec.json.decode(service.discovery_body)["services"],
            address=service.settings.base_url,
            schema=json.dumps(described, indent=2),
        )


def _endpoints(described: dict[str, Any]) -> Iterable[Endpoint]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            schema = _schema(operation.get("requestBody", {}))
            yield Endpoint(
                method.upper(),
                path,
                operation.get("summary", ""),
                operation.get("description", ""),
                tuple(_parameter(one) for one in operation.get("parameters", ())),
                tuple(_members(schema)) if schema else (),
                tuple((status, answer.get("description", "")) for status, answer in operation["responses"].items()),
            )


def _schema(body: dict[str, Any]) -> dict[str, Any]:
    content = body.get("content", {})
    found: dict[str, Any] = next((one.get("schema", {}) for one in content.values()), {})
    return found


def _parameter(one: dict[str, Any]) -> Member:
    schema = one.get("schema", {})
    return Member(one["name"], _type(schema), bool(one.get("required")), _about(schema) or one.get("description", ""))


def _members(schema: dict[str, Any], at: str = "") -> Iterable[Member]:
    required = set(schema.get("required", ()))
    for name, member in schema.get("properties", {}).items():
        path = f"{at}.{name}" if at else name
        yield Member(path, _type(member), name in required, _about(member))
        inner = member.get("items", member)
        yield from _members(inner, f"{path}[]" if "items" in member else path)


def _type(schema: dict[str, Any]) -> str:
    kind = schema.get("type", "")
    kinds = " or ".join(kind) if isinstance(kind, list) else str(kind)
    return f"{kinds} ({schema['format']})" if "format" in schema else kinds


def _about(schema: dict[str, Any]) -> str:
    one_of = f"one of {', '.join(map(str, schema['enum']))}" if "enum" in schema else ""
    return "; ".join(text for text in (schema.get("description", ""), one_of) if text)

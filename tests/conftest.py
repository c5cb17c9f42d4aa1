"""What every test may use: the knowledge, loaded once, a fixed day, and the service over ASGI."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from cards import Catalogue, Knowledge, load_knowledge
from service.app import Parts, create_app
from service.routes import Service
from service.settings import Settings

ON = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return load_knowledge()


@pytest.fixture(scope="session")
def catalogue(knowledge: Knowledge) -> Catalogue:
    return Catalogue(knowledge)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def parts(knowledge: Knowledge) -> Parts:
    """The service without a store; one that has a store says so."""
    return Parts(Settings(store_url="off"), now=lambda: NOW, knowledge=knowledge)


@pytest.fixture
def service(parts: Parts) -> Service:
    return parts.service


@pytest.fixture
async def http(parts: Parts) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, without a socket."""
    transport = httpx.ASGITransport(app=create_app(parts=parts))
    async with httpx.AsyncClient(transport=transport, base_url="http://cds.test") as client:
        yield client


Answer = Callable[[bytes | dict[str, Any], str], Awaitable[dict[str, Any]]]


@pytest.fixture
def answer(http: httpx.AsyncClient) -> Answer:
    """Calls the service of a hook and returns the body of its answer, which must be a success."""

    async def call(request: bytes | dict[str, Any], hook: str) -> dict[str, Any]:
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        response = await http.post(
            f"/cds-services/rls-{hook}", content=body, headers={"content-type": "application/json"}
        )
        assert response.status_code == 200, response.text
        return dict(response.json())

    return call

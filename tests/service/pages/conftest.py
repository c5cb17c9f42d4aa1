"""The pages over ASGI, as the operator at this machine sees them."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from cards import Knowledge
from service.app import Parts, create_app
from service.settings import Settings
from tests.conftest import NOW


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "feedback.sqlite"


@pytest.fixture
async def kept_parts(knowledge: Knowledge, store: Path) -> AsyncIterator[Parts]:
    """The service with a store of its own."""
    parts = Parts(Settings(store_url=f"sqlite:///{store}"), now=lambda: NOW, knowledge=knowledge)
    await parts.open()
    yield parts
    await parts.close()


@pytest.fixture
async def operator(kept_parts: Parts) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(parts=kept_parts), client=("127.0.0.1", 50000))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
        yield client

"""What every test may use: the knowledge, loaded once, and a fixed day."""

from datetime import date

import pytest

from cards import Catalogue, Knowledge, load_knowledge

ON = date(2026, 11, 20)


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return load_knowledge()


@pytest.fixture(scope="session")
def catalogue(knowledge: Knowledge) -> Catalogue:
    return Catalogue(knowledge)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"

"""What several tests of the service need, made once: what a site may change, and a store with its tables."""

import pytest

from cards import Catalogue
from service.adjustable import Adjustable
from service.store import upgrade


@pytest.fixture(scope="session")
def adjustable(catalogue: Catalogue) -> Adjustable:
    return Adjustable(catalogue)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a store. Migrating one for each test would take the longest."""
    file = tmp_path_factory.mktemp("store") / "store.db"
    upgrade(f"sqlite:///{file}")
    return file.read_bytes()

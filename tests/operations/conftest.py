"""The PostgreSQL of the store's tests, for whole services too."""

from tests.service.store.conftest import postgres

__all__ = ["postgres"]

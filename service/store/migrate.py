"""Brings a database to the newest schema; safe when several processes start at once."""

import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from service.store.database import Database, StoreUnavailable

_LOCK = 0x524C_5343_4453  # any number, the same in every process
_TRIES = 100


def upgrade(url: str, revision: str = "head") -> None:
    """Create the store, or bring it to `revision`. The first process migrates, the others wait and find it done.

    Raises StoreUnavailable when the database cannot be reached, StoreRefused when the URL is not one.
    """
    with Database(url) as database:
        if database.is_sqlite:
            _write_ahead(database)
        with database.writing(durable=True) as connection:
            if not database.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            command.upgrade(_config(connection), revision)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _write_ahead(database: Database) -> None:
    """The journal mode stays with the file. SQLite does not wait here when another process does the same."""
    for _ in range(_TRIES):
        try:
            with database.outside_transaction() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
                return
        except StoreUnavailable:
            time.sleep(0.05)
    raise StoreUnavailable("the store's file stays locked")

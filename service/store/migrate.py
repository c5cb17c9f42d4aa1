"""Brings a database to the newest schema; safe when several processes start at once.

Most starts find the newest schema there; Alembic, which takes a third of a second to load, is loaded only for the others.
"""

import time
from importlib import import_module
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from service.store.database import Database, StoreUnavailable

_LOCK = 0x524C_5343_4453  # any number, the same in every process
_TRIES = 100
_STEPS = Path(__file__).parent / "migrations" / "versions"


def upgrade(url: str, revision: str = "head") -> None:
    """Create the store, or bring it to `revision`. The first process migrates, the others wait and find it done.

    A schema of a newer version is left alone. Raises StoreUnavailable when the database cannot be reached, StoreRefused
    when the URL is not one.
    """
    with Database(url) as database:
        if database.is_sqlite:
            _write_ahead(database)
        with database.reading() as connection:
            if revision == "head" and _present(connection) == {max(known_revisions())}:
                return
        with database.writing(durable=True) as connection:
            if not database.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            if not _present(connection) - known_revisions():
                import_module("service.store.steps").run(connection, revision)


def known_revisions() -> frozenset[str]:
    """The schemas that this version has been through, by the names of their files."""
    return frozenset(step.name[1:5] for step in _STEPS.glob("r[0-9][0-9][0-9][0-9]_*.py"))


def _present(connection: Connection) -> frozenset[str]:
    """The schema of a database, as Alembic has written it down; empty where there is none.

    A revision that is not known is that of a newer version: while versions change one host after the other, an old one
    may start on a store that a new one has migrated. It goes on with the tables that it knows: migrations only ever add
    (decision 51).
    """
    if not inspect(connection).has_table("alembic_version"):
        return frozenset()
    return frozenset(connection.execute(text("SELECT version_num FROM alembic_version")).scalars())


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

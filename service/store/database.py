"""One database, SQLite or PostgreSQL: where it is and how its transactions begin."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from service.errors import Unavailable

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

BUSY_SECONDS = 15
_CONFLICTS = ("40001", "40P01")  # PostgreSQL: serialization failure, deadlock


class StoreError(Unavailable):
    """The store did not do what was asked. The text never holds a value or a statement."""


class StoreUnavailable(StoreError):
    """The database cannot be reached or is busy for too long: the same may work later."""


class StoreConflict(StoreUnavailable):
    """Two transactions stood in each other's way and this one was undone: doing it again at once is right."""


class StoreRefused(StoreError):
    """The database will not take this, now or later."""


class Database:
    """Opens transactions. Everything here blocks: callers in the event loop go through a thread."""

    def __init__(self, url: str) -> None:
        """`url` as SQLAlchemy writes it: `sqlite:///file`, `postgresql://…`. Raises StoreRefused for any other."""
        self.url = parsed(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        # SQLite has one writer at a time. Waiting for it in turn, not by its sleeping retry, keeps waits short.
        self._one_writer = threading.Lock()
        self._engine = _sqlite_engine(self.url) if self.is_sqlite else _postgresql_engine(self.url)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One unchanging view of the database."""
        isolation = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        with _told(), self._engine.connect().execution_options(**isolation) as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self, *, durable: bool) -> Iterator[Connection]:
        """One transaction, committed at the end. Durable: on the disk when this returns, whatever happens next.

        In WAL mode SQLite's default for speed (synchronous=NORMAL) survives a killed process but may lose the last
        commits with the power; FULL waits for the disk at each commit. PostgreSQL is told the same by transaction,
        because its server may be configured either way.
        """
        options: dict[str, Any] = {"writes": "durable" if durable else "soon"}
        lock = self._one_writer if self.is_sqlite else threading.Lock()
        with _told(), lock, self._engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection

    @contextmanager
    def outside_transaction(self) -> Iterator[Connection]:
        """For statements that a database takes only between transactions."""
        with _told(), self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # Not handed back to the pool, which would turn the driver's own transactions on again.
            connection.detach()
            yield connection

    def insert(self, table: Table) -> "sqlite.Insert | postgresql.Insert":
        """INSERT that knows ON CONFLICT in the words of this database."""
        # One is loaded, by the engine: both would take a twentieth of the start.
        if self.is_sqlite:
            from sqlalchemy.dialects.sqlite import insert as insert_into_sqlite

            return insert_into_sqlite(table)
        from sqlalchemy.dialects.postgresql import insert

        return insert(table)

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def _told() -> Iterator[None]:
    """A driver's own text may quote the row it could not write: only the kind of error goes on."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as problem:
        if getattr(getattr(problem, "orig", None), "sqlstate", None) in _CONFLICTS:
            raise StoreConflict("another transaction was in the way") from None
        raise StoreUnavailable(f"the store cannot be reached ({type(problem).__name__})") from None
    except SQLAlchemyError as problem:
        raise StoreRefused(f"the store refused ({type(problem).__name__})") from None


def parsed(text: str) -> URL:
    """The address of a store, with the driver that is used. Raises StoreRefused."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise StoreRefused("the store URL is not one: sqlite:///file or postgresql://user@host/name") from None
    drivers = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
    backend = url.drivername.partition("+")[0]
    if backend not in drivers:
        raise StoreRefused("the store is kept by sqlite or postgresql, no other database")
    if backend == "sqlite" and url.database in (None, "", ":memory:"):
        raise StoreRefused("the store needs a file: sqlite:///file")
    return url.set(drivername=drivers[backend])


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "do_connect")
    def connecting(*_: object) -> None:
        if not str(url.database).startswith("file:"):
            _make_file(Path(str(url.database)))

    @event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        # What is erased is overwritten with zeros, not only unlinked.
        connection.execute("PRAGMA secure_delete=ON")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("isolation_level") == "AUTOCOMMIT":
            return
        if writes := options.get("writes"):
            connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if writes == 'durable' else 'NORMAL'}")
        # A transaction that reads first and writes later fails at once when another wrote in between.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _make_file(file: Path) -> None:
    """Made by us so that nobody else may read it; the write-ahead log takes over the same mode."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as problem:
        raise StoreUnavailable(f"the store's file cannot be used ({type(problem).__name__})") from None


def _postgresql_engine(url: URL) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        pool_timeout=BUSY_SECONDS,
        connect_args={"connect_timeout": 5, "application_name": "rls-cds"},
    )

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        if writes := connection.get_execution_options().get("writes"):
            connection.exec_driver_sql(f"SET LOCAL synchronous_commit TO {'on' if writes == 'durable' else 'off'}")

    return engine

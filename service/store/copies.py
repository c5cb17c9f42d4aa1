"""A SQLite store is copied while it is written to, and a copy is put back; PostgreSQL has tools of its own for both."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from service.store.database import BUSY_SECONDS, Database, StoreRefused, StoreUnavailable, parsed
from service.store.migrate import known_revisions, upgrade

_ELSEWHERE = "PostgreSQL is backed up and restored with pg_dump and pg_restore: see docs/operations.md"


def backup(url: str, target: Path) -> int:
    """Write the whole store, as it is at one moment, to a new file that only its owner can read; its size in bytes.

    Calls and feedback go on meanwhile. Raises StoreRefused (no SQLite, no store there, the file exists),
    StoreUnavailable (busy), `OSError` (the folder cannot be written to).
    """
    source = _file(url)
    if target.exists():
        raise StoreRefused(f"{target} is there already: name a new file")
    unfinished = target.with_name(target.name + ".unfinished")
    os.close(os.open(unfinished, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
    try:
        with _told(), _opened(source) as store, _opened(unfinished) as copy:
            # All pages in one step: one moment. Writers go on, as the store keeps a write-ahead log.
            store.backup(copy, progress=_patient)
            # One file and no log beside it, wherever it is taken.
            copy.execute("PRAGMA journal_mode=DELETE")
        _check(unfinished)
        _to_disk(unfinished)
        unfinished.rename(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return target.stat().st_size


def restore(copy: Path, url: str, *, replace: bool = False) -> None:
    """Put a copy in the place of the store and bring it to the present schema.

    Raises StoreRefused (no SQLite, no sound copy, a store is there and `replace` is not said, a copy of a newer version)
    and StoreUnavailable (the store is in use: end the service first).
    """
    target = _file(url, must_exist=False)
    _check(copy)
    if target.exists() and not replace:
        raise StoreRefused(f"{target} is there already: it would be lost (--replace says that it may be)")
    # Makes folder and file with the rights that a store has.
    with Database(url) as database, database.reading():
        pass
    with _told(), _opened(copy) as source, _opened(target) as store:
        source.backup(store, progress=_patient)
    upgrade(url)


def _file(url: str, *, must_exist: bool = True) -> Path:
    place = parsed(url)
    if place.get_backend_name() != "sqlite":
        raise StoreRefused(_ELSEWHERE)
    file = Path(str(place.database))
    if must_exist and not file.is_file():
        raise StoreRefused(f"there is no store at {file}")
    return file


def _check(copy: Path) -> None:
    if not copy.is_file():
        raise StoreRefused(f"there is no file {copy}")
    with _told(), _opened(copy) as opened:
        sound = opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        revisions = {row[0] for row in opened.execute("SELECT version_num FROM alembic_version")} if sound else set()
    if not sound or not revisions:
        raise StoreRefused(f"{copy} is no sound copy of a store")
    if revisions - known_revisions():
        raise StoreRefused(f"{copy} was made by a newer version of the service: restore it with that one")


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        yield connection


def _patient(status: int, _left: int, _all: int) -> None:
    """SQLite has waited its time for the lock; Python would go on asking for ever."""
    if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        raise StoreUnavailable("the store is in use: end the service first")


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as problem:
        if problem.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise StoreUnavailable("the store is in use: end the service first") from None
        raise StoreRefused(f"that is no store, or it cannot be read ({problem.sqlite_errorname})") from None
    except sqlite3.DatabaseError as problem:
        raise StoreRefused(f"that is no store ({type(problem).__name__})") from None


def _to_disk(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())

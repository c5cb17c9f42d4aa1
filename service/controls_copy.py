"""The last controls that were read from the store, in a file of this host: what holds when the store is away at start."""

import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Self

import msgspec

from service.store import Change, Database

_MOST_BYTES = 16 * 1024 * 1024


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The file. `store` is a digest of the store's address: another store's controls are none of ours.

    `carried` are changes that the store held once and has lost.
    """

    store: str
    written: datetime
    changes: tuple[Change, ...]
    carried: tuple[Change, ...] = ()


class ControlsCopy:
    """Written whole and renamed into place, readable by this user only. It can fail: then it says so and nothing else."""

    def __init__(self, path: Path, address: str) -> None:
        self._path = path
        self._store = sha256(address.encode()).hexdigest()[:16]

    @classmethod
    def of(cls, path: Path | None, database: Database) -> Self:
        """At `path`, or else beside the file of SQLite, or under `var` with PostgreSQL."""
        shown = database.url.render_as_string(hide_password=True)
        file = str(database.url.database)
        beside = Path(f"{file}.controls.json") if database.is_sqlite and not file.startswith("file:") else None
        own = Path("var") / f"controls-{sha256(shown.encode()).hexdigest()[:8]}.json"
        return cls(path or beside or own, shown)

    def read(self) -> Kept | None:
        """What was kept for this store; None where there is nothing, or nothing that can be read."""
        try:
            with self._path.open("rb") as file:
                kept = msgspec.json.decode(file.read(_MOST_BYTES), type=Kept)
        except (OSError, msgspec.DecodeError, RecursionError):
            return None
        return kept if kept.store == self._store else None

    def write(self, changes: Sequence[Change], at: datetime, carried: Sequence[Change] = ()) -> bool:
        """Keep the changes, without who made them and why; False where that is not possible."""
        body = msgspec.json.encode(Kept(store=self._store, written=at, changes=_bare(changes), carried=_bare(carried)))
        part = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)
        except OSError:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            return False
        return True


def _bare(changes: Sequence[Change]) -> tuple[Change, ...]:
    return tuple(msgspec.structs.replace(change, by="", reason="") for change in changes)

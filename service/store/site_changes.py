"""What a site changed while the service ran: who, when, for whom, what and why. Rows are added, never altered."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, func, select, text

from service.store.database import Database
from service.store.schema import site_change
from service.store.times import milliseconds, moment

LONGEST_BY, LONGEST_REASON = 200, 1000
_LOCK = 0x524C_5343_4847


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change. `client` None: for all clients. `value` None: the choice is taken back."""

    at: datetime
    by: str
    client: str | None
    what: str
    value: str | None
    reason: str
    id: int = 0


class Mark(msgspec.Struct, frozen=True):
    """Tells whether anything is different: ids alone would not, as transactions may end in another order than they began,
    and a backup may have been put back."""

    number: int
    last: int
    at_ms: int


def mark(database: Database) -> Mark:
    """How many changes there are, the last id and the last time; cheap, to be asked each second."""
    query = select(func.count(), func.max(site_change.c.id), func.max(site_change.c.at_ms))
    with database.reading() as connection:
        number, last, at_ms = connection.execute(query).one()
    return Mark(number, last or 0, at_ms or 0)


def changes(
    database: Database, *, since: datetime | None = None, until: datetime | None = None, client: str | None = None
) -> tuple[Change, ...]:
    """The changes from `since` up to but without `until`, oldest first; blocks. Of one `client`: also those for all."""
    query = select(site_change).order_by(site_change.c.id)
    if since:
        query = query.where(site_change.c.at_ms >= milliseconds(since))
    if until:
        query = query.where(site_change.c.at_ms < milliseconds(until))
    if client is not None:
        query = query.where((site_change.c.client == client) | site_change.c.client.is_(None))
    with database.reading() as connection:
        return tuple(_change(row) for row in connection.execute(query))


def record(database: Database, *made: Change) -> None:
    """Add changes, all or none; they are on the disk when this returns. Raises StoreUnavailable or StoreRefused."""
    with database.writing(durable=True) as connection:
        for change in made:
            _add(connection, change)


def record_sight(database: Database, *, by: str, what: str, value: str | None, reason: str) -> bool:
    """Add what a process saw, unless its host's last word on it is the same; True where it was added.

    Several processes of one host see the same: one of them writes it down.
    """
    with database.writing(durable=True) as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        mine = (site_change.c.what == what) & (site_change.c.by == by)
        last = connection.execute(
            select(site_change.c.value).where(mine).order_by(site_change.c.id.desc()).limit(1)
        ).scalar()
        if last == value:
            return False
        _add(connection, Change(at=datetime.now(UTC), by=by, client=None, what=what, value=value, reason=reason))
    return True


def _add(connection: Connection, change: Change) -> None:
    row = {name: getattr(change, name) for name in ("by", "client", "what", "value", "reason")}
    connection.execute(site_change.insert().values(at_ms=milliseconds(change.at), **row))


def _change(row: Row[Any]) -> Change:
    return Change(
        id=row.id,
        at=moment(row.at_ms),
        by=row.by,
        client=row.client,
        what=row.what,
        value=row.value,
        reason=row.reason,
    )

"""What is kept is forgotten: by age, or one card or hook instance on request."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Table, select

from service.store.database import Database
from service.store.roll_ups import refresh
from service.store.schema import feedback, issued, jti, sealed, shadowed, stale_day
from service.store.shadow import remove_shadowed
from service.store.times import DAY_MS, milliseconds
from service.store.words import opaque_id

_AT_ONCE = 2000
_CLEANED = ("issued", "feedback", "shadowed")


class Removed(msgspec.Struct, frozen=True):
    """How many rows are gone (`issued`: cards in shadow too), and how many comments were cleared from rows that stay."""

    issued: int
    feedback: int
    comments: int = 0


def retain(
    database: Database,
    *,
    days: int,
    comment_days: int | None = None,
    now: datetime | None = None,
    progress: Callable[[int], None] = lambda _removed: None,
) -> Removed:
    """Remove cards and feedback older than `days`, and comments older than `comment_days`; blocks.

    Roll-ups stay: counts by day, topic, hook and client, with no card and no person in them. Rows go a few thousand
    at a time, so that nobody waits for long. Whole UTC days are removed. `progress` hears how many rows of a table are
    gone.
    """
    today = milliseconds(now or datetime.now(UTC)) // DAY_MS
    limit = today - days
    refresh(database)
    with database.writing(durable=True) as connection:
        connection.execute(sealed.delete().where(sealed.c.day < limit))
        if not connection.scalar(select(sealed.c.day)):
            connection.execute(sealed.insert().values(day=limit))
    cards = _remove(database, issued, issued.c.card, issued.c.shown_on < limit, progress)
    cards += _remove(database, shadowed, shadowed.c.hook_instance, shadowed.c.day < limit, progress)
    answers = _remove(database, feedback, feedback.c.id, feedback.c.arrived_ms < limit * DAY_MS, progress)
    _remove(database, jti, jti.c.key, jti.c.expires_ms < today * DAY_MS, progress)
    comments = 0 if comment_days is None else _clear_comments(database, today - comment_days)
    _settle(database)
    return Removed(issued=cards, feedback=answers, comments=comments)


def erase(database: Database, *, card: str | None = None, hook_instance: str | None = None) -> Removed:
    """Remove everything about one card, or about all cards of one hook instance; ids as the EHR writes them.

    Statistics of the day are made again without it, unless its rows were removed by age before. In SQLite the bytes
    are overwritten and the write-ahead log is emptied; PostgreSQL leaves them in freed space and its log until they
    are reused, and backups are the site's.
    """
    if (card is None) == (hook_instance is None):
        raise ValueError("name either a card or a hook instance")
    chosen = issued.c.card == opaque_id(card) if card else issued.c.hook_instance == opaque_id(str(hook_instance))
    with database.writing(durable=True) as connection:
        found = connection.execute(select(issued.c.card, issued.c.shown_on).where(chosen)).all()
        cards = {row.card for row in found}
        if card:
            # Feedback on a card that is not known is kept too.
            cards.add(opaque_id(card))
        answers = connection.execute(feedback.delete().where(feedback.c.card.in_(cards))).rowcount
        removed = connection.execute(issued.delete().where(chosen)).rowcount
        removed += remove_shadowed(database, connection, _in_shadow(card, hook_instance))
        if found:
            connection.execute(stale_day.insert(), [{"day": day} for day in sorted({row.shown_on for row in found})])
    refresh(database)
    _settle(database)
    return Removed(issued=removed, feedback=answers)


def _in_shadow(card: str | None, hook_instance: str | None) -> ColumnElement[bool]:
    return shadowed.c.card == opaque_id(card) if card else shadowed.c.hook_instance == opaque_id(str(hook_instance))


def _remove(
    database: Database,
    table: Table,
    key: ColumnElement[Any],
    old: ColumnElement[bool],
    progress: Callable[[int], None],
) -> int:
    removed = 0
    while True:
        some = select(key).where(old).limit(_AT_ONCE)
        with database.writing(durable=False) as connection:
            gone = connection.execute(table.delete().where(key.in_(some))).rowcount
        removed += gone
        progress(removed)
        if gone < _AT_ONCE:
            return removed


def _clear_comments(database: Database, limit: int) -> int:
    old = (feedback.c.arrived_ms < limit * DAY_MS) & feedback.c.comment.is_not(None)
    with database.writing(durable=True) as connection:
        return connection.execute(feedback.update().where(old).values(comment=None)).rowcount


def _settle(database: Database) -> None:
    """What was removed must not live on in the log of SQLite, nor wait for PostgreSQL's own cleaning."""
    statements = ["PRAGMA wal_checkpoint(TRUNCATE)"] if database.is_sqlite else [f"VACUUM {name}" for name in _CLEANED]
    with database.outside_transaction() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)

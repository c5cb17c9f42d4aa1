"""What would have been shown: one row and one count for each topic of a hook instance, however often it is repeated."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection

from service.store.database import Database
from service.store.records import AnsweredCall
from service.store.schema import shadow_roll_up, shadowed
from service.store.times import DAY_MS, milliseconds
from service.store.words import call_id, opaque_id

_GROUP = ("day", "topic", "hook", "client", "knowledge_version")


def write_shadowed(database: Database, connection: Connection, records: Iterable[AnsweredCall]) -> None:
    """Add what is new and count it, in the transaction that is open."""
    rows = [row for record in records for row in _rows(record)]
    if not rows:
        return
    # In one order in every process, or two of them could wait for each other.
    rows.sort(key=lambda row: tuple(str(row[name]) for name in ("hook_instance", "topic", "hook", "client")))
    insert = database.insert(shadowed).on_conflict_do_nothing()
    new = connection.execute(insert.returning(*(shadowed.c[name] for name in _GROUP)), rows)
    _count(database, connection, Counter(tuple(row) for row in new))


def remove_shadowed(database: Database, connection: Connection, chosen: ColumnElement[bool]) -> int:
    """Take rows away as though they had never been, their counts too; returns how many."""
    gone = connection.execute(shadowed.delete().where(chosen).returning(*(shadowed.c[name] for name in _GROUP))).all()
    if gone:
        _count(database, connection, Counter(tuple(row) for row in gone), sign=-1)
    return len(gone)


def _rows(record: AnsweredCall) -> Iterable[dict[str, Any]]:
    if not record.shadowed:
        return
    hook_instance = call_id(record.hook_instance)
    at = milliseconds(record.at)
    for card in record.shadowed:
        yield {
            "hook_instance": hook_instance,
            "topic": card.topic,
            "hook": record.hook,
            "client": record.client,
            "card": opaque_id(card.card),
            "rule": card.rule,
            "indicator": card.indicator,
            "knowledge_version": record.knowledge_version,
            "shadowed_ms": at,
            "day": at // DAY_MS,
        }


def _count(database: Database, connection: Connection, counted: Counter[tuple[Any, ...]], sign: int = 1) -> None:
    if not counted:
        return
    rows = [dict(zip(_GROUP, group, strict=True)) | {"shadowed": sign * n} for group, n in sorted(counted.items())]
    added = database.insert(shadow_roll_up)
    connection.execute(
        added.on_conflict_do_update(
            index_elements=list(shadow_roll_up.primary_key.columns),
            set_={"shadowed": shadow_roll_up.c.shadowed + added.excluded.shadowed},
        ),
        rows,
    )

"""Feedback is written before it is acknowledged, once, and never changed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import anyio
import anyio.to_thread
import msgspec
from sqlalchemy import Connection, select

from service.feedback import FeedbackEntry
from service.store.database import Database, StoreConflict
from service.store.schema import feedback, issued, stale_day
from service.store.times import milliseconds
from service.store.words import PublishedReasons, digest, opaque_id

# Ids in one statement; SQLite before 3.32 takes 999 parameters.
_AT_ONCE = 500
_TRIES = 3


class Written(msgspec.Struct, frozen=True):
    """What became of one POST: entries that are new, that were there already, and whose card is not (yet) known."""

    new: int
    repeated: int
    unknown: int


class FeedbackWriter:
    """Writes the entries of a POST in one transaction that is on the disk when `write` returns."""

    def __init__(self, database: Database, reasons: PublishedReasons, *, keep_comments: bool = False) -> None:
        """`keep_comments` stores `userComment`: free text that may name a patient, to be treated as patient data."""
        self._database = database
        self._reasons = reasons
        self._keep_comments = keep_comments
        self._threads = anyio.CapacityLimiter(4)

    async def write(self, entries: Sequence[FeedbackEntry], *, client: str, service: str) -> Written:
        """Write and wait for the disk, in a thread. Raises StoreUnavailable: then nothing may be acknowledged."""
        return await anyio.to_thread.run_sync(self.write_now, entries, client, service, limiter=self._threads)

    def write_now(self, entries: Sequence[FeedbackEntry], client: str, service: str) -> Written:
        """As `write`, blocking."""
        if not entries:
            return Written(new=0, repeated=0, unknown=0)
        arrived = datetime.now(UTC)
        rows = [self._row(entry, client, service, arrived) for entry in entries]
        for _ in range(_TRIES):
            try:
                return self._write(rows, client)
            except StoreConflict:  # two processes were sent the same batch, in different order
                continue
        return self._write(rows, client)

    def _write(self, rows: list[dict[str, Any]], client: str) -> Written:
        insert = self._database.insert(feedback).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
        with self._database.writing(durable=True) as connection:
            new = connection.execute(insert, rows).rowcount
            days = _days(connection, client, {row["card"] for row in rows})
            if days:
                connection.execute(stale_day.insert(), [{"day": day} for day in sorted(set(days.values()))])
        unknown = sum(row["card"] not in days for row in rows)
        return Written(new=new, repeated=len(rows) - new, unknown=unknown)

    def _row(self, entry: FeedbackEntry, client: str, service: str, arrived: datetime) -> dict[str, Any]:
        card = opaque_id(entry.card)
        at = milliseconds(entry.at)
        suggestions = sorted(opaque_id(one) for one in entry.suggestions)
        reasons = sorted({self._reasons.word(reason) for reason in entry.reasons})
        # The comment is left out: a digest of free text could be tried against guesses.
        what = msgspec.json.encode([client, service, card, entry.outcome, at, suggestions, reasons])
        return {
            "key": digest(what.decode()),
            "client": client,
            "service": service,
            "card": card,
            "outcome": entry.outcome,
            "outcome_ms": at,
            "arrived_ms": milliseconds(arrived),
            "suggestions": msgspec.json.encode(suggestions).decode(),
            "reasons": msgspec.json.encode(reasons).decode(),
            "comment": entry.comment if self._keep_comments else None,
        }


def _days(connection: Connection, client: str, cards: set[UUID]) -> dict[UUID, int]:
    """The day on which each card was shown. A card that another client was given is not known to this one."""
    found: dict[UUID, int] = {}
    ordered = sorted(cards)
    for start in range(0, len(ordered), _AT_ONCE):
        some = ordered[start : start + _AT_ONCE]
        query = select(issued.c.card, issued.c.shown_on).where(issued.c.card.in_(some), issued.c.client == client)
        found.update((card, day) for card, day in connection.execute(query))
    return found

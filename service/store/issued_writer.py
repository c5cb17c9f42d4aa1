"""What was issued is written in the background, in batches; no card ever waits for it."""

import asyncio
import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Protocol
from uuid import UUID

import msgspec
from sqlalchemy import Connection, func, select

from service.store.database import Database, StoreError, StoreUnavailable
from service.store.records import AnsweredCall
from service.store.roll_ups import refresh
from service.store.schema import calls, issued, stale_day
from service.store.shadow import write_shadowed
from service.store.times import DAY_MS, milliseconds
from service.store.words import call_id, opaque_id

_log = logging.getLogger(__name__)
_RETRY_SECONDS = 1.0


class WriteObserver(Protocol):
    """Who hears of each attempt to write a batch, once it is over."""

    def __call__(self, calls: int, started: float, *, failed: bool) -> None:
        """`started` by `perf_counter`, in seconds."""


class IssuedWriter:
    """A bounded queue and one thread that empties it.

    `dropped` counts calls that were not written: the queue was full, the writer closed, or the database refused them.
    A database that is away is waited for; what was taken meanwhile stays in the queue while there is room.
    """

    def __init__(
        self,
        database: Database,
        *,
        capacity: int = 10_000,
        batch: int = 200,
        pause_seconds: float = 0.25,
        refresh_seconds: float = 300.0,
    ) -> None:
        """`pause_seconds` gathers a batch; every `refresh_seconds` roll-ups are brought up to date (0: never)."""
        self._database = database
        self._queue: queue.Queue[AnsweredCall] = queue.Queue(capacity)
        self._batch = batch
        self._pause = pause_seconds
        self._refresh_every = refresh_seconds
        self._closing = threading.Event()
        self._give_up_at = float("inf")
        self._taken = 0
        self._full = 0
        self._refused = 0
        self._left = 0
        self.written = 0
        self.observe: WriteObserver | None = None
        self._thread = threading.Thread(target=self._run, name="issued-writer", daemon=True)

    @property
    def dropped(self) -> int:
        """Calls that were not and will not be written."""
        return self._full + self._refused + self._left

    @property
    def capacity(self) -> int:
        """Calls that may wait."""
        return self._queue.maxsize

    @property
    def queued(self) -> int:
        """Calls that wait to be written."""
        return self._queue.qsize()

    def start(self) -> None:
        """Start writing; once, when the service starts."""
        self._thread.start()

    def offer(self, record: AnsweredCall) -> bool:
        """Take a call to be written later. Never waits and never raises; False when it had to be dropped.

        To be called from one thread, the event loop's.
        """
        if not self._closing.is_set():
            try:
                self._queue.put_nowait(record)
            except queue.Full:
                pass
            else:
                self._taken += 1
                return True
        self._full += 1
        return False

    async def flush(self, timeout_seconds: float = 10.0) -> int:
        """Write what is queued and stop, on shutdown; returns how many calls were dropped in the writer's life."""
        return await asyncio.to_thread(self.close, timeout_seconds)

    def close(self, timeout_seconds: float = 10.0) -> int:
        """As `flush`, blocking."""
        self._give_up_at = time.monotonic() + timeout_seconds
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds + 1.0)
        # Also what a thread still holds that hangs in a connection.
        self._left = self._taken - self.written - self._refused
        if self.dropped:
            _log.warning("calls not written to the store: %d", self.dropped)
        return self.dropped

    def _run(self) -> None:
        refreshed = time.monotonic()
        while not self._closing.is_set() or not self._queue.empty():
            if batch := self._next_batch():
                self._write(batch)
            if self._refresh_every and time.monotonic() - refreshed > self._refresh_every:
                self._refresh()
                refreshed = time.monotonic()

    def _next_batch(self) -> list[AnsweredCall]:
        """Waits a little for the first call and, unless the queue is long already, a little more for others."""
        try:
            first = self._queue.get(timeout=self._pause)
        except queue.Empty:
            return []
        if self._queue.qsize() < self._batch:
            self._closing.wait(self._pause)
        return [first, *self._take(self._batch - 1)]

    def _take(self, at_most: int) -> list[AnsweredCall]:
        taken: list[AnsweredCall] = []
        while len(taken) < at_most:
            try:
                taken.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return taken

    def _write(self, batch: list[AnsweredCall]) -> None:
        while True:
            started = time.perf_counter()
            try:
                write_calls(self._database, batch)
            except StoreUnavailable:
                self._told(batch, started, failed=True)
                if time.monotonic() > self._give_up_at:
                    self._refused += len(batch)
                    return
                self._closing.wait(_RETRY_SECONDS)
                time.sleep(0.05)
            except Exception as problem:  # noqa: BLE001 - a thread that dies would drop everything after it
                self._told(batch, started, failed=True)
                self._write_apart(batch, problem)
                return
            else:
                self._told(batch, started, failed=False)
                self.written += len(batch)
                return

    def _told(self, batch: list[AnsweredCall], started: float, *, failed: bool) -> None:
        if self.observe:
            self.observe(len(batch), started, failed=failed)

    def _write_apart(self, batch: list[AnsweredCall], problem: Exception) -> None:
        """One call that cannot be written must not take the others with it."""
        if len(batch) > 1:
            for one in batch:
                self._write([one])
            return
        self._refused += 1
        _log.warning("a call could not be written to the store: %s", type(problem).__name__)

    def _refresh(self) -> None:
        try:
            refresh(self._database)
        except StoreError as problem:
            _log.warning("roll-ups were not brought up to date: %s", type(problem).__name__)


def write_calls(database: Database, records: Sequence[AnsweredCall]) -> None:
    """Write calls and their cards in one transaction; a card that is there already is left as it is."""
    if not records:
        return
    counted = Counter((milliseconds(r.at) // DAY_MS, r.hook, r.client, str(r.outcome)) for r in records)
    cards = [row for record in records for row in _cards(record)]
    with database.writing(durable=False) as connection:
        if cards:
            _set_day_shown(connection, cards)
            connection.execute(database.insert(issued).on_conflict_do_nothing(), cards)
            connection.execute(stale_day.insert(), [{"day": day} for day in sorted({row["shown_on"] for row in cards})])
        write_shadowed(database, connection, records)
        # In one order in every process, or two of them could wait for each other.
        _count(database, connection, sorted(counted.items()))


def _cards(record: AnsweredCall) -> Iterable[dict[str, Any]]:
    hook_instance = call_id(record.hook_instance)
    at = milliseconds(record.at)
    for card in record.cards:
        yield {
            "card": opaque_id(card.card),
            "client": record.client,
            "hook": record.hook,
            "hook_instance": hook_instance,
            "topic": card.topic,
            "rule": card.rule,
            "indicator": card.indicator,
            "knowledge_version": record.knowledge_version,
            "suggestions": msgspec.json.encode([opaque_id(one) for one in card.suggestions]).decode(),
            "issued_ms": at,
            "shown_on": at // DAY_MS,
        }


def _set_day_shown(connection: Connection, cards: list[dict[str, Any]]) -> None:
    """An EHR may repeat a call past midnight: the topic was shown on the first day, and is counted there once."""
    earlier = _days_shown(connection, {card["hook_instance"] for card in cards})
    for card in sorted(cards, key=lambda card: card["issued_ms"]):
        showing = (card["client"], card["hook"], card["hook_instance"], card["topic"])
        card["shown_on"] = earlier.setdefault(showing, card["shown_on"])


def _days_shown(connection: Connection, hook_instances: set[UUID]) -> dict[tuple[str, str, UUID, str], int]:
    showing = (issued.c.client, issued.c.hook, issued.c.hook_instance, issued.c.topic)
    found = connection.execute(
        select(*showing, func.min(issued.c.shown_on))
        .where(issued.c.hook_instance.in_(hook_instances))
        .group_by(*showing)
    )
    return {(client, hook, instance, topic): day for client, hook, instance, topic, day in found}


def _count(database: Database, connection: Connection, counted: Sequence[tuple[tuple[Any, ...], int]]) -> None:
    rows = [{"day": d, "hook": h, "client": c, "outcome": o, "calls": n} for (d, h, c, o), n in counted]
    added = database.insert(calls)
    connection.execute(
        added.on_conflict_do_update(
            index_elements=list(calls.primary_key.columns),
            set_={"calls": calls.c.calls + added.excluded.calls},
        ),
        rows,
    )

"""Looks each second for what a site changed: in the store, and at the emergency file, which needs no store."""

import logging
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from service.adjustable import SEEN_FILE, Adjustable
from service.chosen import Chosen, chosen
from service.controls import Controls, Source, State
from service.controls_copy import ControlsCopy
from service.store import Change, Database, Mark, StoreError, changes, mark, record_sight

logger = logging.getLogger("rls_cds")
EVERY_SECONDS = 1.0
_LONGEST_HOST = 150
_CARRIED = (
    "the store was replaced or an older backup was put back: what was chosen before still holds on this host until it is "
    "chosen anew or restored"
)
_NOT_KEPT = "the local copy of the controls cannot be written: a start without the store would not know them"


class Kept(Protocol):
    """The journal, as far as its store is read here."""

    @property
    def database(self) -> Database | None:
        """None where there is no store, or none was reached yet."""


class ControlsWatch:
    """Two threads: the file is looked at even while the store hangs in a driver.

    `prepared` makes ready what a choice needs (the names of a market), before it comes into force. What was read last
    stays in force when the store is lost.
    """

    def __init__(
        self,
        controls: Controls,
        kept: Kept,
        copy: ControlsCopy | None,
        *,
        file: Path | None,
        prepared: Callable[[str], object] = lambda _market: None,
        every: float = EVERY_SECONDS,
    ) -> None:
        self._controls = controls
        self._kept = kept
        self._copy = copy
        self._file = file
        self._prepared = prepared
        self._every = every
        self._mark: Mark | None = None
        self._changes: tuple[Change, ...] = ()
        # What the store held once and holds no more: nobody took it back.
        self._carried: tuple[Change, ...] = ()
        self._seen_by = f"service on {socket.gethostname()[:_LONGEST_HOST]}"
        self._closing = threading.Event()
        # Both threads put states in place.
        self._putting = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Look in the background from now on."""
        looks = [self.look_at_file] if self._file else []
        looks += [self.look_at_store] if self._copy else []
        for look in looks:
            thread = threading.Thread(target=self._run, args=(look,), name=look.__name__, daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """Stop looking; a thread that hangs in a driver is not waited for long."""
        self._closing.set()
        for thread in self._threads:
            thread.join(2.0)

    def _run(self, look: Callable[[], None]) -> None:
        while not self._closing.wait(self._every):
            try:
                look()
            except Exception as problem:  # noqa: BLE001 - a thread that dies would leave the controls as they are for good
                logger.error("the controls could not be looked at: %s", type(problem).__name__)  # noqa: TRY400

    def look_at_file(self) -> None:
        """Notice that the emergency file is there, or is gone."""
        there = self._is_there()
        if there is not None and there != self._controls.state.file:
            with self._putting:
                self._controls.put(file=there)
            now = "is there: all cards are off" if there else "is gone: cards are shown again as the controls say"
            logger.warning("the kill switch file %s", now)

    def look_at_store(self) -> None:
        """Read what was changed since; without a store what was read before stays in force."""
        database = self._kept.database
        if database is None:
            self._lost()
            return
        try:
            self._read(database)
        except StoreError:
            self._lost()
            return
        if self._controls.state.store_lost:
            with self._putting:
                self._controls.put(store_lost=False)

    def _read(self, database: Database) -> None:
        if self._mark is None and self._copy and (kept := self._copy.read()):
            # Before the store, which other processes write to meanwhile: it holds at least as much, unless it lost some.
            self._changes, self._carried = kept.changes, kept.carried
        now = mark(database)
        if now != self._mark:
            found = changes(database)
            if len(found) < len(self._changes):
                logger.error("the store has lost changes of the site: %s", _CARRIED)
                self._carried += self._changes
            self._changes = found
            self._take(self._carried + found, Source.STORE, datetime.now(UTC))
            self._mark = now
        self._note_file(database)

    def _lost(self) -> None:
        state = self._controls.state
        if self._mark is None and state.source is Source.UNKNOWN and self._copy and (kept := self._copy.read()):
            logger.warning("the store cannot be reached: the controls are those of the local copy")
            self._take(kept.carried + kept.changes, Source.COPY, kept.written)
        if not state.store_lost:
            with self._putting:
                self._controls.put(store_lost=True)

    def _take(self, found: tuple[Change, ...], source: Source, at: datetime) -> None:
        picked = self._prepare(chosen(found, self._controls.adjustable))
        before = self._controls.state
        for told in picked.ignored:
            if told not in before.chosen.ignored:
                logger.error("ignored in the controls of the store: %s", told)
        troubles = [_CARRIED] if self._carried else []
        if source is Source.STORE and self._copy and not self._copy.write(self._changes, at, self._carried):
            troubles.append(_NOT_KEPT)
        with self._putting:
            self._controls.put(chosen=picked, source=source, read_at=at, troubles=tuple(troubles))
        if picked.values != before.chosen.values:
            logger.warning("the controls of the site changed: %d in force", len(picked.values))

    def _prepare(self, picked: Chosen) -> Chosen:
        """A market whose names cannot be read is ignored; everything else comes into force."""
        failed: dict[str, str] = {}
        for market in sorted(picked.markets):
            try:
                self._prepared(market)
            except (ValueError, OSError) as fault:
                failed[market] = f"the names of market {market!r} cannot be read ({type(fault).__name__})"
        values = {key: value for key, value in picked.values.items() if value not in failed}
        return replace(picked, values=values, ignored=(*picked.ignored, *failed.values()))

    def _is_there(self) -> bool | None:
        """None where it cannot be told: then nothing changes."""
        if self._file is None:
            return False
        try:
            self._file.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return None
        return True

    def _note_file(self, database: Database) -> None:
        """Write down in the history that this host saw the file come or go."""
        there = "on" if self._controls.state.file else None
        noted = next((one.value for one in reversed(self._changes) if self._is_sight(one)), None)
        if noted != there:
            words = "the kill switch file is there" if there else "the kill switch file is gone"
            record_sight(database, by=self._seen_by, what=SEEN_FILE, value=there, reason=words)

    def _is_sight(self, change: Change) -> bool:
        return change.what == SEEN_FILE and change.by == self._seen_by


def watched(
    adjustable: Adjustable,
    kept: Kept,
    copy: ControlsCopy | None,
    *,
    file: Path | None,
    silent_when_unknown: bool,
    prepared: Callable[[str], object],
) -> tuple[Controls, ControlsWatch]:
    """The controls as they are at start, looked at once, and what will go on looking."""
    source = Source.UNKNOWN if copy else Source.NO_STORE
    controls = Controls(adjustable, State(Chosen(), source, silent_when_unknown=silent_when_unknown))
    watch = ControlsWatch(controls, kept, copy, file=file, prepared=prepared)
    watch.look_at_file()
    if copy:
        watch.look_at_store()
    return controls, watch

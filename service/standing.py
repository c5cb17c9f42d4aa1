"""What is so at this moment, as gauges: read when metrics are asked for, never while a call is answered."""

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cards import Knowledge
from service import __version__
from service.controls import Controls
from service.drain import Drain
from service.journal import Journal
from service.jwks import JwkSets
from service.limits import ConcurrencyGate
from service.operator import Operators
from service.registry import RegistryHolder
from service.store_check import StoreCheck
from service.tallies import Kind, Tally

if TYPE_CHECKING:
    from service.resolver import Counts

# Linux only; elsewhere the metric has no row.
_MEMORY = Path("/proc/self/statm")


@dataclass(frozen=True)
class Watched:
    """What is looked at, built by `app.py`."""

    knowledge: Knowledge
    market: str
    journal: Journal
    store: StoreCheck
    calls: ConcurrencyGate
    most_calls: int
    registry: RegistryHolder
    jwk_sets: JwkSets
    operators: Operators
    drain: Drain
    now: Callable[[], datetime]
    controls: Controls
    rxnav: "Callable[[], Counts | None]"


class Standing:
    """The gauges, and the counters that other rooms keep for themselves."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        of = Tally.of
        self.workers = of(Kind.TOTAL, "rls_cds_workers", "Processes that answer.")
        self.starts = of(Kind.COUNTER, "rls_cds_worker_starts", "Processes that were started.")
        self.draining = of(Kind.TOTAL, "rls_cds_workers_draining", "Processes that are shutting down.")
        self.in_flight = of(Kind.TOTAL, "rls_cds_calls_in_flight", "Calls that are being answered.")
        self.most = of(Kind.TOTAL, "rls_cds_calls_in_flight_limit", "Calls that may be answered at once.")
        self.cpu = of(Kind.COUNTER, "rls_cds_cpu_seconds", "Processor time of all processes.")
        self.memory = of(Kind.TOTAL, "rls_cds_resident_memory_bytes", "Memory of all processes.")
        self.store_up = of(Kind.LOWEST, "rls_cds_store_up", "1 while the store can be used; no row without a store.")
        self.queued = of(Kind.TOTAL, "rls_cds_store_queue_calls", "Calls that wait to be written to the store.")
        self.room = of(Kind.TOTAL, "rls_cds_store_queue_limit", "Calls that may wait; more are dropped.")
        self.written = of(Kind.COUNTER, "rls_cds_store_written_calls", "Calls that were written to the store.")
        self.dropped = of(Kind.COUNTER, "rls_cds_store_dropped_calls", "Calls that were not written to the store.")
        self.keys = of(Kind.LOWEST, "rls_cds_client_keys", "1 while the public keys of a client are held.", "client")
        self.knowledge = of(
            Kind.HIGHEST, "rls_cds_knowledge_info", "The knowledge and terminology in use.",
            "version", "digest", "status", "terminology", "market",
        )  # fmt: skip
        self.overdue = of(Kind.HIGHEST, "rls_cds_review_overdue_files", "Files of knowledge past their review date.")
        self.review_by = of(Kind.LOWEST, "rls_cds_review_by_timestamp_seconds", "The next review date of any file.")
        self.killed = of(Kind.HIGHEST, "rls_cds_cards_off", "1 while all cards of a client are switched off.", "client")
        self.off = of(Kind.HIGHEST, "rls_cds_card_topics_off", "Cards that are switched off for a client.", "client")
        self.shadow = of(Kind.HIGHEST, "rls_cds_card_topics_in_shadow", "Cards that are in shadow.", "client")
        self.controls_known = of(Kind.LOWEST, "rls_cds_controls_known", "1 once the site's controls could be read.")
        self.controls_ignored = of(
            Kind.HIGHEST, "rls_cds_controls_ignored_changes", "Changes of the site that make no sense and are ignored."
        )
        self.build = of(Kind.HIGHEST, "rls_cds_build_info", "The version of the program.", "version")
        self.logins = of(Kind.COUNTER, "rls_cds_operator_logins_refused", "Wrong logins of an operator.")
        self.rxnav = of(Kind.COUNTER, "rls_cds_rxnav_codes", "Unknown codes asked of RxNav, by result.", "result")

    @property
    def tallies(self) -> Iterable[Tally]:
        """All of them, in the order in which they are shown."""
        return (one for one in vars(self).values() if isinstance(one, Tally))

    async def look(self) -> None:
        """Bring them up to date."""
        watched = self._watched
        self._process(watched)
        self._journal(watched.journal, await watched.store.state())
        self._clients(watched)
        self.controls_known.set((), watched.controls.known)
        self.controls_ignored.set((), len(watched.controls.state.chosen.ignored))
        self._knowledge(watched.knowledge, watched.now().date())
        self.logins.set((), watched.operators.refused)
        if counts := watched.rxnav():
            for result, count in counts._asdict().items():
                self.rxnav.set((result,), count)

    def _process(self, watched: Watched) -> None:
        self.workers.set((), 1)
        self.starts.set((), 1)
        self.draining.set((), watched.drain.under_way)
        self.in_flight.set((), watched.calls.active)
        self.most.set((), watched.most_calls)
        self.cpu.set((), time.process_time())
        self.build.set((__version__,), 1)
        if _MEMORY.exists():
            pages = int(_MEMORY.read_text(encoding="ascii").split()[1])
            self.memory.set((), pages * os.sysconf("SC_PAGE_SIZE"))

    def _journal(self, journal: Journal, state: str) -> None:
        if state == "off":
            return
        self.store_up.set((), state == "ok")
        self.queued.set((), journal.queued)
        self.room.set((), journal.capacity)
        self.written.set((), journal.written)
        self.dropped.set((), journal.dropped)

    def _clients(self, watched: Watched) -> None:
        """One row for each client of the registry in force; one that was let go has no row any more."""
        for tally in (self.keys, self.killed, self.off, self.shadow):
            tally.rows.clear()
        registry = watched.registry.current
        for entry in registry.by_issuer.values():
            held = entry.keys is not None or (entry.jku is not None and watched.jwk_sets.has(entry.jku))
            self.keys.set((entry.client.name,), held)
        for client in (registry.anyone,) if registry.anyone else registry.clients:
            in_force = watched.controls.of(client.name)
            self.killed.set((client.name,), in_force.killed is not None)
            self.off.set((client.name,), len(in_force.off))
            self.shadow.set((client.name,), len(in_force.shadow))

    def _knowledge(self, knowledge: Knowledge, today: date) -> None:
        terminology = knowledge.terminology.release_version or "built-in"
        labels = (knowledge.version, knowledge.digest, knowledge.status, terminology, self._watched.market)
        self.knowledge.set(labels, 1)
        self.overdue.set((), len(knowledge.is_past_review(today)))
        dates = [date.fromisoformat(review.review_by) for review in knowledge.reviews.values()]
        if dates:
            due = min(dates)
            self.review_by.set((), datetime(due.year, due.month, due.day, tzinfo=UTC).timestamp())

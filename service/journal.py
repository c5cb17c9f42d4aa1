"""What was answered and what prescribers did with it, on its way to the store; cards never wait for it."""

import logging
from collections.abc import Sequence
from datetime import datetime

from cards import EXTENSION, Card, Catalogue, Decision
from service.feedback import FeedbackEntry
from service.replay import ReplayMemory, SharedReplayMemory
from service.store import (
    AnsweredCall,
    CallOutcome,
    Database,
    FeedbackWriter,
    IssuedCard,
    IssuedWriter,
    JtiStore,
    Opener,
    PublishedReasons,
    StoreError,
    StoreUnavailable,
    WriteObserver,
)

logger = logging.getLogger("rls_cds")


class Journal:
    """The store as the routes see it. A store that cannot be reached costs feedback (503), never a card.

    One that is not there at start is tried again in the background; calls that are answered meanwhile wait in the bounded
    queue of the writer. `state` is "off", "ok" or "unavailable".
    """

    def __init__(self, catalogue: Catalogue, url: str | None, *, keep_comments: bool) -> None:
        self._issued: IssuedWriter | None = None
        self._feedback: FeedbackWriter | None = None
        self._database: Database | None = None
        self._opener: Opener | None = None
        self._is_open = False
        self.state = "off" if url is None else "unavailable"
        if url is not None:
            self._prepare(catalogue, url, keep_comments=keep_comments)

    def _prepare(self, catalogue: Catalogue, url: str, *, keep_comments: bool) -> None:
        try:
            self._database = Database(url)
        except StoreError as refused:
            logger.error("no store: %s", refused)  # noqa: TRY400 - the text says it all
            return
        reasons = catalogue.knowledge.override_reasons.reasons.values()
        published = PublishedReasons([(reason.code, reason.display) for reason in reasons])
        self._feedback = FeedbackWriter(self._database, published, keep_comments=keep_comments)
        self._issued = IssuedWriter(self._database)
        self._opener = Opener(url, self._opened)
        self._opener.open()

    def _opened(self) -> None:
        if self._issued:
            self._issued.start()
        self._is_open = True
        self.state = "ok"

    def replay(self, local: ReplayMemory) -> ReplayMemory:
        """Where used token ids are remembered: in a PostgreSQL that hosts share and here, else in this process alone.

        With a file that only this host has, memory is as good and cannot fail a call.
        """
        if self._database is None or self._database.is_sqlite:
            return local
        return SharedReplayMemory(local, JtiStore(self._database), lambda: self._is_open)

    @property
    def database(self) -> Database | None:
        """The store itself; None where there is none, none was reached yet, or its address was refused."""
        return self._database if self._is_open else None

    @property
    def configured(self) -> Database | None:
        """As `database`, also while it was not reached yet."""
        return self._database

    @property
    def written(self) -> int:
        """Calls that were written."""
        return self._issued.written if self._issued else 0

    def watch_writes(self, observe: WriteObserver) -> None:
        """Tell somebody of each batch that is written, or not; in the writer's thread."""
        if self._issued:
            self._issued.observe = observe

    @property
    def capacity(self) -> int:
        """Calls that may wait to be written."""
        return self._issued.capacity if self._issued else 0

    @property
    def queued(self) -> int:
        """Calls that wait to be written."""
        return self._issued.queued if self._issued else 0

    @property
    def dropped(self) -> int:
        """Calls that were not written."""
        return self._issued.dropped if self._issued else 0

    def answered(
        self,
        *,
        at: datetime,
        client: str,
        hook: str,
        hook_instance: str | None,
        decision: Decision | None,
        failed: bool,
    ) -> None:
        """Offer one call to the background writer; never blocks, never raises."""
        if self._issued is None:
            return
        self._issued.offer(
            AnsweredCall(
                at=at,
                client=client,
                hook=hook,
                outcome=outcome_of(decision, failed=failed),
                hook_instance=hook_instance,
                knowledge_version=decision.knowledge_version if decision else "",
                cards=tuple(_issued(card) for card in decision.cards) if decision else (),
                shadowed=tuple(_issued(card) for card in decision.shadowed) if decision else (),
            )
        )

    async def feedback(self, entries: Sequence[FeedbackEntry], *, client: str, service: str) -> None:
        """Returns when the entries are durable. Raises `StoreUnavailable` where they cannot be kept."""
        if self._feedback is None or not self._is_open:
            raise StoreUnavailable("feedback cannot be kept: no store is there")
        try:
            await self._feedback.write(entries, client=client, service=service)
        except StoreError:
            self.state = "unavailable"
            raise
        self.state = "ok"

    async def close(self) -> None:
        """Flush what is queued and close the store."""
        if self._opener:
            self._opener.close()
        if self._issued:
            await self._issued.flush()
        if self._database:
            self._database.close()


def outcome_of(decision: Decision | None, *, failed: bool) -> CallOutcome:
    """How a call ended, in the words of the store."""
    if decision is None:
        return CallOutcome.FAILED if failed else CallOutcome.REFUSED
    if decision.switched_off:
        return CallOutcome.SWITCHED_OFF
    if decision.cards:
        return CallOutcome.CARDS
    if decision.shadowed:
        return CallOutcome.SHADOW
    return CallOutcome.NO_CARD if decision.could_look else CallOutcome.STARVED


def _issued(card: Card) -> IssuedCard:
    extension = (card.extension or {}).get(EXTENSION, {})
    return IssuedCard(
        card=card.uuid,
        topic=card.source.topic.code if card.source.topic else "",
        rule=str(extension.get("rule", "")),
        indicator=card.indicator,
        suggestions=tuple(suggestion.uuid for suggestion in card.suggestions or ()),
    )

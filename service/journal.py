"""What was answered and what prescribers did with it, on its way to the store; cards never wait for it."""

from collections.abc import Sequence
from datetime import datetime

from cards import EXTENSION, Card, Catalogue, Decision
from service.errors import ServiceError
from service.feedback import FeedbackEntry
from service.replay import ReplayMemory
from service.store import (
    AnsweredCall,
    CallOutcome,
    Database,
    FeedbackWriter,
    IssuedCard,
    IssuedWriter,
    JtiStore,
    PublishedReasons,
    StoreError,
    StoreUnavailable,
    upgrade,
)


class Journal:
    """The store as the routes see it. A store that cannot be reached costs feedback (503), never a card."""

    def __init__(self, catalogue: Catalogue, url: str | None, *, keep_comments: bool) -> None:
        self._issued: IssuedWriter | None = None
        self._feedback: FeedbackWriter | None = None
        self._database: Database | None = None
        self.state = "off" if url is None else "unavailable"
        if url is not None:
            self._open(catalogue, url, keep_comments=keep_comments)

    def _open(self, catalogue: Catalogue, url: str, *, keep_comments: bool) -> None:
        try:
            upgrade(url)
            self._database = Database(url)
        except (ServiceError, OSError):
            return
        reasons = catalogue.knowledge.override_reasons.reasons.values()
        published = PublishedReasons([(reason.code, reason.display) for reason in reasons])
        self._feedback = FeedbackWriter(self._database, published, keep_comments=keep_comments)
        self._issued = IssuedWriter(self._database)
        self._issued.start()
        self.state = "ok"

    def replay(self, local: ReplayMemory) -> ReplayMemory:
        """Where used token ids are remembered: in a PostgreSQL that hosts share, else in this process alone.

        With a file that only this host has, memory is as good and cannot fail a call.
        """
        return JtiStore(self._database) if self._database and not self._database.is_sqlite else local

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
                outcome=_outcome(decision, failed=failed),
                hook_instance=hook_instance,
                knowledge_version=decision.knowledge_version if decision else "",
                cards=tuple(_issued(card) for card in decision.cards) if decision else (),
            )
        )

    async def feedback(self, entries: Sequence[FeedbackEntry], *, client: str, service: str) -> None:
        """Returns when the entries are durable. Raises `StoreUnavailable` where they cannot be kept."""
        if self._feedback is None:
            raise StoreUnavailable("feedback cannot be kept: no store is there")
        try:
            await self._feedback.write(entries, client=client, service=service)
        except StoreError:
            self.state = "unavailable"
            raise
        self.state = "ok"

    async def close(self) -> None:
        """Flush what is queued and close the store."""
        if self._issued:
            await self._issued.flush()
        if self._database:
            self._database.close()


def _outcome(decision: Decision | None, *, failed: bool) -> CallOutcome:
    if decision is None:
        return CallOutcome.FAILED if failed else CallOutcome.REFUSED
    if decision.cards:
        return CallOutcome.CARDS
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

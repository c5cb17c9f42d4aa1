"""One of two processes that serve the same clients: both are sent the same feedback, each issues cards of its own."""

import sys
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID, uuid5

from service.feedback import FeedbackEntry, Reason
from service.store import (
    AnsweredCall,
    CallOutcome,
    Database,
    FeedbackWriter,
    IssuedCard,
    JtiStore,
    PublishedReasons,
    refresh,
)
from service.store.issued_writer import write_calls

NAMES = UUID(int=5)
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
CARDS = 150


def card(number: int) -> str:
    """Cards are numbered over both processes; odd ones are issued by the one, even ones by the other."""
    return str(uuid5(NAMES, str(number)))


def call(number: int) -> AnsweredCall:
    """A call on one of three days."""
    return AnsweredCall(
        at=NOON + timedelta(days=number % 3),
        client="north",
        hook="patient-view",
        outcome=CallOutcome.CARDS,
        hook_instance=card(-number - 1),
        cards=(IssuedCard(card(number), "iron", "PV-01", "info"),),
    )


def answers(number: int) -> list[FeedbackEntry]:
    """Every third card is overridden after it was accepted."""
    at = NOON + timedelta(days=number % 3, seconds=number)
    first = FeedbackEntry(card=card(number), outcome="accepted", at=at)
    change = FeedbackEntry(
        card=card(number), outcome="overridden", at=at + timedelta(minutes=1), reasons=(Reason(code="not-now"),)
    )
    return [first, change] if number % 3 == 0 else [first]


def main(url: str, me: int) -> None:
    """Work through the cards in an order of one's own; print how many tokens were taken here."""
    database = Database(url)
    writer = FeedbackWriter(database, PublishedReasons([("not-now", "Not now")]))
    tokens, taken = JtiStore(database), 0
    order = list(range(CARDS))
    Random(me).shuffle(order)  # noqa: S311 - an order, not a secret
    for place in range(0, CARDS, 10):
        some = order[place : place + 10]
        write_calls(database, [call(number) for number in some if number % 2 == me])
        writer.write_now([entry for number in some for entry in answers(number)], "north", "rls")
        taken += sum(tokens.first_use_now("https://ehr.example", str(number), 2e9, 1e9) for number in some)
        refresh(database)
    database.close()
    sys.stdout.write(str(taken))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

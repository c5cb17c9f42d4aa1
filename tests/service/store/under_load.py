"""A process that takes feedback under load and prints what it has acknowledged, until it is killed."""

import asyncio
import sys
from datetime import UTC, datetime
from itertools import count
from uuid import UUID, uuid4

from service.feedback import FeedbackEntry
from service.store import (
    AnsweredCall,
    CallOutcome,
    Database,
    FeedbackWriter,
    IssuedCard,
    IssuedWriter,
    PublishedReasons,
)


async def prescriber(writer: FeedbackWriter, issued: IssuedWriter) -> None:
    """Gets a card, answers it, and notes the acknowledgement only when it has come."""
    for _ in count():
        card, now = str(uuid4()), datetime.now(UTC)
        shown = (IssuedCard(card, "iron", "PV-01", "info"),)
        issued.offer(AnsweredCall(at=now, client="north", hook="patient-view", outcome=CallOutcome.CARDS, cards=shown))
        entry = FeedbackEntry(card=card, outcome="accepted", at=now)
        await writer.write([entry], client="north", service="rls")
        sys.stdout.write(f"{UUID(card)}\n")
        sys.stdout.flush()


async def main(url: str) -> None:
    """Eight prescribers at once."""
    database = Database(url)
    issued = IssuedWriter(database)
    issued.start()
    writer = FeedbackWriter(database, PublishedReasons([]))
    await asyncio.gather(*(prescriber(writer, issued) for _ in range(8)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

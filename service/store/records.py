"""What is written about one answered call: our own words and random ids, nothing of the patient."""

from datetime import datetime
from enum import StrEnum

import msgspec


class CallOutcome(StrEnum):
    """How a call ended. Starved: answered without a card because no rule had what it needs; not the same as no card.

    Shadow: answered without a card, and with cards in shadow that would have been shown. Switched off: the site's kill
    switch was on, no rule ran.
    """

    CARDS = "cards"
    NO_CARD = "no_card"
    STARVED = "starved"
    SHADOW = "shadow"
    SWITCHED_OFF = "switched_off"
    REFUSED = "refused"
    FAILED = "failed"


class IssuedCard(msgspec.Struct, frozen=True):
    """One card as issued. `topic` is the code of `source.topic`; `suggestions` are the uuids that were offered."""

    card: str
    topic: str
    rule: str
    indicator: str
    suggestions: tuple[str, ...] = ()


class AnsweredCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a service and the cards it was answered with. `at` is an aware time; `client` its configured name.

    `shadowed` are the cards that would have been shown, were they not in shadow.
    """

    at: datetime
    client: str
    hook: str
    outcome: CallOutcome
    hook_instance: str | None = None
    knowledge_version: str = ""
    cards: tuple[IssuedCard, ...] = ()
    shadowed: tuple[IssuedCard, ...] = ()

"""The Decision: the cards, and all that an auditor may ask of how they came about."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum

import msgspec

from cards.card import Card
from cards.evidence import Hook, Standing
from cards.facts import DraftOrder, Ref
from cards.needs import Need


class Indicator(StrEnum):
    """CDS Hooks card indicators."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


INDICATOR_ORDER = {Indicator.CRITICAL: 0, Indicator.WARNING: 1, Indicator.INFO: 2}


class DrugLine(msgspec.Struct, frozen=True, gc=False):
    """What a card says of one drug: its grade of evidence, a note of the knowledge, whether its name alone was known."""

    name: str
    grade: str
    note: str = ""
    by_name: bool = False


class Finding(msgspec.Struct, frozen=True, gc=False):
    """A rule has something to say.

    `variant` picks the summary, `notes` the optional detail lines, `values` fill the slots of both; `drugs` gives one
    line of evidence a drug, `associated` the conditions of D1 that are on record. `names` are the
    ingredients that the card is about, `other_names` those that joined from a merged card. `suggests` names orders of
    `knowledge/orders.yaml`, `removes` the drafts that a suggestion may delete. `unread` names optional needs that were
    not answered.
    """

    topic: str
    variant: str
    indicator: Indicator
    values: Mapping[str, str] = msgspec.field(default_factory=dict)
    names: tuple[str, ...] = ()
    indications: tuple[str, ...] = ()
    other_names: tuple[str, ...] = ()
    associated: tuple[str, ...] = ()
    notes: frozenset[str] = frozenset()
    drugs: tuple[DrugLine, ...] = ()
    suggests: tuple[str, ...] = ()
    removes: tuple[DraftOrder, ...] = ()
    drafts: tuple[DraftOrder, ...] = ()
    rests_on: tuple[Ref, ...] = ()
    unread: frozenset[Need] = frozenset()


class Silent(msgspec.Struct, frozen=True, gc=False):
    """A rule has nothing to say; `why` is a key of `knowledge/silences.yaml`. `starved`: it could not know."""

    why: str
    rests_on: tuple[Ref, ...] = ()
    starved: bool = False


Verdict = Finding | Silent


class Result(StrEnum):
    """How one rule ended."""

    FIRED = "fired"
    SILENT = "silent"
    STARVED = "starved"
    WITHHELD = "withheld"
    MERGED = "merged"
    SHADOWED = "shadowed"
    FAILED = "failed"


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """One rule in one call. `why` is a key of `knowledge/silences.yaml`, or says which card took its place.

    `shadow`: the card is in shadow at this site. Then `SHADOWED` says that it would have been shown, and `WITHHELD` or
    `MERGED` what would have become of it.
    """

    rule: str
    result: Result
    topic: str | None = None
    why: str | None = None
    starved_of: frozenset[Need] = frozenset()
    unread: frozenset[Need] = frozenset()
    rests_on: tuple[Ref, ...] = ()
    shadow: bool = False


class Decision(msgspec.Struct, frozen=True, gc=False):
    """Cards and reasons of one call. `could_look` is False where a required need kept every rule from deciding.

    `shadowed` are cards that would have been shown, were they not in shadow at this site. `switched_off`: no rule ran.
    """

    hook: Hook
    on: date
    knowledge_version: str
    knowledge_status: str
    cards: tuple[Card, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    standings: Mapping[Need, Standing] = msgspec.field(default_factory=dict)
    why_standing: Mapping[Need, str] = msgspec.field(default_factory=dict)
    unmapped_drugs: int = 0
    unreadable: int = 0
    foreign: int = 0
    shadowed: tuple[Card, ...] = ()
    switched_off: bool = False

    def of(self, result: Result) -> tuple[Outcome, ...]:
        """The outcomes that ended in one way."""
        return tuple(outcome for outcome in self.outcomes if outcome.result is result)

    @property
    def could_look(self) -> bool:
        """Whether at least one rule had what it needs; no rule at all needs nothing."""
        return not self.outcomes or any(outcome.result is not Result.STARVED for outcome in self.outcomes)

"""What gather may wish for from an EHR, and what it gets back: the words between the two rooms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cards import Answer, Need, Resource


@dataclass(frozen=True, slots=True)
class Wish:
    """One round: `medications` holds references; `next_pages` the link after a prefetched page, with that page.

    `before_gate`: it is not known yet whether the patient has RLS.
    """

    needs: frozenset[Need]
    medications: frozenset[str] = frozenset()
    next_pages: Mapping[Need, tuple[str, Answer]] = field(default_factory=dict)
    before_gate: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a round. `unreadable` counts resources that no decoder could make sense of."""

    answers: Mapping[Need, Answer] = field(default_factory=dict)
    medications: tuple[Resource, ...] = ()
    unreadable: int = 0


class Ehr(Protocol):
    """FHIR access for one call; never raises: what could not be had is an Answer that says so."""

    async def fetch(self, wish: Wish) -> Found:
        """All that is wished for, side by side, within the deadline of the call."""

"""What was gathered for one call: the answer to each need, the draft orders, and what nobody asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from cards.fhir import Resource
from cards.needs import Need


class Hook(StrEnum):
    """The hooks that this knowledge answers."""

    PATIENT_VIEW = "patient-view"
    ORDER_SELECT = "order-select"
    ORDER_SIGN = "order-sign"


class Standing(StrEnum):
    """How a need stands. Only `ANSWERED` allows a conclusion from absence: unknown is not no."""

    ANSWERED = "answered"
    NOT_ANSWERED = "not answered"
    FAILED = "failed"
    INCOMPLETE = "incomplete"
    FOREIGN = "another patient's"
    # It was sent along, and nothing in it could have mattered.
    UNREAD = "not looked at"


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What came back for one need; `why` is one line for an integrator, without patient data."""

    standing: Standing = Standing.NOT_ANSWERED
    resources: tuple[Resource, ...] = ()
    why: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether absence may be concluded from it."""
        return self.standing is Standing.ANSWERED


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the readers may look at; FHIR in, nothing interpreted yet.

    `bystanders` came under prefetch keys that are not ours: they are used, but never answer a need.
    `selections` holds `Type/id` references and is None on hooks that have none.
    """

    hook: Hook
    patient_id: str
    answers: Mapping[Need, Answer] = field(default_factory=dict)
    bystanders: tuple[Resource, ...] = ()
    drafts: tuple[Resource, ...] = ()
    selections: frozenset[str] | None = None
    encounter_id: str | None = None
    requester: str | None = None
    unreadable: int = 0
    foreign: int = 0
    # What readers group of it, so that rooms that look one after the other do so once; a changed copy begins anew.
    grouped: dict[str, object] = field(init=False, default_factory=dict, repr=False, compare=False)

    def answer(self, need: Need) -> Answer:
        """The answer to a need, `NOT_ANSWERED` where nothing was heard of it."""
        return self.answers.get(need, _NOT_ANSWERED)

    def complete(self, need: Need) -> bool:
        """Whether the need was answered wholly, so that absence means absence."""
        return self.answer(need).is_complete


_NOT_ANSWERED = Answer()

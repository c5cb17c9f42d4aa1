"""Conditions to problems by value set, and what they say of restless legs syndrome together."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, tzinfo

from cards.codes import Meanings, ValueSetIndex
from cards.facts import Problem, Ref, Rls
from cards.fhir import Resource, in_list, reference_of
from cards.readers.concepts import words_of
from cards.readers.dates import day

RLS = "restless_legs_syndrome"
_SUSPECTED = frozenset({"provisional", "unconfirmed", "differential"})
_INACTIVE = frozenset({"inactive", "remission", "resolved"})
_ACTIVE = frozenset({"active", "recurrence", "relapse"})
_PRESENT = frozenset({Rls.ACTIVE, Rls.SUSPECTED})
# On a tie of dates the more cautious reading wins (readings, "RLS").
_ON_TIE = (Rls.REFUTED, Rls.ACTIVE, Rls.SUSPECTED, Rls.INACTIVE)


@dataclass(frozen=True, slots=True)
class Conditions:
    """`problems` holds active Conditions only, by value set; `rls_refs` the Conditions that decided on RLS."""

    rls: Rls
    rls_refs: tuple[Ref, ...]
    problems: dict[str, tuple[Problem, ...]]


class Diagnoses:
    """What the code and status elements of Conditions mean, by the bytes in which they were sent."""

    def __init__(self, value_sets: ValueSetIndex) -> None:
        # A Condition whose code or status could not be wholly read says nothing.
        self._names: Meanings[frozenset[str]] = Meanings(value_sets.of, odd=frozenset())
        self._words: Meanings[frozenset[str] | None] = Meanings(words_of, odd=None)

    def names(self, condition: Resource) -> frozenset[str]:
        """The value sets to which its code belongs."""
        return self._names[bytes(condition.sent_code)]

    def state(self, condition: Resource) -> Rls | None:
        """Its state in the words of RLS; None = entered in error, or its status cannot be read."""
        verification = self._words[bytes(condition.sent_verification_status)]
        clinical = self._words[bytes(condition.sent_clinical_status)]
        if verification is None or clinical is None or "entered-in-error" in verification:
            return None
        if "refuted" in verification:
            return Rls.REFUTED
        if clinical & _INACTIVE or not (clinical & _ACTIVE or not _has_abated(condition)):
            return Rls.INACTIVE
        return Rls.SUSPECTED if verification & _SUSPECTED else Rls.ACTIVE

    def is_active(self, condition: Resource) -> bool:
        """Active by its clinical status (missing: unless an abatement is recorded), neither refuted nor an error."""
        return self.state(condition) in _PRESENT


def read_conditions(conditions: Iterable[Resource], diagnoses: Diagnoses, zone: tzinfo) -> Conditions:
    """Every Condition that can be relied on; one whose status could not be read says nothing either way."""
    problems: dict[str, list[Problem]] = {}
    rls: list[_Vote] = []
    for condition in conditions:
        names = diagnoses.names(condition)
        state = diagnoses.state(condition) if names else None
        if state is None:
            continue
        recorded = day(condition.recorded_date or condition.asserted_date, zone)
        if RLS in names:
            rls.append(_Vote(_is_encounter_diagnosis(condition), recorded or date.min, state, condition))
        if state in _PRESENT:
            ref = Ref(reference_of(condition), recorded or day(condition.onset_date_time, zone))
            onset = _onset_age(condition)
            for name in names:
                problems.setdefault(name, []).append(Problem(name, ref, recorded, onset))
    status, refs = _rls(rls)
    return Conditions(status, refs, {name: tuple(sorted(found, key=_by_ref)) for name, found in problems.items()})


@dataclass(frozen=True, slots=True)
class _Vote:
    """One RLS Condition's say."""

    is_encounter_diagnosis: bool
    recorded: date
    state: Rls
    condition: Resource


def _rls(votes: list[_Vote]) -> tuple[Rls, tuple[Ref, ...]]:
    """Problem-list items decide before encounter diagnoses; within one the latest recorded, on a tie `_ON_TIE`."""
    if not votes:
        return Rls.NONE, ()
    listed = [vote for vote in votes if not vote.is_encounter_diagnosis] or votes
    latest = max(vote.recorded for vote in listed)
    voices = [vote for vote in listed if vote.recorded == latest]
    state = min((vote.state for vote in voices), key=_ON_TIE.index)
    refs = sorted(reference_of(vote.condition) for vote in voices if vote.state is state)
    return state, tuple(Ref(reference, None if latest == date.min else latest) for reference in refs)


def _has_abated(condition: Resource) -> bool:
    return bool(
        condition.abatement_date_time
        or condition.abatement_age
        or condition.abatement_period
        or condition.abatement_range
        or condition.abatement_string
        or condition.abatement_boolean
    )


def _is_encounter_diagnosis(condition: Resource) -> bool:
    category = condition.category
    concepts = in_list(category) if not isinstance(category, str) else [category]
    return any("encounter-diagnosis" in words_of(concept) for concept in concepts)


def _onset_age(condition: Resource) -> int | None:
    years = condition.onset_age.value if condition.onset_age else None
    return int(years) if years is not None and years.is_finite() and 0 <= years < 150 else None


def _by_ref(problem: Problem) -> tuple[date, str]:
    return problem.ref.on or date.min, problem.ref.reference

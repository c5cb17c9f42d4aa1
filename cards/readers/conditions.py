"""Conditions to problems by value set, and what they say of restless legs syndrome together."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, tzinfo

from cards.codes import ValueSetIndex
from cards.facts import Problem, Ref, Rls
from cards.fhir import Resource, in_list, reference_of
from cards.readers.concepts import words_of
from cards.readers.dates import day

RLS = "restless_legs_syndrome"
_SUSPECTED = frozenset({"provisional", "unconfirmed", "differential"})
_INACTIVE = frozenset({"inactive", "remission", "resolved"})
_ACTIVE = frozenset({"active", "recurrence", "relapse"})
# On a tie of dates the more cautious reading wins (readings, "RLS").
_ON_TIE = (Rls.REFUTED, Rls.ACTIVE, Rls.SUSPECTED, Rls.INACTIVE)


@dataclass(frozen=True, slots=True)
class Conditions:
    """`problems` holds active Conditions only, by value set; `rls_refs` the Conditions that decided on RLS."""

    rls: Rls
    rls_refs: tuple[Ref, ...]
    problems: dict[str, tuple[Problem, ...]]


def read_conditions(conditions: Iterable[Resource], value_sets: ValueSetIndex, zone: tzinfo) -> Conditions:
    """Every Condition that can be relied on; one whose status could not be read says nothing either way."""
    problems: dict[str, list[Problem]] = {}
    rls: list[_Vote] = []
    for condition in conditions:
        names = value_sets.sent[bytes(condition.sent_code)]
        state = _state(condition) if names else None
        if state is None:
            continue
        recorded = day(condition.recorded_date or condition.asserted_date, zone)
        if RLS in names:
            rls.append(_Vote(_is_encounter_diagnosis(condition), recorded or date.min, state, condition))
        if is_active(condition):
            for name in names:
                problems.setdefault(name, []).append(_problem(name, condition, recorded, zone))
    status, refs = _rls(rls)
    return Conditions(status, refs, {name: tuple(sorted(found, key=_by_ref)) for name, found in problems.items()})


def is_active(condition: Resource) -> bool:
    """Active by its clinical status (missing: active unless an abatement is recorded), and neither refuted nor an error."""
    return _state(condition) in (Rls.ACTIVE, Rls.SUSPECTED)


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


def _state(condition: Resource) -> Rls | None:
    """The state of one Condition in the words of RLS; None = entered in error, or its status cannot be read."""
    if condition.is_harmed("clinicalStatus", "verificationStatus", "code"):
        return None
    verification = words_of(condition.verification_status)
    if "entered-in-error" in verification:
        return None
    if "refuted" in verification:
        return Rls.REFUTED
    if not _clinically_active(condition):
        return Rls.INACTIVE
    return Rls.SUSPECTED if verification & _SUSPECTED else Rls.ACTIVE


def _clinically_active(condition: Resource) -> bool:
    status = words_of(condition.clinical_status)
    if status & _INACTIVE:
        return False
    return bool(status & _ACTIVE) or not _has_abated(condition)


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


def _problem(name: str, condition: Resource, recorded: date | None, zone: tzinfo) -> Problem:
    dated = recorded or day(condition.onset_date_time, zone)
    years = condition.onset_age.value if condition.onset_age else None
    onset = int(years) if years is not None and years.is_finite() and 0 <= years < 150 else None
    return Problem(name, Ref(reference_of(condition), dated), recorded, onset)


def _by_ref(problem: Problem) -> tuple[date, str]:
    return problem.ref.on or date.min, problem.ref.reference

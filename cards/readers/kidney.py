"""End-stage kidney disease and dialysis, from Conditions and dialysis Procedures."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo

from cards.codes import ValueSetIndex
from cards.facts import Problem, Ref
from cards.fhir import Resource, reference_of
from cards.readers.dates import day

_NOT_DONE = frozenset({"not-done", "entered-in-error", "stopped", "preparation"})


@dataclass(frozen=True, slots=True)
class Kidney:
    """`on_dialysis` only where dialysis itself is coded: the wording depends on it."""

    end_stage: bool
    on_dialysis: bool
    refs: tuple[Ref, ...] = ()


def read_kidney(
    problems: Mapping[str, tuple[Problem, ...]],
    procedures: Iterable[Resource],
    value_sets: ValueSetIndex,
    on: date,
    zone: tzinfo,
    recent: timedelta,
) -> Kidney:
    """F1 ESRD: N18.6, Z99.2 or dialysis within `recent`; not with a working transplant and no dialysis."""
    sessions = tuple(_sessions(procedures, value_sets, on, zone, recent))
    coded = tuple(problem.ref for problem in problems.get("dialysis_status", ()))
    failing = tuple(problem.ref for problem in problems.get("end_stage_kidney_disease", ()))
    on_dialysis = bool(sessions or coded)
    transplanted = "kidney_transplant" in problems and not on_dialysis
    return Kidney(
        end_stage=on_dialysis or (bool(failing) and not transplanted),
        on_dialysis=on_dialysis,
        refs=(*coded, *failing, *sessions),
    )


def _sessions(
    procedures: Iterable[Resource], value_sets: ValueSetIndex, on: date, zone: tzinfo, recent: timedelta
) -> Iterable[Ref]:
    for procedure in procedures:
        if procedure.status in _NOT_DONE or "dialysis_procedure" not in value_sets.of(procedure.code):
            continue
        performed = performed_on(procedure, zone)
        if performed and on - recent <= performed <= on:
            yield Ref(reference_of(procedure), performed)


def performed_on(procedure: Resource, zone: tzinfo) -> date | None:
    """The last day on which a procedure was performed (R4 `performed`, R5 `occurrence`)."""
    period = procedure.performed_period or procedure.occurrence_period
    ended = (period.end or period.start) if period else None
    return day(procedure.performed_date_time or procedure.occurrence_date_time or ended, zone)

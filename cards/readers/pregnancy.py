"""A current pregnancy and its trimester, from Conditions and Observations."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo

from cards.codes import CodeSystemIndex
from cards.facts import Pregnancy, Problem, Ref, Trimester
from cards.fhir import Resource, codings_of
from cards.readers.conditions import Diagnoses
from cards.readers.dates import day
from cards.readers.observations import Observed, latest

PREGNANCY = "pregnancy"
WEEKS_CODE = re.compile(r"Z3A(\d\d)$")


@dataclass(frozen=True, slots=True)
class PregnancyLimits:
    """Lengths in weeks and days (readings, "Pregnant")."""

    longest: timedelta
    after_due_date: timedelta
    term: timedelta
    second_trimester: timedelta
    third_trimester: timedelta


def read_pregnancy(
    conditions: Iterable[Resource],
    problems: Mapping[str, tuple[Problem, ...]],
    observed: Mapping[str, tuple[Observed, ...]],
    codes: tuple[CodeSystemIndex, Diagnoses],
    on: date,
    zone: tzinfo,
    limits: PregnancyLimits,
) -> Pregnancy | None:
    """None where no current pregnancy is on record.

    A stale "pregnant" on the problem list is common: a sign counts only within `limits.longest`, and never without a
    date. A delivery date more than `limits.after_due_date` past ends the pregnancy.
    """
    due = latest(observed.get("estimated_delivery_date", ()), on)
    if due and due.day_value and due.day_value + limits.after_due_date < on:
        return None
    signs = [*_problem_signs(problems, on, limits), *_status_signs(observed, on, limits)]
    if not signs:
        return None
    began = _began(due, observed, _coded_weeks(conditions, codes, zone), on, limits)
    age = on - began if began else None
    return Pregnancy(
        trimester=_trimester(age, limits) if age is not None else None,
        weeks=age.days // 7 if age is not None else None,
        began=began,
        refs=tuple(signs),
    )


def _problem_signs(problems: Mapping[str, tuple[Problem, ...]], on: date, limits: PregnancyLimits) -> list[Ref]:
    refs = [problem.ref for problem in problems.get(PREGNANCY, ())]
    return [ref for ref in refs if ref.on and on - limits.longest <= ref.on <= on]


def _status_signs(observed: Mapping[str, tuple[Observed, ...]], on: date, limits: PregnancyLimits) -> list[Ref]:
    status = latest(observed.get("pregnancy_status", ()), on)
    if status and "pregnancy_status_positive" in status.answers and status.on >= on - limits.longest:
        return [Ref(status.reference, status.on)]
    return []


def _coded_weeks(
    conditions: Iterable[Resource], codes: tuple[CodeSystemIndex, Diagnoses], zone: tzinfo
) -> list[tuple[date, int]]:
    """(day recorded, weeks) of each active Condition whose code says the weeks; never a sign of pregnancy by itself."""
    systems, diagnoses = codes
    found: list[tuple[date, int]] = []
    for condition in conditions:
        if "gestation_weeks" not in diagnoses.names(condition) or not diagnoses.is_active(condition):
            continue
        recorded = day(condition.recorded_date or condition.onset_date_time, zone)
        if recorded is None:
            continue
        pairs = [systems.pair(coding.system, coding.code) for coding in codings_of(condition.code)]
        weeks = {_weeks(pair[1]) for pair in pairs if pair} - {None}
        found.extend((recorded, number) for number in weeks if number is not None)
    return sorted(found)


def _weeks(code: str) -> int | None:
    """Z3A.08 to Z3A.42; .00 (unspecified), .01 (under 8) and .49 (over 42) give no number."""
    match = WEEKS_CODE.match(code)
    return int(match[1]) if match and 8 <= int(match[1]) <= 42 else None


def _began(
    due: Observed | None,
    observed: Mapping[str, tuple[Observed, ...]],
    coded: list[tuple[date, int]],
    on: date,
    limits: PregnancyLimits,
) -> date | None:
    """The first day of the pregnancy: from the delivery date, a gestational age, or coded weeks, in this order."""
    measured = latest(observed.get("gestational_age", ()), on)
    if due and due.day_value:
        began = due.day_value - limits.term
    elif measured and measured.days is not None:
        began = measured.on - timedelta(days=measured.days)
    elif coded:
        recorded, weeks = coded[-1]
        began = recorded - timedelta(weeks=weeks)
    else:
        return None
    return began if timedelta(0) <= on - began <= limits.longest + limits.after_due_date else None


def _trimester(age: timedelta, limits: PregnancyLimits) -> Trimester:
    if age < limits.second_trimester:
        return Trimester.FIRST
    return Trimester.SECOND if age < limits.third_trimester else Trimester.THIRD

"""Age on the day of the hook, gender, and whether the patient has died."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, tzinfo

from cards.facts import AgeGroup
from cards.fhir import Resource
from cards.readers.dates import moment


@dataclass(frozen=True, slots=True)
class Person:
    """`age_group` is None where no birth date was sent, or a partial one that allows two answers."""

    age_group: AgeGroup | None = None
    age_years: int | None = None
    gender: str | None = None
    deceased: bool = False


@dataclass(frozen=True, slots=True)
class AgeLimits:
    """The first year of childhood and of adulthood (readings: 2 and 18)."""

    child: int
    adult: int


def read_person(patients: Iterable[Resource], patient_id: str, on: date, zone: tzinfo, limits: AgeLimits) -> Person:
    """The patient's own Patient resource; a resource of somebody else says nothing."""
    own = next((patient for patient in patients if patient.id == patient_id), None)
    if own is None:
        return Person()
    born = moment(own.birth_date, zone)
    youngest = years_between(born.last, on) if born else None
    oldest = years_between(born.first, on) if born else None
    groups = {_group(years, limits) for years in (youngest, oldest) if years is not None and years >= 0}
    return Person(
        age_group=groups.pop() if len(groups) == 1 else None,
        age_years=youngest,
        gender=own.gender,
        deceased=bool(own.deceased_boolean or own.deceased_date_time),
    )


def years_between(born: date, on: date) -> int:
    """Completed years; a birthday on 29 February is kept on 1 March."""
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def _group(years: int, limits: AgeLimits) -> AgeGroup:
    if years < limits.child:
        return AgeGroup.INFANT
    return AgeGroup.CHILD if years < limits.adult else AgeGroup.ADULT

"""Observations that are no iron test: pregnancy status, delivery date, gestation, QTc, AUDIT-C."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from decimal import Decimal

from cards.codes import ValueSetIndex
from cards.fhir import Resource, reference_of
from cards.readers.dates import day, moment

FINAL = frozenset({"final", "amended", "corrected"})
_DAYS_IN = {"d": 1, "day": 1, "days": 1, "wk": 7, "week": 7, "weeks": 7}


@dataclass(frozen=True, slots=True)
class Observed:
    """One final observation. `answers` are the value sets of a coded value, `day_value` a date as value,
    `days` a duration in days, `number` any other number as it was sent (in `unit`)."""

    reference: str
    on: date
    answers: frozenset[str] = frozenset()
    day_value: date | None = None
    days: int | None = None
    number: Decimal | None = None
    unit: str | None = None


def read_observations(
    observations: Iterable[Resource], asked: ValueSetIndex, value_sets: ValueSetIndex, zone: tzinfo
) -> dict[str, tuple[Observed, ...]]:
    """Final observations by the value set of their code, oldest first; `asked` holds only the sets that are read."""
    found: dict[str, list[Observed]] = {}
    for observation in observations:
        names = asked.sent[bytes(observation.sent_code)]
        on = collected(observation, zone) if names and observation.status in FINAL else None
        if on is None:
            continue
        for name in names:
            found.setdefault(name, []).append(_observed(observation, on, value_sets, zone))
    return {name: tuple(sorted(seen, key=_by_day)) for name, seen in found.items()}


def collected(observation: Resource, zone: tzinfo) -> date | None:
    """The day of collection: effectiveDateTime, effectiveInstant, else the end of effectivePeriod."""
    ended = observation.effective_period.end if observation.effective_period else None
    found = moment(observation.effective_date_time or observation.effective_instant or ended, zone)
    return found.first if found else None


def latest(observed: tuple[Observed, ...], on: date) -> Observed | None:
    """The last one that is not dated in the future."""
    past = [seen for seen in observed if seen.on <= on + timedelta(days=1)]
    return past[-1] if past else None


def _observed(observation: Resource, on: date, value_sets: ValueSetIndex, zone: tzinfo) -> Observed:
    quantity = observation.value_quantity
    number = quantity.value if quantity and not quantity.comparator else None
    if observation.value_integer is not None:
        number = Decimal(observation.value_integer)
    number = number if number is not None and number.is_finite() and abs(number) < 10**6 else None
    unit = ((quantity.code or quantity.unit) if quantity else None) or None
    per_unit = _DAYS_IN.get((unit or "").strip().lower())
    return Observed(
        reference=reference_of(observation),
        on=on,
        answers=value_sets.of(observation.value_codeable_concept),
        day_value=day(observation.value_date_time, zone),
        days=int(number * per_unit) if number is not None and per_unit else None,
        number=number,
        unit=unit,
    )


def _by_day(observed: Observed) -> tuple[date, str]:
    return observed.on, observed.reference

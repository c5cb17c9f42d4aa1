"""Iron treatment on record: what counts, since when, and whether it is too early to judge."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from cards.codes import ValueSetIndex
from cards.facts import IronTherapy, Medicine, Ref
from cards.fhir import Resource, reference_of
from cards.readers.kidney import performed_on
from cards.terminology import IronIntent

_STOPPED = frozenset({"completed", "stopped", "ended"})
_GOING_ON = frozenset({"active", "recorded", "unknown", ""})


@dataclass(frozen=True, slots=True)
class TherapyLimits:
    """Numbers of `recommendations/iron.yaml` about iron therapy."""

    on_record: timedelta
    course_gap: timedelta
    last_year: timedelta
    therapeutic_mg: int
    recheck_oral: timedelta
    recheck_infusion: timedelta


def read_iron_therapy(
    medicines: Iterable[Medicine], infusions_done: Iterable[Ref], on: date, limits: TherapyLimits
) -> IronTherapy:
    """Source: readings, "Iron therapy". Oral iron counts from the first day of an unbroken chain, intravenous iron from
    the last dose."""
    medicines = tuple(medicines)
    oral = [medicine for medicine in medicines if _is_therapeutic_oral(medicine, limits)]
    chain = _chain([one for one in oral if _is_present(one, on, limits.on_record)], oral, limits.course_gap)
    since = min((medicine.started for medicine in chain if medicine.started), default=None)
    doses = sorted({ref.on for ref in infusions_done if ref.on and ref.on <= on} | _infusion_days(medicines, on))
    last = doses[-1] if doses else None
    recent = last if last and on - last <= limits.last_year else None
    is_early_oral = since is not None and on - since < limits.recheck_oral
    is_early_infusion = recent is not None and on - recent < limits.recheck_infusion
    ends = [day for medicine in oral if (day := medicine.ended or medicine.last_known)]
    return IronTherapy(
        oral_since=since,
        oral_weeks=(on - since).days // 7 if since else None,
        last_infusion=recent,
        infusions=tuple(doses),
        on_iron=is_early_oral or is_early_infusion or any(one.started is None for one in chain),
        established_oral=since is not None and not is_early_oral,
        in_last_year=recent is not None or bool(chain) or any(on - end <= limits.last_year for end in ends),
        refs=tuple(sorted({medicine.ref for medicine in chain}, key=lambda ref: ref.reference)),
    )


def _is_therapeutic_oral(medicine: Medicine, limits: TherapyLimits) -> bool:
    """Therapeutic by amount; an unknown dose of a single-ingredient product counts, a multivitamin does not."""
    iron = medicine.product.iron
    if iron is None or iron.intent is not IronIntent.ORAL:
        return False
    if medicine.elemental_iron_per_day is not None:
        return medicine.elemental_iron_per_day >= limits.therapeutic_mg
    return len(medicine.product.ingredients) == 1


def _is_present(medicine: Medicine, on: date, on_record: timedelta) -> bool:
    """Going on, or completed or stopped so recently that it still counts."""
    if medicine.status in _GOING_ON:
        return True
    ended = medicine.last_known
    return medicine.status in _STOPPED and ended is not None and on - ended <= on_record


def _chain(present: list[Medicine], all_oral: list[Medicine], gap: timedelta) -> list[Medicine]:
    """Present orders and all that lead up to them without a gap longer than `gap`."""
    chain = list(present)
    rest = [one for one in all_oral if one not in chain and one.started]
    for one in sorted(rest, key=lambda medicine: medicine.started or date.min, reverse=True):
        first = min((medicine.started for medicine in chain if medicine.started), default=None)
        if first and first - (one.ended or one.last_known or one.started or date.min) <= gap:
            chain.append(one)
    return chain


def _infusion_days(medicines: Iterable[Medicine], on: date) -> set[date]:
    """The last day of each order, statement or administration of intravenous iron."""
    given = (one for one in medicines if one.product.iron and one.product.iron.intent is IronIntent.INTRAVENOUS)
    days = ((one.ended if one.ended and one.ended <= on else None) or one.started for one in given)
    return {given_on for given_on in days if given_on and given_on <= on}


def procedures_done(
    procedures: Iterable[Resource], value_set: str, value_sets: ValueSetIndex, zone: object
) -> tuple[Ref, ...]:
    """Procedures of a value set that were carried out, each with its day."""
    return tuple(
        Ref(reference_of(procedure), performed_on(procedure, zone))  # type: ignore[arg-type]
        for procedure in procedures
        if procedure.status not in ("not-done", "entered-in-error") and value_set in value_sets.of(procedure.code)
    )

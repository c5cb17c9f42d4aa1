"""A hook request to the fields of the preview's form: what a person would change first."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from service.pages.chart import Chart, Resource
from service.pages.clinic_words import FERRITIN, TSAT, ClinicWords
from service.pages.situation import DraftRow, Form, HookName, MedicineRow

PREGNANCY = frozenset(
    {"pregnancy", "pregnancy_status", "gestation_weeks", "estimated_delivery_date", "gestational_age"}
)
KIDNEY = frozenset({"dialysis_status", "dialysis_procedure", "end_stage_kidney_disease"})
TERM = timedelta(weeks=40)
HOOKS: tuple[HookName, ...] = ("patient-view", "order-select", "order-sign")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def read_form(chart: Chart, words: ClinicWords, on: date) -> Form:
    """The fields as the request has them; what cannot be shown in a field is left empty there and stays in the request."""
    ferritin, tsat = latest(chart, words, FERRITIN), latest(chart, words, TSAT)
    hook = chart.request.get("hook")
    conditions = [one for one in chart.resources("Condition", "Procedure") if _is_current(one)]
    found = [words.sets_of(one) for one in conditions]
    return Form(
        hook=hook if hook in HOOKS else "patient-view",
        age=_age(chart, on),
        ferritin=_value(ferritin),
        ferritin_on=taken_on(ferritin),
        tsat=_value(tsat),
        tsat_on=taken_on(tsat),
        pregnant=any("pregnancy" in sets for sets in found),
        weeks=_weeks(chart, words, on),
        dialysis=any({"dialysis_status", "dialysis_procedure"} & sets for sets in found),
        medicines=tuple(_medicines(chart)),
        drafts=tuple(_draft(one, words) for one in chart.drafts()),
    )


def latest(chart: Chart, words: ClinicWords, test: str) -> Resource | None:
    """The Observation of a test that was drawn last."""
    found = [one for one in chart.resources("Observation") if words.is_test(one, test)]
    return max(found, key=lambda one: str(one.get("effectiveDateTime") or ""), default=None)


def taken_on(observation: Resource | None) -> str:
    """The day of an Observation as the form shows it; empty where it is none or less than a day exact."""
    match = _DAY.match(str(observation.get("effectiveDateTime") or "")) if observation else None
    return match[0] if match else ""


def unit_of(observation: Resource | None, otherwise: str) -> str:
    """The unit in which a result was sent."""
    quantity = _quantity(observation)
    return str(quantity.get("unit") or quantity.get("code") or otherwise)[:40]


def drug_of(resource: Resource) -> str:
    """The name of the drug as a person would see it: text, display, then code."""
    concept = resource.get("medicationCodeableConcept")
    if not isinstance(concept, dict):
        reference = resource.get("medicationReference")
        return str(reference.get("display") or reference.get("reference") or "") if isinstance(reference, dict) else ""
    codings = concept.get("coding")
    first = codings[0] if isinstance(codings, list) and codings and isinstance(codings[0], dict) else {}
    return str(concept.get("text") or first.get("display") or first.get("code") or "")


def dosage_of(resource: Resource) -> tuple[str, str]:
    """(dose, times a day) where an order says them plainly, else empty."""
    dosages = resource.get("dosageInstruction")
    dosage = dosages[0] if isinstance(dosages, list) and dosages and isinstance(dosages[0], dict) else {}
    rates = dosage.get("doseAndRate")
    rate = rates[0] if isinstance(rates, list) and rates and isinstance(rates[0], dict) else {}
    quantity = rate.get("doseQuantity")
    timing = dosage.get("timing")
    repeat = timing.get("repeat") if isinstance(timing, dict) else None
    is_daily = isinstance(repeat, dict) and repeat.get("period") == 1 and repeat.get("periodUnit") == "d"
    dose = f"{quantity.get('value', '')} {quantity.get('unit', '')}".strip() if isinstance(quantity, dict) else ""
    return dose, str(repeat.get("frequency", "")) if is_daily and isinstance(repeat, dict) else ""


def _age(chart: Chart, on: date) -> str:
    patient = next((one for one in chart.resources("Patient")), {})
    try:
        born = date.fromisoformat(str(patient.get("birthDate"))[:10])
    except ValueError:
        return ""
    return str(on.year - born.year - ((on.month, on.day) < (born.month, born.day)))


def _quantity(observation: Resource | None) -> dict[str, Any]:
    quantity = observation.get("valueQuantity") if observation else None
    return quantity if isinstance(quantity, dict) else {}


def _value(observation: Resource | None) -> str:
    quantity = _quantity(observation)
    value = quantity.get("value")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{quantity.get('comparator') or ''}{value}" if is_number else ""


def _weeks(chart: Chart, words: ClinicWords, on: date) -> str:
    """Completed weeks by the estimated day of delivery."""
    for one in chart.resources("Observation"):
        if "estimated_delivery_date" in words.sets_of(one):
            try:
                due = date.fromisoformat(str(one.get("valueDateTime"))[:10])
            except ValueError:
                continue
            return str(max(0, (TERM - (due - on)).days // 7))
    return ""


def _is_current(resource: Resource) -> bool:
    """A Condition that is not over and not refuted; a Procedure as it is."""
    codes = {
        coding.get("code")
        for name in ("clinicalStatus", "verificationStatus")
        for coding in _codings(resource.get(name))
    }
    return not codes & {"inactive", "remission", "resolved", "refuted", "entered-in-error"}


def _codings(concept: object) -> Iterator[dict[str, Any]]:
    codings = concept.get("coding") if isinstance(concept, dict) else None
    yield from (one for one in (codings if isinstance(codings, list) else ()) if isinstance(one, dict))


def _medicines(chart: Chart) -> Iterator[MedicineRow]:
    for one in chart.resources("MedicationRequest", "MedicationStatement"):
        if one.get("status") == "active":
            period = one.get("effectivePeriod")
            began = one.get("authoredOn") or (period.get("start") if isinstance(period, dict) else "") or ""
            yield MedicineRow(id=str(one.get("id") or ""), drug=drug_of(one), since=str(began)[:10])


def _draft(one: Resource, words: ClinicWords) -> DraftRow:
    dose, per_day = dosage_of(one)
    return DraftRow(
        id=str(one.get("id") or ""), drug=drug_of(one), reason=words.reason_of(one), dose=dose, per_day=per_day
    )

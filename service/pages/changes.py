"""What a person changed in the form becomes a change of the hook request; all else in it stays as it came."""

import re
from collections.abc import Iterable
from copy import deepcopy
from datetime import date, timedelta
from typing import Any

from service.errors import BadRequest
from service.pages.chart import Chart, Resource, bundle
from service.pages.clinic_words import FERRITIN, TSAT, ClinicWords
from service.pages.form import KIDNEY, PREGNANCY, TERM, latest, read_form
from service.pages.situation import DraftRow, Form, MedicineRow

_RESULT = re.compile(r"([<>]=?)?\s*(\d{1,6}(?:[.,]\d{1,3})?)", re.ASCII)
_DOSE = re.compile(r"(\d{1,6}(?:[.,]\d{1,4})?)\s*([^\d\s].{0,30})?", re.ASCII)
_ROWS_AT_MOST = 60
_OLDEST = 120


def changed(request: dict[str, Any], form: Form, words: ClinicWords, on: date) -> dict[str, Any]:
    """A copy of the request with the differences between the form and what `read_form` shows of it.

    Raises `BadRequest` with the name of the field where its text is no value.
    """
    chart = Chart(deepcopy(request))
    before = read_form(chart, words, on)
    if form.age != before.age:
        _set_age(chart, form.age, on)
    for test, was, becomes in (
        (FERRITIN, (before.ferritin, before.ferritin_on), (form.ferritin, form.ferritin_on)),
        (TSAT, (before.tsat, before.tsat_on), (form.tsat, form.tsat_on)),
    ):
        if becomes != was:
            _set_result(chart, words, test, *becomes, on=on)
    if (form.pregnant, form.weeks) != (before.pregnant, before.weeks):
        _set_pregnancy(chart, words, form, on)
    if form.dialysis != before.dialysis:
        _set_dialysis(chart, words, on, dialysis=form.dialysis)
    _set_medicines(chart, before.medicines, form.medicines, on)
    _set_hook(chart, form)
    _set_drafts(chart, words, before.drafts, form.drafts)
    return chart.request


def _set_age(chart: Chart, text: str, on: date) -> None:
    patient = next(chart.resources("Patient"), None)
    if patient is None:
        patient = {"resourceType": "Patient", "id": chart.patient_id}
        chart.prefetch["patient"] = patient
    if not text.strip():
        patient.pop("birthDate", None)
        return
    age = _whole(text, "age", _OLDEST)
    # The birthday was a moment ago.
    patient["birthDate"] = (date(on.year - age, on.month, min(on.day, 28)) - timedelta(days=1)).isoformat()


def _set_result(chart: Chart, words: ClinicWords, test: str, text: str, day: str, *, on: date) -> None:
    """Empty: no result of this test at all. Else the latest one is changed, or a first one made."""
    if not text.strip():
        chart.remove(lambda one: one.get("resourceType") == "Observation" and words.is_test(one, test))
        return
    match = _RESULT.fullmatch(text.strip())
    if not match:
        raise BadRequest("a number such as 62 or <5", expression=test)
    taken = _day(day, f"{test} date") if day.strip() else on
    result = latest(chart, words, test)
    if result is None:
        result = {
            "resourceType": "Observation",
            "id": chart.new_id(test.replace("_", "-")),
            "status": "final",
            "subject": {"reference": f"Patient/{chart.patient_id}"},
            "code": words.test(test),
            "valueQuantity": {"unit": words.unit(test)},
        }
        chart.add(result)
    quantity = result.get("valueQuantity")
    quantity = dict(quantity) if isinstance(quantity, dict) else {"unit": words.unit(test)}
    quantity.pop("comparator", None)
    number = match[2].replace(",", ".")
    quantity["value"] = float(number) if "." in number else int(number)
    result["valueQuantity"] = quantity | ({"comparator": match[1]} if match[1] else {})
    if str(result.get("effectiveDateTime"))[:10] != taken.isoformat():
        result["effectiveDateTime"] = taken.isoformat()


def _set_pregnancy(chart: Chart, words: ClinicWords, form: Form, on: date) -> None:
    chart.remove(lambda one: bool(PREGNANCY & words.sets_of(one)))
    if not form.pregnant:
        return
    weeks = _whole(form.weeks, "weeks", 44) if form.weeks.strip() else None
    recorded = on - timedelta(weeks=min(weeks, 4) if weeks is not None else 1)
    chart.add(_condition(chart, words, "pregnancy", recorded))
    if weeks is not None:
        due = on + TERM - timedelta(weeks=weeks)
        chart.add(
            {
                "resourceType": "Observation",
                "id": chart.new_id("delivery-date"),
                "status": "final",
                "subject": {"reference": f"Patient/{chart.patient_id}"},
                "code": words.concept("estimated_delivery_date"),
                "effectiveDateTime": recorded.isoformat(),
                "valueDateTime": due.isoformat(),
            }
        )


def _set_dialysis(chart: Chart, words: ClinicWords, on: date, *, dialysis: bool) -> None:
    chart.remove(lambda one: bool(KIDNEY & words.sets_of(one)))
    if dialysis:
        for name in ("end_stage_kidney_disease", "dialysis_status"):
            chart.add(_condition(chart, words, name, on - timedelta(days=200)))


def _condition(chart: Chart, words: ClinicWords, value_set: str, recorded: date) -> Resource:
    system = "http://terminology.hl7.org/CodeSystem/condition"
    return {
        "resourceType": "Condition",
        "id": chart.new_id(value_set.replace("_", "-")),
        "subject": {"reference": f"Patient/{chart.patient_id}"},
        "clinicalStatus": {"coding": [{"system": f"{system}-clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": f"{system}-ver-status", "code": "confirmed"}]},
        "category": [{"coding": [{"system": f"{system}-category", "code": "problem-list-item"}]}],
        "code": words.concept(value_set),
        "recordedDate": recorded.isoformat(),
    }


def _set_medicines(chart: Chart, before: tuple[MedicineRow, ...], rows: tuple[MedicineRow, ...], on: date) -> None:
    rows = tuple(row for row in _bounded(rows) if row.drug.strip())
    gone = {row.id for row in before} - {row.id for row in rows}
    kinds = ("MedicationRequest", "MedicationStatement")
    chart.remove(
        lambda one: one.get("resourceType") in kinds and one.get("id") in gone and one.get("status") == "active"
    )
    was = {row.id: row for row in before}
    by_id = {one.get("id"): one for one in chart.resources(*kinds)}
    for row in rows:
        if row.id not in was:
            chart.add(_new_medicine(chart, row, on))
        elif row != was[row.id] and row.id in by_id:
            _change_medicine(by_id[row.id], was[row.id], row)


def _new_medicine(chart: Chart, row: MedicineRow, on: date) -> Resource:
    since = _day(row.since, "medicine since") if row.since.strip() else on
    return {
        "resourceType": "MedicationRequest",
        "id": chart.new_id("medicine"),
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{chart.patient_id}"},
        "medicationCodeableConcept": {"text": row.drug.strip()},
        "authoredOn": since.isoformat(),
    }


def _change_medicine(resource: Resource, was: MedicineRow, row: MedicineRow) -> None:
    if row.drug != was.drug:
        _set_drug(resource, row.drug)
    if row.since != was.since and row.since.strip():
        since = _day(row.since, "medicine since").isoformat()
        if resource["resourceType"] == "MedicationRequest":
            resource["authoredOn"] = since
        else:
            resource["effectivePeriod"] = {"start": since}


def _set_hook(chart: Chart, form: Form) -> None:
    chart.request["hook"] = form.hook
    context = chart.context
    if form.hook == "patient-view":
        context.pop("draftOrders", None)
    elif not isinstance(context.get("draftOrders"), dict):
        context["draftOrders"] = bundle([])
    if form.hook == "order-select" and not isinstance(context.get("selections"), list):
        context["selections"] = [f"MedicationRequest/{one.get('id')}" for one in chart.drafts()]
    if form.hook != "order-select":
        context.pop("selections", None)


def _set_drafts(chart: Chart, words: ClinicWords, before: tuple[DraftRow, ...], rows: tuple[DraftRow, ...]) -> None:
    rows = tuple(row for row in _bounded(rows) if row.drug.strip())
    if chart.request["hook"] == "patient-view":
        return
    gone = {row.id for row in before} - {row.id for row in rows}
    chart.remove_drafts(lambda one: one.get("resourceType") == "MedicationRequest" and one.get("id") in gone)
    was = {row.id: row for row in before}
    by_id = {one.get("id"): one for one in chart.drafts()}
    for row in rows:
        known = by_id.get(row.id)
        if known is None:
            known = {
                "resourceType": "MedicationRequest",
                "id": chart.new_id("draft"),
                "status": "draft",
                "intent": "order",
                "subject": {"reference": f"Patient/{chart.patient_id}"},
            }
            chart.add_draft(known)
        _change_draft(known, words, was.get(row.id, DraftRow()), row)


def _change_draft(draft: Resource, words: ClinicWords, was: DraftRow, row: DraftRow) -> None:
    if row.drug != was.drug:
        _set_drug(draft, row.drug)
    if row.reason != was.reason:
        draft.pop("reasonCode", None)
        if row.reason in words.reasons:
            draft["reasonCode"] = [words.concept(row.reason)]
    if (row.dose, row.per_day) != (was.dose, was.per_day) or (row.drug != was.drug and (row.dose or row.per_day)):
        draft.pop("dosageInstruction", None)
        if row.dose.strip() or row.per_day.strip():
            draft["dosageInstruction"] = [_dosage(row)]


def _set_drug(resource: Resource, drug: str) -> None:
    """Another drug: its codes and dose no longer hold."""
    for name in ("medicationReference", "medication", "dosageInstruction", "dosage"):
        resource.pop(name, None)
    resource["medicationCodeableConcept"] = {"text": drug.strip()}


def _dosage(row: DraftRow) -> dict[str, Any]:
    dosage: dict[str, Any] = {}
    if row.dose.strip():
        match = _DOSE.fullmatch(row.dose.strip())
        if not match:
            raise BadRequest("a dose such as 300 mg", expression="dose")
        quantity = {"value": float(match[1].replace(",", "."))} | ({"unit": match[2].strip()} if match[2] else {})
        dosage["doseAndRate"] = [{"doseQuantity": quantity}]
    if row.per_day.strip():
        often = _whole(row.per_day, "times a day", 24)
        dosage["timing"] = {"repeat": {"frequency": often, "period": 1, "periodUnit": "d"}}
    return dosage


def _bounded(rows: Iterable[Any]) -> tuple[Any, ...]:
    found = tuple(rows)
    if len(found) > _ROWS_AT_MOST:
        raise BadRequest(f"at most {_ROWS_AT_MOST} rows", expression="rows")
    return found


def _whole(text: str, field: str, most: int) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= most):
        raise BadRequest(f"a whole number from 0 to {most}", expression=field)
    return int(text)


def _day(text: str, field: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise BadRequest("a day such as 2026-11-20", expression=field) from None

"""A patient of this reading in the words of `patient_builder`, so that the service sees the same person."""

from typing import Any

from tests.second_reading.drugs import PRODUCTS
from tests.second_reading.patient import Diagnosis, Drug, Iron, Lab, LabOrder, Patient


def day(ago: int) -> str:
    """Days ago in the words of the builder."""
    return f"in {-ago} d" if ago < 0 else f"{ago} d ago"


def in_words(patient: Patient) -> dict[str, Any]:
    """The patient in the language of `patient_builder`."""
    words: dict[str, Any] = {"age": patient.age, "deceased": patient.deceased}
    if patient.encounter:
        words["encounter"] = patient.encounter
    words["conditions"] = [*(_diagnosis(one) for one in patient.rls), *sorted(patient.conditions)]
    words["failed"] = sorted(patient.unread)
    words["labs"] = [_lab(one) for one in patient.labs]
    words["medicines"] = [
        *(_iron(one) for one in patient.iron),
        *(_drug(one) for one in patient.drugs if not one.statement),
    ]
    words["statements"] = [_drug(one) for one in patient.drugs if one.statement]
    words["drafts"] = [_drug(one, draft=True) for one in patient.drafts]
    words["devices"] = [{"is": "cpap_device"}] if patient.cpap else []
    words["orders"] = [_order(one) for one in patient.orders]
    words["procedures"] = []
    if patient.dialysis_procedure is not None:
        words["procedures"].append({"is": "dialysis_procedure", "on": day(patient.dialysis_procedure)})
    if patient.transfusion is not None:
        words["procedures"].append({"is": "transfusion_procedure", "on": day(patient.transfusion)})
    words["observations"] = _observations(patient)
    known = patient.pregnancy
    if known and known.recorded is not None:
        words["conditions"].append({"is": "pregnancy", "recorded": day(known.recorded)})
    return words


def _observations(patient: Patient) -> list[dict[str, Any]]:
    known, found = patient.pregnancy, []
    if known and known.status_ago is not None:
        found.append({"is": "pregnancy_status", "answer": "pregnancy_status_positive", "on": day(known.status_ago)})
    if known and known.due_in is not None:
        found.append({"is": "estimated_delivery_date", "day": day(-known.due_in), "on": day(30)})
    if known and known.weeks is not None:
        found.append({"is": "gestational_age", "value": f"{known.weeks} wk", "on": day(known.weeks_ago)})
    if patient.audit_c is not None:
        found.append({"is": "alcohol_score_auditc", "value": f"{patient.audit_c} {{score}}", "on": day(30)})
    return found


def _drug(one: Drug, *, draft: bool = False) -> dict[str, Any]:
    product = PRODUCTS[one.product]
    words: dict[str, Any] = {"drug": product.text, "status": one.status, "prn": one.prn}
    if product.route:
        words["route"] = product.route
    if one.reason:
        words["reason"] = one.reason
    if one.per_day:
        words |= {"dose": f"{product.strength} mg", "per_day": one.per_day}
    if draft:
        return words | {"selected": one.selected, "do_not_perform": one.do_not_perform}
    if one.since is not None:
        words["since"] = day(one.since)
    return words | ({} if one.ended is None else {"ended": day(one.ended)})


def _diagnosis(one: Diagnosis) -> dict[str, Any]:
    words: dict[str, Any] = {
        "is": "restless_legs_syndrome",
        "clinical": one.clinical,
        "verification": one.verification,
        "category": "problem-list-item" if one.on_problem_list else "encounter-diagnosis",
        "recorded": None if one.recorded is None else day(one.recorded),
    }
    return words | ({"abated": day(50)} if one.abated else {})


def _lab(one: Lab) -> dict[str, Any]:
    words: dict[str, Any] = {
        "test": one.test,
        "on": day(one.ago),
        "status": one.status,
        "value": f"{one.comparator}{one.value}{f' {one.unit}' if one.unit else ''}",
    }
    return words | ({"specimen": one.specimen} if one.specimen else {})


def _iron(one: Iron) -> dict[str, Any]:
    if one.intravenous:
        return {
            "drug": "Ferric carboxymaltose 1000 mg infusion",
            "route": "intravenous",
            "status": "completed",
            "since": day(one.began),
        }
    words: dict[str, Any] = {"drug": "Ferrous sulfate 325 mg tablet", "route": "oral", "since": day(one.began)}
    return words | ({} if one.ended is None else {"status": "completed", "ended": day(one.ended)})


def _order(one: LabOrder) -> dict[str, Any]:
    words: dict[str, Any] = {"test": one.test, "on": day(one.ago), "status": one.status}
    return words | ({} if one.planned is None else {"planned": day(-one.planned)})

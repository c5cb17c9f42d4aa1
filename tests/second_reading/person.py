"""Who the patient is: the diagnosis, the population, the pregnancy and its trimester."""

from tests.second_reading.patient import Diagnosis, Patient

ACUTE = ("inpatient", "emergency", "observation")
SUSPECTED = ("provisional", "unconfirmed", "differential")


def status_of(entry: Diagnosis) -> str | None:
    """What one entry says; None where it is to be ignored altogether."""
    if entry.verification == "entered-in-error":
        return None
    if entry.verification == "refuted":
        return "refuted"
    if entry.clinical in ("inactive", "remission", "resolved"):
        return "inactive"
    if entry.clinical is None and entry.abated:
        return "inactive"
    if entry.verification in SUSPECTED:
        return "suspected"
    return "active"


def rls(patient: Patient) -> str:
    """active, suspected, refuted, inactive or none: the problem list first, then the latest, then the worst tie."""
    entries = [entry for entry in patient.rls if status_of(entry)]
    listed = [entry for entry in entries if entry.on_problem_list]
    entries = listed or entries
    if not entries:
        return "none"
    latest = min(_age(entry) for entry in entries)
    words = {status_of(entry) for entry in entries if _age(entry) == latest}
    return next(word for word in ("refuted", "active", "suspected", "inactive") if word in words)


def _age(entry: Diagnosis) -> int:
    return 10**6 if entry.recorded is None else entry.recorded


def acute(patient: Patient) -> bool:
    return patient.encounter in ACUTE


def hospice(patient: Patient) -> bool:
    return "hospice" in patient.conditions


def dialysed(patient: Patient) -> bool:
    """On dialysis, by status or by a procedure within 90 days."""
    recent = patient.dialysis_procedure is not None and patient.dialysis_procedure <= 90
    return recent or "dialysis_status" in patient.conditions


def end_stage(patient: Patient) -> bool:
    """End-stage kidney disease; a transplant ends it unless there is dialysis."""
    if dialysed(patient):
        return True
    return "end_stage_kidney_disease" in patient.conditions and "kidney_transplant" not in patient.conditions


def gestation_days(patient: Patient) -> int | None:
    """Days of gestation today: by the delivery date, else by the gestational age."""
    known = patient.pregnancy
    if known is None:
        return None
    if known.due_in is not None:
        return 280 - known.due_in
    if known.weeks is not None:
        return known.weeks * 7 + known.weeks_ago
    return None


def pregnant(patient: Patient) -> bool:
    known = patient.pregnancy
    if known is None:
        return False
    by_condition = known.recorded is not None and known.recorded <= 294
    by_status = known.status_ago is not None and known.status_ago <= 294
    over = known.due_in is not None and known.due_in < -14
    return (by_condition or by_status) and not over


def trimester(patient: Patient) -> int:
    """1, 2 or 3; unknown counts as 1."""
    days = gestation_days(patient)
    if days is None or days < 98:
        return 1
    return 2 if days < 196 else 3

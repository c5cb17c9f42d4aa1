"""Does a newly drafted antihistamine enter the brain?"""

from cards.decision import Indicator, Silent, Verdict
from cards.facts import PatientFacts
from cards.knowledge_base import Guidance
from cards.order_findings import Culprit, medicine_finding, new_culprits, not_for_orders, why_no_culprit

TOPIC = "sedatingAntihistamine"
CLASS = "sedating_antihistamine"


def decide(patient: PatientFacts, guidance: Guidance) -> Verdict:
    """OR-02. Source: facts B1b; pregnancy and doxylamine, readings "OR-02"."""
    silent = not_for_orders(patient)
    if silent:
        return silent
    if patient.in_anaphylaxis:
        return Silent("anaphylaxis")
    owned_elsewhere = guidance.recommendation.lists["shown_as_antiemetic"]
    culprits = tuple(one for one in new_culprits(patient, CLASS) if one.ingredient not in owned_elsewhere)
    if not culprits:
        return why_no_culprit(patient, CLASS)
    of_pregnancy = patient.pregnancy is not None and all(_for_nausea_of_pregnancy(one, guidance) for one in culprits)
    return medicine_finding(
        patient,
        TOPIC,
        culprits,
        indicator=Indicator.INFO if of_pregnancy else None,
        notes=("pregnancy",) if of_pregnancy else ("alternative",),
        removes=not of_pregnancy,
    )


def _for_nausea_of_pregnancy(culprit: Culprit, guidance: Guidance) -> bool:
    """Ordered for nausea, or the product is the one that is standard for it: doxylamine without another reason."""
    medicine = culprit.order.medicine
    if medicine.reasons & {"nausea_vomiting", "nausea_of_pregnancy"}:
        return True
    standard = guidance.recommendation.lists["standard_in_pregnancy"]
    return culprit.ingredient in standard and not medicine.has_reason

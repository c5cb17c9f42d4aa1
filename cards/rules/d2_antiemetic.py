"""Does a newly drafted antiemetic block dopamine in the brain?"""

from cards.decision import Indicator, Silent, Verdict
from cards.facts import PatientFacts
from cards.knowledge_base import Guidance
from cards.order_findings import Culprit, medicine_finding, new_culprits, not_for_orders, why_no_culprit

TOPIC = "d2Antiemetic"
CLASS = "d2_antiemetic"


def decide(patient: PatientFacts, guidance: Guidance) -> Verdict:
    """OR-01. Source: facts B1a; which drugs belong here rather than to OR-04, readings "OR-01"."""
    silent = not_for_orders(patient)
    if silent:
        return silent
    if patient.in_anaphylaxis:
        return Silent("anaphylaxis")
    culprits = tuple(one for one in new_culprits(patient, CLASS) if belongs_here(one, guidance))
    if not culprits:
        return why_no_culprit(patient, CLASS)
    of_pregnancy = patient.pregnancy is not None and any(_for_nausea(one) for one in culprits)
    return medicine_finding(
        patient,
        TOPIC,
        culprits,
        indicator=Indicator.INFO if of_pregnancy else None,
        notes=("pregnancy",) if of_pregnancy else (),
        removes=not of_pregnancy,
    )


def belongs_here(culprit: Culprit, guidance: Guidance) -> bool:
    """An antiemetic by nature, or a dual-use drug whose order names nausea, vomiting or hiccup as its reason."""
    lists = guidance.recommendation.lists
    reasons = culprit.order.medicine.reasons
    if culprit.ingredient in lists["antipsychotic_when_agitated"] and reasons & set(lists["agitation_reasons"]):
        return False
    if culprit.ingredient in lists["dual_use"]:
        return bool(reasons & set(lists["antiemetic_reasons"]))
    return True


def _for_nausea(culprit: Culprit) -> bool:
    return bool(culprit.order.medicine.reasons & {"nausea_vomiting", "nausea_of_pregnancy"})

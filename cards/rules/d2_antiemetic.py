"""Does a newly drafted antiemetic block dopamine in the brain?"""

from cards.decision import INDICATOR_ORDER, Indicator, Verdict
from cards.facts import PatientFacts
from cards.knowledge_base import Guidance
from cards.needs import Need
from cards.order_findings import (
    Culprit,
    fits_instead,
    indications_of,
    medicine_finding,
    new_culprits,
    not_for_orders,
    why_no_culprit,
)

TOPIC = "d2Antiemetic"
CLASS = "d2_antiemetic"


def decide(patient: PatientFacts, guidance: Guidance) -> Verdict:
    """OR-01. Source: facts B1a; which drugs belong here rather than to OR-04, readings "OR-01"."""
    silent = not_for_orders(patient, emergency_counts=True)
    if silent:
        return silent
    culprits = tuple(one for one in new_culprits(patient, CLASS) if belongs_here(one, guidance))
    if not culprits:
        return why_no_culprit(patient, CLASS)
    of_pregnancy = tuple(one for one in culprits if patient.pregnancy is not None and _for_nausea(one))
    levels = (Indicator.INFO if one in of_pregnancy else one.indicator for one in culprits)
    return medicine_finding(
        patient,
        TOPIC,
        culprits,
        indicator=min(levels, key=INDICATOR_ORDER.__getitem__),
        notes=("pregnancy",) if of_pregnancy else (),
        indications=indications_of(culprits) or guidance.recommendation.lists["without_reason"],
        removes=not of_pregnancy,
        suggests=("ondansetron",) if _ondansetron_fits(patient, culprits) else (),
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


def _ondansetron_fits(patient: PatientFacts, culprits: tuple[Culprit, ...]) -> bool:
    """Adult, for nausea or without a reason, not pregnant, and nothing on record that makes the QT interval a concern.

    Pregnancy and the QT interval must have been looked at: what could not be read speaks against a proposal.
    """
    for_nausea = all(_for_nausea(one) or not one.order.medicine.has_reason for one in culprits)
    safe_heart = not patient.has("long_qt") and not patient.long_qtc and not _other_qt_drug(patient, culprits)
    could_look = Need.FACTS not in patient.unread
    return (
        patient.is_adult
        and for_nausea
        and patient.pregnancy is None
        and safe_heart
        and could_look
        and fits_instead(patient, "ondansetron")
    )


def _other_qt_drug(patient: PatientFacts, culprits: tuple[Culprit, ...]) -> bool:
    replaced = {one.ingredient for one in culprits}
    taken = (*patient.medicines_established, *(order.medicine for order in patient.drafts))
    return any(set(one.ingredients_of("qt_prolonging")) - replaced for one in taken)


def _for_nausea(culprit: Culprit) -> bool:
    return bool(culprit.order.medicine.reasons & {"nausea_vomiting", "nausea_of_pregnancy"})

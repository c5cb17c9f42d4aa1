"""Does a newly drafted antihistamine enter the brain?"""

from cards.decision import Indicator, Verdict
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

TOPIC = "sedatingAntihistamine"
CLASS = "sedating_antihistamine"


def decide(patient: PatientFacts, guidance: Guidance) -> Verdict:
    """OR-02. Source: facts B1b; pregnancy and doxylamine, readings "OR-02"."""
    silent = not_for_orders(patient, emergency_counts=True)
    if silent:
        return silent
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
        notes=("pregnancy",) if of_pregnancy else ("alternative", *_age_note(patient, guidance)),
        indications=indications_of(culprits)
        or (() if of_pregnancy else guidance.recommendation.lists["without_reason"]),
        removes=not of_pregnancy,
        suggests=_instead(patient, culprits, guidance),
    )


def _age_note(patient: PatientFacts, guidance: Guidance) -> tuple[str, ...]:
    years = patient.age_years
    return ("older",) if years is not None and years >= guidance.number("older_from") else ()


def _instead(patient: PatientFacts, culprits: tuple[Culprit, ...], guidance: Guidance) -> tuple[str, ...]:
    """Non-sedating antihistamines for allergy, urticaria or itch, from twelve years on and not in pregnancy."""
    lists, years = guidance.recommendation.lists, patient.age_years
    for_allergy = all(one.order.medicine.reasons & set(lists["replaced_for"]) for one in culprits)
    old_enough = years is not None and years >= guidance.number("replacement_from")
    if not (for_allergy and old_enough and patient.pregnancy is None and Need.FACTS not in patient.unread):
        return ()
    return tuple(name for name in lists["replacements"] if fits_instead(patient, name))


def _for_nausea_of_pregnancy(culprit: Culprit, guidance: Guidance) -> bool:
    """Ordered for nausea, or the product is standard for it: with pyridoxine, or doxylamine without another reason."""
    medicine = culprit.order.medicine
    if medicine.reasons & {"nausea_vomiting", "nausea_of_pregnancy"}:
        return True
    lists = guidance.recommendation.lists
    if set(medicine.product.ingredients) == set(lists["standard_combination"]):
        return True
    return culprit.ingredient in lists["standard_in_pregnancy"] and not medicine.has_reason

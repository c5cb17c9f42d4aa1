"""Is an antipsychotic newly drafted, and for what?"""

from cards.decision import INDICATOR_ORDER, Indicator, Verdict
from cards.facts import PatientFacts, Setting
from cards.knowledge_base import Guidance
from cards.order_findings import Culprit, medicine_finding, new_culprits, not_for_orders, why_no_culprit
from cards.terminology import Route

TOPIC = "antipsychotic"
CLASS = "antipsychotic"
_INJECTED = frozenset({Route.INTRAVENOUS, Route.INTRAMUSCULAR, Route.INJECTED})


def decide(patient: PatientFacts, guidance: Guidance) -> Verdict:
    """OR-04. Source: facts B1d; readings "OR-04"."""
    silent = not_for_orders(patient, emergency_counts=True)
    if silent:
        return silent
    culprits = tuple(one for one in new_culprits(patient, CLASS) if _belongs_here(one, guidance))
    if not culprits:
        return why_no_culprit(patient, CLASS)
    is_indicated = all(_is_indicated(one, patient, guidance) for one in culprits)
    number = "one" if len({one.ingredient for one in culprits}) == 1 else "several"
    return medicine_finding(
        patient,
        TOPIC,
        culprits,
        variant=f"{number}_indicated" if is_indicated else number,
        indicator=min((_level(one, patient, guidance) for one in culprits), key=INDICATOR_ORDER.__getitem__),
        notes=("indicated",) if is_indicated else ("not_indicated",),
    )


def _belongs_here(culprit: Culprit, guidance: Guidance) -> bool:
    """Dual-use drugs ordered against nausea, and antiemetics not ordered to calm, are shown as antiemetics."""
    lists, reasons = guidance.recommendation.lists, culprit.order.medicine.reasons
    if culprit.ingredient in lists["antiemetic_unless_agitated"]:
        return bool(reasons & set(lists["agitation_reasons"]))
    return not (culprit.ingredient in lists["dual_use"] and reasons & set(lists["antiemetic_reasons"]))


def _level(culprit: Culprit, patient: PatientFacts, guidance: Guidance) -> Indicator:
    return Indicator.INFO if _is_indicated(culprit, patient, guidance) else culprit.indicator


def _is_indicated(culprit: Culprit, patient: PatientFacts, guidance: Guidance) -> bool:
    """A psychiatric indication on the chart or the order, or an emergency that comes first."""
    lists, medicine = guidance.recommendation.lists, culprit.order.medicine
    if patient.has(*lists["psychiatric"]) or medicine.reasons & {*lists["psychiatric"], *lists["agitation_reasons"]}:
        return True
    return patient.setting is Setting.ACUTE and medicine.product.route in _INJECTED

"""Is a gabapentinoid drafted above the safe daily amount in end-stage kidney disease?"""

from decimal import Decimal

from cards.decision import Indicator, Silent, Verdict
from cards.facts import DraftOrder, Medicine, PatientFacts
from cards.knowledge_base import Guidance
from cards.order_findings import Culprit, drafted, medicine_finding, not_for_orders, why_no_culprit
from cards.wording import number

TOPIC = "gabapentinoidDialysis"
CLASS = "alpha2delta"
ALWAYS = "gabapentin enacarbil"
_LIMITS = {"gabapentin": "gabapentin_max", "pregabalin": "pregabalin_max"}


def decide(patient: PatientFacts, guidance: Guidance) -> Verdict:
    """OR-11. Source: facts C (haemodialysis cohort); how amounts add up, readings "OR-11"."""
    silent = not_for_orders(patient)
    if silent:
        return silent
    found = tuple(one for one in drafted(patient, CLASS) if one.ingredient in (*_LIMITS, ALWAYS))
    if not found:
        return why_no_culprit(patient, CLASS)
    if not patient.end_stage_kidney_disease:
        return Silent("no_end_stage_kidney_disease")
    amounts = {name: _daily(name, patient) for name in _LIMITS}
    too_much = tuple(one for one in found if _is_too_much(one, patient, guidance, amounts.get(one.ingredient)))
    if too_much:
        return _finding(patient, guidance, too_much, amounts)
    unknown = any(one.ingredient in _LIMITS and amounts[one.ingredient] is None for one in found)
    return Silent("dose_unknown", starved=True) if unknown else Silent("dose_within_limit")


def _is_too_much(culprit: Culprit, patient: PatientFacts, guidance: Guidance, amount: Decimal | None) -> bool:
    is_new = culprit.ingredient in culprit.order.new_ingredients
    if culprit.ingredient == ALWAYS:
        return is_new
    if amount is None or amount <= guidance.number(_LIMITS[culprit.ingredient]):
        return False
    return is_new or _is_increase(culprit.ingredient, patient, amount)


def _is_increase(name: str, patient: PatientFacts, amount: Decimal) -> bool:
    """Above what is taken now; where that is unknown nothing is claimed."""
    taken = [
        medicine.mg_per_day.get(name) for medicine in patient.medicines_now if name in medicine.product.ingredients
    ]
    known = [one for one in taken if one is not None]
    return bool(known) and len(known) == len(taken) and amount > sum(known)


def _daily(name: str, patient: PatientFacts) -> Decimal | None:
    """mg a day over live drafts, and over active orders that none of them replaces; None where any is unknown."""
    drafts = [order for order in patient.drafts if name in order.medicine.product.ingredients]
    kept = [one for one in patient.medicines_now if name in one.product.ingredients and not _is_replaced(one, drafts)]
    amounts = [medicine.mg_per_day.get(name) for medicine in (*(order.medicine for order in drafts), *kept)]
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(amounts) else None


def _is_replaced(active: Medicine, drafts: list[DraftOrder]) -> bool:
    """A draft replaces an order that it names as prior, or that is for the same time of day and strength."""
    return any(
        draft.medicine.prior is not None
        or draft.medicine.ref.reference == active.ref.reference
        or (draft.medicine.times == active.times and draft.medicine.product.strength_mg == active.product.strength_mg)
        for draft in drafts
    )


def _finding(
    patient: PatientFacts, guidance: Guidance, culprits: tuple[Culprit, ...], amounts: dict[str, Decimal | None]
) -> Verdict:
    first = culprits[0].ingredient
    amount = amounts.get(first)
    values = {"kidney": "Dialysis" if patient.on_dialysis else "End-stage kidney disease"}
    if first in _LIMITS and amount is not None:
        values |= {"amount": f"{number(amount)} mg", "limit": f"{number(guidance.number(_LIMITS[first]))} mg"}
    return medicine_finding(
        patient,
        TOPIC,
        culprits,
        variant="always" if first == ALWAYS else first,
        indicator=Indicator.WARNING,
        values=values,
    )

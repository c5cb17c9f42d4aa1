"""Is a sedating antihistamine given before intravenous iron?"""

from cards.decision import Indicator, Silent, Verdict
from cards.facts import Medicine, PatientFacts
from cards.guards import culprits
from cards.knowledge_base import Guidance
from cards.order_findings import not_for_orders, order_finding
from cards.terminology import IronIntent

TOPIC = "ivIronPremedication"
CLASSES = ("sedating_antihistamine",)


def decide(patient: PatientFacts, guidance: Guidance) -> Verdict:  # noqa: ARG001 - every rule takes both
    """OR-10. Source: facts A8 (premedication mimics a reaction); readings "OR-10"."""
    silent = not_for_orders(patient)
    if silent:
        return silent
    infusions = [one for one in patient.drafts if _is_infusion(one.medicine)]
    if not infusions:
        return Silent("no_such_drug")
    drafted = tuple(one for one in culprits(patient) if one.new_of(*CLASSES) and not one.medicine.is_for_reaction)
    active = tuple(
        one
        for one in patient.medicines_now
        if one.ingredients_of(*CLASSES) and one.is_premedication and any(iron.selected for iron in infusions)
    )
    if not drafted and not active:
        return Silent("no_premedication")
    names = {name for one in (*(order.medicine for order in drafted), *active) for name in one.ingredients_of(*CLASSES)}
    return order_finding(
        patient,
        TOPIC,
        drafted,
        variant="drafted" if drafted else "active",
        indicator=Indicator.INFO if patient.hospice else Indicator.WARNING,
        names=tuple(sorted(names)),
        removes=True,
        refs=tuple(one.ref for one in active),
    )


def _is_infusion(medicine: Medicine) -> bool:
    return medicine.product.iron is not None and medicine.product.iron.intent is IronIntent.INTRAVENOUS

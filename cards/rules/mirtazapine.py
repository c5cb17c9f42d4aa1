"""Is mirtazapine or a relative newly drafted?"""

from cards.decision import Verdict
from cards.facts import PatientFacts
from cards.knowledge_base import Guidance
from cards.order_findings import medicine_finding, new_culprits, not_for_orders, why_no_culprit

TOPIC = "mirtazapine"
CLASS = "mirtazapine"


def decide(patient: PatientFacts, guidance: Guidance) -> Verdict:
    """OR-03. Source: facts B1c; when bupropion may not be named, B5."""
    silent = not_for_orders(patient, emergency_counts=True)
    if silent:
        return silent
    culprits = new_culprits(patient, CLASS)
    if not culprits:
        return why_no_culprit(patient, CLASS)
    names = {culprit.ingredient for culprit in culprits}
    variant = "mirtazapine" if names == {"mirtazapine"} else None
    fits = _bupropion_fits(patient, guidance)
    return medicine_finding(
        patient, TOPIC, culprits, variant=variant, notes=("bupropion",) if fits else (), indications=()
    )


def _bupropion_fits(patient: PatientFacts, guidance: Guidance) -> bool:
    lists = guidance.recommendation.lists
    if not patient.is_adult or patient.has(*lists["no_bupropion_with"]):
        return False
    taken = [*patient.medicines_established, *(order.medicine for order in patient.drafts)]
    return not any(medicine.ingredients_of("mao_inhibitor") for medicine in taken)

"""Is another drug newly drafted whose effect on RLS is documented, but less certain?"""

from cards.decision import Verdict
from cards.facts import PatientFacts
from cards.knowledge_base import Guidance
from cards.order_findings import Culprit, medicine_finding, new_culprits, not_for_orders, why_no_culprit

TOPIC = "otherDocumentedDrug"
CLASSES = ("lithium", "vmat2_inhibitor", "calcium_antagonist_d2", "vertigo_antihistamine", "low_dose_doxepin")


def decide(patient: PatientFacts, guidance: Guidance) -> Verdict:  # noqa: ARG001 - every rule takes both
    """OR-06. Source: facts B2."""
    silent = not_for_orders(patient, emergency_counts=True)
    if silent:
        return silent
    culprits = tuple(one for one in new_culprits(patient, *CLASSES) if _belongs_here(one))
    if not culprits:
        return why_no_culprit(patient, *CLASSES)
    classes = {culprit.role.drug_class for culprit in culprits}
    variant = classes.pop() if len({one.ingredient for one in culprits}) == 1 else "several"
    return medicine_finding(
        patient, TOPIC, culprits, variant=variant, notes=tuple(one.role.drug_class for one in culprits)
    )


def _belongs_here(culprit: Culprit) -> bool:
    return culprit.role.drug_class != "low_dose_doxepin" or culprit.order.medicine.is_low_dose_doxepin

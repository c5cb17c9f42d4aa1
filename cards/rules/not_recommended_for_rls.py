"""Is a drug drafted as treatment of RLS against which the guideline advises?"""

from cards.decision import Indicator, Silent, Verdict
from cards.facts import PatientFacts, Trimester
from cards.knowledge_base import Guidance
from cards.order_findings import Culprit, medicine_finding, new_culprits, not_for_orders, why_no_culprit

TOPIC = "notRecommendedForRls"
CLASSES = ("ergot_dopamine_agonist", "not_recommended_for_rls")
RLS = "restless_legs_syndrome"


def decide(patient: PatientFacts, guidance: Guidance) -> Verdict:  # noqa: ARG001 - every rule takes both
    """OR-08. Source: facts A2 and C. The order's own reason decides, whatever else is on the list."""
    silent = not_for_orders(patient)
    if silent:
        return silent
    drafted = new_culprits(patient, *CLASSES)
    if not drafted:
        return why_no_culprit(patient, *CLASSES)
    culprits = tuple(one for one in drafted if RLS in one.order.medicine.reasons and not _is_option(one, patient))
    if not culprits:
        return Silent("other_reason")
    if not patient.is_adult:
        return medicine_finding(patient, TOPIC, culprits, variant="child", indicator=Indicator.INFO)
    is_ergot = any(one.role.drug_class == "ergot_dopamine_agonist" for one in culprits)
    number = "one" if len({one.ingredient for one in culprits}) == 1 else "several"
    return medicine_finding(
        patient,
        TOPIC,
        culprits,
        variant=f"{number}_ergot" if is_ergot else number,
        notes=("ergot",) if is_ergot else (),
    )


def _is_option(culprit: Culprit, patient: PatientFacts) -> bool:
    """Clonazepam is a cautious option in the second and third trimester."""
    later = patient.pregnancy is not None and patient.pregnancy.counts_as is not Trimester.FIRST
    return culprit.ingredient == "clonazepam" and later

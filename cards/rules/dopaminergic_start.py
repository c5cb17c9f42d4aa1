"""Is a dopamine agonist or levodopa newly drafted for RLS?"""

from cards.decision import Indicator, Silent, Verdict
from cards.facts import PatientFacts
from cards.knowledge_base import Guidance
from cards.order_findings import Culprit, medicine_finding, new_culprits, not_for_orders, why_no_culprit

TOPIC = "dopaminergicStart"
CLASS = "dopaminergic"
RLS = "restless_legs_syndrome"
PARKINSON = "parkinson_disease"


def decide(patient: PatientFacts, guidance: Guidance) -> Verdict:  # noqa: ARG001 - every rule takes both
    """OR-07. Source: facts C; children and pregnancy, readings "OR-07, OR-08"."""
    silent = not_for_orders(patient)
    if silent:
        return silent
    drafted = new_culprits(patient, CLASS)
    if not drafted:
        return why_no_culprit(patient, CLASS)
    if patient.has(PARKINSON):
        return Silent("parkinson_disease")
    culprits = tuple(one for one in drafted if for_rls(one) and not _is_excepted(one, patient))
    if not culprits:
        return Silent("other_reason")
    if patient.is_adult:
        return medicine_finding(patient, TOPIC, culprits)
    return medicine_finding(patient, TOPIC, culprits, variant="child", indicator=Indicator.INFO)


def for_rls(culprit: Culprit) -> bool:
    """Ordered for RLS, or without any reason."""
    medicine = culprit.order.medicine
    return RLS in medicine.reasons or not medicine.has_reason


def _is_excepted(culprit: Culprit, patient: PatientFacts) -> bool:
    """Levodopa as needed, and levodopa in pregnancy."""
    if culprit.ingredient != "levodopa":
        return False
    return culprit.order.medicine.as_needed or patient.pregnancy is not None

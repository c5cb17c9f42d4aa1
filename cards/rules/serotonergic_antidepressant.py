"""Is a serotonergic or tricyclic antidepressant newly drafted?"""

from cards.decision import Verdict
from cards.facts import PatientFacts
from cards.knowledge_base import Guidance
from cards.order_findings import medicine_finding, new_culprits, not_for_orders, why_no_culprit

TOPIC = "serotonergicAntidepressant"
CLASSES = ("ssri", "snri", "serotonergic_other", "tricyclic")


def decide(patient: PatientFacts, guidance: Guidance) -> Verdict:  # noqa: ARG001 - every rule takes both
    """OR-05. Source: facts B2; doxepin at a dose for sleep is another rule's."""
    silent = not_for_orders(patient, emergency_counts=True)
    if silent:
        return silent
    culprits = tuple(one for one in new_culprits(patient, *CLASSES) if not one.order.medicine.is_low_dose_doxepin)
    if not culprits:
        return why_no_culprit(patient, *CLASSES)
    return medicine_finding(patient, TOPIC, culprits)

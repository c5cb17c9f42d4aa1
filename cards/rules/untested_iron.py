"""Is a treatment of RLS started while its iron studies are due?"""

from cards.decision import Indicator, Silent, Verdict
from cards.facts import DraftOrder, PatientFacts
from cards.guards import culprits
from cards.knowledge_base import Guidance
from cards.order_findings import not_for_orders, order_finding

TOPIC = "ironUntestedAtOrder"
RLS = "restless_legs_syndrome"
CLASSES = ("dopaminergic", "alpha2delta", "opioid", "oral_iron", "intravenous_iron")


def decide(patient: PatientFacts, guidance: Guidance) -> Verdict:  # noqa: ARG001 - every rule takes both
    """OR-12. Source: cards.md "ironUntestedAtOrder"; it gives way to any other order card."""
    silent = not_for_orders(patient)
    if silent:
        return silent
    started = tuple(order for order in culprits(patient) if _treats_rls(order, patient))
    if not started:
        return Silent("no_rls_treatment")
    if not patient.studies_due:
        return Silent("studies_not_due")
    names = {name for order in started for name in order.new_of(*CLASSES)}
    return order_finding(
        patient,
        TOPIC,
        started,
        variant="due",
        indicator=Indicator.INFO,
        names=tuple(sorted(names)),
        suggests=patient.studies_due,
    )


def _treats_rls(order: DraftOrder, patient: PatientFacts) -> bool:
    """Newly started for RLS; a dopaminergic drug without a reason counts unless Parkinson disease is on record."""
    medicine = order.medicine
    if order.new_of("oral_iron", "intravenous_iron"):
        return not patient.iron_indicated_otherwise and not medicine.has_other_reason(RLS)
    if RLS in medicine.reasons:
        return bool(order.new_of("dopaminergic", "alpha2delta", "opioid"))
    return bool(order.new_of("dopaminergic")) and not medicine.has_reason and not patient.has("parkinson_disease")

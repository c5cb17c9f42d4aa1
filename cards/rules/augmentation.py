"""Has a dopaminergic drug been taken for so long that augmentation is to be asked for?"""

from datetime import date

from cards.decision import Finding, Indicator, Silent, Verdict
from cards.facts import Medicine, PatientFacts
from cards.guards import unreachable, without_rls
from cards.knowledge_base import Guidance

TOPIC = "augmentationCheck"
CLASS = "dopaminergic"


def decide(patient: PatientFacts, guidance: Guidance) -> Verdict:
    """PV-10. Source: facts C; the chain of orders, readings "PV-10"."""
    silent = unreachable(patient) or without_rls(patient)
    if silent:
        return silent
    if patient.has("parkinson_disease"):
        return Silent("parkinson_disease")
    since = {name: began for name in _taken(patient) if (began := _chain_start(name, patient, guidance))}
    longest = guidance.days("ask_after")
    names = tuple(name for name in sorted(since) if patient.on - since[name] >= longest)
    if not names:
        return Silent("not_long_enough" if since else "no_dopaminergic_taken")
    first = min(since[name] for name in names)
    return Finding(
        topic=TOPIC,
        variant="months",
        indicator=Indicator.INFO,
        names=names,
        values={"months": str(_months(first, patient.on)), "began": first.isoformat()},
        notes=frozenset({"medicine"}),
        rests_on=(*patient.rls_refs, *(one.ref for one in patient.medicines if _is_of(one, names))),
    )


def _taken(patient: PatientFacts) -> frozenset[str]:
    """Dopaminergic ingredients that are taken now; levodopa only where it is not as needed."""
    return frozenset(
        name
        for one in patient.medicines_now
        for name in one.ingredients_of(CLASS)
        if not (name == "levodopa" and one.as_needed)
    )


def _chain_start(name: str, patient: PatientFacts, guidance: Guidance) -> date | None:
    """The earliest day of the unbroken chain of orders that leads to today's; an order that is active runs on."""
    gap = guidance.days("chain_gap")
    orders = [one for one in patient.medicines if _is_of(one, (name,)) and one.started]
    began = min((_start(one) for one in orders if one.is_taken_now), default=None)
    for one in sorted(orders, key=_start, reverse=True):
        if began and began - (one.ended or one.last_known or _start(one)) <= gap:
            began = min(began, _start(one))
    return began


def _is_of(medicine: Medicine, names: tuple[str, ...]) -> bool:
    as_needed = medicine.as_needed and "levodopa" in medicine.product.ingredients
    is_taken = medicine.is_taken_now or medicine.has_ended
    return is_taken and not as_needed and any(name in names for name in medicine.ingredients_of(CLASS))


def _start(medicine: Medicine) -> date:
    return medicine.started or date.max


def _months(began: date, on: date) -> int:
    """Completed months."""
    return (on.year - began.year) * 12 + on.month - began.month - (on.day < began.day)

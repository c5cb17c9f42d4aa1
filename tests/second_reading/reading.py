"""The cards that a prescriber should see: the wishes of the rules, arranged as the pages ask."""

from dataclasses import replace

from tests.second_reading import drugs
from tests.second_reading.drugs import PRODUCTS
from tests.second_reading.iron import iron
from tests.second_reading.orders import Wish, untested, wishes
from tests.second_reading.patient import Drug, Patient
from tests.second_reading.person import acute, hospice, rls

LEVELS = ("critical", "warning", "info")
ORDER_PRIORITY = (
    "ironOrderSafety",
    "ivIronPremedication",
    "gabapentinoidDialysis",
    "d2Antiemetic",
    "sedatingAntihistamine",
    "mirtazapine",
    "antipsychotic",
    "dopaminergicStart",
    "notRecommendedForRls",
    "serotonergicAntidepressant",
    "otherDocumentedDrug",
    "ironUntestedAtOrder",
)
AT_MOST = 2
Card = tuple[str, str]


def expected_topics(patient: Patient, hook: str) -> list[Card]:
    """Topic and indicator of each card, in the order shown."""
    known = as_read(patient)
    return _view(known) if hook == "patient-view" else _orders(known, hook)


def as_read(patient: Patient) -> Patient:
    """The patient without what could not be read: unknown medicines make a new start, and nobody is known on iron."""
    if "medications" not in patient.unread:
        return patient
    return replace(patient, iron=[], drugs=[drug for drug in patient.drugs if drug.statement])


def _orders(patient: Patient, hook: str) -> list[Card]:
    found = wishes(patient, hook)
    if hook == "order-sign":
        found = [wish for wish in found if wish.level != "info"]
    cards = _by_topic(found)
    if {"d2Antiemetic", "sedatingAntihistamine"} <= cards.keys():
        cards["d2Antiemetic"] += cards.pop("sedatingAntihistamine")
    ranked = sorted(cards, key=lambda topic: (LEVELS.index(_level(cards[topic])), ORDER_PRIORITY.index(topic)))
    named: set[int] = set()
    shown: list[Card] = []
    for topic in ranked:
        drafts = {wish.draft for wish in cards[topic]}
        if drafts - named:
            shown.append((topic, _level(cards[topic])))
            named |= drafts
    if not shown and hook == "order-select" and untested(patient, hook):
        return [("ironUntestedAtOrder", "info")]
    return [card for place, card in enumerate(shown) if place < AT_MOST or card[1] == "critical"]


def _by_topic(found: list[Wish]) -> dict[str, list[Wish]]:
    cards: dict[str, list[Wish]] = {}
    for wish in found:
        cards.setdefault(wish.topic, []).append(wish)
    return cards


def _level(found: list[Wish]) -> str:
    return min((wish.level for wish in found), key=LEVELS.index)


def _view(patient: Patient) -> list[Card]:
    """The iron card, PV-09, PV-10, PV-12: at most two, a warning first."""
    away = patient.encounter is not None and "encounter" in patient.unread
    cards = [] if away or "labs" in patient.unread else list(iron(patient))
    if rls(patient) == "active" and not patient.deceased and patient.age >= 2:
        if "medications" not in patient.unread and any(_review(drug) for drug in patient.drugs):
            cards.append(("medicationReview", "info"))
        if "medications" not in patient.unread and _augmentation(patient):
            cards.append(("augmentationCheck", "info"))
        if not away and not acute(patient) and not hospice(patient) and _modifiable(patient):
            cards.append(("contributingFactors", "info"))
    return sorted(cards, key=lambda card: LEVELS.index(card[1]))[:AT_MOST]


def _current(drug: Drug) -> bool:
    if drug.status != "active" or PRODUCTS[drug.product].local:
        return False
    return drug.statement or (drug.since is not None and drug.since <= 730)


def _review(drug: Drug) -> bool:
    """A current systemic medicine of tier W, or any antipsychotic."""
    tier = {drugs.D2, drugs.DUAL, drugs.ANTIHISTAMINE, drugs.MIRTAZAPINE, drugs.ANTIPSYCHOTIC, drugs.PARTIAL}
    doubtful = PRODUCTS[drug.product].doubtful  # a warning becomes info where the product may be local
    return _current(drug) and not doubtful and any(kind in tier for _, kind in PRODUCTS[drug.product].ingredients)


def _augmentation(patient: Patient) -> bool:
    """An active drug of OR-07 whose unbroken chain began at least 183 days ago, without Parkinson disease."""
    if "parkinson_disease" in patient.conditions:
        return False
    taken: dict[str, list[Drug]] = {}
    for drug in patient.drugs:
        name, kind = PRODUCTS[drug.product].ingredients[0]
        if kind == drugs.DOPAMINERGIC or (kind == drugs.LEVODOPA and not drug.prn):
            taken.setdefault(name, []).append(drug)
    return any(_since(orders) >= 183 for orders in taken.values() if any(one.status == "active" for one in orders))


def _since(orders: list[Drug]) -> int:
    """The start, in days ago, of the chain without gaps of more than 90 days that reaches today."""
    stretches = sorted(
        (
            (one.since, 0 if one.status == "active" else one.since if one.ended is None else one.ended)
            for one in orders
            if one.status in ("active", "completed", "stopped") and one.since is not None
        ),
        reverse=True,
    )
    began, ended = stretches[0]
    for since, until in stretches[1:]:
        began, ended = (began, min(ended, until)) if ended - since <= 90 else (since, until)
    return began


def _modifiable(patient: Patient) -> bool:
    apnoea = "obstructive_sleep_apnoea" in patient.conditions and not patient.cpap
    alcohol = "alcohol_use_disorder" in patient.conditions or (patient.audit_c or 0) >= 5
    coffee = "caffeine_disorder" in patient.conditions or any(
        drug.product == "caffeine" and drug.status == "active" and not drug.prn for drug in patient.drugs
    )
    return apnoea or alcohol or coffee

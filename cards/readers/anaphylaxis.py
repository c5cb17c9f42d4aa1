"""Is anaphylaxis being treated right now?"""

from collections.abc import Iterable
from datetime import date, datetime

from cards.fhir import Resource
from cards.knowledge_base import Guidance
from cards.readers.dates import moment
from cards.readers.draft_orders import is_live
from cards.readers.medicines import Pharmacy, read_medicine
from cards.terminology import Route

EPINEPHRINE = "epinephrine"
_INJECTED = frozenset({Route.INTRAMUSCULAR, Route.INTRAVENOUS, Route.INJECTED, Route.SUBCUTANEOUS, Route.UNKNOWN})


def in_anaphylaxis(
    drafts: Iterable[Resource],
    medications: Iterable[Resource],
    pharmacy: Pharmacy,
    on: date,
    now: datetime | None,
    guidance: Guidance,
) -> bool:
    """Epinephrine drafted, or given within the last hours, or anaphylaxis as the reason of a draft (readings).

    Not when it is as needed, and not within a local anaesthetic.
    """
    for draft in drafts:
        medicine = read_medicine(draft, pharmacy) if is_live(draft) else None
        if medicine and ("anaphylaxis" in medicine.reasons or _treats(draft, pharmacy)):
            return True
    return any(
        one.resource_type == "MedicationAdministration"
        and _is_recent(one, on, now, guidance, pharmacy)
        and _treats(one, pharmacy)
        for one in medications
    )


def _treats(resource: Resource, pharmacy: Pharmacy) -> bool:
    medicine = read_medicine(resource, pharmacy)
    product = medicine.product
    alone = EPINEPHRINE in product.ingredients and not medicine.ingredients_of("local_anaesthetic")
    return alone and product.route in _INJECTED and not medicine.as_needed


def _is_recent(given: Resource, on: date, now: datetime | None, guidance: Guidance, pharmacy: Pharmacy) -> bool:
    period = given.effective_period
    text = given.effective_date_time or (period.end or period.start if period else None)
    at = moment(text, pharmacy.zone)
    if at is None:
        return False
    if now is None or len(text or "") <= len("2026-11-20"):
        return at.first == on
    hours = (now - at.at).total_seconds() / 3600
    return 0 <= hours <= int(guidance.number("epinephrine_recent"))

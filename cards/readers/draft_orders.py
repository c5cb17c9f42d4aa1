"""Draft orders: which are live, which are selected, and what they newly start."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple

from cards.facts import ADMINISTRATIONS, DraftOrder, Medicine
from cards.fhir import Resource
from cards.readers.drug_names import relative
from cards.readers.medicines import REQUESTS, Pharmacy, read_medicine
from cards.terminology import Exposure

# A revised order that is signed again is active (hook definition order-sign 1.1.0).
_LIVE = frozenset({"draft", "active", ""})
_NOT_ORDERED = frozenset({"option"})


class Written(NamedTuple):
    """What is ordered in a live draft; `draft_id` None: nothing can refer to the draft."""

    draft_id: str | None
    medicine: Medicine


def is_live(draft: Resource) -> bool:
    """A medication order that is being written: not cancelled, not an error, not an order to omit."""
    if draft.resource_type not in REQUESTS or draft.is_harmed("status", "doNotPerform", "intent"):
        return False
    return (draft.status or "") in _LIVE and not draft.do_not_perform and (draft.intent or "") not in _NOT_ORDERED


def live_orders(drafts: Iterable[Resource], pharmacy: Pharmacy) -> list[Written]:
    """The live drafts, each with the medicine that it orders."""
    return [Written(draft.id, read_medicine(draft, pharmacy)) for draft in drafts if is_live(draft)]


def read_drafts(
    written: Iterable[Written],
    selections: frozenset[str] | None,
    on_record: Iterable[Medicine],
    on: date,
    recent: timedelta,
) -> tuple[DraftOrder, ...]:
    """The live drafts. Without `selections` (order-sign) every draft counts as selected."""
    taken = established(on_record, on, recent)
    chosen = None if selections is None else {relative(reference) for reference in selections}
    return tuple(
        DraftOrder(
            medicine=medicine,
            selected=chosen is None or (draft_id is not None and medicine.ref.reference in chosen),
            new_ingredients=frozenset(medicine.product.ingredients) - taken,
        )
        for draft_id, medicine in written
    )


def established(on_record: Iterable[Medicine], on: date, recent: timedelta) -> frozenset[str]:
    """Ingredients that are no new start: taken now at any age of the order, or ended within `recent`.

    Only orders and statements of products that act on the whole body count (readings, "New start").
    """
    return frozenset(
        ingredient
        for medicine in on_record
        if medicine.product.exposure is not Exposure.LOCAL and _counts(medicine, on, recent)
        for ingredient in medicine.product.ingredients
    )


def _counts(medicine: Medicine, on: date, recent: timedelta) -> bool:
    if medicine.kind in ADMINISTRATIONS:
        return False
    known = medicine.last_known
    return medicine.is_established or (medicine.has_ended and known is not None and on - known <= recent)

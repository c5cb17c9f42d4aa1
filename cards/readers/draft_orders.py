"""Draft orders: which are live, which are selected, and what they newly start."""

from collections.abc import Iterable
from datetime import date, timedelta

from cards.facts import ADMINISTRATIONS, DraftOrder, Medicine
from cards.fhir import Resource
from cards.readers.medicines import REQUESTS, Pharmacy, read_medicine, relative
from cards.terminology import Exposure

# A revised order that is signed again is active (hook definition order-sign 1.1.0).
_LIVE = frozenset({"draft", "active", ""})
_NOT_ORDERED = frozenset({"option"})


def is_live(draft: Resource) -> bool:
    """A medication order that is being written: not cancelled, not an error, not an order to omit."""
    if draft.resource_type not in REQUESTS or draft.damaged & {"status", "doNotPerform", "intent"}:
        return False
    return (draft.status or "") in _LIVE and not draft.do_not_perform and (draft.intent or "") not in _NOT_ORDERED


def read_drafts(
    drafts: Iterable[Resource],
    selections: frozenset[str] | None,
    on_record: Iterable[Medicine],
    pharmacy: Pharmacy,
    on: date,
    recent: timedelta,
) -> tuple[DraftOrder, ...]:
    """The live drafts. Without `selections` (order-sign) every draft counts as selected."""
    taken = established(on_record, on, recent)
    chosen = None if selections is None else {relative(reference) for reference in selections}
    live = [draft for draft in drafts if is_live(draft)]
    medicines = [read_medicine(draft, pharmacy) for draft in live]
    return tuple(
        DraftOrder(
            medicine=medicine,
            selected=chosen is None or (draft.id is not None and medicine.ref.reference in chosen),
            new_ingredients=frozenset(medicine.product.ingredients) - taken,
        )
        for draft, medicine in zip(live, medicines, strict=True)
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

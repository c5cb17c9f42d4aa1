"""Which Medications must be fetched before a drug can be named: those that a reference points to and nothing else names."""

from collections.abc import Iterable

from cards.fhir import Resource
from cards.readers.draft_orders import is_live
from cards.readers.drug_names import medication_reference_of, naming_of, referenced, relative
from cards.readers.medicines import Pharmacy, describes_treatment


def of_drafts(drafts: Iterable[Resource], selections: frozenset[str] | None, pharmacy: Pharmacy) -> frozenset[str]:
    """References of the live drafts that are selected; without `selections` (order-sign) every draft is."""
    chosen = None if selections is None else {relative(reference) for reference in selections}
    return _references(
        (
            draft
            for draft in drafts
            if is_live(draft) and (chosen is None or f"{draft.resource_type}/{draft.id}" in chosen)
        ),
        pharmacy,
    )


def of_treatments(resources: Iterable[Resource], pharmacy: Pharmacy) -> frozenset[str]:
    """References of the orders, statements and administrations that describe a treatment."""
    return _references((resource for resource in resources if describes_treatment(resource)), pharmacy)


def _references(resources: Iterable[Resource], pharmacy: Pharmacy) -> frozenset[str]:
    found = ((medication_reference_of(resource), resource) for resource in resources)
    return frozenset(target for target, resource in found if target and _is_unknown(resource, pharmacy))


def _is_unknown(resource: Resource, pharmacy: Pharmacy) -> bool:
    """The Medication is not here, and neither a code nor the display of the reference names a drug that is known."""
    if referenced(resource, pharmacy.referred) is not None:
        return False
    return pharmacy.terminology.recognise(naming_of(resource, pharmacy.referred)).unmapped

"""Bundles of one resource type, of which nearly all of a record consists: decoded into that type's own members alone."""

from collections.abc import Mapping, Set
from operator import attrgetter

import msgspec

from cards.fhir import Entry, Resource, of_type

_ANY = frozenset(
    {
        "resource_type",
        "id",
        "sent_meta",
        "sent_contained",
        "status",
        "sent_code",
        "sent_category",
        "subject",
        "patient",
        "full_url",
        "harmed",
    }
)
# Every member of `Resource` that some edition of FHIR gives the type (a test holds them against the models).
_MEMBERS: Mapping[str, Set[str]] = {
    "Condition": {
        "sent_clinical_status",
        "sent_verification_status",
        "onset_date_time",
        "onset_age",
        "onset_period",
        "abatement_date_time",
        "sent_abatement_age",
        "sent_abatement_period",
        "sent_abatement_range",
        "sent_abatement_string",
        "abatement_boolean",
        "recorded_date",
        "asserted_date",
    },
    "Observation": {
        "effective_date_time",
        "effective_instant",
        "effective_period",
        "issued",
        "specimen",
        "sent_value_quantity",
        "sent_value_codeable_concept",
        "value_date_time",
        "value_integer",
        "value_string",
        "value_boolean",
        "sent_interpretation",
        "sent_method",
        "sent_reference_range",
    },
    "MedicationRequest": {
        "intent",
        "do_not_perform",
        "sent_medication",
        "sent_medication_codeable_concept",
        "medication_reference",
        "authored_on",
        "sent_reason",
        "sent_reason_code",
        "sent_reason_reference",
        "sent_dosage_instruction",
        "sent_dispense_request",
        "prior_prescription",
    },
}
_TYPE_OF_ENTRY = attrgetter("resource.resource_type")
_OF_BUNDLE = frozenset({"resource_type", "entry", "link", "harmed"})


class Searchset:
    """Decodes Bundles of one type."""

    def __init__(self, kind: str) -> None:
        resource = of_type(kind, _ANY | _MEMBERS[kind])
        others = [(one.name, one.type, None) for one in msgspec.structs.fields(Entry) if one.name != "resource"]
        entry = msgspec.defstruct("Entry", [("resource", resource), *others], rename="camel", frozen=True, gc=False)
        bundle = of_type("Bundle", _OF_BUNDLE, entry=list[entry] | None)  # type: ignore[valid-type]
        self._kind = kind
        self._decoder = msgspec.json.Decoder(bundle)

    def decode(self, sent: bytes | msgspec.Raw) -> Resource | None:
        """The Bundle; None where it is anything but a Bundle of this type alone: then `Resource` may read it."""
        try:
            found = self._decoder.decode(sent)
        except (msgspec.DecodeError, RecursionError, ArithmeticError):
            return None
        kinds = set(map(_TYPE_OF_ENTRY, found.entry or ()))  # type: ignore[arg-type]
        return found if found.resource_type == "Bundle" and kinds <= {self._kind} else None


SEARCHSETS: Mapping[str, Searchset] = {kind: Searchset(kind) for kind in _MEMBERS}

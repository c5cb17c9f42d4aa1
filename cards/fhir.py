"""The FHIR fields that some reader reads, of any resource type, and nothing else.

One struct serves every resource type: prefetch mixes them, the typed decoder then needs a single pass, and a member
that no reader reads is skipped without being built. (`of_type` gives Bundles of one type less.) A field that real EHRs
send now as a list, now as an object, now as a plain code has a type that takes each, so that odd data stays on the fast
path (`in_list`, `codings_of`).
Shapes of DSTU2, STU3, R4 and R5 are accepted where they differ (source: the FHIR change notes of each edition).
"""

from collections.abc import Set
from decimal import Decimal
from typing import Any, TypeVar, get_type_hints

import msgspec

from cards.later import NOTHING_SENT, UNSENT, Later, sent_as

X = TypeVar("X")
# Powers of ten that a number may have. Nothing that is measured comes near, and ten bytes of JSON can hold a number
# that takes gigabytes to write out or overflows at the first sum.
_FARTHEST = 30


def _insist_on_measure(number: Decimal | None) -> None:
    """Raises ValueError, which the decoder reports with its place, for what is no number or out of all measure."""
    if number is not None and not (number.is_finite() and -_FARTHEST <= number.adjusted() <= _FARTHEST):
        raise ValueError("a number out of all measure")


class _Element(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel", gc=False):
    """Immutable, compared by value; unknown members are ignored."""


class Coding(_Element, frozen=True):
    """`Coding`: a code of a system, with the display that the EHR sent."""

    system: str | None = None
    code: str | None = None
    display: str | None = None


class CodeableConcept(_Element, frozen=True):
    """`CodeableConcept`; `concept` and `reference` are filled where R5 sends a `CodeableReference` instead."""

    coding: list[Coding] | Coding | None = None
    text: str | None = None
    concept: "CodeableConcept | None" = None
    reference: "Reference | None" = None


class Reference(_Element, frozen=True):
    """`Reference`: relative, absolute, versioned, contained (`#id`) or by display alone."""

    reference: str | None = None
    display: str | None = None


class Quantity(_Element, frozen=True):
    """`Quantity`; the number keeps the digits that were sent."""

    value: Decimal | None = None
    comparator: str | None = None
    unit: str | None = None
    code: str | None = None

    def __post_init__(self) -> None:
        _insist_on_measure(self.value)


class Period(_Element, frozen=True):
    """`Period`, ends as sent."""

    start: str | None = None
    end: str | None = None


class Meta(_Element, frozen=True):
    """The part of `meta` that tells two versions of a resource apart."""

    last_updated: str | None = None
    version_id: str | None = None


class Repeat(_Element, frozen=True):
    """The part of `Timing.repeat` from which a daily count follows."""

    frequency: Decimal | None = None
    period: Decimal | None = None
    period_unit: str | None = None
    period_units: str | None = None
    bounds_period: Period | None = None
    when: list[str] | str | None = None
    time_of_day: list[str] | str | None = None

    def __post_init__(self) -> None:
        _insist_on_measure(self.frequency)
        _insist_on_measure(self.period)


class Timing(_Element, frozen=True):
    """`Timing`."""

    repeat: Repeat | None = None
    code: CodeableConcept | None = None
    event: list[str] | str | None = None


class DoseAndRate(_Element, frozen=True):
    """`Dosage.doseAndRate`, of which Epic sends several for one dose."""

    type: CodeableConcept | None = None
    dose_quantity: Quantity | None = None


class Dosage(_Element, frozen=True, rename=sent_as):
    """`Dosage` of R4, with STU3's `doseQuantity` beside it; the route stays as it was sent (`Meanings`)."""

    text: str | None = None
    patient_instruction: str | None = None
    timing: Timing | None = None
    as_needed_boolean: bool | None = None
    as_needed: bool | None = None
    as_needed_codeable_concept: CodeableConcept | None = None
    as_needed_for: list[CodeableConcept] | CodeableConcept | None = None
    sent_route: msgspec.Raw = NOTHING_SENT
    dose_and_rate: list[DoseAndRate] | DoseAndRate | None = None
    dose_quantity: Quantity | None = None


class Ingredient(_Element, frozen=True):
    """`Medication.ingredient`."""

    item_codeable_concept: CodeableConcept | None = None
    item_reference: Reference | None = None
    item: CodeableConcept | None = None


class ReferenceRange(_Element, frozen=True):
    """The lower limit of a laboratory's own reference range."""

    low: Quantity | None = None


class DispenseRequest(_Element, frozen=True):
    """When a prescription may be dispensed, and for how long one supply lasts."""

    validity_period: Period | None = None
    expected_supply_duration: Quantity | None = None


class RelativeCondition(_Element, frozen=True):
    """`FamilyMemberHistory.condition`."""

    code: CodeableConcept | None = None


class Issue(_Element, frozen=True):
    """`OperationOutcome.issue`: how bad it is."""

    severity: str | None = None
    code: str | None = None


class Search(_Element, frozen=True):
    """`Bundle.entry.search`."""

    mode: str | None = None


class Link(_Element, frozen=True):
    """`Bundle.link`."""

    relation: str | None = None
    url: str | None = None


class Entry(_Element, frozen=True):
    """`Bundle.entry`."""

    full_url: str | None = None
    resource: "Resource | None" = None
    search: Search | None = None


class _Members:
    """The larger members, which are read for few resources: each is decoded when a reader first asks for it (`Later`)."""

    __slots__ = ()
    harmed: frozenset[str]

    def is_harmed(self, *names: str) -> bool:
        """Whether one of some members could not be read; names as in JSON."""
        for name in names:
            if name in _LATERS:
                _LATERS[name].__get__(self)
        return bool(self.harmed) and not self.harmed.isdisjoint(names)

    meta: Meta | None
    contained: "list[Resource] | Resource | None"
    category: list[CodeableConcept] | CodeableConcept | str | None
    code: CodeableConcept | str | None
    code_codeable_concept: CodeableConcept | None
    clinical_status: CodeableConcept | str | None
    verification_status: CodeableConcept | str | None
    abatement_age: Any
    abatement_period: Any
    abatement_range: Any
    abatement_string: Any
    value_quantity: Quantity | None
    value_codeable_concept: CodeableConcept | None
    interpretation: list[CodeableConcept] | CodeableConcept | None
    method: CodeableConcept | None
    reference_range: list[ReferenceRange] | ReferenceRange | None
    class_: Coding | list[CodeableConcept] | str | None
    type: list[CodeableConcept] | CodeableConcept | str | None
    reason_code: list[CodeableConcept] | CodeableConcept | None
    reason_reference: list[Reference] | Reference | None
    reason: list[CodeableConcept] | CodeableConcept | None
    medication_codeable_concept: CodeableConcept | None
    medication: CodeableConcept | None
    dosage_instruction: list[Dosage] | Dosage | None
    dosage: list[Dosage] | Dosage | None
    dispense_request: DispenseRequest | None
    ingredient: list[Ingredient] | Ingredient | None
    form: CodeableConcept | None
    dose_form: CodeableConcept | None
    condition: list[RelativeCondition] | RelativeCondition | None
    issue: list[Issue] | Issue | None


class Resource(_Element, _Members, frozen=True, rename=sent_as):
    """Every field that some reader reads, of any resource type, in about the order in which servers send them: the decoder
    looks for each member behind the one before.

    `harmed` names the top-level members that could not be read because of their type, as far as they were looked at. No
    FHIR element has that name; a sender that sets it says only that its own resource is not to be relied on.
    """

    resource_type: str | None = None
    id: str | None = None
    sent_meta: msgspec.Raw = UNSENT
    sent_contained: msgspec.Raw = UNSENT
    status: str | None = None
    intent: str | None = None
    do_not_perform: bool | None = None
    sent_clinical_status: msgspec.Raw = NOTHING_SENT
    sent_verification_status: msgspec.Raw = NOTHING_SENT
    sent_category: msgspec.Raw = UNSENT
    sent_code: msgspec.Raw = NOTHING_SENT
    sent_medication_codeable_concept: msgspec.Raw = NOTHING_SENT
    medication_reference: Reference | None = None
    sent_medication: msgspec.Raw = UNSENT
    subject: Reference | None = None
    patient: Reference | None = None
    onset_date_time: str | None = None
    onset_age: Quantity | None = None
    onset_period: Period | None = None
    abatement_date_time: str | None = None
    sent_abatement_age: msgspec.Raw = UNSENT
    sent_abatement_period: msgspec.Raw = UNSENT
    sent_abatement_range: msgspec.Raw = UNSENT
    sent_abatement_string: msgspec.Raw = UNSENT
    abatement_boolean: bool | None = None
    recorded_date: str | None = None
    asserted_date: str | None = None
    effective_date_time: str | None = None
    effective_instant: str | None = None
    effective_period: Period | None = None
    issued: str | None = None
    authored_on: str | None = None
    date_written: str | None = None
    date_asserted: str | None = None
    specimen: Reference | None = None
    sent_value_quantity: msgspec.Raw = UNSENT
    sent_value_codeable_concept: msgspec.Raw = UNSENT
    value_date_time: str | None = None
    value_integer: int | None = None
    value_string: str | None = None
    value_boolean: bool | None = None
    sent_interpretation: msgspec.Raw = UNSENT
    sent_method: msgspec.Raw = UNSENT
    sent_reference_range: msgspec.Raw = UNSENT
    sent_reason_code: msgspec.Raw = UNSENT
    sent_reason_reference: msgspec.Raw = UNSENT
    sent_reason: msgspec.Raw = UNSENT
    sent_dosage_instruction: msgspec.Raw = UNSENT
    sent_dosage: msgspec.Raw = UNSENT
    sent_dispense_request: msgspec.Raw = UNSENT
    prior_prescription: Reference | None = None
    birth_date: str | None = None
    gender: str | None = None
    deceased_boolean: bool | None = None
    deceased_date_time: str | None = None
    period: Period | None = None
    occurrence_date_time: str | None = None
    occurrence_period: Period | None = None
    performed_date_time: str | None = None
    performed_period: Period | None = None
    sent_code_codeable_concept: msgspec.Raw = UNSENT
    sent_class_: msgspec.Raw = UNSENT
    sent_type: msgspec.Raw = UNSENT
    sent_ingredient: msgspec.Raw = UNSENT
    sent_form: msgspec.Raw = UNSENT
    sent_dose_form: msgspec.Raw = UNSENT
    sent_condition: msgspec.Raw = UNSENT
    sent_issue: msgspec.Raw = UNSENT
    entry: "list[Entry] | Entry | None" = None
    link: list[Link] | Link | None = None
    full_url: str | None = None
    harmed: frozenset[str] = frozenset()


# What names a resource, or says how it stands: mostly one of some thousand spellings, looked up as sent (`Meanings`).
_LOOKED_UP = frozenset({"code", "medication_codeable_concept", "clinical_status", "verification_status"})
_LATERS: dict[str, Later] = {}
for _name, _shape in get_type_hints(_Members).items():
    if f"sent_{_name}" in Resource.__struct_fields__:
        _later = Later(_name, _shape, stays=_name in _LOOKED_UP)
        setattr(_Members, _name, _later)
        _LATERS[_later.name] = _later


def of_type(kind: str, members: Set[str], **instead: Any) -> type[Resource]:  # noqa: ANN401 - types of members
    """A struct type for resources of one type, with only some members of `Resource`; the others are always as not sent.

    Of many resources half the time of building and dropping them goes into members that their type does not have.
    `instead` gives a member another type.
    """
    fields = msgspec.structs.fields(Resource)
    own = [(one.name, instead.get(one.name, one.type), one.default) for one in fields if one.name in members]
    absent = {one.name: one.default for one in fields if one.name not in members}
    # It has every attribute of a Resource.
    return msgspec.defstruct(  # type: ignore[return-value]
        kind, own, bases=(_Element, _Members), namespace=absent, rename=sent_as, frozen=True, kw_only=True, gc=False
    )


def wholly_read(resource: Resource) -> Resource:
    """A copy with every member read, of whatever struct type it was: what two versions are compared by."""
    read: dict[str, Any] = {later.slot: later.__get__(resource) for later in _LATERS.values()}
    kept: dict[str, Any] = {name: getattr(resource, name) for name in resource.__struct_fields__ if name not in read}
    return Resource(**kept, **read)


def concept_sent(sent: bytes) -> tuple[CodeableConcept | str | None, bool]:
    """A code element from its bytes, mended where it is odd, and whether it was."""
    holder = Resource(sent_code=msgspec.Raw(sent))
    return holder.code, bool(holder.harmed)


def in_list(value: list[X] | X | None) -> list[X]:
    """A list, whether one or several or none were sent."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def codings_of(concept: CodeableConcept | str | None) -> list[Coding]:
    """The codings of a concept; a plain code (DSTU2, STU3) is a coding without a system, R5's `concept` is opened."""
    if concept is None:
        return []
    if isinstance(concept, str):
        return [Coding(code=concept)]
    own = concept.coding
    if not isinstance(own, list):
        own = [own] if own else []
    return own + codings_of(concept.concept) if concept.concept else own


def subject_of(resource: Resource) -> str | None:
    """The reference to the patient whom a resource is about, as sent; None where it names nobody."""
    reference = resource.subject or resource.patient
    return reference.reference if reference else None


def reference_of(resource: Resource) -> str:
    """`Type/id` of a resource, `Type/?` where it has no id."""
    return f"{resource.resource_type}/{resource.id or '?'}"

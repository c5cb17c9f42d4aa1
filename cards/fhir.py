"""The FHIR fields that some reader reads, of any resource type, and nothing else.

One struct serves every resource type: prefetch mixes them, the typed decoder then needs a single pass, and a member
that no reader reads is skipped without being built. A field that real EHRs send now as a list, now as an object, now
as a plain code has a type that takes each, so that odd data stays on the fast path (`in_list`, `concept_of`).
Shapes of DSTU2, STU3, R4 and R5 are accepted where they differ (source: the FHIR change notes of each edition).
"""

from decimal import Decimal
from typing import Any, TypeVar

import msgspec

X = TypeVar("X")
# Powers of ten that a number may have. Nothing that is measured comes near, and ten bytes of JSON can hold a number
# that takes gigabytes to write out or overflows at the first sum.
_FARTHEST = 30


def _insist_on_measure(*numbers: Decimal | None) -> None:
    """Raises ValueError, which the decoder reports with its place, for what is no number or out of all measure."""
    for number in numbers:
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
        _insist_on_measure(self.frequency, self.period)


class Timing(_Element, frozen=True):
    """`Timing`."""

    repeat: Repeat | None = None
    code: CodeableConcept | None = None
    event: list[str] | str | None = None


class DoseAndRate(_Element, frozen=True):
    """`Dosage.doseAndRate`, of which Epic sends several for one dose."""

    type: CodeableConcept | None = None
    dose_quantity: Quantity | None = None


class Dosage(_Element, frozen=True):
    """`Dosage` of R4, with STU3's `doseQuantity` beside it."""

    text: str | None = None
    patient_instruction: str | None = None
    timing: Timing | None = None
    as_needed_boolean: bool | None = None
    as_needed: bool | None = None
    as_needed_codeable_concept: CodeableConcept | None = None
    as_needed_for: list[CodeableConcept] | CodeableConcept | None = None
    route: CodeableConcept | None = None
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


class Resource(_Element, frozen=True, gc=True):
    """Every field that some reader reads, of any resource type.

    `damaged` names the top-level fields that could not be read because of their type. No FHIR element has that name;
    a sender that sets it says only that its own resource is not to be relied on.
    """

    resource_type: str | None = None
    id: str | None = None
    meta: Meta | None = None
    contained: "list[Resource] | Resource | None" = None
    status: str | None = None
    intent: str | None = None
    do_not_perform: bool | None = None
    category: list[CodeableConcept] | CodeableConcept | str | None = None
    code: CodeableConcept | str | None = None
    code_codeable_concept: CodeableConcept | None = None
    subject: Reference | None = None
    patient: Reference | None = None
    clinical_status: CodeableConcept | str | None = None
    verification_status: CodeableConcept | str | None = None
    recorded_date: str | None = None
    asserted_date: str | None = None
    onset_date_time: str | None = None
    onset_age: Quantity | None = None
    onset_period: Period | None = None
    abatement_date_time: str | None = None
    abatement_age: Any = None
    abatement_period: Any = None
    abatement_range: Any = None
    abatement_string: Any = None
    abatement_boolean: bool | None = None
    effective_date_time: str | None = None
    effective_instant: str | None = None
    effective_period: Period | None = None
    issued: str | None = None
    specimen: Reference | None = None
    value_quantity: Quantity | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_date_time: str | None = None
    value_integer: int | None = None
    value_string: str | None = None
    value_boolean: bool | None = None
    interpretation: list[CodeableConcept] | CodeableConcept | None = None
    method: CodeableConcept | None = None
    reference_range: list[ReferenceRange] | ReferenceRange | None = None
    birth_date: str | None = None
    gender: str | None = None
    deceased_boolean: bool | None = None
    deceased_date_time: str | None = None
    class_: Coding | list[CodeableConcept] | str | None = msgspec.field(name="class", default=None)
    type: list[CodeableConcept] | CodeableConcept | str | None = None
    reason_code: list[CodeableConcept] | CodeableConcept | None = None
    reason_reference: list[Reference] | Reference | None = None
    reason: list[CodeableConcept] | CodeableConcept | None = None
    period: Period | None = None
    medication_codeable_concept: CodeableConcept | None = None
    medication_reference: Reference | None = None
    medication: CodeableConcept | None = None
    authored_on: str | None = None
    date_written: str | None = None
    date_asserted: str | None = None
    dosage_instruction: list[Dosage] | Dosage | None = None
    dosage: list[Dosage] | Dosage | None = None
    dispense_request: DispenseRequest | None = None
    prior_prescription: Reference | None = None
    ingredient: list[Ingredient] | Ingredient | None = None
    form: CodeableConcept | None = None
    dose_form: CodeableConcept | None = None
    occurrence_date_time: str | None = None
    occurrence_period: Period | None = None
    performed_date_time: str | None = None
    performed_period: Period | None = None
    condition: list[RelativeCondition] | RelativeCondition | None = None
    issue: list[Issue] | Issue | None = None
    entry: list[Entry] | Entry | None = None
    link: list[Link] | Link | None = None
    full_url: str | None = None
    damaged: frozenset[str] = frozenset()


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

"""Medication resources to medicines: what it is, since when, why, how much."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import date, tzinfo
from decimal import Decimal
from typing import NamedTuple

from msgspec.structs import replace

from cards.codes import Meanings, ValueSetIndex
from cards.facts import ADMINISTRATIONS, STATEMENTS, Medicine, Ref, Role
from cards.fhir import (
    UNSENT,
    CodeableConcept,
    Dosage,
    Ingredient,
    Period,
    Reference,
    Resource,
    codings_of,
    in_list,
    reference_of,
)
from cards.readers.dates import day
from cards.readers.doses import mg_per_day, pieces_per_day
from cards.terminology import Naming, Outline, Product, Terminology

REQUESTS = frozenset({"MedicationRequest", "MedicationOrder"})
KINDS = REQUESTS | STATEMENTS | ADMINISTRATIONS
# DSTU2 and STU3 orders carry no intent; a proposal or an option is not yet a treatment.
_NO_ORDER = frozenset({"proposal", "plan", "option"})
# Classes whose amounts of several orders are added up by a rule.
_ADDED_UP = frozenset({"alpha2delta"})
# Instructions are read as far as a person would.
_READ = 2000
_UNTRUE = frozenset({"entered-in-error", "cancelled", "draft", "not-taken", "not-done"})


@dataclass(frozen=True, slots=True)
class Pharmacy:
    """What is needed to read a medication: recognition, roles, value sets of reasons, other resources by reference,
    words that tell premedication and treatment of reactions, and the doxepin dose (mg) up to which it is a sleep aid."""

    terminology: Terminology
    roles: Mapping[str, tuple[Role, ...]]
    value_sets: ValueSetIndex
    resources: Mapping[str, Resource]
    zone: tzinfo
    words: Mapping[str, tuple[str, ...]]
    low_dose_doxepin: Decimal
    outlines: Meanings[Outline]


class Treatments(NamedTuple):
    """What was ordered, stated or given, past or present: the medicines that some rule could ask for, and how many drugs
    nothing recognised."""

    medicines: tuple[Medicine, ...]
    unmapped: int


def on_record(resources: Iterable[Resource], pharmacy: Pharmacy) -> Treatments:
    """The orders, statements and administrations that describe a treatment.

    Most drugs are told by their name alone to hold nothing that matters. Dates are read only of drugs with an ingredient
    that the knowledge names, amounts only where a rule adds them up; the reasons are asked of drafts alone.
    """
    medicines: list[Medicine] = []
    unmapped = 0
    for resource in resources:
        if not describes_treatment(resource):
            continue
        outline = _outline(resource, pharmacy)
        if outline and not outline.ingredients:
            unmapped += outline.unmapped
            continue
        dosages = dosages_of(resource)
        product = product_of(resource, dosages, pharmacy)
        unmapped += product.unmapped
        if product.ingredients:
            medicines.append(_medicine(resource, product, dosages, pharmacy))
    return Treatments(tuple(medicines), unmapped)


def outlines_of(terminology: Terminology) -> Meanings[Outline]:
    """What the name of a drug alone tells, by the element in which it was sent."""
    return Meanings(
        lambda concept: terminology.outline(named(concept if isinstance(concept, CodeableConcept) else None))
    )


def may_hold(resource: Resource, ingredients: Set[str], pharmacy: Pharmacy) -> bool:
    """Whether the drug may hold one of some ingredients, as far as its name alone tells."""
    outline = _outline(resource, pharmacy)
    return outline is None or not outline.ingredients.isdisjoint(ingredients)


def _outline(resource: Resource, pharmacy: Pharmacy) -> Outline | None:
    """None where the drug is named by a reference: then the Medication has to be looked at."""
    if resource.medication_reference is not None or resource.sent_medication is not UNSENT:
        return None
    return pharmacy.outlines[bytes(resource.sent_medication_codeable_concept)]


def describes_treatment(resource: Resource) -> bool:
    """An order, statement or administration that is neither a mere plan nor taken back."""
    if resource.resource_type not in KINDS or (resource.harmed and resource.is_harmed("status", "doNotPerform")):
        return False
    is_plan = resource.resource_type in REQUESTS and (resource.intent or "") in _NO_ORDER
    return (resource.status or "") not in _UNTRUE and not resource.do_not_perform and not is_plan


def read_medicine(resource: Resource, pharmacy: Pharmacy) -> Medicine:
    """One medication resource, recognised as far as it can be."""
    dosages = dosages_of(resource)
    product = product_of(resource, dosages, pharmacy)
    medicine = _medicine(resource, product, dosages, pharmacy)
    reasons, has_reason = reasons_of(resource, pharmacy)
    return replace(
        medicine,
        mg_per_day=_amounts(product, product.ingredients, dosages),
        reasons=reasons,
        has_reason=has_reason,
        is_for_reaction=medicine.as_needed and _says(dosages, resource, pharmacy.words["reaction"]),
    )


def dosages_of(resource: Resource) -> list[Dosage]:
    """The dosages of an order (`dosageInstruction`) or of a statement or administration (`dosage`)."""
    return in_list(resource.dosage_instruction) + in_list(resource.dosage)


def product_of(resource: Resource, dosages: list[Dosage], pharmacy: Pharmacy) -> Product:
    """What the drug is, by its name, route and instructions."""
    outline = _outline(resource, pharmacy)
    naming = outline.naming if outline else naming_of(resource, pharmacy.resources)
    return pharmacy.terminology.recognise(naming, routes_of(dosages), dosage_text(dosages))


def _medicine(resource: Resource, product: Product, dosages: list[Dosage], pharmacy: Pharmacy) -> Medicine:
    repeats = [dosage.timing.repeat for dosage in dosages if dosage.timing and dosage.timing.repeat]
    authored, started, ended = _dates(resource, [one.bounds_period for one in repeats if one.bounds_period], pharmacy)
    roles = {name: pharmacy.roles[name] for name in product.ingredients if name in pharmacy.roles}
    classes = frozenset([role.drug_class for known in roles.values() for role in known])
    added_up = [] if classes.isdisjoint(_ADDED_UP) else _added_up(roles)
    return Medicine(
        ref=Ref(reference_of(resource), authored or started),
        product=product,
        roles=roles,
        status=resource.status or "",
        kind=resource.resource_type or "",
        authored=authored,
        started=started,
        ended=ended,
        last_known=ended or authored or started,
        as_needed=any(_as_needed(dosage) for dosage in dosages),
        mg_per_day=_amounts(product, added_up, dosages),
        elemental_iron_per_day=_elemental_iron(product, dosages),
        times=frozenset([word for one in repeats for word in (*in_list(one.when), *in_list(one.time_of_day))]),
        prior=resource.prior_prescription.reference if resource.prior_prescription else None,
        is_premedication=_says(dosages, resource, pharmacy.words["premedication"]),
        is_low_dose_doxepin=_is_low_dose(product, dosages, pharmacy.low_dose_doxepin),
        classes=classes,
    )


def _dates(
    resource: Resource, bounds: list[Period], pharmacy: Pharmacy
) -> tuple[date | None, date | None, date | None]:
    """(authored, started, ended)."""
    zone, supply = pharmacy.zone, resource.dispense_request
    period = resource.effective_period or resource.occurrence_period
    starts = [found for bound in bounds if (found := day(bound.start, zone))]
    ends = [found for bound in bounds if (found := day(bound.end, zone))]
    authored = day(resource.authored_on or resource.date_written or resource.date_asserted, zone)
    at = day(resource.effective_date_time or resource.occurrence_date_time, zone)
    started = (day(period.start, zone) if period else None) or at or min(starts, default=None) or authored
    ended = (
        (day(period.end, zone) if period else None)
        or max(ends, default=None)
        or (day(supply.validity_period.end, zone) if supply and supply.validity_period else None)
    )
    return authored, started, ended


def _added_up(roles: Mapping[str, tuple[Role, ...]]) -> list[str]:
    return [name for name, known in roles.items() if any(role.drug_class in _ADDED_UP for role in known)]


def _amounts(product: Product, names: Iterable[str], dosages: list[Dosage]) -> dict[str, Decimal]:
    amounts = {name: mg_per_day(dosages, product.strength_mg.get(name)) for name in names}
    return {name: amount for name, amount in amounts.items() if amount is not None}


def _elemental_iron(product: Product, dosages: list[Dosage]) -> Decimal | None:
    """mg of elemental iron a day; None where the amount in one piece or the number of pieces is not said."""
    if product.iron is None or product.iron.elemental_mg is None:
        return None
    pieces = pieces_per_day(dosages, next(iter(product.strength_mg.values()), None))
    return pieces * product.iron.elemental_mg if pieces is not None else None


def naming_of(resource: Resource, resources: Mapping[str, Resource]) -> Naming:
    """What the EHR called the drug: its concept, or the Medication that the reference leads to, or the display alone."""
    concept = resource.medication_codeable_concept or resource.medication
    reference = _medication(resource)
    found = _referenced(reference, resource, resources)
    if found is None:
        return named(concept, display=reference.display if reference else None)
    code = found.code if isinstance(found.code, CodeableConcept) else None
    parts = tuple(_part(part, found, resources) for part in in_list(found.ingredient))
    return named(
        code or concept,
        display=reference.display if reference else None,
        form=found.form or found.dose_form,
        parts=parts,
    )


def _part(part: Ingredient, medication: Resource, resources: Mapping[str, Resource]) -> Naming:
    """One ingredient: its own concept, or the Substance or Medication (often contained) that it refers to."""
    reference = part.item_reference or (part.item.reference if part.item else None)
    inner = _referenced(reference, medication, resources)
    code = inner.code if inner and isinstance(inner.code, CodeableConcept) else None
    return named(part.item_codeable_concept or code or part.item, display=reference.display if reference else None)


def named(
    concept: CodeableConcept | None,
    *,
    display: str | None = None,
    form: CodeableConcept | None = None,
    parts: tuple[Naming, ...] = (),
) -> Naming:
    """A concept as the terminology takes it."""
    return Naming(
        codings=_triples(concept),
        text=_text(concept),
        display=display,
        ingredients=parts,
        form=Naming(codings=_triples(form), text=form.text) if form else None,
    )


def _triples(concept: CodeableConcept | None) -> tuple[tuple[str | None, str | None, str | None], ...]:
    return tuple([(coding.system, coding.code, coding.display) for coding in codings_of(concept)])


def _text(concept: CodeableConcept | None) -> str | None:
    if concept is None:
        return None
    return concept.text or (concept.concept.text if concept.concept else None)


def referenced(resource: Resource, resources: Mapping[str, Resource]) -> Resource | None:
    """The Medication that a resource refers to, where it is here."""
    return _referenced(_medication(resource), resource, resources)


def _medication(resource: Resource) -> Reference | None:
    return resource.medication_reference or (resource.medication.reference if resource.medication else None)


def _referenced(reference: Reference | None, owner: Resource, resources: Mapping[str, Resource]) -> Resource | None:
    if reference is None or not reference.reference:
        return None
    target = reference.reference
    if target.startswith("#"):
        return next((inner for inner in in_list(owner.contained) if inner.id == target[1:]), None)
    return resources.get(target) or resources.get(relative(target))


def relative(reference: str) -> str:
    """`Type/id` of a relative, absolute or versioned reference."""
    steps = reference.split("/_history/")[0].rstrip("/").split("/")
    return "/".join(steps[-2:])


def medication_reference_of(resource: Resource) -> str | None:
    """The outside reference by which a resource names its Medication, None where it names it otherwise."""
    reference = _medication(resource)
    target = reference.reference if reference else None
    return target if target and not target.startswith("#") else None


def routes_of(dosages: Iterable[Dosage]) -> Naming | None:
    """The routes of all dosages, as one naming; None where no route was said."""
    routes = [dosage.route for dosage in dosages if dosage.route]
    if not routes:
        return None
    texts = [text for text in map(_text, routes) if text]
    codings = tuple(triple for route in routes for triple in _triples(route))
    return Naming(codings=codings, text=" ; ".join(texts) or None)


def dosage_text(dosages: Iterable[Dosage]) -> str | None:
    """The free dosage texts, untrusted and of any length."""
    texts = [text for dosage in dosages for text in (dosage.text, dosage.patient_instruction) if text]
    return " ; ".join(texts) or None


def reasons_of(resource: Resource, pharmacy: Pharmacy) -> tuple[frozenset[str], bool]:
    """The value sets of the order's reasons, and whether any reason was given at all."""
    concepts = [*in_list(resource.reason_code), *in_list(resource.reason)]
    references = [
        *in_list(resource.reason_reference),
        *(one.reference for one in in_list(resource.reason) if one.reference),
    ]
    conditions = [pharmacy.resources.get(relative(one.reference)) for one in references if one and one.reference]
    codes = [*concepts, *(condition.code for condition in conditions if condition)]
    names = frozenset[str]().union(
        *(pharmacy.value_sets.of(code) | pharmacy.value_sets.of_text(code) for code in codes)
    )
    return names, bool(concepts or references)


def _as_needed(dosage: Dosage) -> bool:
    return bool(
        dosage.as_needed_boolean or dosage.as_needed or dosage.as_needed_codeable_concept or dosage.as_needed_for
    )


def _says(dosages: Iterable[Dosage], resource: Resource, words: Iterable[str]) -> bool:
    """Whether the instructions or reasons, in their first `_READ` characters, contain one of some words."""
    concepts = in_list(resource.reason_code)
    for dosage in dosages:
        if dosage.as_needed_codeable_concept or dosage.as_needed_for:
            concepts = [*concepts, *in_list(dosage.as_needed_codeable_concept), *in_list(dosage.as_needed_for)]
    texts = [dosage_text(dosages)]
    if concepts:
        texts += [_text(concept) for concept in concepts]
        texts += [coding.display for concept in concepts for coding in codings_of(concept)]
    said = " ".join([text[:_READ].lower() for text in texts if text])
    return any(word in said for word in words)


def _is_low_dose(product: Product, dosages: list[Dosage], limit: Decimal) -> bool:
    """Doxepin of at most `limit` mg a day; an unknown amount is no low dose."""
    if "doxepin" not in product.ingredients:
        return False
    amount = mg_per_day(dosages, product.strength_mg.get("doxepin")) or product.strength_mg.get("doxepin")
    return amount is not None and amount <= limit

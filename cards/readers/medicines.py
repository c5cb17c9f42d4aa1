"""Medication resources to medicines: what it is, since when, why, how much."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import date, tzinfo
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from msgspec.structs import replace

from cards.codes import Meanings, ValueSetIndex
from cards.facts import ADMINISTRATIONS, STATEMENTS, Medicine, Ref, Role
from cards.fhir import (
    CodeableConcept,
    Dosage,
    Period,
    Repeat,
    Resource,
    codings_of,
    in_list,
    reference_of,
)
from cards.kept import Kept
from cards.later import UNSENT
from cards.readers.dates import day
from cards.readers.doses import mg_per_day, pieces_per_day
from cards.readers.drug_names import Referred, named, naming_of, relative, route_named, text_of
from cards.terminology import Naming, Outline, Product, Terminology

REQUESTS = frozenset({"MedicationRequest", "MedicationOrder"})
KINDS = REQUESTS | STATEMENTS | ADMINISTRATIONS
# DSTU2 and STU3 orders carry no intent; a proposal or an option is not yet a treatment.
_NO_ORDER = frozenset({"proposal", "plan", "option"})
# Classes whose amounts and times of several orders are compared by a rule.
_ADDED_UP = frozenset({"alpha2delta"})
# Classes of which a rule asks whether they are given before an infusion.
_PREMEDICATES = frozenset({"sedating_antihistamine"})
# Instructions are read as far as a person would.
_READ = 2000
_NO_TIMES = frozenset[str]()
_UNTRUE = frozenset({"entered-in-error", "cancelled", "draft", "not-taken", "not-done"})


class _Class(NamedTuple):
    """What the knowledge says of a set of ingredients: their roles, all classes, whose amounts are added up."""

    roles: Mapping[str, tuple[Role, ...]]
    names: frozenset[str]
    added_up: tuple[str, ...]
    premedicates: bool


def _class_of(ingredients: tuple[str, ...], all_roles: Mapping[str, tuple[Role, ...]]) -> _Class:
    roles = {name: all_roles[name] for name in ingredients if name in all_roles}
    classes = {name: frozenset(role.drug_class for role in known) for name, known in roles.items()}
    names = frozenset[str]().union(*classes.values())
    added_up = tuple(name for name, own in classes.items() if own & _ADDED_UP)
    return _Class(roles, names, added_up, not names.isdisjoint(_PREMEDICATES))


class KnownDrugs:
    """What drugs, routes and sets of ingredients mean, kept from call to call in memories of bounded size.

    `outlines` by the element that names a drug, `routes` by the element of a dosage, `classes` by ingredients.
    """

    def __init__(self, terminology: Terminology, roles: Mapping[str, tuple[Role, ...]]) -> None:
        self._terminology = terminology
        self._generation = terminology.generation
        self._outlines = Meanings(self._outline)
        self.routes = Meanings(route_named)
        self.classes: Kept[tuple[str, ...], _Class] = Kept(partial(_class_of, all_roles=roles))

    @property
    def outlines(self) -> Meanings[Outline]:
        """What the name of a drug alone tells, read anew where the terminology has learned something since."""
        if self._terminology.generation != self._generation:
            self._outlines.clear()
            self._generation = self._terminology.generation
        return self._outlines

    def _outline(self, concept: CodeableConcept | str | None) -> Outline:
        return self._terminology.outline(named(concept if isinstance(concept, CodeableConcept) else None))


@dataclass(frozen=True, slots=True)
class Pharmacy:
    """What is needed to read a medication: recognition, roles, value sets of reasons, other resources by reference,
    words that tell premedication and treatment of reactions, and the doxepin dose (mg) up to which it is a sleep aid."""

    terminology: Terminology
    value_sets: ValueSetIndex
    referred: Referred
    zone: tzinfo
    words: Mapping[str, tuple[str, ...]]
    low_dose_doxepin: Decimal
    known: KnownDrugs


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
        outline = _outline(resource, pharmacy)
        if outline and not outline.ingredients:
            unmapped += outline.unmapped and describes_treatment(resource)
            continue
        if not describes_treatment(resource):
            continue
        dosages = dosages_of(resource)
        product = _product(resource, outline, dosages, pharmacy)
        unmapped += product.unmapped
        if product.ingredients:
            medicines.append(_medicine(resource, product, dosages, pharmacy))
    return Treatments(tuple(medicines), unmapped)


def routes_of(dosages: list[Dosage], pharmacy: Pharmacy) -> Naming | None:
    """The routes of all dosages, as one naming; None where no route was said."""
    known = pharmacy.known.routes
    routes = [route for dosage in dosages if (route := known[bytes(dosage.sent_route)])]
    if len(routes) <= 1:
        return routes[0] if routes else None
    texts = [route.text for route in routes if route.text]
    return Naming(tuple(coding for route in routes for coding in route.codings), " ; ".join(texts) or None)


def may_hold(resource: Resource, ingredients: Set[str], pharmacy: Pharmacy) -> bool:
    """Whether the drug may hold one of some ingredients, as far as its name alone tells."""
    outline = _outline(resource, pharmacy)
    return outline is None or not outline.ingredients.isdisjoint(ingredients)


def _outline(resource: Resource, pharmacy: Pharmacy) -> Outline | None:
    """None where the drug is named by a reference: then the Medication has to be looked at."""
    if resource.medication_reference is not None or resource.sent_medication is not UNSENT:
        return None
    return pharmacy.known.outlines[bytes(resource.sent_medication_codeable_concept)]


def describes_treatment(resource: Resource) -> bool:
    """An order, statement or administration that is neither a mere plan nor taken back."""
    if resource.resource_type not in KINDS or (resource.harmed and resource.is_harmed("status", "doNotPerform")):
        return False
    is_plan = resource.resource_type in REQUESTS and (resource.intent or "") in _NO_ORDER
    return (resource.status or "") not in _UNTRUE and not resource.do_not_perform and not is_plan


def read_medicine(resource: Resource, pharmacy: Pharmacy) -> Medicine:
    """One medication resource, recognised as far as it can be."""
    dosages = dosages_of(resource)
    product = _product(resource, _outline(resource, pharmacy), dosages, pharmacy)
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


def _product(resource: Resource, outline: Outline | None, dosages: list[Dosage], pharmacy: Pharmacy) -> Product:
    """What the drug is, by its name, route and instructions."""
    naming = outline.naming if outline else naming_of(resource, pharmacy.referred)
    return pharmacy.terminology.recognise(naming, routes_of(dosages, pharmacy), dosage_text(dosages))


def _medicine(resource: Resource, product: Product, dosages: list[Dosage], pharmacy: Pharmacy) -> Medicine:
    repeats = [dosage.timing.repeat for dosage in dosages if dosage.timing and dosage.timing.repeat]
    bounds = [repeat.bounds_period for repeat in repeats if repeat.bounds_period]
    authored, started, ended = _dates(resource, bounds, pharmacy.zone)
    of_class = pharmacy.known.classes[product.ingredients]
    return Medicine(
        ref=Ref(reference_of(resource), authored or started),
        product=product,
        roles=of_class.roles,
        status=resource.status or "",
        kind=resource.resource_type or "",
        authored=authored,
        started=started,
        ended=ended,
        last_known=ended or authored or started,
        as_needed=any(map(_as_needed, dosages)),
        mg_per_day=_amounts(product, of_class.added_up, dosages),
        elemental_iron_per_day=_elemental_iron(product, dosages),
        times=_times(repeats) if of_class.added_up else _NO_TIMES,
        prior=resource.prior_prescription.reference if resource.prior_prescription else None,
        is_premedication=of_class.premedicates and _says(dosages, resource, pharmacy.words["premedication"]),
        is_low_dose_doxepin=_is_low_dose(product, dosages, pharmacy.low_dose_doxepin),
        classes=of_class.names,
    )


def _times(repeats: Iterable[Repeat]) -> frozenset[str]:
    """When on a day it is taken, in whatever words."""
    return frozenset(word for one in repeats for word in (*in_list(one.when), *in_list(one.time_of_day)))


def _dates(resource: Resource, bounds: list[Period], zone: tzinfo) -> tuple[date | None, date | None, date | None]:
    """(authored, started, ended)."""
    period = resource.effective_period or resource.occurrence_period
    authored = day(resource.authored_on or resource.date_written or resource.date_asserted, zone)
    started = (
        (day(period.start, zone) if period else None)
        or day(resource.effective_date_time or resource.occurrence_date_time, zone)
        or min(_days([bound.start for bound in bounds], zone), default=None)
        or authored
    )
    ended = (
        (day(period.end, zone) if period else None)
        or max(_days([bound.end for bound in bounds], zone), default=None)
        or _supplied_until(resource, zone)
    )
    return authored, started, ended


def _days(texts: list[str | None], zone: tzinfo) -> list[date]:
    return [found for text in texts if (found := day(text, zone))]


def _supplied_until(resource: Resource, zone: tzinfo) -> date | None:
    supply = resource.dispense_request
    return day(supply.validity_period.end, zone) if supply and supply.validity_period else None


def _amounts(product: Product, names: Iterable[str], dosages: list[Dosage]) -> dict[str, Decimal]:
    amounts = {name: mg_per_day(dosages, product.strength_mg.get(name)) for name in names}
    return {name: amount for name, amount in amounts.items() if amount is not None}


def _elemental_iron(product: Product, dosages: list[Dosage]) -> Decimal | None:
    """mg of elemental iron a day; None where the amount in one piece or the number of pieces is not said."""
    if product.iron is None or product.iron.elemental_mg is None:
        return None
    pieces = pieces_per_day(dosages, next(iter(product.strength_mg.values()), None))
    return pieces * product.iron.elemental_mg if pieces is not None else None


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
    conditions = [pharmacy.referred(relative(one.reference)) for one in references if one and one.reference]
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
        texts += [text_of(concept) for concept in concepts]
        texts += [coding.display for concept in concepts for coding in codings_of(concept)]
    said = " ".join([text[:_READ].lower() for text in texts if text])
    return any(word in said for word in words)


def _is_low_dose(product: Product, dosages: list[Dosage], limit: Decimal) -> bool:
    """Doxepin of at most `limit` mg a day; an unknown amount is no low dose."""
    if "doxepin" not in product.ingredients:
        return False
    amount = mg_per_day(dosages, product.strength_mg.get("doxepin")) or product.strength_mg.get("doxepin")
    return amount is not None and amount <= limit

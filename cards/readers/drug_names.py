"""What an EHR calls a drug: by its order, by the Medication that the order refers to, by that one's ingredients."""

from collections.abc import Callable

from cards.fhir import CodeableConcept, Ingredient, Reference, Resource, codings_of, in_list
from cards.terminology import Naming

# What others are named by: a reference as sent to the resource, None where it is not here.
Referred = Callable[[str], Resource | None]


def naming_of(resource: Resource, referred: Referred) -> Naming:
    """What the EHR called the drug: its concept, or the Medication that the reference leads to, or the display alone."""
    concept = resource.medication_codeable_concept or resource.medication
    reference = _medication(resource)
    found = _referenced(reference, resource, referred)
    if found is None:
        return named(concept, display=reference.display if reference else None)
    code = found.code if isinstance(found.code, CodeableConcept) else None
    parts = tuple(_part(part, found, referred) for part in in_list(found.ingredient))
    return named(
        code or concept,
        display=reference.display if reference else None,
        form=found.form or found.dose_form,
        parts=parts,
    )


def _part(part: Ingredient, medication: Resource, referred: Referred) -> Naming:
    """One ingredient: its own concept, or the Substance or Medication (often contained) that it refers to."""
    reference = part.item_reference or (part.item.reference if part.item else None)
    inner = _referenced(reference, medication, referred)
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
        text=text_of(concept),
        display=display,
        ingredients=parts,
        form=Naming(codings=_triples(form), text=form.text) if form else None,
    )


def _triples(concept: CodeableConcept | None) -> tuple[tuple[str | None, str | None, str | None], ...]:
    return tuple([(coding.system, coding.code, coding.display) for coding in codings_of(concept)])


def text_of(concept: CodeableConcept | None) -> str | None:
    """The plain text of a concept, as sent."""
    if concept is None:
        return None
    return concept.text or (concept.concept.text if concept.concept else None)


def referenced(resource: Resource, referred: Referred) -> Resource | None:
    """The Medication that a resource refers to, where it is here."""
    return _referenced(_medication(resource), resource, referred)


def _medication(resource: Resource) -> Reference | None:
    return resource.medication_reference or (resource.medication.reference if resource.medication else None)


def _referenced(reference: Reference | None, owner: Resource, referred: Referred) -> Resource | None:
    if reference is None or not reference.reference:
        return None
    target = reference.reference
    if target.startswith("#"):
        return next((inner for inner in in_list(owner.contained) if inner.id == target[1:]), None)
    return referred(target) or referred(relative(target))


def relative(reference: str) -> str:
    """`Type/id` of a relative, absolute or versioned reference."""
    steps = reference.split("/_history/")[0].rstrip("/").split("/")
    return "/".join(steps[-2:])


def medication_reference_of(resource: Resource) -> str | None:
    """The outside reference by which a resource names its Medication, None where it names it otherwise."""
    reference = _medication(resource)
    target = reference.reference if reference else None
    return target if target and not target.startswith("#") else None


def route_named(concept: CodeableConcept | str | None) -> Naming | None:
    """One route as the terminology takes it."""
    return Naming(_triples(concept), text_of(concept) or None) if isinstance(concept, CodeableConcept) else None

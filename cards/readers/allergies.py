"""Ingredients to which the patient is allergic."""

from collections.abc import Iterable

from cards.fhir import CodeableConcept, Resource
from cards.readers.concepts import words_of
from cards.readers.drug_names import named
from cards.readers.medicines import Pharmacy

_NOT_ACTIVE = frozenset({"inactive", "resolved"})
_UNTRUE = frozenset({"refuted", "entered-in-error"})


def read_allergies(allergies: Iterable[Resource], pharmacy: Pharmacy) -> frozenset[str]:
    """Active allergies and intolerances, as the ingredients that their codes or texts name."""
    return frozenset(
        ingredient
        for allergy in allergies
        if isinstance(allergy.code, CodeableConcept)
        and not words_of(allergy.clinical_status) & _NOT_ACTIVE
        and not words_of(allergy.verification_status) & _UNTRUE
        for ingredient in pharmacy.terminology.recognise(named(allergy.code)).ingredients
    )

"""Where the patient is seen: outpatient, acute, hospice, or an encounter that could not be read."""

from collections.abc import Iterable
from dataclasses import dataclass

from cards.codes import ValueSetIndex
from cards.facts import Setting
from cards.fhir import Coding, Resource, in_list
from cards.readers.concepts import words_of

HOSPICE = "hospice"


@dataclass(frozen=True, slots=True)
class Stay:
    """`hospice` by the type of the encounter; hospice by diagnosis is read from the Conditions."""

    setting: Setting
    hospice: bool


def read_encounter(
    encounters: Iterable[Resource], encounter_id: str | None, acute_classes: frozenset[str], value_sets: ValueSetIndex
) -> Stay:
    """The encounter that the hook names. No encounterId = outpatient; named but not there = `UNREAD`.

    Source: readings, "Acute encounter" and "Hospice".
    """
    if not encounter_id:
        return Stay(Setting.OUTPATIENT, hospice=False)
    named = next((encounter for encounter in encounters if encounter.id == encounter_id), None)
    if named is None or named.is_harmed("class"):
        return Stay(Setting.UNREAD, hospice=False)
    kinds = in_list(named.type) if not isinstance(named.type, str) else [named.type]
    hospice = any(HOSPICE in value_sets.of(kind) or "hospice" in words_of(kind) for kind in kinds)
    acute = bool(class_codes(named) & acute_classes)
    return Stay(Setting.ACUTE if acute else Setting.OUTPATIENT, hospice=hospice)


def class_codes(encounter: Resource) -> frozenset[str]:
    """The class codes in capitals: a Coding in R4, CodeableConcepts in R5, a plain word in DSTU2."""
    found = encounter.class_
    if isinstance(found, Coding):
        return frozenset({(found.code or "").upper()})
    if isinstance(found, list):
        return frozenset(word.upper() for concept in found for word in words_of(concept))
    return frozenset({_DSTU2_CLASSES.get(found, found.upper())}) if found else frozenset()


# DSTU2 named classes in words; R4's codes are the HL7 v3 ActCode ones.
_DSTU2_CLASSES = {"inpatient": "IMP", "emergency": "EMER"}

"""What a rule may need from the EHR, and the FHIR query of each need."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Need(StrEnum):
    """One kind of evidence; the value is the prefetch key."""

    CONDITIONS = "conditions"
    PATIENT = "patient"
    LABS = "labs"
    MEDICATIONS = "medications"
    STATEMENTS = "statements"
    ENCOUNTER = "encounter"
    ORDERS = "orders"
    ALLERGIES = "allergies"
    PROCEDURES = "procedures"
    DEVICES = "devices"
    FACTS = "facts"


PATIENT_TOKEN = "{{context.patientId}}"  # noqa: S105 - a prefetch token
ENCOUNTER_TOKEN = "{{context.encounterId}}"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Template:
    """A read (`type/token`) or a search with parameters; never a parameter twice: some clients drop the second.

    Only what CDS Hooks lists as widely supported (PRE-24): reads, searches by reference and token, `_sort`.
    """

    resource_type: str
    reads: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def published(self) -> str:
        """The template as discovery shows it."""
        if self.reads:
            return f"{self.resource_type}/{self.reads}"
        return f"{self.resource_type}?" + "&".join(f"{name}={value}" for name, value in self.parameters)


class CodeSource(Protocol):
    """Where the codes of the queries come from."""

    @property
    def lab_codes(self) -> tuple[str, ...]:
        """LOINC codes of the laboratory tests."""

    @property
    def fact_codes(self) -> tuple[str, ...]:
        """LOINC codes of the other Observations that are read."""


def _search(resource_type: str, *more: tuple[str, str]) -> Template:
    return Template(resource_type, parameters=(("patient", PATIENT_TOKEN), *more))


def _observations(codes: Iterable[str]) -> Template:
    return _search("Observation", ("code", ",".join(dict.fromkeys(codes))), ("_sort", "-date"))


def site_templates(codes: CodeSource, local: Iterable[tuple[str, str]]) -> dict[Need, Template]:
    """As `templates`, with the laboratory codes of a site, each a (system, code)."""
    own = [f"{_value(system)}|{_value(code)}" for system, code in sorted(local)]
    return templates(codes) | {Need.LABS: _observations((*codes.lab_codes, *own))}


def _value(text: str) -> str:
    """What has a meaning inside a search value is escaped (FHIR search, "Escaping Search Parameters")."""
    return re.sub(r"([\\,$|])", r"\\\1", text)


def templates(codes: CodeSource) -> dict[Need, Template]:
    """The query of each need, in the order in which discovery lists them."""
    return {
        Need.CONDITIONS: _search("Condition"),
        Need.PATIENT: Template("Patient", reads=PATIENT_TOKEN),
        Need.LABS: _observations(codes.lab_codes),
        Need.MEDICATIONS: _search("MedicationRequest"),
        Need.STATEMENTS: _search("MedicationStatement"),
        Need.ENCOUNTER: Template("Encounter", reads=ENCOUNTER_TOKEN),
        Need.ORDERS: _search("ServiceRequest"),
        Need.ALLERGIES: _search("AllergyIntolerance"),
        Need.PROCEDURES: _search("Procedure"),
        Need.DEVICES: _search("DeviceUseStatement"),
        Need.FACTS: _observations(codes.fact_codes),
    }

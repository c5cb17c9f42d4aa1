"""Which value set a pasted resource belongs to, and the first code of one: what the form's words mean in FHIR."""

from collections.abc import Mapping
from typing import Any

import msgspec

from cards import Knowledge, Undecodable, decode_resource
from service.pages.chart import Resource

FERRITIN, TSAT = "ferritin", "transferrin_saturation"
REASONS = (
    "restless_legs_syndrome",
    "nausea_vomiting",
    "allergy_urticaria_pruritus",
    "insomnia",
    "vertigo",
    "depression",
    "anxiety",
    "psychosis",
    "bipolar",
    "agitation",
    "neuropathic_pain",
    "epilepsy",
    "anaphylaxis",
)


class ClinicWords:
    """The knowledge's value sets, for JSON that nobody has read yet."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self.reasons: Mapping[str, str] = {name: knowledge.value_set_names[name].display for name in REASONS}

    def sets_of(self, resource: Resource) -> frozenset[str]:
        """The value sets to which the `code` of a resource belongs; none where it cannot be read."""
        return self._sets({"code": resource.get("code")})

    def reason_of(self, order: Resource) -> str:
        """The first reason of an order that the form knows; empty where there is none."""
        given = order.get("reasonCode")
        concepts = given if isinstance(given, list) else [given]
        found = frozenset[str]().union(*(self._sets({"code": concept}) for concept in concepts))
        return next((name for name in REASONS if name in found), "")

    def is_test(self, observation: Resource, test: str) -> bool:
        """Whether an Observation is named by a code of the laboratory test."""
        code = observation.get("code")
        codings = code.get("coding") if isinstance(code, dict) else None
        sent = {one.get("code") for one in codings if isinstance(one, dict)} if isinstance(codings, list) else set()
        return any(code.code in sent for code in self._knowledge.labs.tests[test].codes)

    def test(self, test: str) -> dict[str, Any]:
        """The laboratory test as a CodeableConcept."""
        known = self._knowledge.labs.tests[test]
        first = known.codes[0]
        coding = {"system": self._knowledge.systems.uri(first.system), "code": first.code}
        return {"coding": [coding], "text": known.display}

    def unit(self, test: str) -> str:
        """The unit in which the form takes a new result."""
        return self._knowledge.labs.tests[test].canonical_unit

    def concept(self, value_set: str) -> dict[str, Any]:
        """The first code of a value set as a CodeableConcept."""
        code = self._knowledge.value_set_names[value_set].codes[0]
        system = self._knowledge.systems.uri(code.system)
        return {"coding": [{"system": system, "code": code.code, "display": code.display}], "text": code.display}

    def _sets(self, part: Mapping[str, Any]) -> frozenset[str]:
        try:
            read = decode_resource(msgspec.json.encode({"resourceType": "Condition", **part}))
        except (Undecodable, TypeError, ValueError, RecursionError):
            return frozenset()
        return self._knowledge.value_sets.of(read.code)

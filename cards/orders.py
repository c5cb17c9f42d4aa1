"""Draft orders that a suggestion creates or deletes: valid FHIR R4, one action each."""

from datetime import date
from typing import Any

import msgspec

from cards.card import Action
from cards.decision import Finding
from cards.facts import DraftOrder
from cards.knowledge_base import Knowledge
from cards.schema import OrderTemplate
from cards.site import Site

RLS_REASON = "restless_legs_syndrome"


class DraftWriter(msgspec.Struct, frozen=True):
    """Writes the draft orders of one call."""

    knowledge: Knowledge
    site: Site
    patient_id: str
    requester: str | None
    encounter_id: str | None
    on: date

    def removal(self, draft: DraftOrder) -> tuple[str, Action] | None:
        """(label, action) that deletes a draft; None where the draft has no id by which it could be named."""
        reference = draft.medicine.ref.reference
        if reference.endswith("/?"):
            return None
        name = " / ".join(draft.medicine.product.ingredients)
        return f"Remove {name}", Action(
            type="delete", description=f"Remove the drafted order for {name}.", resource_id=reference
        )

    def creation(self, key: str, finding: Finding) -> tuple[str, Action]:
        """(label, action) that creates the draft order of a template."""
        template = self.knowledge.orders.orders[key]
        return template.label, Action(
            type="create", description=template.description, resource=self.resource(key, template, finding)
        )

    def resource(self, key: str, template: OrderTemplate, finding: Finding) -> dict[str, Any]:
        """The draft as a FHIR R4 resource."""
        concept = {"coding": [self._coding(key, template)], "text": template.display}
        is_drug = template.resource_type == "MedicationRequest"
        draft: dict[str, Any] = {
            "resourceType": template.resource_type,
            "status": "draft",
            "intent": "order",
            ("medicationCodeableConcept" if is_drug else "code"): concept,
            "subject": {"reference": f"Patient/{self.patient_id}"},
            "authoredOn": self.on.isoformat(),
            "reasonCode": [self._reason(template, finding)],
            "note": [{"text": template.note}],
        }
        if self.encounter_id:
            draft["encounter"] = {"reference": f"Encounter/{self.encounter_id}"}
        if self.requester:
            draft["requester"] = {"reference": self.requester}
        if template.after_days is not None:
            draft["occurrenceDateTime"] = date.fromordinal(self.on.toordinal() + template.after_days).isoformat()
        if template.reason == "rls" and (known := _conditions(finding)):
            draft["reasonReference"] = [{"reference": reference} for reference in known]
        return draft

    def _coding(self, key: str, template: OrderTemplate) -> dict[str, str]:
        """What is ordered, in the site's own code where it has one."""
        own = self.site.order_codes.get(key)
        if own:
            return {"system": own.system, "code": own.code, "display": own.display}
        system = self.knowledge.systems.uri(template.system, oid=self.site.oids)
        return {"system": system, "code": template.code, "display": template.display}

    def _reason(self, template: OrderTemplate, finding: Finding) -> dict[str, Any]:
        """RLS with its code; for a replacement the reason of the order that it replaces, in the project's own words."""
        if template.reason == "from_order":
            alternatives = self.knowledge.alternatives.alternatives
            named = [alternatives[name].display for name in finding.indications if name in alternatives]
            return {"text": "; ".join(named) or "replacement of a drug that may worsen RLS"}
        code = self.knowledge.value_set_names[RLS_REASON].codes[0]
        system = self.knowledge.systems.uri(code.system, oid=self.site.oids)
        return {"coding": [{"system": system, "code": code.code, "display": code.display}], "text": code.display}


def _conditions(finding: Finding) -> list[str]:
    """The Conditions on which the finding rests, each once, as far as they have an id."""
    references = dict.fromkeys([ref.reference for ref in finding.rests_on])
    return [one for one in references if one.startswith("Condition/") and not one.endswith("/?")]

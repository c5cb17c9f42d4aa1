"""Draft orders that a suggestion creates or deletes: valid FHIR R4, one action each."""

from datetime import date
from typing import Any

from cards.card import Action
from cards.decision import Finding
from cards.facts import DraftOrder
from cards.knowledge_base import Knowledge
from cards.schema import OrderTemplate
from cards.site import OrderCode, Site

RLS_REASON = "restless_legs_syndrome"


class DraftWriter:
    """Writes the draft orders of one call."""

    def __init__(
        self,
        knowledge: Knowledge,
        site: Site,
        patient_id: str,
        requester: str | None,
        encounter_id: str | None,
        on: date,
    ) -> None:
        self._knowledge = knowledge
        self._site = site
        self._patient_id = patient_id
        self._requester = requester
        self._encounter_id = encounter_id
        self._on = on

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
        template = self._knowledge.orders.orders[key]
        return template.label, Action(
            type="create", description=template.description, resource=self.resource(key, template, finding)
        )

    def resource(self, key: str, template: OrderTemplate, finding: Finding) -> dict[str, Any]:
        """The draft as a FHIR R4 resource."""
        code = self._site.order_codes.get(key) or OrderCode(
            self._knowledge.systems.uri(template.system, oid=self._site.oids), template.code, template.display
        )
        concept = {
            "coding": [{"system": code.system, "code": code.code, "display": code.display}],
            "text": template.display,
        }
        is_drug = template.resource_type == "MedicationRequest"
        draft: dict[str, Any] = {
            "resourceType": template.resource_type,
            "status": "draft",
            "intent": "order",
            ("medicationCodeableConcept" if is_drug else "code"): concept,
            "subject": {"reference": f"Patient/{self._patient_id}"},
            "authoredOn": self._on.isoformat(),
            "reasonCode": [self._reason(template, finding)],
            "note": [{"text": template.note}],
        }
        if self._encounter_id:
            draft["encounter"] = {"reference": f"Encounter/{self._encounter_id}"}
        if self._requester:
            draft["requester"] = {"reference": self._requester}
        if template.after_days is not None:
            draft["occurrenceDateTime"] = date.fromordinal(self._on.toordinal() + template.after_days).isoformat()
        for_rls = template.reason == "rls"
        conditions = [ref.reference for ref in finding.rests_on if for_rls and ref.reference.startswith("Condition/")]
        known = [{"reference": reference} for reference in dict.fromkeys(conditions) if not reference.endswith("/?")]
        return draft | ({"reasonReference": known} if known else {})

    def _reason(self, template: OrderTemplate, finding: Finding) -> dict[str, Any]:
        """RLS with its code; for a replacement the reason of the order that it replaces, in the project's own words."""
        if template.reason == "from_order":
            alternatives = self._knowledge.alternatives.alternatives
            named = [alternatives[name].display for name in finding.indications if name in alternatives]
            return {"text": "; ".join(named) or "replacement of a drug that may worsen RLS"}
        code = self._knowledge.value_set_names[RLS_REASON].codes[0]
        system = self._knowledge.systems.uri(code.system, oid=self._site.oids)
        return {"coding": [{"system": system, "code": code.code, "display": code.display}], "text": code.display}

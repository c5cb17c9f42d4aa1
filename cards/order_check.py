"""Are the draft orders that suggestions create valid FHIR R4? Checked with the full models, away from any call."""

from collections.abc import Iterable
from datetime import date
from importlib import import_module

from pydantic import ValidationError

from cards.decision import Finding, Indicator
from cards.facts import Ref
from cards.knowledge_base import Knowledge
from cards.orders import DraftWriter
from cards.site import Site

_SAMPLE = Finding("sample", "sample", Indicator.INFO, rests_on=(Ref("Condition/c1"),), indications=("insomnia",))


def faulty_orders(knowledge: Knowledge, on: date) -> Iterable[str]:
    """A sentence for each template whose draft the R4B models refuse (R4 and R4B do not differ in these resources)."""
    for site in (Site(), Site(oids=True)):
        writer = DraftWriter(knowledge, site, "p1", "Practitioner/dr1", "e1", on)
        for key, template in knowledge.orders.orders.items():
            kind = template.resource_type
            model = getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
            try:
                model.model_validate(writer.resource(key, template, _SAMPLE))
            except ValidationError as error:
                yield f"orders.yaml: {key}: {error.errors()[0]['msg']}"

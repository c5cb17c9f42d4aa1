"""The patient's resources by type, each once, and by the references under which others name them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cards.evidence import Evidence
from cards.fhir import Resource
from cards.sift import latest_versions


@dataclass(frozen=True)
class Record:
    """The patient's resources by type, each once, and by the references under which others name them."""

    by_type: Mapping[str, list[Resource]] = field(default_factory=dict)
    by_reference: Mapping[str, Resource] = field(default_factory=dict)

    def of(self, *types: str) -> list[Resource]:
        """All resources of some types."""
        return [resource for kind in types for resource in self.by_type.get(kind, ())]


def record_of(evidence: Evidence) -> Record:
    """What was gathered under all needs, and beside them."""
    found = [resource for answer in evidence.answers.values() for resource in answer.resources]
    by_type: dict[str, list[Resource]] = {}
    for resource in latest_versions([*found, *evidence.bystanders]):
        by_type.setdefault(resource.resource_type or "", []).append(resource)
    drafted = {f"{draft.resource_type}/{draft.id}": draft for draft in evidence.drafts if draft.id}
    own = [one for kind in ("Medication", "Condition") for one in by_type.get(kind, ())]
    by_id = {f"{one.resource_type}/{one.id}": one for one in own if one.id}
    by_url = {one.full_url: one for one in (*evidence.drafts, *own) if one.full_url}
    return Record(by_type, drafted | by_url | by_id)

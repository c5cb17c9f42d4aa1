"""The patient's resources by type, each once, and by the references under which others name them."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from operator import attrgetter

from cards.codes import Meanings
from cards.evidence import Evidence
from cards.fhir import Resource
from cards.readers.conditions import Conditions
from cards.sift import are_single, latest_versions

_REFERRED_TO = ("Medication", "Condition")
_TYPE, _CODE, _ID = attrgetter("resource_type"), attrgetter("sent_code"), attrgetter("id")


class Record:
    """The patient's resources. Each type is put in order when it is first asked for: most are never."""

    def __init__(self, evidence: Evidence) -> None:
        self._drafts = evidence.drafts
        # Read once: the gate asks for them, and after it everything else.
        self.conditions: Conditions | None = None
        self._sent: dict[str, list[Resource]] = {}
        self._ordered: dict[str, tuple[Resource, ...]] = {}
        sources = [answer.resources for answer in evidence.answers.values() if answer.resources]
        for resources in (*sources, evidence.bystanders):
            kinds = set(map(_TYPE, resources))
            for kind in kinds:
                same = resources if len(kinds) == 1 else [one for one in resources if one.resource_type == kind]
                self._sent.setdefault(kind or "", []).extend(same)

    def of(self, *types: str) -> Sequence[Resource]:
        """All resources of some types."""
        found = [self._of(kind) for kind in types if kind in self._sent]
        return found[0] if len(found) == 1 else [resource for resources in found for resource in resources]

    def named(self, kind: str, known: Meanings[bool]) -> Sequence[Resource]:
        """The resources of a type whose code means something: in most records a few of many."""
        sent = self._sent.get(kind, ())
        if not are_single(sent):
            return [one for one in self._of(kind) if known[bytes(one.sent_code)]]
        found = [one for one, code in zip(sent, map(bytes, map(_CODE, sent)), strict=True) if known[code]]
        return sorted(found, key=_ID)

    def _of(self, kind: str) -> tuple[Resource, ...]:
        ordered = self._ordered.get(kind)
        if ordered is None:
            ordered = self._ordered[kind] = latest_versions(self._sent.get(kind, ()))
        return ordered

    def referred(self, reference: str) -> Resource | None:
        """The Medication, Condition or draft that others name so; None where it is not here."""
        return self._by_reference.get(reference)

    @cached_property
    def _by_reference(self) -> Mapping[str, Resource]:
        own = self.of(*_REFERRED_TO)
        drafted = {f"{draft.resource_type}/{draft.id}": draft for draft in self._drafts if draft.id}
        by_id = {f"{one.resource_type}/{one.id}": one for one in own if one.id}
        by_url = {one.full_url: one for one in (*self._drafts, *own) if one.full_url}
        return drafted | by_url | by_id


def record_of(evidence: Evidence) -> Record:
    """What was gathered under all needs, and beside them; grouped once for each evidence."""
    record = evidence.grouped.get("record")
    if not isinstance(record, Record):
        record = evidence.grouped["record"] = Record(evidence)
    return record

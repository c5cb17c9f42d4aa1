"""Which value sets and laboratory tests a coding belongs to: one dictionary hit a coding, prefixes only where declared."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from cards.fhir import CodeableConcept, Coding, codings_of, concept_sent
from cards.kept import Kept
from cards.schema import Code, CodeSystem

Meaning = TypeVar("Meaning")

# A code with its system, and a code element with all its codings, are no longer than this.
_LONGEST_CODE, _LONGEST_ELEMENT = 200, 600
_NOTHING = frozenset[str]()
# An element with an odd place means what the rest of it means.
_AS_MENDED: Any = object()


class Meanings(Kept[bytes, Meaning]):
    """What code elements mean, by the bytes in which they were sent: feeds repeat their codes in the same spelling, and a
    look-up takes a tenth of the time that decoding takes.

    `odd`: what an element means that could not be wholly read; without it, what the rest of it means.
    """

    def __init__(
        self, meaning: Callable[[CodeableConcept | str | None], Meaning], *, odd: Meaning = _AS_MENDED
    ) -> None:
        def of_bytes(sent: bytes) -> Meaning:
            concept, is_odd = concept_sent(sent)
            return odd if is_odd and odd is not _AS_MENDED else meaning(concept)

        super().__init__(of_bytes, fits=lambda sent: len(sent) <= _LONGEST_ELEMENT)


class CodeSystemIndex:
    """The project's short name of a code system, from any URI under which feeds send it."""

    def __init__(self, systems: Mapping[str, CodeSystem]) -> None:
        self._keys = {uri: key for key, system in systems.items() for uri in system.uris}
        self._dotless = {key for key, system in systems.items() if system.normalise == "dotless_upper"}
        self._oids = {
            key: uri for key, system in systems.items() for uri in reversed(system.uris) if uri.startswith("urn:oid:")
        }
        self._snomed_editions = f"{systems['SNOMED'].uris[0]}/" if "SNOMED" in systems else "\0"
        self._uris = {key: system.uris[0] for key, system in systems.items()}

    def key(self, uri: str | None) -> str | None:
        """The short name of a system, None where it is not known or not sent."""
        if not uri:
            return None
        known = self._keys.get(uri.strip())
        # SNOMED CT is also sent with its edition behind the address: http://snomed.info/sct/731000124108
        return known or ("SNOMED" if uri.startswith(self._snomed_editions) else None)

    def uri(self, key: str, *, oid: bool = False) -> str:
        """The canonical URI of a short name, or with `oid` its `urn:oid:` form where it has one."""
        return self._oids.get(key, self._uris[key]) if oid else self._uris[key]

    def normal(self, key: str, code: str) -> str:
        """The code as it is compared: ICD codes in capitals without dot, all others as they are."""
        code = code.strip()
        return code.replace(".", "").upper() if key in self._dotless else code

    def pair(self, system: str | None, code: str | None) -> tuple[str, str] | None:
        """(system, code) in comparable form; None without a known system or without a code."""
        key = self.key(system)
        return (key, self.normal(key, code)) if key and code else None


class ValueSetIndex:
    """All value sets, looked up by coding."""

    def __init__(self, systems: CodeSystemIndex, value_sets: Mapping[str, Iterable[Code]]) -> None:
        exact: dict[tuple[str, str], set[str]] = {}
        prefix: dict[tuple[str, str], set[str]] = {}
        for name, codes in value_sets.items():
            for code in codes:
                target = prefix if code.match == "prefix" else exact
                target.setdefault((code.system, systems.normal(code.system, code.code)), set()).add(name)
        self._texts: dict[str, frozenset[str]] = {}
        for name, codes in value_sets.items():
            for code in codes:
                if code.match == "exact":
                    known = self._texts.get(code.display.casefold(), frozenset())
                    self._texts[code.display.casefold()] = known | {name}
        self._systems = systems
        self._exact = {pair: frozenset(names) for pair, names in exact.items()}
        self._prefix = {pair: frozenset(names) for pair, names in prefix.items()}
        self._shortest = min((len(code) for _, code in prefix), default=1)
        self._prefixed = {system for system, _ in prefix}
        self._kept = Kept(self._of_code, fits=lambda code: len(code[0] or "") + len(code[1] or "") <= _LONGEST_CODE)
        # The same by the code element as it was sent.
        self.sent = Meanings(self.of)

    def of(self, concept: CodeableConcept | str | None) -> frozenset[str]:
        """The value sets to which any coding of the concept belongs."""
        names, known = _NOTHING, self._kept
        for coding in codings_of(concept):
            found = known[coding.system, coding.code]
            if found:
                names = names | found if names else found
        return names

    def of_text(self, concept: CodeableConcept | str | None) -> frozenset[str]:
        """The value sets one of whose codes has the text as its display; only where no coding was sent."""
        if not isinstance(concept, CodeableConcept) or not concept.text or codings_of(concept):
            return frozenset()
        return self._texts.get(concept.text.strip().casefold(), frozenset())

    def of_coding(self, coding: Coding) -> frozenset[str]:
        """The value sets to which one coding belongs."""
        return self._kept[coding.system, coding.code]

    def _of_code(self, sent: tuple[str | None, str | None]) -> frozenset[str]:
        pair = self._systems.pair(*sent)
        if pair is None:
            return _NOTHING
        names = self._exact.get(pair, _NOTHING)
        system, code = pair
        if system not in self._prefixed:
            return names
        cuts = range(self._shortest, len(code) + 1)
        return names.union(*(self._prefix.get((system, code[:cut]), _NOTHING) for cut in cuts))

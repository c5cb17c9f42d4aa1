"""Concepts and relations of a release in memory, packed; from any product to its ingredients and dose form.

A pair of numbers is one 64-bit integer in a sorted array: eight bytes per relation, found by bisection.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from cards.terminology.release_files import ReleaseError

# "RXCUI2 RELA RXCUI1": only this direction is read, each edge also stands inverted in the file.
TO_INGREDIENTS = (
    b"has_ingredient", b"has_precise_ingredient", b"has_ingredients", b"has_part", b"consists_of", b"tradename_of",
    b"contains", b"form_of", b"quantified_form_of",
)  # fmt: skip
DOSE_FORM = b"has_dose_form"

INGREDIENT_TYPES = (b"IN", b"PIN")
BRAND_NAME = b"BN"
# A product is what an order may name.
PRODUCT_TYPES = (
    b"IN", b"PIN", b"MIN", b"BN", b"SCD", b"SBD", b"GPCK", b"BPCK", b"SCDC", b"SBDC", b"SCDF", b"SBDF", b"SCDG",
    b"SBDG", b"SCDFP", b"SCDGP", b"SBDFP",
)  # fmt: skip
DOSE_FORM_TYPE = b"DF"
_PACKS = (b"GPCK", b"BPCK")
_TYPES = (*PRODUCT_TYPES, DOSE_FORM_TYPE)
_LOW = 0xFFFFFFFF


class Pairs:
    """Directed pairs of RxCUIs."""

    def __init__(self) -> None:
        self._packed = array("Q")

    def add(self, source: int, target: int) -> None:
        """Keeps one pair; call `sort` before looking any up."""
        self._packed.append(source << 32 | target)

    def sort(self) -> None:
        """Orders the pairs; repeated ones are dropped."""
        self._packed = array("Q", sorted(set(self._packed)))

    def of(self, source: int) -> Iterator[int]:
        """The targets of a source, ascending."""
        place = bisect_left(self._packed, source << 32)
        while place < len(self._packed) and self._packed[place] >> 32 == source:
            yield self._packed[place] & _LOW
            place += 1

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return ((pair >> 32, pair & _LOW) for pair in self._packed)

    def __len__(self) -> int:
        return len(self._packed)


class FoundPart(NamedTuple):
    """Ingredients of one part of a product, and the RxCUI of its dose form (0: none)."""

    ingredients: tuple[int, ...]
    form: int


class Graph:
    """What the release says; filled by the import, then asked product by product."""

    def __init__(self) -> None:
        self.types: dict[int, int] = {}
        self.edges = Pairs()
        self.forms = Pairs()
        self.branded = Pairs()

    def add_concept(self, code: int, kind: bytes) -> None:
        """Keeps the kind (TTY) of a concept."""
        self.types[code] = _TYPES.index(kind)

    def kind(self, code: int) -> bytes | None:
        """The kind (TTY) of a concept, None where the release lacks it."""
        place = self.types.get(code)
        return None if place is None else _TYPES[place]

    def add_relation(self, source: int, name: bytes, target: int) -> None:
        """Keeps a relation "source name target" where it leads to ingredients or a dose form."""
        if name == DOSE_FORM:
            self.forms.add(source, target)
        elif name in TO_INGREDIENTS:
            self.edges.add(source, target)

    def close(self) -> None:
        """Ends the filling. Raises `ReleaseError` where relations name concepts that the release lacks."""
        self.edges.sort()
        self.forms.sort()
        unknown = sum(source not in self.types or target not in self.types for source, target in self.edges)
        if unknown * 100 > len(self.edges):
            raise ReleaseError(f"{unknown} of {len(self.edges)} relations name concepts that RXNCONSO lacks: it is cut")
        for source, target in self.edges:
            if self.kind(target) == BRAND_NAME:
                self.branded.add(target, source)
        self.branded.sort()

    def parts(self, code: int) -> list[FoundPart]:
        """The parts of a product: those of the members of a pack, those of the products of a brand, else its own."""
        members = [code]
        if self.kind(code) == BRAND_NAME:
            members = list(self.branded.of(code))
        elif self.kind(code) in _PACKS:
            members = self._members(code, set())
        found = (FoundPart(self._ingredients(member), self._form(member)) for member in members)
        return list(dict.fromkeys(part for part in found if part.ingredients))

    def _members(self, pack: int, seen: set[int]) -> list[int]:
        seen.add(pack)
        members: list[int] = []
        for target in self.edges.of(pack):
            if self.kind(target) not in _PACKS:
                members.append(target)
            elif target not in seen:
                members += self._members(target, seen)
        return [member for member in members if self.kind(member) != BRAND_NAME]

    def _ingredients(self, code: int) -> tuple[int, ...]:
        found: set[int] = set()
        seen: set[int] = set()
        waiting = [code]
        while waiting:
            current = waiting.pop()
            kind = self.kind(current)
            if current in seen or (kind == BRAND_NAME and current != code):
                continue
            seen.add(current)
            if kind in INGREDIENT_TYPES:
                found.add(current)
            waiting.extend(self.edges.of(current))
        return tuple(sorted(found))

    def _form(self, code: int) -> int:
        """The dose form of a product or, where a brand lacks its own, of the product that it is a name of."""
        for candidate in (code, *self.edges.of(code)):
            form = next(self.forms.of(candidate), 0)
            if form:
                return form
        return 0

"""The import of an RxNorm release: RRF files in, one compact index file out, or an error and the old index kept."""

import os
import tempfile
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple

from cards.terminology.index_file import RETIRED, Columns, ndc_number, open_release, to_bytes
from cards.terminology.release_files import (
    ARCHIVE,
    ATTRIBUTES,
    CONCEPTS,
    RELATIONS,
    Progress,
    ReleaseError,
    ReleaseFiles,
)
from cards.terminology.release_graph import DOSE_FORM_TYPE, PRODUCT_TYPES, FoundPart, Graph

_CURRENT_PRODUCTS = (b"SCD", b"SBD")
# A few current products really lack a path to an ingredient; more of them mean that a file is incomplete.
_MOST_WITHOUT_INGREDIENT = 0.05
_LONGEST_NAME = 4000


class ImportReport(NamedTuple):
    """What an import found and wrote; `without_ingredients` products are kept by their name."""

    version: str
    products: int
    retired: int
    without_ingredients: int
    ndcs: int
    size: int


def import_release(path: Path, out: Path, progress: Callable[[Progress], None] | None = None) -> ImportReport:
    """Reads a release zip or folder and writes the index `out`, whole or not at all.

    Raises `ReleaseError` where the release is missing, cut, damaged or incomplete; `out` is then as it was.
    """
    files = ReleaseFiles(path, progress)
    with tempfile.TemporaryFile() as spool:
        concepts = _Concepts(spool)
        concepts.read(files)
        graph = concepts.graph
        _read_relations(files, graph)
        if files.has(ARCHIVE):
            concepts.read_archive(files)
        ndcs, animal = _read_attributes(files, graph) if files.has(ATTRIBUTES) else ({}, set())
        tables = _Tables(concepts, animal)
        columns = tables.columns(files.version, ndcs)
    _write(out, to_bytes(columns))
    retired = sum(flag == RETIRED for flag in columns.flags)
    return ImportReport(
        files.version, len(columns.codes), retired, tables.without_ingredients, len(columns.ndcs), out.stat().st_size
    )


class _Concepts:
    """The concepts of RXNCONSO; names wait on disk so that memory stays small."""

    def __init__(self, spool: IO[bytes]) -> None:
        self.graph = Graph()
        self.retired: set[int] = set()
        self.forms: dict[int, str] = {}
        self.merged: dict[int, int] = {}
        self._spool = spool
        self._places: dict[int, int] = {}
        self._end = 0

    def read(self, files: ReleaseFiles) -> None:
        """Keeps each concept once, by its defining atom; synonyms and other sources are passed over."""
        for row in files.rows(CONCEPTS, b"|RXNORM|"):
            kind = row[12]
            if row[11] != b"RXNORM" or (kind not in PRODUCT_TYPES and kind != DOSE_FORM_TYPE):
                continue
            code = _number(row[0], CONCEPTS)
            # A current atom goes before a retired one of the same concept, in whatever order they stand.
            current = row[16] in (b"N", b"Y")
            if code in self.graph.types and (code not in self.retired or not current):
                continue
            self._keep(code, kind, row[14][:_LONGEST_NAME], current=current)
        if not self.graph.types:
            raise ReleaseError(f"{CONCEPTS}: no RxNorm concept in it; is this an RxNorm release?")

    def read_archive(self, files: ReleaseFiles) -> None:
        """Adds concepts that RxNorm has dropped, and what they were merged into; only the full release has them."""
        living = frozenset(self.graph.types)
        for row in files.rows(ARCHIVE, b"|RXNORM|"):
            if row[13] != b"RXNORM" or row[14] not in PRODUCT_TYPES:
                continue
            code = _number(row[12], ARCHIVE)
            if code in living:
                continue
            self._keep(code, row[14], row[2][:_LONGEST_NAME], current=False)
            if row[15].isdigit():
                self.merged[code] = int(row[15])

    def name(self, code: int) -> bytes:
        """The name of a concept."""
        place = self._places[code]
        self._spool.seek(place >> 16)
        return self._spool.read(place & 0xFFFF)

    def _keep(self, code: int, kind: bytes, name: bytes, *, current: bool) -> None:
        self.graph.add_concept(code, kind)
        (self.retired.discard if current else self.retired.add)(code)
        if kind == DOSE_FORM_TYPE:
            self.forms[code] = name.decode("utf-8", "replace")
            return
        self._places[code] = self._end << 16 | len(name)
        self._spool.write(name)
        self._end += len(name)


def _read_relations(files: ReleaseFiles, graph: Graph) -> None:
    for row in files.rows(RELATIONS, b"|RXNORM|"):
        if row[10] == b"RXNORM" and row[2] == row[6] == b"CUI":
            graph.add_relation(_number(row[4], RELATIONS), row[7], _number(row[0], RELATIONS))
    graph.close()


def _read_attributes(files: ReleaseFiles, graph: Graph) -> tuple[dict[int, int], set[int]]:
    """NDC to product, and the products that are for animals only."""
    ndcs: dict[int, int] = {}
    animal: set[int] = set()
    human: set[int] = set()
    for row in files.rows(ATTRIBUTES, b"|RXNORM|"):
        if row[9] != b"RXNORM" or row[8] not in (b"NDC", b"RXN_HUMAN_DRUG", b"RXN_VET_DRUG"):
            continue
        code = _number(row[0], ATTRIBUTES)
        if row[8] == b"NDC":
            ndc = ndc_number(row[10].decode("ascii", "replace"))
            if ndc is not None and code in graph.types:
                # Where two products share an NDC the younger one is on the shelf.
                ndcs[ndc] = max(code, ndcs.get(ndc, 0))
        else:
            (human if row[8] == b"RXN_HUMAN_DRUG" else animal).add(code)
    return ndcs, animal - human


class _Tables:
    """Turns concepts and relations into the columns of the index."""

    def __init__(self, concepts: _Concepts, animal: set[int]) -> None:
        self._concepts = concepts
        self._animal = animal
        self._parts: dict[FoundPart, int] = {}
        self.without_ingredients = 0

    def columns(self, version: str, ndcs: dict[int, int]) -> Columns:
        """All columns. Raises `ReleaseError` where too many current products lead to no ingredient."""
        graph = self._concepts.graph
        codes = sorted(code for code in graph.types if graph.kind(code) != DOSE_FORM_TYPE)
        flags, name_ends, part_ends, product_parts = array("B"), array("I"), array("I"), array("I")
        names = bytearray()
        current = lacking = 0
        for code in codes:
            parts = [] if code in self._animal else graph.parts(self._concepts.merged.get(code, code))
            if not parts and code not in self._animal:
                self.without_ingredients += 1
                lacking += self._is_current_product(code)
            current += self._is_current_product(code)
            # An animal medicine keeps no name either: it is known, and nothing of ours.
            names += b"" if code in self._animal else self._concepts.name(code)
            product_parts.extend(self._parts.setdefault(part, len(self._parts)) for part in parts)
            flags.append(RETIRED if code in self._concepts.retired else 0)
            name_ends.append(len(names))
            part_ends.append(len(product_parts))
        if lacking > current * _MOST_WITHOUT_INGREDIENT:
            raise ReleaseError(f"{lacking} of {current} current products lead to no ingredient: a file is incomplete")
        return self._with_parts(version, ndcs, codes, flags, name_ends, part_ends, product_parts, bytes(names))

    def _with_parts(
        self,
        version: str,
        ndcs: dict[int, int],
        codes: list[int],
        flags: "array[int]",
        name_ends: "array[int]",
        part_ends: "array[int]",
        product_parts: "array[int]",
        names: bytes,
    ) -> Columns:
        forms = {0: 0} | {form: place for place, form in enumerate(sorted(self._concepts.forms), start=1)}
        ingredient_ends, ingredients = array("I"), array("I")
        for part in self._parts:
            ingredients.extend(part.ingredients)
            ingredient_ends.append(len(ingredients))
        ordered = sorted(ndcs.items())
        return Columns(
            codes=codes,
            flags=flags,
            name_ends=name_ends,
            part_ends=part_ends,
            product_parts=product_parts,
            ingredient_ends=ingredient_ends,
            part_ingredients=ingredients,
            part_forms=[forms.get(part.form, 0) for part in self._parts],
            ndcs=[ndc for ndc, _code in ordered],
            ndc_products=[code for _ndc, code in ordered],
            names=names,
            forms=("", *(self._concepts.forms[form] for form in sorted(self._concepts.forms))),
            version=version,
        )

    def _is_current_product(self, code: int) -> bool:
        return self._concepts.graph.kind(code) in _CURRENT_PRODUCTS and code not in self._concepts.retired


def _number(field: bytes, file: str) -> int:
    if field.isdigit() and len(field) <= 9:
        return int(field)
    raise ReleaseError(f"{file}: an RxCUI is no number; the file is damaged")


def _write(out: Path, content: bytes) -> None:
    """Beside the old index first, read back, then in its place: a reader sees the old or the new one, never half."""
    handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        open_release(fresh)
        fresh.replace(out)
    finally:
        fresh.unlink(missing_ok=True)

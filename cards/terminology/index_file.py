"""The compact index of an imported RxNorm release, as it lies on disk: written whole, checked whole, read by bisection.

A sorted binary file rather than a database: it is read once into memory (a few MB), a look-up is a bisection of
about a microsecond that needs no connection, lock or thread, one checksum tells a cut or damaged file, and one
rename puts a new one in place.
"""

import json
import re
import sys
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from cards.terminology.coded_product import CodedPart, CodedProduct

MAGIC = b"RXINDEX1"
_COLUMNS: dict[str, Literal["B", "H", "I", "Q"]] = {
    "codes": "I", "flags": "B", "name_ends": "I", "part_ends": "I", "product_parts": "I",
    "ingredient_ends": "I", "part_ingredients": "I", "part_forms": "H", "ndcs": "Q", "ndc_products": "I",
}  # fmt: skip
RETIRED = 1
_ALIGNED = 8


class IndexFileError(ValueError):
    """An index that cannot be used: import the release again."""


class Columns(NamedTuple):
    """The tables of the index.

    Product i: `codes[i]` (ascending), `flags[i]`, its name in `names` up to `name_ends[i]`, its parts in
    `product_parts` up to `part_ends[i]`. Part j: its ingredients in `part_ingredients` up to `ingredient_ends[j]`, its
    dose form `forms[part_forms[j]]`. `ndcs` (ascending, eleven digits) stand for `ndc_products`.
    """

    codes: Sequence[int]
    flags: Sequence[int]
    name_ends: Sequence[int]
    part_ends: Sequence[int]
    product_parts: Sequence[int]
    ingredient_ends: Sequence[int]
    part_ingredients: Sequence[int]
    part_forms: Sequence[int]
    ndcs: Sequence[int]
    ndc_products: Sequence[int]
    names: bytes
    forms: tuple[str, ...]
    version: str


class Release:
    """An imported release, in memory."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self.version = columns.version

    def __len__(self) -> int:
        return len(self._columns.codes)

    def product(self, code: int) -> CodedProduct | None:
        """The product of an RxCUI, None where the release has none."""
        columns = self._columns
        place = bisect_left(columns.codes, code)
        if place == len(columns.codes) or columns.codes[place] != code:
            return None
        parts = columns.product_parts[_from(columns.part_ends, place) : columns.part_ends[place]]
        name = columns.names[_from(columns.name_ends, place) : columns.name_ends[place]]
        return CodedProduct(
            parts=tuple(self._part(part) for part in parts),
            name=name.decode("utf-8", "replace") or None,
            retired=bool(columns.flags[place] & RETIRED),
        )

    def product_of_ndc(self, written: str) -> int | None:
        """The RxCUI of an NDC in any of its spellings; None where unknown, or where ten digits allow two products."""
        known = {product for ndc in _spellings(written) if (product := self._by_ndc(int(ndc))) is not None}
        return known.pop() if len(known) == 1 else None

    def _by_ndc(self, ndc: int) -> int | None:
        columns = self._columns
        place = bisect_left(columns.ndcs, ndc)
        found = place < len(columns.ndcs) and columns.ndcs[place] == ndc
        return columns.ndc_products[place] if found else None

    def _part(self, part: int) -> CodedPart:
        columns = self._columns
        ingredients = columns.part_ingredients[_from(columns.ingredient_ends, part) : columns.ingredient_ends[part]]
        return CodedPart(tuple(ingredients), columns.forms[columns.part_forms[part]] or None)


def _from(ends: Sequence[int], place: int) -> int:
    return ends[place - 1] if place else 0


def _spellings(written: str) -> list[str]:
    """The eleven digits that an NDC may stand for: 5-4-2, where ten digits lack a zero in one of three places."""
    segments = written.strip().split("-")
    if len(segments) == 3 and all(re.fullmatch(r"[0-9]{1,5}", segment) for segment in segments):
        return ["".join(segment.zfill(size) for segment, size in zip(segments, (5, 4, 2), strict=True))]
    if re.fullmatch(r"[0-9]{11}", written.strip()):
        return [written.strip()]
    if re.fullmatch(r"[0-9]{10}", written.strip()):
        digits = written.strip()
        return ["0" + digits, digits[:5] + "0" + digits[5:], digits[:9] + "0" + digits[9:]]
    return []


def ndc_number(written: str) -> int | None:
    """The one number of an NDC as a release writes it, None where it is ambiguous or no NDC."""
    spellings = _spellings(written)
    return int(spellings[0]) if len(spellings) == 1 else None


def to_bytes(columns: Columns) -> bytes:
    """The index as a file: magic, length of the header, header as JSON, the columns."""
    blocks = {name: array(kind, getattr(columns, name)).tobytes() for name, kind in _COLUMNS.items()}
    blocks["names"] = bytes(columns.names)
    body = b"".join(block + b"\0" * (-len(block) % _ALIGNED) for block in blocks.values())
    header = json.dumps(
        {
            "version": columns.version,
            "forms": list(columns.forms),
            "lengths": {name: len(block) for name, block in blocks.items()},
            "byteorder": sys.byteorder,
            "checksum": zlib.crc32(body),
        }
    ).encode()
    header += b" " * (-(len(MAGIC) + 8 + len(header)) % _ALIGNED)
    return MAGIC + len(header).to_bytes(8, "little") + header + body


def open_release(path: Path) -> Release:
    """The release in an index file. Raises `IndexFileError` where it is missing, cut, damaged or of another machine."""
    try:
        return Release(_columns(path.read_bytes()))
    except OSError as error:
        reason = error.strerror
        raise IndexFileError(f"the terminology index cannot be read ({reason}); import the release again") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise IndexFileError("the terminology index is cut or damaged; import the release again") from None


def _columns(content: bytes) -> Columns:
    start = len(MAGIC) + 8
    size = int.from_bytes(content[len(MAGIC) : start], "little")
    header = json.loads(content[start : start + size])
    body = memoryview(content)[start + size :]
    if not content.startswith(MAGIC) or header["byteorder"] != sys.byteorder or zlib.crc32(body) != header["checksum"]:
        raise ValueError
    blocks: dict[str, memoryview] = {}
    place = 0
    for name, length in header["lengths"].items():
        blocks[name] = body[place : place + length]
        place += length + -length % _ALIGNED
    tables: dict[str, Sequence[int]] = {name: blocks[name].cast(kind) for name, kind in _COLUMNS.items()}
    return Columns(**tables, names=bytes(blocks["names"]), forms=tuple(header["forms"]), version=header["version"])

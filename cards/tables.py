"""Decision tables: bands of ferritin and saturation to one answer, checked for holes and unreachable rows at load."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import product

from cards.facts import Span
from cards.schema import Answer, Band, Limit, Table

MISSING = "missing"


class TableError(ValueError):
    """A table with a hole, an unreachable row, an unknown band, limit or answer."""


@dataclass(frozen=True, slots=True)
class Edge:
    """The upper end of a band; None = no end."""

    name: str
    limit: Decimal | None
    closed: bool


@dataclass(frozen=True, slots=True)
class DecisionTable:
    """One population's table; `cells` answers every combination of bands, `missing` included."""

    who: str
    ferritin: tuple[Edge, ...]
    saturation: tuple[Edge, ...]
    cells: Mapping[tuple[str, str], str]

    def answer(self, ferritin: str | None, saturation: str | None) -> str:
        """The name of the answer for two bands; None = missing."""
        return self.cells[(ferritin or MISSING, saturation or MISSING)]


def band_of(span: Span, edges: tuple[Edge, ...]) -> str | None:
    """The band in which the whole span lies; None where it crosses an edge (indeterminate)."""
    low = next((edge for edge in edges if _reaches(span, edge)), None)
    return low.name if low and _fits(span, edge=low) else None


def _reaches(span: Span, edge: Edge) -> bool:
    """Whether the lowest value of the span lies in or below the band that ends at the edge."""
    if edge.limit is None or span.low is None:
        return True
    return span.low < edge.limit or (span.low == edge.limit and edge.closed and span.low_closed)


def _fits(span: Span, edge: Edge) -> bool:
    """Whether the highest value of the span lies below the edge too."""
    if edge.limit is None:
        return True
    if span.high is None:
        return False
    return span.high < edge.limit or (span.high == edge.limit and (edge.closed or not span.high_closed))


def compiled(table: Table, limits: Mapping[str, Limit], answers: Mapping[str, Answer]) -> DecisionTable:
    """The table ready for use. Raises `TableError` where a combination has no answer, or two."""
    ferritin = _edges(table.who, table.ferritin, limits)
    saturation = _edges(table.who, table.saturation, limits)
    cells: dict[tuple[str, str], str] = {}
    for row in table.rows:
        if row.answer not in answers:
            raise TableError(f"table {table.who}: unknown answer {row.answer!r}")
        for cell in product(row.ferritin, row.saturation):
            if cell in cells:
                raise TableError(f"table {table.who}: {cell} is answered twice")
            cells[cell] = row.answer
    wanted = set(product([*(edge.name for edge in ferritin), MISSING], [*(edge.name for edge in saturation), MISSING]))
    if wanted != cells.keys():
        raise TableError(
            f"table {table.who}: holes {sorted(wanted - cells.keys())}, unknown {sorted(cells.keys() - wanted)}"
        )
    return DecisionTable(table.who, ferritin, saturation, cells)


def _edges(who: str, bands: tuple[Band, ...], limits: Mapping[str, Limit]) -> tuple[Edge, ...]:
    edges = tuple(_edge(who, band, limits) for band in bands)
    ends = [edge.limit for edge in edges]
    known = [end for end in ends[:-1] if end is not None]
    if not edges or ends[-1] is not None or len(known) != len(edges) - 1 or known != sorted(set(known)):
        raise TableError(f"table {who}: bands must rise, and only the last is without end")
    return edges


def _edge(who: str, band: Band, limits: Mapping[str, Limit]) -> Edge:
    name = band.upto or band.below
    if name is None:
        return Edge(band.name, None, closed=False)
    if name not in limits or (band.upto and band.below):
        raise TableError(f"table {who}: band {band.name} needs one known limit")
    return Edge(band.name, limits[name].value, closed=band.upto is not None)

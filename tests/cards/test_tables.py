"""Decision tables: every combination has exactly one answer, and a span that crosses an edge has no band."""

from decimal import Decimal

import pytest

from cards.facts import Span
from cards.schema import Answer, Band, Limit, Row, Table
from cards.tables import TableError, band_of, compiled

LIMITS = {
    "low": Limit(value=Decimal(75), unit="ng/mL", source="x"),
    "high": Limit(value=Decimal(100), unit="ng/mL", source="x"),
}
ANSWERS = {"yes": Answer(silence="x"), "no": Answer(silence="y")}
BANDS = (Band(name="a", upto="low"), Band(name="b", below="high"), Band(name="c"))
ONE = (Band(name="any"),)


def table(rows: list[tuple[list[str], list[str], str]], ferritin: tuple[Band, ...] = BANDS) -> Table:
    return Table(
        who="adult",
        ferritin=ferritin,
        saturation=ONE,
        rows=tuple(Row(ferritin=tuple(f), saturation=tuple(s), answer=answer, source="x") for f, s, answer in rows),
    )


WHOLE = [(["a", "b", "c", "missing"], ["any", "missing"], "yes")]


def test_a_whole_table_answers_every_combination() -> None:
    ready = compiled(
        table([(["a"], ["any", "missing"], "no"), (["b", "c", "missing"], ["any", "missing"], "yes")]), LIMITS, ANSWERS
    )

    assert (ready.answer("a", None), ready.answer(None, None)) == ("no", "yes")


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (table(WHOLE[:0]), "holes"),
        (table([*WHOLE, (["a"], ["any"], "no")]), "answered twice"),
        (table([*WHOLE, (["z"], ["any"], "no")]), "unknown"),
        (table([(["a", "b", "c", "missing"], ["any", "missing"], "maybe")]), "unknown answer"),
        (table(WHOLE, (Band(name="a", upto="high"), Band(name="b", below="low"), Band(name="c"))), "must rise"),
        (table(WHOLE, (Band(name="a", upto="low"), Band(name="b", below="high"))), "only the last"),
        (table(WHOLE, (Band(name="a"), Band(name="b", below="high"), Band(name="c"))), "only the last"),
        (table(WHOLE, ()), "must rise"),
        (table(WHOLE, (Band(name="a", upto="none"), Band(name="c"))), "one known limit"),
        (table(WHOLE, (Band(name="a", upto="low", below="high"), Band(name="c"))), "one known limit"),
    ],
)
def test_a_table_with_a_fault_is_refused(broken: Table, complaint: str) -> None:
    with pytest.raises(TableError, match=complaint):
        compiled(broken, LIMITS, ANSWERS)


def span(low: str | None, high: str | None, *, low_closed: bool = True, high_closed: bool = True) -> Span:
    return Span(Decimal(low) if low else None, Decimal(high) if high else None, low_closed, high_closed)


@pytest.mark.parametrize(
    ("values", "band"),
    [
        (span("75", "75"), "a"),
        (span("75.1", "75.1"), "b"),
        (span("99.9", "99.9"), "b"),
        (span("100", "100"), "c"),
        (span(None, "5", high_closed=False), "a"),
        (span(None, "75"), "a"),
        (span(None, "75.1", high_closed=False), None),
        (span(None, "100", high_closed=False), None),
        (span("75", "100", low_closed=False, high_closed=False), "b"),
        (span("75", "100", low_closed=False), None),
        (span("100", None), "c"),
        (span("100", None, low_closed=False), "c"),
        (span("75", None), None),
        (span(None, None), None),
    ],
)
def test_a_span_belongs_to_the_band_that_holds_all_of_it(values: Span, band: str | None) -> None:
    edges = compiled(table(WHOLE), LIMITS, ANSWERS).ferritin

    assert band_of(values, edges) == band

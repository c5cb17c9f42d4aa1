"""Insight's filters, tables and exports over a store that is known to the last row."""

import csv
import io
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest

from cards import Knowledge
from service.app import Parts
from service.pages.figures_asked import asked, spans
from service.pages.insight_tables import Column, InsightTable, csv_of, duration
from service.store import AnsweredCall, CallOutcome, IssuedCard
from service.store.issued_writer import write_calls

pytestmark = pytest.mark.anyio
TODAY = date(2026, 11, 20)


def call(number: int, client: str, topic: str, version: str) -> AnsweredCall:
    return AnsweredCall(
        at=datetime(2026, 11, 10, 9, number, tzinfo=UTC),
        client=client,
        hook="patient-view",
        outcome=CallOutcome.CARDS,
        hook_instance=f"00000000-0000-4000-8000-0000000000{number:02d}",
        knowledge_version=version,
        cards=(
            IssuedCard(card=f"10000000-0000-4000-8000-0000000000{number:02d}", topic=topic, rule="", indicator="info"),
        ),
    )


@pytest.fixture
def filled(kept_parts: Parts) -> None:
    database = kept_parts.service.journal.database
    assert database is not None
    calls = [
        call(1, "north", "ironTreatAdult", "1+a"),
        call(2, "north", "ironTreatAdult", "2+b"),
        call(3, "south", "mirtazapine", "2+b"),
        call(4, "preview", "mirtazapine", "2+b"),
    ]
    write_calls(database, calls)


async def rows(operator: httpx.AsyncClient, table: str, query: str = "") -> list[dict[str, str]]:
    response = await operator.get(f"/insight/{table}.csv?{query}")
    assert response.status_code == 200
    return list(csv.DictReader(io.StringIO(response.text)))


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", {"Iron treatment threshold met": "2", "Mirtazapine or a relative": "1"}),
        ("client=north", {"Iron treatment threshold met": "2"}),
        ("client=preview", {"Mirtazapine or a relative": "1"}),
        ("version=2%2Bb", {"Iron treatment threshold met": "1", "Mirtazapine or a relative": "1"}),
        ("card=mirtazapine", {"Mirtazapine or a relative": "1"}),
        ("hook=order-sign", {}),
        ("since=2026-11-11", {}),
        ("until=2026-11-09", {}),
    ],
)
async def test_each_filter_counts(operator: httpx.AsyncClient, filled: None, query: str, shown: dict[str, str]) -> None:
    assert {row["card"]: row["shown"] for row in await rows(operator, "cards", query)} == shown


async def test_two_versions_stand_in_one_row(operator: httpx.AsyncClient, filled: None) -> None:
    (iron, mirtazapine) = await rows(operator, "versions", "version=1%2Ba&against=2%2Bb")

    assert (iron["shown (1+a)"], iron["shown (2+b)"]) == ("1", "1")
    assert (mirtazapine["shown (1+a)"], mirtazapine["shown (2+b)"]) == ("0", "1")


async def test_a_table_that_is_none_is_404(operator: httpx.AsyncClient, filled: None) -> None:
    assert (await operator.get("/insight/none.csv")).status_code == 404


async def test_an_empty_store_is_said_plainly(operator: httpx.AsyncClient) -> None:
    assert "There is no data for these filters." in (await operator.get("/insight")).text


async def test_a_store_that_is_away_is_said_and_no_fault(
    operator: httpx.AsyncClient, kept_parts: Parts, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from service.store import StoreUnavailable

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr("service.pages.figures_found.statistics", away)

    response = await operator.get("/insight")

    assert (response.status_code, "The store cannot be reached just now" in response.text) == (200, True)


def test_odd_filters_become_the_usual_span() -> None:
    found = asked({"since": "x", "until": "2026-13-01"}, TODAY)

    assert (found.since, found.until) == (date(2026, 8, 22), TODAY)


def test_an_end_before_the_begin_becomes_the_usual_span() -> None:
    assert asked({"since": "2026-11-20", "until": "2026-11-01"}, TODAY).since == date(2026, 8, 3)


def test_last_month_is_the_whole_month_before() -> None:
    name, query, _ = spans(asked({}, date(2026, 3, 15)), date(2026, 3, 15))[0]

    assert name == "Last month"
    assert {key: value[0] for key, value in parse_qs(query).items()} == {"since": "2026-02-01", "until": "2026-02-28"}


def test_a_spreadsheet_takes_no_cell_for_a_formula() -> None:
    table = InsightTable("x", "X", (Column("a", "text"),), (("=1+1",), ("@x",), ("plain",)), {})

    assert csv_of(table).splitlines() == ["a", "'=1+1", "'@x", "plain"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2 h")]
)
def test_a_duration_is_told_in_its_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_topics_are_known_by_their_display(knowledge: Knowledge) -> None:
    from service.pages.insight_tables import Words

    words = Words(knowledge)

    assert words.topic("mirtazapine") == "Mirtazapine or a relative"
    assert words.topic("gone") == "gone"
    assert words.reason("other-1234567890abcdef") == "another reason 123456"

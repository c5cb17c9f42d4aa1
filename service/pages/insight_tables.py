"""Figures as tables: the same rows for the page and for its CSV exports."""

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cards import Knowledge
from service.pages.figures_asked import Asked
from service.pages.figures_found import Figures
from service.store import TopicRow

Cell = str | int | float | None
# A spreadsheet takes text that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Column:
    """`unit`: text, count, share (of 1), rate, seconds."""

    name: str
    unit: str = "count"


@dataclass(frozen=True, slots=True)
class InsightTable:
    """One table; `links` leads from the first cell of a row to the page of its card."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    links: Mapping[str, str]

    @property
    def filled(self) -> list[int]:
        """The places of the columns that say anything; an export has all of them."""
        places = range(len(self.columns))
        return [place for place in places if place < 2 or any(row[place] not in (None, 0) for row in self.rows)]


class Words:
    """Topics and reasons as people read them."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._topics = {
            topic: card.display
            for guidance in knowledge.guidance.values()
            for topic, card in guidance.recommendation.cards.items()
        }
        self._reasons = {reason.code: reason.display for reason in knowledge.override_reasons.reasons.values()}
        self.links = {display: topic for topic, display in self._topics.items()}

    @property
    def topics(self) -> Mapping[str, str]:
        """Display by topic."""
        return self._topics

    def topic(self, code: str | None) -> str:
        """The card's display; a topic of another version of the knowledge stands as it is."""
        return self._topics.get(code or "", code or "")

    def reason(self, code: str) -> str:
        """The reason's display; reasons of the EHR's own list have only a digest."""
        if code.startswith("other"):
            return f"another reason {code.removeprefix('other').removeprefix('-')[:6]}".strip()
        return self._reasons.get(code, code)


def tables(figures: Figures, asked: Asked, words: Words) -> dict[str, InsightTable]:
    """All tables by their name in an address."""
    made = (
        _cards(figures, words, rated=not asked.only_version),
        _weeks(figures, rated=not asked.only_version),
        _reasons(figures, words),
        _versions(figures, asked, words),
        _changes(figures),
    )
    return {table.name: table for table in made}


def csv_of(table: InsightTable) -> str:
    """The table as CSV (RFC 4180); numbers with a point, shares from 0 to 1."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([column.name for column in table.columns])
    for row in table.rows:
        writer.writerow([_plain(cell) for cell in row])
    return out.getvalue()


def _plain(cell: Cell) -> Cell:
    if isinstance(cell, float):
        return round(cell, 4)
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def share(part: int, whole: int) -> float | None:
    """A share of 1, None of nothing."""
    return part / whole if whole else None


_FATES = (
    Column("shown"),
    Column("accepted"),
    Column("accepted share", "share"),
    Column("overridden"),
    Column("overridden share", "share"),
    Column("ignored"),
    Column("may still be answered"),
)


def _fates(row: TopicRow) -> tuple[Cell, ...]:
    shares = share(row.accepted, row.shown), share(row.overridden, row.shown)
    return (row.shown, row.accepted, shares[0], row.overridden, shares[1], row.ignored, row.pending)


def _cards(figures: Figures, words: Words, *, rated: bool) -> InsightTable:
    columns = (
        Column("card", "text"),
        *_FATES,
        Column("per 100 calls", "rate"),
        Column("median time to answer", "seconds"),
        Column("would have been shown"),
    )
    rows = tuple(
        (
            words.topic(row.topic),
            *_fates(row),
            row.shown_per_100_calls if rated else None,
            row.median_seconds,
            row.would_have_been_shown,
        )
        for row in figures.cards
    )
    return InsightTable("cards", "Card by card", columns, rows, words.links)


def _weeks(figures: Figures, *, rated: bool) -> InsightTable:
    columns = (
        Column("week of", "text"),
        Column("calls answered"),
        Column("share without card", "share"),
        Column("cards per 100 calls", "rate"),
        *_FATES,
        Column("would have been shown"),
    )
    fates = {row.week: row for row in figures.weeks}
    asked = {row.week: row for row in figures.weeks_of_calls}
    rows = []
    for week in sorted({*fates, *asked} - {None}, key=str, reverse=True):
        calls, cards = asked.get(week), fates.get(week)
        per_100 = 100 * cards.shown / calls.answered if rated and cards and calls and calls.answered else None
        rows.append(
            (
                str(week),
                calls.answered if calls else 0,
                calls.share_without_card if calls else None,
                per_100,
                *(_fates(cards) if cards else (0, 0, None, 0, None, 0, 0)),
                cards.would_have_been_shown if cards else 0,
            )
        )
    return InsightTable("weeks", "Week by week", columns, tuple(rows), {})


def reasons_given(figures: Figures, words: Words) -> list[tuple[str, int]]:
    """Why cards were overridden, the most frequent reason first."""
    given = figures.total.reasons if figures.total else {}
    return sorted(((words.reason(code), times) for code, times in given.items()), key=lambda pair: (-pair[1], pair[0]))


def _reasons(figures: Figures, words: Words) -> InsightTable:
    columns = (
        Column("card", "text"),
        Column("reason", "text"),
        Column("times"),
        Column("share of overridden", "share"),
    )
    rows = tuple(
        (words.topic(row.topic), words.reason(code), times, share(times, row.overridden))
        for row in figures.cards
        for code, times in sorted(row.reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    )
    return InsightTable("reasons", "Why cards were overridden", columns, rows, words.links)


def _versions(figures: Figures, asked: Asked, words: Words) -> InsightTable:
    """Two versions beside each other where two were picked, else all of them one below the other."""
    parts = (
        Column("shown"),
        Column("accepted", "share"),
        Column("overridden", "share"),
        Column("time to answer", "seconds"),
    )

    def of(row: TopicRow | None) -> tuple[Cell, ...]:
        if row is None:
            return (0, None, None, None)
        return (row.shown, share(row.accepted, row.shown), share(row.overridden, row.shown), row.median_seconds)

    if not (asked.version and asked.against):
        listed = (Column("card", "text"), Column("knowledge version", "text"), *parts)
        rows = tuple((words.topic(row.topic), row.knowledge_version, *of(row)) for row in figures.versions)
        return InsightTable("versions", "By knowledge version", listed, rows, words.links)
    by = {(row.topic, row.knowledge_version): row for row in figures.versions}
    pair = (asked.version, asked.against)
    topics = sorted({str(topic) for topic, version in by if version in pair}, key=words.topic)
    columns = (
        Column("card", "text"),
        *(Column(f"{part.name} ({short(version)})", part.unit) for version in pair for part in parts),
    )
    rows = tuple((words.topic(topic), *of(by.get((topic, pair[0]))), *of(by.get((topic, pair[1])))) for topic in topics)
    return InsightTable("versions", f"{short(pair[0])} beside {short(pair[1])}", columns, rows, words.links)


def short(version: str) -> str:
    """A version with the first digits of its digest."""
    number, _, digest = version.partition("+")
    return f"{number}+{digest[:5]}" if digest else number


def _changes(figures: Figures) -> InsightTable:
    columns = tuple(Column(name, "text") for name in ("number", "at", "for", "what", "value", "by", "reason"))
    rows = tuple(
        (
            str(number),
            f"{change.at:%Y-%m-%d %H:%M}",
            change.client or "all clients",
            change.what,
            change.value or "as before",
            change.by,
            change.reason,
        )
        for number, change in enumerate(figures.changes, 1)
    )
    return InsightTable("changes", "What the site changed", columns, rows, {})


def shown_as(cell: Cell, unit: str) -> str:
    """One cell as a person reads it."""
    if cell is None:
        return "–"
    ways: Mapping[str, Callable[[Cell], str]] = {
        "share": lambda one: f"{float(one or 0):.0%}",
        "rate": lambda one: f"{float(one or 0):.1f}",
        "seconds": lambda one: duration(float(one or 0)),
        "count": lambda one: f"{int(one or 0):,}",
    }
    return ways[unit](cell) if unit in ways else str(cell)


def duration(seconds: float) -> str:
    """Whole seconds, minutes or hours, whichever says it shortest."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"

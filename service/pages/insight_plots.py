"""Figures of the store as plots."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from service.pages.figures import BarsFigure, Figure, Mark, Share, WeeksFigure
from service.pages.figures_asked import Asked
from service.pages.figures_found import Figures
from service.pages.insight_tables import Words, reasons_given, share
from service.store import TopicRow

PLOTS = ("cards", "weeks", "reasons", "versions")
_SERIES = ("accepted", "overridden", "ignored", "may still be answered")
_ROWS_AT_MOST, _REASONS_AT_MOST, _MARKS_AT_MOST = 24, 10, 20
_LONGEST = 34


def plot(name: str, figures: Figures, asked: Asked, words: Words) -> Figure | None:
    """The plot of that name; None where there is no such plot or nothing to show."""
    if name == "weeks":
        return _weeks(figures, rated=not asked.only_version)
    makers: Mapping[str, Callable[[], tuple[Share, ...]]] = {
        "cards": lambda: _cards(figures, words),
        "reasons": lambda: _reasons(figures, words),
        "versions": lambda: _versions(figures, asked, words),
    }
    rows = makers[name]() if name in makers else ()
    if not rows:
        return None
    return BarsFigure(series=("times",) if name == "reasons" else _fates_of(rows), rows=rows, axis="")


def _fates_of(rows: tuple[Share, ...]) -> tuple[str, ...]:
    """Without the last one where nothing waits for an answer."""
    return _SERIES if any(row.values[-1] for row in rows) else _SERIES[:-1]


def _versions(figures: Figures, asked: Asked, words: Words) -> tuple[Share, ...]:
    """For each card both versions, one below the other, as shares of what was shown."""
    pair = (asked.version, asked.against)
    if not all(pair):
        return ()
    by = {(row.topic, row.knowledge_version): row for row in figures.versions if row.shown}
    topics = sorted({str(topic) for topic, version in by if version in pair}, key=words.topic)
    found = [(topic, version, by.get((topic, version))) for topic in topics for version in pair]
    return tuple(
        Share(
            text=f"{_short(words.topic(topic), 24)}, {version.partition('+')[0]}",
            values=tuple(100 * fate / row.shown for fate in _fates(row)) if row else (0.0,) * len(_SERIES),
            note=_note(row) if row else "none",
        )
        for topic, version, row in found
    )


def _cards(figures: Figures, words: Words) -> tuple[Share, ...]:
    shown = [row for row in figures.cards if row.shown][:_ROWS_AT_MOST]
    return tuple(Share(text=_short(words.topic(row.topic)), values=_fates(row), note=_note(row)) for row in shown)


def _fates(row: TopicRow) -> tuple[float, ...]:
    return (row.accepted, row.overridden, row.ignored, row.pending)


def _note(row: TopicRow) -> str:
    return f"{row.shown:,} · {share(row.accepted, row.shown) or 0:.0%}"


def _reasons(figures: Figures, words: Words) -> tuple[Share, ...]:
    given = reasons_given(figures, words)[:_REASONS_AT_MOST]
    return tuple(Share(text=_short(reason), values=(times,), note=f"{times:,}") for reason, times in given)


def _weeks(figures: Figures, *, rated: bool) -> WeeksFigure | None:
    """Every week between the first and the last with a call, empty ones too; calls are not counted by version."""
    fates = {row.week: row for row in figures.weeks if row.week}
    calls = {row.week: row for row in figures.weeks_of_calls if row.week}
    known = sorted({*fates, *calls} - {None})
    if not known or known[0] is None or known[-1] is None:
        return None
    weeks = [known[0] + timedelta(weeks=number) for number in range((known[-1] - known[0]).days // 7 + 1)]
    rates: list[float | None] = []
    for week in weeks:
        row, asked = fates.get(week), calls.get(week)
        rates.append(100 * (row.shown if row else 0) / asked.answered if asked and asked.answered else None)
    waits = any(row.pending for row in figures.weeks)
    return WeeksFigure(
        series=_SERIES if waits else _SERIES[:-1],
        weeks=tuple(weeks),
        values=tuple(_fates(fates[week]) if week in fates else (0.0,) * len(_SERIES) for week in weeks),
        axis="Cards shown",
        rate=tuple(rates) if rated else (),
        rate_text="Cards per 100 calls",
        marks=tuple(Mark(on=change.at.date(), text=change.what) for change in figures.changes[:_MARKS_AT_MOST]),
    )


def _short(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"

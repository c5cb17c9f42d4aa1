"""A patient's history as a figure, the words that say the same, and the table beside it."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from cards import Course, History, Knowledge, Lab, PastResult, Threshold
from service.pages.figures import Band, Bar, Line, Point, Strip, TimelineFigure

_TITLES = {Lab.FERRITIN: "Ferritin", Lab.TSAT: "Transferrin saturation"}
_KINDS = {"iron": "iron", "treats RLS": "treats", "may worsen RLS": "worsens"}
# A plot of hundreds of lanes is none; the table has all of them.
_BARS_AT_MOST = 12


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a result, an infusion or a course."""

    when: str
    what: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class Shown:
    """`said` is what the plot shows, in words."""

    figure: TimelineFigure
    said: str
    rows: tuple[Row, ...]
    population: str


def timeline(history: History, knowledge: Knowledge) -> Shown:
    """All that the page needs. Names of bands and tables are the knowledge's own."""
    units = {Lab(name): test.canonical_unit for name, test in knowledge.labs.tests.items()}
    strips = tuple(_strip(lab, history, units[lab]) for lab in _TITLES)
    bars = tuple(
        Bar(text=_names(course), kind=_KINDS[course.kind], start=course.started, end=course.ended)
        for course in _ordered(history.courses)
    )
    figure = TimelineFigure(
        on=history.on, since=history.since, strips=strips, infusions=history.infusions, bars=bars[:_BARS_AT_MOST]
    )
    population = history.population.replace("_", " ")
    return Shown(figure, _said(history, population), tuple(_rows(history)), population)


def _strip(lab: Lab, history: History, unit: str) -> Strip:
    edges = [edge for edge in history.thresholds if edge.lab is lab]
    return Strip(
        title=_TITLES[lab],
        unit=unit,
        points=tuple(
            Point(
                on=one.on,
                value=float(one.value),
                text=one.text.removesuffix(unit).strip(),
                counts=one.why is None,
                decides=one.decides,
            )
            for one in history.results
            if one.lab is lab
        ),
        lines=tuple(Line(value=float(edge.limit), text=f"{edge.limit:f} {edge.unit}") for edge in edges),
        bands=tuple(_bands(edges)),
    )


def _bands(edges: list[Threshold]) -> Iterable[Band]:
    below: Decimal | None = None
    for edge in edges:
        yield Band(text=_words(edge.below), low=_float(below), high=float(edge.limit))
        below = edge.limit
    if edges:
        yield Band(text=_words(edges[-1].above), low=_float(below), high=None)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _ordered(courses: tuple[Course, ...]) -> list[Course]:
    """Iron first, then what treats, then what may worsen; the latest first within each."""
    order = list(_KINDS)
    by_start = sorted(courses, key=lambda course: course.started.toordinal() if course.started else 0, reverse=True)
    return sorted(by_start, key=lambda course: order.index(course.kind))


def _names(course: Course) -> str:
    return ", ".join(course.names)[:40]


def _said(history: History, population: str) -> str:
    """What a person who does not see the plot should know of it."""
    parts = []
    for lab, title in _TITLES.items():
        results = [one for one in history.results if one.lab is lab]
        edges = ", ".join(f"{edge.limit:f} {edge.unit}" for edge in history.thresholds if edge.lab is lab)
        if results:
            told = f"{title}: {len(results)} result{'s' if len(results) > 1 else ''}, the last {_result(results[-1])}"
        else:
            told = f"{title}: no result"
        parts.append(told + (f"; thresholds at {edges}." if edges else "."))
    if history.infusions:
        parts.append(f"Iron infusions: {', '.join(day.isoformat() for day in history.infusions)}.")
    parts += [f"{_names(course)} ({course.kind}): {_when(course)}." for course in _ordered(history.courses)]
    applies = (
        f"The decision table for: {population}." if population else "No threshold applies: no active RLS is on record."
    )
    return " ".join([*parts, applies])


def _result(result: PastResult) -> str:
    return f"{result.text} on {result.on.isoformat()}"


def _when(course: Course) -> str:
    started = course.started.isoformat() if course.started else "an unknown day"
    return f"from {started} to {course.ended.isoformat()}" if course.ended else f"since {started}"


def _rows(history: History) -> Iterable[Row]:
    for result in reversed(history.results):
        note = "decides" if result.decides else (f"does not count: {result.why}" if result.why else "")
        yield Row(result.on.isoformat(), _TITLES[result.lab], result.text, note)
    for day in history.infusions:
        yield Row(day.isoformat(), "Iron infusion", "", "")
    for course in _ordered(history.courses):
        yield Row(_when(course), _names(course).capitalize(), "", course.kind)

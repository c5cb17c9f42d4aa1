"""What the drawing process is asked to draw: numbers, days and words, nothing else."""

from datetime import date

import msgspec


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a figure."""


class Point(_Part, frozen=True):
    """One result. A hollow point does not count; the ringed one decides."""

    on: date
    value: float
    text: str
    counts: bool
    decides: bool


class Line(_Part, frozen=True):
    """A threshold across the plot."""

    value: float
    text: str


class Band(_Part, frozen=True):
    """The name of the space between two thresholds; an end that is None is open."""

    text: str
    low: float | None
    high: float | None


class Strip(_Part, frozen=True):
    """One laboratory test over time."""

    title: str
    unit: str
    points: tuple[Point, ...]
    lines: tuple[Line, ...] = ()
    bands: tuple[Band, ...] = ()


class Bar(_Part, frozen=True):
    """A treatment from day to day; an end that is None is open. `kind`: iron, treats, worsens."""

    text: str
    kind: str
    start: date | None
    end: date | None


class TimelineFigure(_Part, frozen=True, tag="timeline"):
    """Laboratory results above, treatments below, on one axis of time that ends today."""

    on: date
    since: date | None
    strips: tuple[Strip, ...]
    infusions: tuple[date, ...] = ()
    bars: tuple[Bar, ...] = ()


class Share(_Part, frozen=True):
    """One row of stacked bars; the values belong to the figure's series."""

    text: str
    values: tuple[float, ...]
    note: str = ""


class BarsFigure(_Part, frozen=True, tag="bars"):
    """Stacked horizontal bars, the first row on top. `series` names the parts; a part's name stands on its first bar."""

    series: tuple[str, ...]
    rows: tuple[Share, ...]
    axis: str


class Mark(_Part, frozen=True):
    """Something that changed on a day."""

    on: date
    text: str


class WeeksFigure(_Part, frozen=True, tag="weeks"):
    """Stacked columns by week, and a line of its own above them."""

    series: tuple[str, ...]
    weeks: tuple[date, ...]
    values: tuple[tuple[float, ...], ...]
    axis: str
    rate: tuple[float | None, ...] = ()
    rate_text: str = ""
    marks: tuple[Mark, ...] = ()


Figure = TimelineFigure | BarsFigure | WeeksFigure


class Order(_Part, frozen=True):
    """One picture to draw: what, and for light or dark surroundings."""

    figure: Figure
    dark: bool

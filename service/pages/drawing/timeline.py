"""Iron over time: a strip for each test with its thresholds, and below it the treatments on the same axis."""

from datetime import timedelta

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from service.pages.drawing.theme import HATCH, NORMAL, SMALL, STRONG, Theme
from service.pages.drawing.time_axis import calendar, number
from service.pages.figures import Bar, Strip, TimelineFigure

# Inches.
_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 5.9, 0.38, 1.12, 0.3, 0.3
_STRIP, _GAP, _LANE = 1.42, 0.42, 0.25
_SHORTEST = timedelta(days=400)
_MANY = 14


def draw_timeline(figure: TimelineFigure, theme: Theme) -> Canvas:
    """As high as its strips and treatments need."""
    lanes = _lanes(figure)
    below = _GAP * 0.7 + _LANE * len(lanes) if lanes else 0.0
    height = _TOP + (_STRIP + _GAP) * len(figure.strips) - _GAP + below + _BOTTOM
    canvas = Canvas(figsize=(_WIDTH, height))
    span = _span(figure)
    top = height - _TOP
    for strip in figure.strips:
        axes = _axes(canvas, top - _STRIP, _STRIP, height, span)
        _strip(axes, strip, figure, theme)
        top -= _STRIP + _GAP
    if lanes:
        axes = _axes(canvas, _BOTTOM, _LANE * len(lanes), height, span)
        _treatments(axes, lanes, figure, span, theme)
    calendar(canvas.axes[-1])
    canvas.axes[-1].spines["bottom"].set_visible(True)
    for axes in canvas.axes[:-1]:
        axes.tick_params(axis="x", bottom=False, labelbottom=False)
    return canvas


def _axes(canvas: Canvas, bottom: float, high: float, height: float, span: tuple[float, float]) -> Axes:
    wide = (_WIDTH - _LEFT - _RIGHT) / _WIDTH
    axes = canvas.add_axes((_LEFT / _WIDTH, bottom / height, wide, high / height))
    axes.set_xlim(*span)
    return axes


def _span(figure: TimelineFigure) -> tuple[float, float]:
    """From a little before the first thing that is shown, at least a good year, to a little after today."""
    days = [point.on for strip in figure.strips for point in strip.points]
    days += [*figure.infusions, *(day for bar in figure.bars for day in (bar.start, bar.end) if day)]
    first = min([*days, figure.on - _SHORTEST])
    last = max([*days, figure.on])
    room = max((last - first).days * 0.03, 10)
    return number(first) - room, number(last) + room


def _strip(axes: Axes, strip: Strip, figure: TimelineFigure, theme: Theme) -> None:
    top = _ceiling(strip)
    axes.set_ylim(0, top)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.grid(visible=True, axis="y")
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_visible(False)
    title = f"{strip.title}"
    axes.text(0, 1.05, title, transform=axes.transAxes, fontsize=STRONG, fontweight="bold", va="bottom")
    axes.text(1, 1.05, strip.unit, transform=axes.transAxes, color=theme.soft, fontsize=SMALL, va="bottom", ha="right")
    _too_old(axes, figure, theme)
    for line in strip.lines:
        if line.value <= top:
            axes.axhline(line.value, color=theme.limit, linewidth=1.2, dashes=(4, 2.5), zorder=2)
            _beside(axes, line.value, line.text, theme.limit, bold=True)
    for band in strip.bands:
        low, high = band.low or 0.0, min(band.high if band.high is not None else top, top)
        # A name needs as much room as its letters are high.
        if high - low > top * 0.2:
            _beside(axes, (low + high) / 2, band.text, theme.soft, bold=False)
    for day in figure.infusions:
        axes.axvline(number(day), color=theme.iron, linewidth=1.2, dashes=(1, 2), zorder=1)
    _today(axes, figure, theme)
    _points(axes, strip, theme)


def _ceiling(strip: Strip) -> float:
    """Room for every result and for the first threshold, and a little more for the labels."""
    values = [point.value for point in strip.points]
    lowest = min((line.value for line in strip.lines), default=0.0)
    return max([*(value * 1.22 for value in values), lowest * 1.55, 10.0])


def _too_old(axes: Axes, figure: TimelineFigure, theme: Theme) -> None:
    left, right = axes.get_xlim()
    if figure.since and number(figure.since) > left:
        axes.axvspan(left, number(figure.since), color=theme.pale, alpha=0.16, linewidth=0, zorder=0)
        # The title of the strip stands to the left.
        if number(figure.since) < left + 0.55 * (right - left):
            return
        where = (number(figure.since), 1.05)
        axes.annotate(
            "too old to count",
            where,
            xycoords=("data", "axes fraction"),
            ha="right",
            va="bottom",
            fontsize=SMALL,
            color=theme.soft,
        )


def _today(axes: Axes, figure: TimelineFigure, theme: Theme) -> None:
    axes.axvline(number(figure.on), color=theme.soft, linewidth=0.8, zorder=1)


def _points(axes: Axes, strip: Strip, theme: Theme) -> None:
    points = sorted(strip.points, key=lambda point: point.on)
    axes.plot(
        [number(one.on) for one in points], [one.value for one in points], color=theme.data, linewidth=1.4, zorder=3
    )
    told = points if len(points) <= _MANY else [one for one in points if one.decides] + points[-1:]
    for point in points:
        face = theme.data if point.counts else theme.ground
        axes.plot(
            number(point.on), point.value, marker="o", markersize=5.5, color=theme.data, markerfacecolor=face, zorder=4
        )
        if point.decides:
            axes.plot(
                number(point.on),
                point.value,
                marker="o",
                markersize=11,
                color=theme.data,
                markerfacecolor="none",
                zorder=4,
            )
    for point in told:
        weight = "bold" if point.decides else "normal"
        color = theme.text if point.counts else theme.soft
        axes.annotate(
            point.text,
            (number(point.on), point.value),
            xytext=(0, 9 if point.decides else 7),
            textcoords="offset points",
            ha="center",
            fontsize=NORMAL if point.decides else SMALL,
            fontweight=weight,
            color=color,
            zorder=5,
            bbox={"facecolor": theme.ground, "alpha": 0.75, "linewidth": 0, "pad": 0.6},
        )


def _beside(axes: Axes, value: float, text: str, color: str, *, bold: bool) -> None:
    axes.annotate(
        text,
        (1, value),
        xycoords=("axes fraction", "data"),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        fontsize=SMALL,
        color=color,
        fontweight="bold" if bold else "normal",
        annotation_clip=False,
    )


def _lanes(figure: TimelineFigure) -> list[tuple[str, list[Bar]]]:
    """Treatments of one name share a lane; iron comes first."""
    lanes: dict[str, list[Bar]] = {"iron infusion": []} if figure.infusions else {}
    for bar in sorted(figure.bars, key=lambda bar: (("iron", "treats", "worsens").index(bar.kind), bar.text)):
        lanes.setdefault(bar.text, []).append(bar)
    return list(lanes.items())


def _treatments(
    axes: Axes,
    lanes: list[tuple[str, list[Bar]]],
    figure: TimelineFigure,
    span: tuple[float, float],
    theme: Theme,
) -> None:
    axes.set_ylim(len(lanes) - 0.5, -0.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    _today(axes, figure, theme)
    colors = {"iron": theme.iron, "treats": theme.treats, "worsens": theme.worsens}
    for lane, (name, bars) in enumerate(lanes):
        for bar in bars:
            start = number(bar.start) if bar.start else span[0]
            end = number(bar.end) if bar.end else number(figure.on)
            axes.barh(
                lane,
                max(end - start, 2),
                left=start,
                height=0.56,
                color=colors[bar.kind],
                hatch=HATCH[bar.kind],
                linewidth=0,
            )
        kind = bars[0].kind if bars else "iron"
        if not bars:
            days = [number(day) for day in figure.infusions]
            axes.plot(days, [lane] * len(days), marker="D", markersize=6.5, linestyle="none", color=theme.iron)
        _beside(axes, lane, name, colors[kind], bold=True)

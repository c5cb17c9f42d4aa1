"""Stacked columns week by week, with a line of a rate above them and marks where something changed."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from service.pages.drawing.bars import HATCHES, colors_of
from service.pages.drawing.theme import SMALL, STRONG, Theme
from service.pages.drawing.time_axis import calendar, number
from service.pages.figures import WeeksFigure

_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 6.6, 0.42, 0.5, 0.34, 0.3
_RATE, _GAP, _COLUMNS = 0.8, 0.48, 1.5
_WEEK = 7


def draw_weeks(figure: WeeksFigure, theme: Theme) -> Canvas:
    """Columns below; the rate, where there is one, in a strip of its own above."""
    rate = _RATE + _GAP if figure.rate else 0.0
    height = _TOP + rate + _COLUMNS + _BOTTOM
    canvas = Canvas(figsize=(_WIDTH, height))
    wide = (_WIDTH - _LEFT - _RIGHT) / _WIDTH
    if figure.rate:
        _rate(canvas.add_axes((_LEFT / _WIDTH, 1 - (_TOP + _RATE) / height, wide, _RATE / height)), figure, theme)
    axes = canvas.add_axes((_LEFT / _WIDTH, _BOTTOM / height, wide, _COLUMNS / height))
    _columns(axes, figure, theme)
    for one in canvas.axes:
        _marks(one, figure, theme, named=one is canvas.axes[0])
    return canvas


def _plain(axes: Axes, figure: WeeksFigure, title: str) -> None:
    axes.set_xlim(number(figure.weeks[0]) - 5, number(figure.weeks[-1]) + 5 + _WEEK)
    axes.grid(visible=True, axis="y")
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.tick_params(labelsize=SMALL)
    axes.text(0, 1.06, title, transform=axes.transAxes, fontsize=STRONG, fontweight="bold", va="bottom")


def _rate(axes: Axes, figure: WeeksFigure, theme: Theme) -> None:
    _plain(axes, figure, figure.rate_text)
    known = [(week, rate) for week, rate in zip(figure.weeks, figure.rate, strict=True) if rate is not None]
    axes.plot([number(week) + 3.5 for week, _ in known], [rate for _, rate in known], color=theme.data, linewidth=1.8)
    axes.set_ylim(0, max([rate for _, rate in known], default=1) * 1.25 or 1)
    axes.tick_params(axis="x", bottom=False, labelbottom=False)
    if known:
        week, rate = known[-1]
        axes.plot(number(week) + 3.5, rate, marker="o", markersize=5, color=theme.data)
        axes.annotate(
            f"{rate:.1f}",
            (number(week) + 3.5, rate),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            color=theme.data,
            fontweight="bold",
            fontsize=SMALL,
            annotation_clip=False,
        )


def _columns(axes: Axes, figure: WeeksFigure, theme: Theme) -> None:
    _plain(axes, figure, figure.axis)
    places = [number(week) for week in figure.weeks]
    bottoms = [0.0] * len(places)
    for part, name in enumerate(figure.series):
        values = [week[part] for week in figure.values]
        axes.bar(
            places,
            values,
            bottom=bottoms,
            width=_WEEK * 0.82,
            align="edge",
            color=colors_of(theme)[part],
            hatch=HATCHES[part],
            edgecolor=theme.ground,
            linewidth=0.6,
            label=name,
        )
        bottoms = [below + value for below, value in zip(bottoms, values, strict=True)]
    axes.set_ylim(0, max(bottoms, default=1) * 1.12 or 1)
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.02),
        ncols=len(figure.series),
        frameon=False,
        fontsize=SMALL,
        labelcolor=theme.soft,
        handlelength=1.1,
        handleheight=0.9,
        columnspacing=1.2,
        borderpad=0,
    )
    calendar(axes)


def _marks(axes: Axes, figure: WeeksFigure, theme: Theme, *, named: bool) -> None:
    """A line for each change; its number leads to the list below the plot."""
    for place, mark in enumerate(figure.marks, 1):
        axes.axvline(number(mark.on), color=theme.worsens, linewidth=1.1, dashes=(3, 2))
        if named:
            axes.annotate(
                str(place),
                (number(mark.on), 1),
                xycoords=("data", "axes fraction"),
                xytext=(3, -2),
                textcoords="offset points",
                va="top",
                fontsize=SMALL,
                color=theme.worsens,
                fontweight="bold",
            )

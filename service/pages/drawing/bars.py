"""Stacked horizontal bars with their numbers and names on them."""

from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from service.pages.drawing.theme import NORMAL, SMALL, Theme
from service.pages.figures import BarsFigure

_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM, _ROW = 6.6, 2.2, 0.85, 0.34, 0.1, 0.3
_Place = tuple[float, float]
HATCHES = (None, "////", "....", "xx")


def colors_of(theme: Theme) -> tuple[str, ...]:
    """The colours of the parts, in the order of a figure's series."""
    return (theme.data, theme.limit, theme.pale, theme.soft)


def draw_bars(figure: BarsFigure, theme: Theme) -> Canvas:
    """As high as it has rows."""
    head = _TOP if len(figure.series) > 1 else _BOTTOM
    height = head + _BOTTOM + _ROW * max(len(figure.rows), 1)
    canvas = Canvas(figsize=(_WIDTH, height))
    axes = canvas.add_axes(
        (_LEFT / _WIDTH, _BOTTOM / height, (_WIDTH - _LEFT - _RIGHT) / _WIDTH, (height - head - _BOTTOM) / height)
    )
    most = max((sum(row.values) for row in figure.rows), default=1) or 1
    axes.set_xlim(0, most)
    axes.set_ylim(len(figure.rows) - 0.5, -0.5)
    axes.axis("off")
    for place, row in enumerate(figure.rows):
        _text(axes, (0, place), (-8, 0), row.text, theme.text, NORMAL, ha="right")
        left = 0.0
        for part, value in enumerate(row.values):
            axes.barh(
                place,
                value,
                left=left,
                height=0.62,
                color=colors_of(theme)[part],
                hatch=HATCHES[part],
                edgecolor=theme.ground,
                linewidth=0.8,
            )
            left += value
        _text(axes, (left, place), (6, 0), row.note or f"{left:g}", theme.soft, SMALL, ha="left")
    if len(figure.series) > 1:
        _key(canvas, figure, theme, height)
    return canvas


def _key(canvas: Canvas, figure: BarsFigure, theme: Theme, height: float) -> None:
    """The names of the parts in a row above the bars, each beside a piece of its bar."""
    axes = canvas.add_axes((_LEFT / _WIDTH, 1 - _TOP / height, (_WIDTH - _LEFT) / _WIDTH, _TOP / height))
    axes.set_xlim(0, (_WIDTH - _LEFT) * 72)
    axes.set_ylim(0, _TOP * 72)
    axes.axis("off")
    left = 0.0
    for part, name in enumerate(figure.series):
        axes.barh(
            15,
            11,
            left=left,
            height=9,
            color=colors_of(theme)[part],
            hatch=HATCHES[part],
            edgecolor=theme.ground,
            linewidth=0.8,
        )
        axes.text(left + 16, 15, name, va="center", fontsize=SMALL, color=theme.soft)
        left += 30 + len(name) * 5.4


def _text(
    axes: Axes,
    at: tuple[float, float],
    off: tuple[float, float],
    text: str,
    color: str,
    size: float,
    *,
    ha: Literal["left", "right"],
) -> None:
    axes.annotate(
        text,
        at,
        xytext=off,
        textcoords="offset points",
        va="center",
        ha=ha,
        color=color,
        fontsize=size,
        annotation_clip=False,
    )

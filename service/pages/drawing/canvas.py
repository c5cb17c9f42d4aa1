"""A figure to SVG text that is the same every time: fonts of the reader's system, no date, no random ids."""

import re
from io import BytesIO
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas

from service.pages.drawing.bars import draw_bars
from service.pages.drawing.theme import DARK, LIGHT, NORMAL, Theme
from service.pages.drawing.timeline import draw_timeline
from service.pages.drawing.weeks import draw_weeks
from service.pages.figures import BarsFigure, Order, TimelineFigure

# Text stays text, measured with the library's own wide font: in the reader's narrower one everything still fits.
_FONTS = re.compile(rb"font:([^;\"]*?)(\d[\d.]*px) [^;\"]*")
_FAMILY = rb"font:\g<1>\g<2> system-ui, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"
_NO_DATE = {"Date": None, "Creator": None, "Format": None, "Type": None}


def draw(order: Order) -> bytes:
    """The picture as UTF-8."""
    theme = DARK if order.dark else LIGHT
    with mpl.rc_context(_settings(theme)):
        canvas = _drawn(order, theme)
        out = BytesIO()
        canvas.savefig(out, format="svg", metadata=_NO_DATE, transparent=True)
    return _FONTS.sub(_FAMILY, out.getvalue())


def _drawn(order: Order, theme: Theme) -> Canvas:
    if isinstance(order.figure, TimelineFigure):
        return draw_timeline(order.figure, theme)
    return draw_bars(order.figure, theme) if isinstance(order.figure, BarsFigure) else draw_weeks(order.figure, theme)


def _settings(theme: Theme) -> dict[Any, Any]:
    return {
        "svg.fonttype": "none",
        "svg.hashsalt": "rls-cds",
        # A dollar sign in a name is a dollar sign.
        "text.parse_math": False,
        "font.size": NORMAL,
        "text.color": theme.text,
        "axes.labelcolor": theme.soft,
        "axes.edgecolor": theme.pale,
        "axes.facecolor": "none",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.8,
        "xtick.color": theme.soft,
        "ytick.color": theme.soft,
        "xtick.major.size": 3,
        "ytick.major.size": 0,
        "grid.color": theme.grid,
        "grid.linewidth": 0.8,
        "hatch.linewidth": 1.1,
        "hatch.color": theme.ground,
    }

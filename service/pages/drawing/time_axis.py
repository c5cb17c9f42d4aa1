"""The axis of time of all plots: days as numbers, and a calendar below."""

from datetime import date

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num

from service.pages.drawing.theme import SMALL


def number(day: date) -> float:
    """A day as the library counts it."""
    return float(date2num(day))  # type: ignore[no-untyped-call]  # the library's dates have no types


def calendar(axes: Axes) -> None:
    """Ticks at whole months or years, as few as say it."""
    locator = AutoDateLocator(minticks=3, maxticks=9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))  # type: ignore[no-untyped-call]
    axes.tick_params(axis="x", labelsize=SMALL)

"""FHIR dates, as partial as they come, to calendar days and instants in the site's time zone."""

import re
from calendar import monthrange
from datetime import date, datetime, time, tzinfo
from typing import NamedTuple

_PARTIAL = re.compile(r"(\d{4})(?:-(\d{2}))?$")
# A year and a month, and the line end that `$` allows.
_LONGEST_PARTIAL = 8
_DATE_ALONE = len("2026-11-20")


class Moment(NamedTuple):
    """The days that a date may mean (one, unless it is partial) and its earliest instant, in the site's zone."""

    first: date
    last: date
    at: datetime


def moment(text: str | None, zone: tzinfo) -> Moment | None:
    """A FHIR date, dateTime or instant; None where it is absent or no date."""
    if not text:
        return None
    try:
        partial = _partial(text, zone) if len(text) <= _LONGEST_PARTIAL else None
        if partial:
            return partial
        at = datetime.fromisoformat(text)
        if at.tzinfo is None or len(text) <= _DATE_ALONE:
            at = at.replace(tzinfo=zone)
        elif at.tzinfo is not zone:
            at = at.astimezone(zone)
    except (ValueError, OverflowError):
        return None
    on = at.date()
    return Moment(on, on, at)


def _partial(text: str, zone: tzinfo) -> Moment | None:
    match = _PARTIAL.match(text)
    if not match:
        return None
    year, month = int(match[1]), match[2]
    first = date(year, int(month or 1), 1)
    last = date(year, int(month or 12), monthrange(year, int(month or 12))[1])
    return Moment(first, last, datetime.combine(first, time.min, zone))


def day(text: str | None, zone: tzinfo) -> date | None:
    """The earliest calendar day of a date."""
    if not text:
        return None
    if len(text) == _DATE_ALONE and text[4] == "-":
        # The shape of nearly all: no time, so no zone can move it to another day.
        try:
            return date.fromisoformat(text)
        except ValueError:
            return None
    found = moment(text, zone)
    return found.first if found else None

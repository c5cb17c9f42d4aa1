"""FHIR dates, as partial as they come, to calendar days and instants in the site's time zone."""

import re
from calendar import monthrange
from datetime import date, datetime, time, tzinfo
from typing import NamedTuple

_PARTIAL = re.compile(r"(\d{4})(?:-(\d{2}))?$")
# A year and a month, and the line end that `$` allows.
_LONGEST_PARTIAL = 8


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
        return (_partial(text, zone) if len(text) <= _LONGEST_PARTIAL else None) or _whole(text, zone)
    except (ValueError, OverflowError):
        return None


def _partial(text: str, zone: tzinfo) -> Moment | None:
    match = _PARTIAL.match(text)
    if not match:
        return None
    year, month = int(match[1]), match[2]
    first = date(year, int(month or 1), 1)
    last = date(year, int(month or 12), monthrange(year, int(month or 12))[1])
    return Moment(first, last, datetime.combine(first, time.min, zone))


def _whole(text: str, zone: tzinfo) -> Moment:
    at = datetime.fromisoformat(text)
    has_offset = len(text) > len("2026-11-20") and at.tzinfo is not None
    if not has_offset:
        at = at.replace(tzinfo=zone)
    elif at.tzinfo is not zone:
        at = at.astimezone(zone)
    on = at.date()
    return Moment(on, on, at)


def day(text: str | None, zone: tzinfo) -> date | None:
    """The earliest calendar day of a date."""
    found = moment(text, zone)
    return found.first if found else None

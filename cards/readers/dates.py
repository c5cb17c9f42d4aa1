"""FHIR dates, as partial as they come, to calendar days and instants in the site's time zone."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo

_PARTIAL = re.compile(r"(\d{4})(?:-(\d{2}))?$")


@dataclass(frozen=True, slots=True)
class Moment:
    """The days that a date may mean (one, unless it is partial) and its earliest instant, in the site's zone."""

    first: date
    last: date
    at: datetime


def moment(text: str | None, zone: tzinfo) -> Moment | None:
    """A FHIR date, dateTime or instant; None where it is absent or no date."""
    if not text:
        return None
    try:
        return _partial(text, zone) or _whole(text, zone)
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
    at = at.astimezone(zone) if has_offset else at.replace(tzinfo=zone)
    return Moment(at.date(), at.date(), at)


def day(text: str | None, zone: tzinfo) -> date | None:
    """The earliest calendar day of a date."""
    found = moment(text, zone)
    return found.first if found else None


def last_day(text: str | None, zone: tzinfo) -> date | None:
    """The latest calendar day that a date may mean."""
    found = moment(text, zone)
    return found.last if found else None

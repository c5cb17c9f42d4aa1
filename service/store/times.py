"""Times as the store keeps them: whole milliseconds and days since 1970 in UTC, the same in every database."""

from datetime import UTC, date, datetime, timedelta
from functools import cache

DAY_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970 of an aware time."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def moment(ms: int) -> datetime:
    """The UTC time of milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=ms)


def day_number(day: date) -> int:
    """Days since 1970."""
    return day.toordinal() - _EPOCH.toordinal()


@cache
def monday(number: int) -> date:
    """The Monday that begins the ISO week of a day number."""
    day = date.fromordinal(number + _EPOCH.toordinal())
    return day - timedelta(days=day.weekday())

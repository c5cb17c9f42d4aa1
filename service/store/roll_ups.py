"""Each day's showings and answers are added up once, and again when something of the day changed."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, Subquery, func, select, text

from service.store.database import Database
from service.store.schema import feedback, issued, roll_up, sealed, stale_day

_AT_ONCE = 500
_LOCK = 0x524C_5352_4F4C

GROUP = ("topic", "hook", "client", "knowledge_version")
Group = tuple[str, ...]


class _OvertakenError(Exception):
    """Another process made the same day's roll-up meanwhile."""


def refresh(database: Database) -> int:
    """Make the roll-ups of all days that changed since; returns how many were made. Safe in several processes."""
    with database.reading() as connection:
        days = connection.scalars(select(stale_day.c.day).distinct()).all()
    return sum(refresh_day(database, day) for day in sorted(days))


def refresh_day(database: Database, day: int) -> bool:
    """Read the day in one view, then write in a short transaction, so that no writer waits for the adding up.

    The marks seen in the view are taken away with the result. When some of them are gone already, another process
    worked from a view as new or newer: its result stands, and marks made since then call for the next round.
    """
    with database.reading() as connection:
        marks = connection.scalars(select(stale_day.c.id).where(stale_day.c.day == day)).all()
        final = day < (connection.scalar(select(func.max(sealed.c.day))) or 0)
        rows = [] if final else _rows(connection, day)
    try:
        with database.writing(durable=False) as connection:
            if not database.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            _take_marks(connection, list(marks))
            if not final:
                connection.execute(roll_up.delete().where(roll_up.c.day == day))
            if rows:
                connection.execute(roll_up.insert(), rows)
    except _OvertakenError:
        return False
    return True


def _take_marks(connection: Connection, marks: list[int]) -> None:
    for start in range(0, len(marks), _AT_ONCE):
        some = marks[start : start + _AT_ONCE]
        if connection.execute(stale_day.delete().where(stale_day.c.id.in_(some))).rowcount < len(some):
            raise _OvertakenError


def showings(day: int) -> Subquery:
    """The cards of a day, each with its showing's first time and version; `place` 1 stands for the showing.

    A showing is one topic in one hook instance, however many cards of it were issued.
    """
    # The column that differs most comes first, and all share one window: the database sorts once.
    showing = (issued.c.hook_instance, issued.c.topic, issued.c.hook, issued.c.client)
    window: dict[str, Any] = {"partition_by": showing, "order_by": (issued.c.issued_ms, issued.c.card)}
    return (
        select(
            issued.c.card,
            *showing,
            func.first_value(issued.c.knowledge_version).over(**window).label("knowledge_version"),
            func.first_value(issued.c.issued_ms).over(**window).label("first_ms"),
            func.row_number().over(**window).label("place"),
        )
        .where(issued.c.shown_on == day)
        .subquery("showings")
    )


def shown(day: int) -> Select[Any]:
    """How often each group was shown."""
    base = showings(day)
    group = [base.c[name] for name in GROUP]
    return select(*group, func.count().label("shown")).where(base.c.place == 1).group_by(*group)


def _answered(day: int) -> Select[Any]:
    """Answers of a day, last state of each showing, and the time from showing to the first answer."""
    base = showings(day)
    showing = (base.c.hook_instance, base.c.topic, base.c.hook, base.c.client)
    newest_first = (feedback.c.outcome_ms.desc(), feedback.c.id.desc())
    answers = (
        select(
            *(base.c[name] for name in GROUP),
            feedback.c.outcome,
            feedback.c.reasons,
            ((func.min(feedback.c.outcome_ms).over(partition_by=showing) - base.c.first_ms) // 1000).label("seconds"),
            func.row_number().over(partition_by=showing, order_by=newest_first).label("place"),
        )
        .join(feedback, (feedback.c.card == base.c.card) & (feedback.c.client == base.c.client))
        .subquery("answers")
    )
    columns = [column for column in answers.c if column.name != "place"]
    return select(*columns, func.count().label("answers")).where(answers.c.place == 1).group_by(*columns)


def _rows(connection: Connection, day: int) -> list[dict[str, Any]]:
    groups = {_group(row): _Day(row.shown) for row in connection.execute(shown(day))}
    for row in connection.execute(_answered(day)):
        groups[_group(row)].add(row)
    return [
        {"day": day, **dict(zip(GROUP, group, strict=True)), **dict(sums.columns())} for group, sums in groups.items()
    ]


def _group(row: Row[Any]) -> Group:
    return tuple(getattr(row, name) for name in GROUP)


class _Day:
    """The sums of one group on one day."""

    def __init__(self, showings: int) -> None:
        self._shown = showings
        self._outcomes: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._seconds: Counter[int] = Counter()

    def add(self, row: Row[Any]) -> None:
        self._outcomes[row.outcome] += row.answers
        self._seconds[rounded(row.seconds)] += row.answers
        if row.outcome == "overridden":
            for reason in msgspec.json.decode(row.reasons):
                self._reasons[reason] += row.answers

    def columns(self) -> Iterator[tuple[str, Any]]:
        yield "shown", self._shown
        yield "accepted", self._outcomes["accepted"]
        yield "overridden", self._outcomes["overridden"]
        yield "reasons", msgspec.msgpack.encode(self._reasons)
        yield "seconds", msgspec.msgpack.encode(self._seconds)


def rounded(seconds: int) -> int:
    """Three digits are kept: exact below 1000 s, within 0.5 % above. A clock that runs ahead counts as at once."""
    coarse = 1
    while seconds // coarse >= 1000:
        coarse *= 10
    return max(0, (seconds + coarse // 2) // coarse * coarse)

"""How cards fared, from the roll-ups: by topic, hook, client, week and knowledge version."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Row, Select, Table, func, select

from service.store.database import Database
from service.store.records import CallOutcome
from service.store.roll_ups import GROUP, Group, refresh, showings
from service.store.schema import calls, feedback, roll_up, sealed, shadow_roll_up
from service.store.times import DAY_MS, day_number, milliseconds, monday

Dimension = Literal["week", "topic", "hook", "client", "knowledge_version"]
EVERY_DIMENSION: tuple[Dimension, ...] = ("week", "topic", "hook", "client", "knowledge_version")
IGNORED_AFTER = timedelta(days=1)

_Key = tuple[date | str | None, ...]
_reasons = msgspec.msgpack.Decoder(dict[str, int])
_seconds = msgspec.msgpack.Decoder(dict[int, int])


class TopicRow(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one topic. A dimension that was not asked for is None; `week` is its Monday.

    `shown` counts a topic once per hook instance, in the week of its first card, and is the sum of `accepted`,
    `overridden`, `ignored` (no answer in time) and `pending` (may still be answered); the last answer counts. `reasons`
    are those of the overridden. `median_seconds` runs from the first card to the first answer.

    `would_have_been_shown` counts a topic in shadow once per hook instance: it was not shown and is in no other number.
    Both numbers per 100 calls are for the answered calls of the row's week, hook and client, whatever their topic.
    """

    week: date | None
    topic: str | None
    hook: str | None
    client: str | None
    knowledge_version: str | None
    shown: int
    shown_per_100_calls: float | None = None
    would_have_been_shown: int = 0
    would_have_been_shown_per_100_calls: float | None = None
    accepted: int
    overridden: int
    ignored: int
    pending: int
    reasons: dict[str, int]
    median_seconds: float | None


class CallRow(msgspec.Struct, frozen=True, kw_only=True):
    """How much was asked and how much was shown. `answered` calls ended with status 200.

    `without_card` includes `starved`, the calls in which no rule had what it needs, and `only_in_shadow`, those that
    would have had a card, were it not in shadow. `switched_off`, `refused` and `failed` calls are in no share.
    """

    week: date | None
    hook: str | None
    client: str | None
    answered: int
    shown: int
    shown_per_100_calls: float | None
    would_have_been_shown: int = 0
    would_have_been_shown_per_100_calls: float | None = None
    without_card: int
    only_in_shadow: int = 0
    starved: int
    share_without_card: float | None
    switched_off: int = 0
    refused: int
    failed: int


class Statistics(msgspec.Struct, frozen=True):
    """All rows, in the order of their dimensions."""

    topics: tuple[TopicRow, ...]
    calls: tuple[CallRow, ...]


def stats(
    database: Database,
    *,
    by: Iterable[Dimension] = EVERY_DIMENSION,
    since: date | None = None,
    until: date | None = None,
    ignored_after: timedelta = IGNORED_AFTER,
    now: datetime | None = None,
    topic: str | None = None,
    hook: str | None = None,
    client: str | None = None,
    knowledge_version: str | None = None,
    except_client: str | None = None,
) -> Statistics:
    """Bring the roll-ups up to date and add them up. `since` and `until` are UTC days, both included; blocks.

    Calls are counted whatever their topic and knowledge version: both filter the rows of topics alone.
    """
    refresh(database)
    wanted = {"topic": topic, "hook": hook, "client": client, "knowledge_version": knowledge_version}
    span = (day_number(since) if since else None, day_number(until) if until else None)
    dimensions = [name for name in EVERY_DIMENSION if name in set(by)]
    call_dimensions = [name for name in dimensions if name in ("week", "hook", "client")]
    ignored_before = milliseconds((now or datetime.now(UTC)) - ignored_after)
    with database.reading() as connection:
        days = connection.execute(_between(roll_up, span, wanted, except_client)).all()
        waiting = _Waiting(connection, ignored_before)
        counted = connection.execute(_between(calls, span, wanted, except_client)).all()
        hidden = connection.execute(_between(shadow_roll_up, span, wanted, except_client)).all()
    topics: defaultdict[_Key, _Topic] = defaultdict(_Topic)
    shown: Counter[_Key] = Counter()
    topic_key, call_key = _key_of(roll_up, dimensions), _key_of(roll_up, call_dimensions)
    for day in days:
        topics[topic_key(day)].add(day, waiting.pending(day))
        shown[call_key(day)] += day.shown
    in_shadow: Counter[_Key] = Counter()
    topic_key, call_key = _key_of(shadow_roll_up, dimensions), _key_of(shadow_roll_up, call_dimensions)
    for day in hidden:
        topics[topic_key(day)].would_have_been_shown += day.shadowed
        in_shadow[call_key(day)] += day.shadowed
    call_rows = tuple(_call_rows(counted, call_dimensions, shown, in_shadow))
    answered = {tuple(getattr(row, name) for name in call_dimensions): row.answered for row in call_rows}
    rows = []
    for key in sorted(topics, key=_order):
        named: dict[str, Any] = dict(zip(dimensions, key, strict=True))
        rows.append(topics[key].row(named, answered.get(tuple(named[name] for name in call_dimensions), 0)))
    return Statistics(tuple(rows), call_rows)


def _between(
    table: Table, span: tuple[int | None, int | None], wanted: Mapping[str, str | None], except_client: str | None
) -> Select[Any]:
    query = select(table)
    if except_client is not None:
        query = query.where(table.c.client != except_client)
    since, until = span
    if since is not None:
        query = query.where(table.c.day >= since)
    if until is not None:
        query = query.where(table.c.day <= until)
    for name, value in wanted.items():
        if value is not None and name in table.c:
            query = query.where(table.c[name] == value)
    return query


def _key_of(table: Table, dimensions: Iterable[str]) -> Callable[[Sequence[Any]], _Key]:
    """By position: a hundred thousand rows are read for one year, and looking columns up by name is most of it."""
    columns = [column.name for column in table.columns]
    places = [(columns.index("day" if name == "week" else name), name == "week") for name in dimensions]

    def key(row: Sequence[Any]) -> _Key:
        return tuple([monday(row[place]) if is_day else row[place] for place, is_day in places])

    return key


def _order(key: _Key) -> tuple[str, ...]:
    return tuple(str(part) for part in key)


class _Waiting:
    """Which unanswered showings may still be answered: those after the limit, on its own day one by one."""

    def __init__(self, connection: Connection, ignored_before: int) -> None:
        self._day = ignored_before // DAY_MS
        self._from = max(self._day, connection.scalar(select(func.max(sealed.c.day))) or 0)
        self._ignored = _ignored_on(connection, self._day, ignored_before)

    def pending(self, row: Row[Any]) -> int:
        if row.day < self._from:
            return 0
        unanswered: int = row.shown - row.accepted - row.overridden
        if row.day == self._day:
            return max(0, unanswered - self._ignored.get(tuple(getattr(row, name) for name in GROUP), 0))
        return unanswered


def _ignored_on(connection: Connection, day: int, ignored_before: int) -> dict[Group, int]:
    base = showings(day)
    showing = [base.c[name] for name in (*GROUP, "hook_instance")]
    unanswered = (
        select(*showing)
        .join(feedback, (feedback.c.card == base.c.card) & (feedback.c.client == base.c.client), isouter=True)
        .where(base.c.first_ms <= ignored_before)
        .group_by(*showing)
        .having(func.count(feedback.c.id) == 0)
        .subquery("unanswered")
    )
    group = [unanswered.c[name] for name in GROUP]
    counted = connection.execute(select(*group, func.count()).group_by(*group))
    return {tuple(row[:-1]): row[-1] for row in counted}


class _Topic:
    """Adds up the days of one row."""

    def __init__(self) -> None:
        self._shown = self._accepted = self._overridden = self._pending = 0
        self.would_have_been_shown = 0
        self._reasons: defaultdict[str, int] = defaultdict(int)
        self._seconds: defaultdict[int, int] = defaultdict(int)

    def add(self, day: Row[Any], pending: int) -> None:
        self._shown += day.shown
        self._accepted += day.accepted
        self._overridden += day.overridden
        self._pending += pending
        for reason, times in _reasons.decode(day.reasons).items():
            self._reasons[reason] += times
        for seconds, times in _seconds.decode(day.seconds).items():
            self._seconds[seconds] += times

    def row(self, dimensions: Mapping[str, Any], answered: int) -> TopicRow:
        """`answered` calls of the same week, hook and client."""
        return TopicRow(
            week=dimensions.get("week"),
            topic=dimensions.get("topic"),
            hook=dimensions.get("hook"),
            client=dimensions.get("client"),
            knowledge_version=dimensions.get("knowledge_version"),
            shown=self._shown,
            accepted=self._accepted,
            overridden=self._overridden,
            ignored=self._shown - self._accepted - self._overridden - self._pending,
            pending=self._pending,
            reasons=dict(sorted(self._reasons.items())),
            median_seconds=_median(self._seconds),
            would_have_been_shown=self.would_have_been_shown,
            shown_per_100_calls=_per_100(self._shown, answered),
            would_have_been_shown_per_100_calls=_per_100(self.would_have_been_shown, answered),
        )


def _per_100(number: int, answered: int) -> float | None:
    return 100 * number / answered if answered else None


def _median(seconds: Mapping[int, int]) -> float | None:
    """The middle value, or the mean of the two middle ones."""
    if not (total := sum(seconds.values())):
        return None
    passed, low = 0, None
    for value in sorted(seconds):
        passed += seconds[value]
        if low is None and passed * 2 >= total:
            low = value
        if low is not None and passed * 2 > total:
            return (low + value) / 2
    raise AssertionError("the last value passes the middle")


def _call_rows(
    counted: Iterable[Row[Any]], dimensions: list[Any], shown: Counter[_Key], in_shadow: Counter[_Key]
) -> Iterable[CallRow]:
    outcomes: dict[_Key, Counter[str]] = {key: Counter() for key in (*shown, *in_shadow)}
    key_of = _key_of(calls, dimensions)
    for row in counted:
        outcomes.setdefault(key_of(row), Counter())[row.outcome] += row.calls
    for key in sorted(outcomes, key=_order):
        yield _call_row(dict(zip(dimensions, key, strict=True)), outcomes[key], shown[key], in_shadow[key])


def _call_row(dimensions: Mapping[str, Any], outcomes: Counter[str], shown: int, in_shadow: int) -> CallRow:
    starved, only_in_shadow = outcomes[CallOutcome.STARVED], outcomes[CallOutcome.SHADOW]
    without_card = outcomes[CallOutcome.NO_CARD] + starved + only_in_shadow
    answered = outcomes[CallOutcome.CARDS] + without_card
    return CallRow(
        week=dimensions.get("week"),
        hook=dimensions.get("hook"),
        client=dimensions.get("client"),
        answered=answered,
        without_card=without_card,
        starved=starved,
        refused=outcomes[CallOutcome.REFUSED],
        failed=outcomes[CallOutcome.FAILED],
        shown=shown,
        shown_per_100_calls=_per_100(shown, answered),
        share_without_card=without_card / answered if answered else None,
        only_in_shadow=only_in_shadow,
        switched_off=outcomes[CallOutcome.SWITCHED_OFF],
        would_have_been_shown=in_shadow,
        would_have_been_shown_per_100_calls=_per_100(in_shadow, answered),
    )

"""The figures of the feedback store for one question: read once, in a thread, for the page, its plots and its exports."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as clock

import anyio.to_thread

from service.pages.figures_asked import Asked
from service.store import CallRow, Change, Database, TopicRow, changes, statistics

_KEPT, _KEPT_SECONDS = 16, 20.0


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to filter by."""

    clients: tuple[str, ...]
    versions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """`total` and `calls` are None where nothing was counted; `versions` holds rows by version and card."""

    total: TopicRow | None
    calls: CallRow | None
    cards: tuple[TopicRow, ...]
    weeks: tuple[TopicRow, ...]
    weeks_of_calls: tuple[CallRow, ...]
    versions: tuple[TopicRow, ...]
    changes: tuple[Change, ...]
    choices: Choices


class FiguresFound:
    """Asks the store; for a few seconds an answer serves the plots of the same page."""

    def __init__(self, database: Callable[[], Database | None]) -> None:
        self._database = database
        self._kept: OrderedDict[Asked, tuple[float, Figures]] = OrderedDict()

    async def of(self, asked: Asked, *, fresh: bool) -> Figures | None:
        """The figures; None where there is no store to ask. Raises `StoreUnavailable`."""
        database = self._database()
        if database is None:
            return None
        kept = self._kept.get(asked)
        if kept and not fresh and time.monotonic() - kept[0] < _KEPT_SECONDS:
            return kept[1]
        found = await anyio.to_thread.run_sync(_read, database, asked)
        self._kept[asked] = (time.monotonic(), found)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return found


def _read(database: Database, asked: Asked) -> Figures:
    def counted(
        *by: str, version: str | None = asked.only_version or None
    ) -> tuple[tuple[TopicRow, ...], tuple[CallRow, ...]]:
        found = statistics(
            database,
            by=by,  # type: ignore[arg-type]  # names of dimensions, as below
            since=asked.since,
            until=asked.until,
            topic=asked.card or None,
            hook=asked.hook or None,
            client=asked.client or None,
            knowledge_version=version,
            except_client=asked.without_preview,
        )
        return found.topics, found.calls

    total, calls = counted()
    cards, _ = counted("topic")
    weeks, weeks_of_calls = counted("week")
    versions, _ = counted("topic", "knowledge_version", version=None)
    begin = datetime.combine(asked.since, clock.min, UTC)
    end = datetime.combine(asked.until + timedelta(days=1), clock.min, UTC)
    return Figures(
        total=total[0] if total else None,
        calls=calls[0] if calls else None,
        cards=tuple(sorted(cards, key=lambda row: (-row.shown, -row.would_have_been_shown, str(row.topic)))),
        weeks=weeks,
        weeks_of_calls=weeks_of_calls,
        versions=versions,
        changes=changes(database, since=begin, until=end, client=asked.client or None),
        choices=_choices(database),
    )


def _choices(database: Database) -> Choices:
    everything = statistics(database, by=("client", "knowledge_version"))
    clients = {str(row.client) for row in everything.topics} | {str(row.client) for row in everything.calls}
    versions = {str(row.knowledge_version) for row in everything.topics if row.knowledge_version}
    return Choices(tuple(sorted(clients)), tuple(sorted(versions)))

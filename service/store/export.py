"""Feedback as rows for a spreadsheet or a program: the whole history, joined to what the card was."""

import csv
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Literal, TextIO
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, FromClause, Row, Select, exists, select

from service.store.database import Database
from service.store.schema import feedback, issued
from service.store.times import milliseconds, moment

_CHUNK = 1000


class ExportRow(msgspec.Struct, frozen=True, kw_only=True):
    """One feedback entry. What the card was is None for a card that is not known, or no longer.

    `counts` is true for the last state of the topic in its hook instance. `comment` is None unless it is both stored
    and asked for.
    """

    arrived_at: datetime
    client: str
    service: str
    card: UUID
    topic: str | None
    rule: str | None
    indicator: str | None
    knowledge_version: str | None
    hook: str | None
    hook_instance: UUID | None
    issued_at: datetime | None
    offered_suggestions: tuple[UUID, ...]
    outcome: str
    outcome_at: datetime
    accepted_suggestions: tuple[UUID, ...]
    reasons: tuple[str, ...]
    counts: bool
    comment: str | None


def export_rows(
    database: Database, *, since: datetime | None = None, until: datetime | None = None, comments: bool = False
) -> Iterator[ExportRow]:
    """Rows in order of arrival, from `since` up to but without `until`; read a thousand at a time, blocking."""
    with database.reading() as connection:
        for row in connection.execution_options(yield_per=_CHUNK).execute(_query(since, until)):
            yield _export_row(row, comments=comments)


def export(
    database: Database,
    out: TextIO,
    form: Literal["csv", "json"],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    comments: bool = False,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write rows to `out`, as CSV with a heading or as a JSON array; returns how many. `progress` hears how far it is."""
    rows = export_rows(database, since=since, until=until, comments=comments)
    if progress:
        rows = _counted(rows, progress)
    return _write_csv(rows, out) if form == "csv" else _write_json(rows, out)


def _counted(rows: Iterator[ExportRow], progress: Callable[[int], None]) -> Iterator[ExportRow]:
    for number, row in enumerate(rows, 1):
        yield row
        if number % _CHUNK == 0:
            progress(number)


def _query(since: datetime | None, until: datetime | None) -> Select[Any]:
    query = (
        select(
            feedback,
            *(issued.c[name] for name in ("topic", "rule", "indicator", "knowledge_version", "hook", "hook_instance")),
            issued.c.issued_ms,
            issued.c.suggestions.label("offered"),
            (~_newer_on_card() & ~_newer_in_showing()).label("counts"),
        )
        .join(issued, (issued.c.card == feedback.c.card) & (issued.c.client == feedback.c.client), isouter=True)
        .order_by(feedback.c.id)
    )
    if since:
        query = query.where(feedback.c.arrived_ms >= milliseconds(since))
    if until:
        query = query.where(feedback.c.arrived_ms < milliseconds(until))
    return query


def _newer_on_card() -> ColumnElement[bool]:
    later = feedback.alias("later")
    same = (later.c.card == feedback.c.card) & (later.c.client == feedback.c.client)
    return exists().where(same & _newer(later)).correlate(feedback)


def _newer_in_showing() -> ColumnElement[bool]:
    """Looked up row by row: numbering all rows to export those of one day would read the whole history."""
    later, sibling = feedback.alias("later"), issued.alias("sibling")
    same = (
        (sibling.c.hook_instance == issued.c.hook_instance)
        & (sibling.c.topic == issued.c.topic)
        & (sibling.c.hook == issued.c.hook)
        & (sibling.c.client == issued.c.client)
    )
    answers = (later.c.card == sibling.c.card) & (later.c.client == sibling.c.client)
    return exists().where(same & answers & _newer(later)).correlate(feedback, issued)


def _newer(later: FromClause) -> ColumnElement[bool]:
    """Later by its own time, then by arrival."""
    same_time = (later.c.outcome_ms == feedback.c.outcome_ms) & (later.c.id > feedback.c.id)
    return (later.c.outcome_ms > feedback.c.outcome_ms) | same_time


def _export_row(row: Row[Any], *, comments: bool) -> ExportRow:
    return ExportRow(
        arrived_at=moment(row.arrived_ms),
        client=row.client,
        service=row.service,
        card=row.card,
        topic=row.topic,
        rule=row.rule,
        indicator=row.indicator,
        knowledge_version=row.knowledge_version,
        hook=row.hook,
        hook_instance=row.hook_instance,
        issued_at=None if row.issued_ms is None else moment(row.issued_ms),
        offered_suggestions=_ids(row.offered),
        outcome=row.outcome,
        outcome_at=moment(row.outcome_ms),
        accepted_suggestions=_ids(row.suggestions),
        reasons=msgspec.json.decode(row.reasons, type=tuple[str, ...]),
        counts=row.counts,
        comment=row.comment if comments else None,
    )


def _ids(text: str | None) -> tuple[UUID, ...]:
    return msgspec.json.decode(text, type=tuple[UUID, ...]) if text else ()


def _write_csv(rows: Iterable[ExportRow], out: TextIO) -> int:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(ExportRow.__struct_fields__)
    written = 0
    for row in rows:
        writer.writerow([_cell(value) for value in msgspec.to_builtins(row).values()])
        written += 1
    return written


def _cell(value: object) -> object:
    """Arrays are separated by blanks. A text that a spreadsheet would run as a formula is quoted."""
    if isinstance(value, list | tuple):
        return " ".join(str(part) for part in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value


def _write_json(rows: Iterable[ExportRow], out: TextIO) -> int:
    written = 0
    out.write("[")
    for row in rows:
        out.write(("\n" if written == 0 else ",\n") + msgspec.json.encode(row).decode())
        written += 1
    out.write("\n]\n")
    return written

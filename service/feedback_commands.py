"""The command line of the feedback store: export, statistics, retention, erasure."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Literal

import click
import msgspec
from rich.table import Column, Table

from service.settings import Settings
from service.store import Database, StoreError, erase, retain, statistics, upgrade, write_export
from service.terminal import console, counting

DAY = click.DateTime(["%Y-%m-%d"])


@click.group("feedback")
def feedback() -> None:
    """What prescribers did with the cards."""


@contextmanager
def _store(url: str | None) -> Iterator[Database]:
    """The store of the settings, or of `url`, brought up to the present schema."""
    address = url or Settings().store_url
    if address == "off":
        raise click.ClickException("no store is configured (RLS_CDS_STORE_URL=off)")
    try:
        upgrade(address)
        with Database(address) as database:
            yield database
    except StoreError as error:
        raise click.ClickException(str(error)) from None


_url = click.option("--store", "url", help="Store to use instead of RLS_CDS_STORE_URL.")
_since = click.option("--since", type=DAY, help="First day.")
_until = click.option("--until", type=DAY, help="Day after the last one.")


@feedback.command("export")
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv", show_default=True)
@click.option("--comments", is_flag=True, help="With free text, where the site keeps it: it may name a patient.")
@_since
@_until
@_url
def export_command(
    form: Literal["csv", "json"],
    comments: bool,  # noqa: FBT001 - click passes options so
    since: datetime | None,
    until: datetime | None,
    url: str | None,
) -> None:
    """Write every answer with the card that it is about to standard output."""
    with _store(url) as database, counting("writing") as progress:
        number = write_export(
            database, sys.stdout, form, since=_utc(since), until=_utc(until), comments=comments, progress=progress
        )
    click.echo(f"{number} rows", err=True)


@feedback.command("stats")
@click.option(
    "--by",
    multiple=True,
    type=click.Choice(["week", "topic", "hook", "client", "knowledge_version"]),
    default=("week", "topic"),
    show_default=True,
)
@click.option("--ignored-after", "hours", type=float, default=24.0, show_default=True, help="Hours without an answer.")
@click.option("--json", "as_json", is_flag=True, help="As JSON instead of tables.")
@_since
@_until
@_url
def stats_command(
    by: tuple[Literal["week", "topic", "hook", "client", "knowledge_version"], ...],
    hours: float,
    as_json: bool,  # noqa: FBT001
    since: datetime | None,
    until: datetime | None,
    url: str | None,
) -> None:
    """Shown, accepted, overridden, ignored, reasons, time to answer; calls with and without a card."""
    with _store(url) as database:
        found = statistics(
            database,
            by=by,
            since=since.date() if since else None,
            until=until.date() if until else None,
            ignored_after=timedelta(hours=hours),
        )
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return
    screen = console()
    for title, rows in (("Cards", found.topics), ("Calls", found.calls)):
        screen.print(_table(title, [msgspec.to_builtins(row) for row in rows]))


def _table(title: str, rows: list[dict[str, object]]) -> Table:
    """The rows without the columns that none of them fills; what was shown always has one."""
    names = [name for name in (rows[0] if rows else {}) if name == "shown" or any(row[name] for row in rows)]
    headings = (Column(name.replace("_", " "), overflow="fold") for name in names)
    table = Table(*headings, title=title, title_justify="left")
    for row in rows:
        table.add_row(*(_cell(row[name]) for name in names))
    return table


def _cell(value: object) -> str:
    """Two digits behind the point; reasons as words with their numbers."""
    if isinstance(value, dict):
        return ", ".join(f"{reason} {number}" for reason, number in value.items())
    return "" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)


@feedback.command("retain")
@click.option("--days", type=click.IntRange(min=1), required=True, help="Keep this many days.")
@click.option("--comment-days", type=click.IntRange(min=0), help="Keep free text for this many days only.")
@_url
def retain_command(days: int, comment_days: int | None, url: str | None) -> None:
    """Remove what is older; the daily counts stay."""
    with _store(url) as database:
        with counting("removing") as progress:
            removed = retain(database, days=days, comment_days=comment_days, progress=progress)
        click.echo(str(removed))


@feedback.command("erase")
@click.option("--card", help="uuid of a card.")
@click.option("--hook-instance", help="hookInstance of a call.")
@_url
def erase_command(card: str | None, hook_instance: str | None, url: str | None) -> None:
    """Remove everything about one card or one call."""
    if (card is None) == (hook_instance is None):
        raise click.UsageError("name either --card or --hook-instance")
    with _store(url) as database:
        click.echo(str(erase(database, card=card, hook_instance=hook_instance)))


def _utc(day: datetime | None) -> datetime | None:
    return day.replace(tzinfo=UTC) if day else None

"""The command line for what a site changes while the service runs: switch off, shadow, caps, windows, market."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypeVar

import click
import msgspec
from rich.text import Text

from service.adjustable import CARD, KILL, SEEN_FILE, SHADOW, Adjustable, NotAdjustable, written
from service.chosen import ALL, chosen
from service.registry_file import RegistryError, Sheet
from service.settings import Settings
from service.site_tables import changes_table, choices_table, whom
from service.store import LONGEST_BY, LONGEST_REASON, Change, Database, StoreError, changes, record, upgrade
from service.terminal import console
from service.told_settings import told_settings

_T = TypeVar("_T")
_PREVIEW = "preview"
_DAY = click.DateTime(["%Y-%m-%d"])


@click.group("site")
def site() -> None:
    """What this site switches off, puts in shadow or chooses otherwise, beside the running service."""


def _words(longest: int) -> Callable[[click.Context, click.Parameter, str], str]:
    """A short text that people wrote: one line, not empty; blanks at the ends fall away."""

    def checked(ctx: click.Context, param: click.Parameter, value: str) -> str:
        text = " ".join(value.split())
        if not text or len(text) > longest or not text.isprintable():
            raise click.BadParameter(f"1 to {longest} printable characters are needed", ctx, param)
        return text

    return checked


_url = click.option("--store", "url", help="Store to use instead of RLS_CDS_STORE_URL.")
_client = click.option("--client", help="Only for this client of the registry; without it for all.")
_by = click.option("--by", required=True, callback=_words(LONGEST_BY), help="Who decides this; stays in the history.")
_reason = click.option(
    "--reason", required=True, callback=_words(LONGEST_REASON), help="Why; stays in the history. Never name a patient."
)


def _changing(command: Callable[..., None]) -> Callable[..., None]:
    """The options of every command that changes something."""
    for option in (_url, _reason, _by, _client):
        command = option(command)
    return command


@site.command("kill")
@_changing
def kill(client: str | None, by: str, reason: str, url: str | None) -> None:
    """Switch all cards off, at once: of one client or of all. Calls are answered 200 without cards."""
    settings = told_settings()
    _insist_on_known(client, settings)
    with _store(url, settings) as database:
        record(database, _change(client, by, KILL, "on", reason))
    click.echo(f"{whom(client)}: all cards are off. Each running service follows within about two seconds.")


@site.command("restore")
@_changing
def restore(client: str | None, by: str, reason: str, url: str | None) -> None:
    """Take the kill switch back. What was in shadow or off before stays so."""
    settings = told_settings()
    _insist_on_known(client, settings)
    with _store(url, settings) as database:
        record(database, _change(client, by, KILL, None, reason))
        still = sorted(_killed(changes(database)), key=str)
    click.echo(f"{whom(client)}: the kill switch is off.")
    for other in still:
        click.echo(f"Still on for {whom(other)}.")
    if settings.kill_switch_file and settings.kill_switch_file.exists():
        click.echo(f"The kill switch file {settings.kill_switch_file} is still there: no card is shown on this host.")


@site.command("shadow")
@click.argument("state", type=click.Choice(["on", "off"]))
@click.option("--card", "cards", multiple=True, help="Only this card, by topic or id (PV-01); may stand several times.")
@_changing
def shadow(state: str, cards: tuple[str, ...], client: str | None, by: str, reason: str, url: str | None) -> None:
    """Shadow mode: rules run, nothing is shown, what would have been shown is counted (feedback stats)."""
    settings, adjustable = told_settings(), _adjustable()
    _insist_on_known(client, settings)
    names = [_told(adjustable.named, CARD + card) for card in cards]
    value = {"on": "shadow", "off": "shown"}[state]
    wanted = [(name, value) for name in names] or [(SHADOW, state)]
    with _store(url, settings) as database:
        record(database, *(_change(client, by, what, value, reason) for what, value in wanted))
        found = chosen(changes(database), adjustable)
    for what, value in wanted:
        click.echo(f"{whom(client)}: {what} is {value}.")
    if not names and client is ALL:
        for other in (one for one in found.clients if found.values.get((one, SHADOW)) is (state == "off")):
            click.echo(f"{other} has a choice of its own and stays {'in shadow' if state == 'off' else 'live'}.")


@site.command("set")
@click.argument("what")
@click.argument("value")
@_changing
def set_command(what: str, value: str, client: str | None, by: str, reason: str, url: str | None) -> None:
    """Choose a VALUE for WHAT; `site choices` lists both."""
    settings, adjustable = told_settings(), _adjustable()
    _insist_on_known(client, settings)
    name = _told(adjustable.named, what)
    text = written(_told(adjustable.read, name, value))
    with _store(url, settings) as database:
        record(database, _change(client, by, name, text, reason))
    click.echo(f"{whom(client)}: {name} is {text}.")


@site.command("unset")
@click.argument("what")
@_changing
def unset(what: str, client: str | None, by: str, reason: str, url: str | None) -> None:
    """Take a choice back; then the one for all clients holds, or what the knowledge and the settings say."""
    settings, adjustable = told_settings(), _adjustable()
    _insist_on_known(client, settings)
    name = _told(adjustable.named, what)
    with _store(url, settings) as database:
        if (client, name) not in chosen(changes(database), adjustable).values:
            raise click.ClickException(
                f"{whom(client)}: nothing was chosen for {name}; see: python -m service site show"
            )
        record(database, _change(client, by, name, None, reason))
    click.echo(f"{whom(client)}: {name} is as it was before anything was chosen.")


@site.command("show")
@click.option("--client", help="Only what holds for this client.")
@click.option("--json", "as_json", is_flag=True, help="As JSON instead of a table.")
@_url
def show(client: str | None, as_json: bool, url: str | None) -> None:  # noqa: FBT001 - click passes options so
    """Everything that is chosen now, by whom and why."""
    settings, adjustable = told_settings(), _adjustable()
    with _store(url, settings) as database:
        every = changes(database, client=client)
    found, sights = chosen(every, adjustable), _sights(every)
    rows = sorted(found.made.values(), key=lambda change: (change.client or "", change.what))
    if as_json:
        told = {"inForce": rows, "killSwitchFile": sights, "ignored": found.ignored}
        click.echo(msgspec.json.encode(told).decode())
        return
    out = console()
    out.print(changes_table("In force", rows) if rows else "Nothing is changed.")
    for sentence in found.ignored:
        out.print(Text(f"ignored: {sentence}"))
    for seen in sights:
        click.echo(f"The kill switch file: {seen.by} saw it on {seen.at:%Y-%m-%d %H:%M:%S} and has not seen it go.")
    file = settings.kill_switch_file
    if file and file.exists():
        click.echo(f"The kill switch file {file} is there: no card is shown on this host.")


@site.command("history")
@click.option("--client", help="Only what concerns this client, with what holds for all.")
@click.option("--since", type=_DAY, help="First day.")
@click.option("--until", type=_DAY, help="Day after the last one.")
@click.option("--json", "as_json", is_flag=True, help="As JSON instead of a table.")
@_url
def history(
    client: str | None,
    since: datetime | None,
    until: datetime | None,
    as_json: bool,  # noqa: FBT001
    url: str | None,
) -> None:
    """Every change, oldest first: when, by whom, what and why."""
    with _store(url, told_settings()) as database:
        found = changes(database, since=_utc(since), until=_utc(until), client=client)
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return
    console().print(changes_table("Changes", found) if found else "Nothing was changed.")


@site.command("choices")
def choices() -> None:
    """Everything that a site may change, with what it may be and what holds without a change."""
    console().print(choices_table(_adjustable().choices()))


def _adjustable() -> Adjustable:
    from cards import Catalogue, load_knowledge

    return Adjustable(Catalogue(load_knowledge()))


@contextmanager
def _store(url: str | None, settings: Settings) -> Iterator[Database]:
    """The store of the settings, or of `url`, brought up to the present schema."""
    address = url or settings.store_url
    if address == "off":
        raise click.ClickException("no store is configured (RLS_CDS_STORE_URL=off): nothing can be changed")
    try:
        upgrade(address)
        with Database(address) as database:
            yield database
    except StoreError as error:
        file = settings.kill_switch_file
        instead = f" Without the store all cards are off while this file exists: {file}" if file else ""
        raise click.ClickException(f"{error}.{instead}") from None


def _insist_on_known(client: str | None, settings: Settings) -> None:
    """A name that no client has would change nothing, and nobody would notice."""
    if client is None:
        return
    names = {_PREVIEW}
    if settings.client_registry:
        try:
            names |= {row.name for row in Sheet.read(settings.client_registry).rows}
        except RegistryError as fault:
            click.echo(f"The name of the client was not checked: {fault}", err=True)
            return
    else:
        names |= {"development", "open"}
    if client not in names:
        raise click.ClickException(f"no client is called {client!r}; known: {', '.join(sorted(names))}")


def _change(client: str | None, by: str, what: str, value: str | None, reason: str) -> Change:
    return Change(at=datetime.now(UTC), by=by, client=client, what=what, value=value, reason=reason)


def _sights(found: tuple[Change, ...]) -> list[Change]:
    """The hosts whose last word on the kill switch file is that it is there."""
    last = {change.by: change for change in found if change.what == SEEN_FILE}
    return [change for change in last.values() if change.value is not None]


def _killed(found: tuple[Change, ...]) -> set[str | None]:
    """For whom the kill switch is on, without the knowledge: switching off must not depend on it."""
    on: dict[str | None, bool] = {}
    for change in found:
        if change.what == KILL:
            on[change.client] = change.value not in (None, "off")
    return {client for client, is_on in on.items() if is_on}


def _told(ask: Callable[..., _T], *args: str) -> _T:
    try:
        return ask(*args)
    except NotAdjustable as fault:
        raise click.ClickException(str(fault)) from None


def _utc(day: datetime | None) -> datetime | None:
    return day.replace(tzinfo=UTC) if day else None

"""The command line of the store itself: backup, restore, migration."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from service.store import StoreError, backup, restore, upgrade
from service.told_settings import told_settings

_FILE = click.Path(dir_okay=False, path_type=Path)
_url = click.option("--store", "url", help="Store to use instead of RLS_CDS_STORE_URL.")


@click.group("store")
def store() -> None:
    """The store itself: backup, restore, migration."""


@contextmanager
def _at(url: str | None) -> Iterator[str]:
    address = url or told_settings().store_url
    if address == "off":
        raise click.ClickException("no store is configured (RLS_CDS_STORE_URL=off)")
    try:
        yield address
    except (StoreError, OSError) as fault:
        raise click.ClickException(str(fault)) from None


@store.command("backup")
@click.argument("file", type=_FILE)
@_url
def backup_command(file: Path, url: str | None) -> None:
    """Copy a SQLite store to FILE while the service goes on writing to it."""
    with _at(url) as address:
        click.echo(f"{file}: {backup(address, file)} bytes")


@store.command("restore")
@click.argument("file", type=_FILE)
@click.option("--replace", is_flag=True, help="The store that is there may be lost.")
@_url
def restore_command(file: Path, replace: bool, url: str | None) -> None:  # noqa: FBT001 - click passes options so
    """Put the copy in FILE in the place of a SQLite store; end the service first."""
    with _at(url) as address:
        restore(file, address, replace=replace)
    click.echo("restored; see with `feedback stats` what is there")


@store.command("migrate")
@_url
def migrate_command(url: str | None) -> None:
    """Bring the store to the schema of this version; a service that starts does the same."""
    with _at(url) as address:
        upgrade(address)
    click.echo("the store has the schema of this version, or of a newer one")

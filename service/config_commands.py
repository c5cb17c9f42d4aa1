"""The command lines about settings: the configuration in force, its faults, and the page that lists all settings."""

import sys
from pathlib import Path

import click

from service.preflight import advice, faults, store_fault
from service.settings import Settings
from service.settings_page import PAGE, page
from service.settings_shown import shown_settings
from service.told_settings import told_settings


@click.command("check-config")
@click.option("--connect", is_flag=True, help="Also reach the store; nothing in it is changed.")
def check_config(connect: bool) -> None:  # noqa: FBT001 - click passes options so
    """Print the settings in force without secrets, and tell what would keep the service from starting.

    Exit codes: 0 the service can start so, 1 it cannot; the reasons are on standard error.
    """
    settings = told_settings()
    for line in shown_settings(settings):
        click.echo(line)
    for sentence in advice(settings):
        click.echo(f"Note: {sentence}", err=True)
    found = faults(settings) + (store_fault(settings) if connect else [])
    for sentence in found:
        click.echo(f"Error: {sentence}", err=True)
    sys.exit(1 if found else 0)


@click.command("settings-page")
@click.option("--check", is_flag=True, help="Only compare; exit code 1 when the page is stale.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=PAGE,
    show_default=True,
    help="Where to write or compare it.",
)
def settings_page(check: bool, out: Path) -> None:  # noqa: FBT001 - click passes options so
    """Write the page that lists every setting."""
    wanted = page(Settings)
    if not check:
        out.write_text(wanted, encoding="utf-8")
    elif not out.is_file() or out.read_text(encoding="utf-8") != wanted:
        raise click.ClickException(f"{out} is stale: run python -m service settings-page")

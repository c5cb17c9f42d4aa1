"""The command that asks the running service whether it lives; as little as possible is imported, for it runs often."""

import click

from service.probe import lives
from service.told_settings import told_settings


@click.command("probe")
def probe() -> None:
    """Ask the service on this machine whether it lives (for health checks of containers); exit code 1 when not."""
    if not lives(told_settings()):
        raise click.ClickException("the service does not answer")

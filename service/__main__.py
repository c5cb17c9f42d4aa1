"""The service's command line: serve it, or try one request without a server."""

import sys
from pathlib import Path

import click

from service import __version__
from service.command_group import Elsewhere, LazyGroup


# Everything else is imported by the command that needs it: help and a wrong option are answered at once.
@click.group(
    cls=LazyGroup,
    elsewhere={
        "check-config": Elsewhere(
            "service.config_commands",
            "check_config",
            "Print the settings in force without secrets, and tell what would keep the service from starting.",
        ),
        "feedback": Elsewhere("service.feedback_commands", "feedback", "What prescribers did with the cards."),
        "probe": Elsewhere(
            "service.probe_command",
            "probe",
            "Ask the service on this machine whether it lives (for health checks of containers); exit code 1 when not.",
        ),
        "serve": Elsewhere("service.serve_command", "serve", "Serve the CDS Hooks endpoints."),
        "site": Elsewhere(
            "service.site_commands",
            "site",
            "What this site switches off, puts in shadow or chooses otherwise, beside the running service.",
        ),
        "store": Elsewhere("service.store_commands", "store", "The store itself: backup, restore, migration."),
        "settings-page": Elsewhere(
            "service.config_commands", "settings_page", "Write the page that lists every setting."
        ),
    },
    epilog="Exit codes: 0 done, 1 a problem was found and told, 2 wrong usage.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name=None, version=__version__, prog_name="rls-cds", message="%(prog)s %(version)s")
def main() -> None:
    """CDS Hooks service for restless legs syndrome: iron and medication safety."""


@main.command("try")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--explain", is_flag=True, help="List every rule: fired, silent and why, starved, withheld; and the evidence."
)
@click.option("--on", "today", type=click.DateTime(["%Y-%m-%d"]), help="Answer as of this day instead of today.")
def try_file(file: Path, explain: bool, today: object) -> None:  # noqa: FBT001 - click passes options so
    """Answer one hook request from FILE and print the cards as a prescriber would see them.

    Exit codes: 0 answered, 1 no request that is understood, 3 needed data are missing (the service would say 412).
    """
    from service.attempt import attempt

    sys.exit(attempt(file, explain=explain, today=today))  # type: ignore[arg-type]


if __name__ == "__main__":
    main(prog_name="python -m service")

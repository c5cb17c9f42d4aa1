"""The service's command line: serve it, or try one request without a server."""

import re
import sys
from pathlib import Path

import click
from pydantic import ValidationError

from cards import KnowledgeError
from service.errors import ServiceError
from service.feedback_commands import feedback
from service.settings import Settings

_PASSWORD = re.compile(r"(://[^:/@]*:)[^@]*@")


@click.group()
def main() -> None:
    """CDS Hooks service for restless legs syndrome: iron and medication safety."""


@main.command()
@click.option("--host", help="Address to listen on (RLS_CDS_HOST).")
@click.option("--port", type=int, help="Port to listen on (RLS_CDS_PORT).")
def serve(host: str | None, port: int | None) -> None:
    """Serve the CDS Hooks endpoints."""
    import uvicorn

    from service import memory
    from service.app import create_app
    from service.protocol import BoundedHttpProtocol

    settings = _settings(host=host, port=port)
    try:
        app = create_app(settings)
    except (ServiceError, KnowledgeError) as error:
        raise click.ClickException(str(error)) from None
    memory.settle()
    click.echo(f"Discovery: {settings.base_url}/cds-services")
    click.echo("First card, in another terminal:")
    click.echo(
        f"  curl -s {settings.base_url}/cds-services/rls-order-select -H 'Content-Type: application/json' "
        "-d @fixtures/fhir/requests/order-select-hydroxyzine-for-itch.json"
    )
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        http=BoundedHttpProtocol,
        loop="uvloop",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )


def _settings(**given: object) -> Settings:
    """The settings; a wrong one ends the command with a sentence that names the variable."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        told = "; ".join(f"RLS_CDS_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors())
        raise click.ClickException(told) from None


@main.command("check-config")
def check_config() -> None:
    """Print the effective settings; addresses of stores are shown without their password."""
    for name, value in _settings().model_dump().items():
        shown = _PASSWORD.sub(r"\1***@", str(value)) if name == "store_url" else value
        click.echo(f"RLS_CDS_{name.upper()}={shown if shown is not None else ''}")


@main.command("try")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--explain", is_flag=True, help="List every rule: fired, silent and why, starved, withheld; and the evidence."
)
@click.option("--on", "today", type=click.DateTime(["%Y-%m-%d"]), help="Answer as of this day instead of today.")
def try_file(file: Path, explain: bool, today: object) -> None:  # noqa: FBT001 - click passes options so
    """Answer one hook request from FILE and print the cards as a prescriber would see them."""
    from service.attempt import attempt

    sys.exit(attempt(file, explain=explain, today=today))  # type: ignore[arg-type]


main.add_command(feedback)


if __name__ == "__main__":
    main(prog_name="python -m service")

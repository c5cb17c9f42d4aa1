"""The service's command line: serve it, or try one request without a server."""

import sys
from pathlib import Path

import click


@click.group()
def main() -> None:
    """CDS Hooks service for restless legs syndrome: iron and medication safety."""


@main.command()
@click.option("--host", help="Address to listen on (RLS_CDS_HOST).")
@click.option("--port", type=int, help="Port to listen on (RLS_CDS_PORT).")
def serve(host: str | None, port: int | None) -> None:
    """Serve the CDS Hooks endpoints."""
    import uvicorn

    from service.app import create_app
    from service.settings import Settings

    overrides = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = Settings(**overrides)  # type: ignore[arg-type]
    app = create_app(settings)
    click.echo(f"Discovery: {settings.base_url}/cds-services")
    click.echo("First card, in another terminal:")
    click.echo(
        f"  curl -s {settings.base_url}/cds-services/rls-patient-view -H 'Content-Type: application/json' "
        "-d @fixtures/fhir/requests/patient-view-ferritin-62.json"
    )
    uvicorn.run(app, host=settings.host, port=settings.port, log_level="warning", access_log=False, server_header=False)


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


if __name__ == "__main__":
    main(prog_name="python -m service")

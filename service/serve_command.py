"""The command that serves."""

from typing import Any

import click

from cards import KnowledgeError
from service import memory
from service.addresses import is_loopback
from service.errors import ServiceError
from service.serving import serve as serve_forever
from service.settings import Settings
from service.told_settings import told_settings


@click.command()
@click.option("--host", help="Address to listen on (RLS_CDS_HOST).")
@click.option("--port", type=int, help="Port to listen on (RLS_CDS_PORT).")
@click.option("--workers", type=int, help="Processes that answer calls (RLS_CDS_WORKERS).")
def serve(host: str | None, port: int | None, workers: int | None) -> None:
    """Serve the CDS Hooks endpoints."""
    settings = told_settings(host=host, port=port, workers=workers)
    try:
        serve_forever(settings, application, lambda: _announce(settings))
    except (ServiceError, KnowledgeError) as error:
        raise click.ClickException(str(error)) from None


def application(settings: Settings) -> Any:  # noqa: ANN401 - any ASGI application
    """The application, built in the process that serves it."""
    memory.hold()
    # With several workers the first process only starts the others: it needs neither knowledge nor store.
    from service.app import create_app

    return create_app(settings)


def _announce(settings: Settings) -> None:
    click.echo(f"Discovery: {settings.base_url}/cds-services")
    if settings.client_registry is not None or not is_loopback(settings.host):
        return
    click.echo("First card, in another terminal:")
    click.echo(
        f"  curl -s {settings.base_url}/cds-services/rls-order-select -H 'Content-Type: application/json' "
        "-d @fixtures/fhir/requests/order-select-hydroxyzine-for-itch.json"
    )

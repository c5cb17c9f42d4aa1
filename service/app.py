"""The composition root: settings, knowledge, routes. Only here things are built."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cards import Catalogue, Site, load_knowledge
from service import audit, problems
from service.fhir_network import client_factory
from service.fhir_server import FhirLimits, FhirServers
from service.routes import Service
from service.settings import Settings


def _utc_now() -> datetime:
    return datetime.now(UTC)


def create_service(settings: Settings, now: Callable[[], datetime] = _utc_now) -> Service:
    """The knowledge and everything that answers a call; raises `KnowledgeError` where a file cannot be used."""
    knowledge = load_knowledge(market=settings.market, index=settings.rxnorm_index)
    site = Site(time_zone=settings.zone, info_at_sign=settings.info_at_sign)
    return Service(settings, Catalogue(knowledge), site, now)


def create_app(settings: Settings | None = None, service: Service | None = None) -> FastAPI:
    """The application. Plain Starlette routes inside FastAPI: its request validation need not see the prefetch."""
    if service is None:
        service = create_service(settings or Settings())
        service = replace(service, fhir=open_fhir(service.settings, service.catalogue))
    fhir = service.fhir
    audit.configure()
    app = FastAPI(
        title="RLS iron and medication-safety CDS service",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lambda _app: _closing(fhir),
        exception_handlers={HTTPException: _http_problem},
    )
    app.router.routes.extend(
        [
            Route("/cds-services", service.discovery, methods=["GET"]),
            Route("/cds-services/{service_id}", service.call, methods=["POST"]),
            Route("/health", service.health, methods=["GET"]),
        ]
    )
    return app


def open_fhir(settings: Settings, catalogue: Catalogue) -> FhirServers:
    """The way to the EHRs' FHIR servers, with connections that are kept for the life of the process."""
    limits = FhirLimits(settings.fhir_max_pages, settings.fhir_max_bytes, settings.fhir_page_size)
    return FhirServers(catalogue.templates, client_factory(connections=settings.fhir_connections), limits)


@asynccontextmanager
async def _closing(fhir: FhirServers | None) -> AsyncIterator[None]:
    yield
    if fhir:
        await fhir.aclose()


async def _http_problem(_request: Request, error: Exception) -> Response:
    """What the router itself refuses."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        return problems.method_not_allowed((error.headers or {}).get("Allow", "GET, POST"))
    return problems.not_found()

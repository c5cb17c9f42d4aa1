"""The composition root: settings, knowledge, trust, store, routes. Only here things are built."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import httpx
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from cards import Catalogue, Knowledge, load_knowledge
from service import audit, problems
from service.cors import Cors
from service.discovery import discovery
from service.door import Door
from service.errors import ServiceError
from service.fhir_network import client_factory
from service.fhir_server import FhirLimits, FhirServers
from service.journal import Journal
from service.jwks import JwkSets
from service.limits import ConcurrencyGate, RateLimit
from service.openapi import description
from service.posture import Posture, UnsafeStart, posture
from service.registry import Registry, RegistryHolder
from service.replay import LocalReplayMemory
from service.resolver import Resolver
from service.routes import Service
from service.settings import Settings
from service.sites import Sites
from service.trust import Gate

logger = logging.getLogger("rls_cds")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class _UnknownCodes:
    """Hears of codes that nothing local knows; passes them on once a resolver is there."""

    resolver: Resolver | None = None

    def __call__(self, code: str) -> None:
        if self.resolver:
            self.resolver.notice(code)


class Parts:
    """What is built at start and closed at the end."""

    def __init__(
        self, settings: Settings, now: Callable[[], datetime] = _utc_now, knowledge: Knowledge | None = None
    ) -> None:
        """Raises `KnowledgeError`, `RegistryError` or `UnsafeStart`, each of which says what to do."""
        stance = posture(settings.host, settings.client_registry, allow_open=settings.allow_open)
        self._unknown = _UnknownCodes()
        if stance is Posture.OPEN:
            logger.warning("anybody may call: there is no client registry, and RLS_CDS_ALLOW_OPEN says so")
        knowledge = knowledge or load_knowledge(
            market=settings.market, index=settings.rxnorm_index, on_unknown=self._unknown
        )
        _insist_on_review(knowledge.status, stance, settings)
        catalogue = Catalogue(knowledge)
        self.registry = RegistryHolder(lambda: _registry(settings, stance, frozenset(knowledge.orders.orders)))
        self._keys = httpx.AsyncClient(follow_redirects=False)
        self._rxnav = httpx.AsyncClient(follow_redirects=False) if settings.rxnav else None
        if self._rxnav:
            learner = knowledge.terminology
            self._unknown.resolver = Resolver(self._rxnav, settings.rxnav_cache, learner, lambda: now().timestamp())
            self._unknown.resolver.recall()
        self._asking: asyncio.Task[None] | None = None
        self._jwk_sets = JwkSets(self._keys)
        self._fhir = open_fhir(settings, catalogue)
        self._journal = Journal(
            catalogue, None if settings.store_url == "off" else settings.store_url, keep_comments=settings.keep_comments
        )
        self.stance = stance
        self.service = Service(
            settings=settings,
            catalogue=catalogue,
            sites=Sites(settings),
            door=Door(
                gate=Gate(self.registry, self._jwk_sets, self._journal.replay(LocalReplayMemory())),
                calls=ConcurrencyGate(settings.max_calls),
                rate=RateLimit(settings.rate_per_second, settings.rate_burst),
                posture=stance,
                settings=settings,
            ),
            journal=self._journal,
            now=now,
            discovery_body=discovery(catalogue),
            fhir=self._fhir,
        )

    async def open(self) -> None:
        """Fetch public keys ahead of the first call, and listen for SIGHUP."""
        if self._unknown.resolver:
            self._asking = asyncio.create_task(self._unknown.resolver.run())
        await self._jwk_sets.preload(self.registry.current.jwk_set_urls)
        with suppress(NotImplementedError, RuntimeError, ValueError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.reload)

    def reload(self) -> None:
        """Read the client registry anew; a faulty one leaves the old one in force."""
        try:
            self.registry.reload()
        except ServiceError as error:
            logger.error("the client registry was not reloaded: %s", error)  # noqa: TRY400 - the text says it all
        else:
            logger.warning("the client registry was reloaded")

    async def close(self) -> None:
        """Finish what is under way and flush the store."""
        if self._asking:
            self._asking.cancel()
        if self._rxnav:
            await self._rxnav.aclose()
        await self._fhir.aclose()
        await self._jwk_sets.aclose()
        await self._keys.aclose()
        await self._journal.close()


def create_app(settings: Settings | None = None, parts: Parts | None = None) -> ASGIApp:
    """The application: plain Starlette routes inside FastAPI, whose request validation need not see the prefetch."""
    parts = parts or Parts(settings or Settings())
    service, stance = parts.service, parts.stance
    audit.configure()
    app = FastAPI(
        title="RLS iron and medication-safety CDS service",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lambda _app: _living(parts),
        exception_handlers={HTTPException: _http_problem},
    )
    app.router.routes.extend(
        [
            Route("/cds-services", service.discovery, methods=["GET"]),
            Route("/cds-services/{service_id}", service.call, methods=["POST"]),
            Route("/cds-services/{service_id}/feedback", service.feedback, methods=["POST"]),
            Route("/health", service.health, methods=["GET"]),
        ]
    )
    in_development = stance is Posture.DEVELOPMENT
    if in_development:
        app.router.routes.append(Route("/openapi.json", _describe, methods=["GET"]))
    registry = parts.registry
    return Cors(
        app, lambda origin: in_development or origin in registry.current.origins, from_public_pages=in_development
    )


def open_fhir(settings: Settings, catalogue: Catalogue) -> FhirServers:
    """The way to the EHRs' FHIR servers, with connections that are kept for the life of the process."""
    limits = FhirLimits(settings.fhir_max_pages, settings.fhir_max_bytes, settings.fhir_page_size)
    return FhirServers(catalogue.templates, client_factory(connections=settings.fhir_connections), limits)


def _registry(settings: Settings, stance: Posture, known_orders: frozenset[str]) -> Registry:
    if settings.client_registry is None:
        return Registry.open(development=stance is Posture.DEVELOPMENT)
    return Registry.load(settings.client_registry, known_orders=known_orders)


def _insist_on_review(status: str, stance: Posture, settings: Settings) -> None:
    if status == "draft" and stance is not Posture.DEVELOPMENT and not settings.allow_draft_knowledge:
        raise UnsafeStart(
            "the clinical knowledge is a draft that no clinician has signed. Set RLS_CDS_ALLOW_DRAFT_KNOWLEDGE=1 to serve "
            "it all the same; /health and each card will say so."
        )


@asynccontextmanager
async def _living(parts: Parts) -> AsyncIterator[None]:
    await parts.open()
    yield
    await parts.close()


async def _describe(_request: Request) -> Response:
    """GET /openapi.json, in development only."""
    return JSONResponse(description())


async def _http_problem(_request: Request, error: Exception) -> Response:
    """What the router itself refuses."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        return problems.method_not_allowed((error.headers or {}).get("Allow", "GET, POST"))
    return problems.not_found()

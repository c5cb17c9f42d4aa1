"""The composition root: settings, knowledge, trust, store, routes. Only here things are built."""

import asyncio
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from cards import Catalogue, Knowledge, load_knowledge
from service import audit, problems
from service.adjustable import Adjustable
from service.base_path import BasePath
from service.clinical_words import ClinicalWords
from service.connections import ClientFactory, Connections
from service.controls_copy import ControlsCopy
from service.controls_watch import watched
from service.cors import Cors
from service.discovery import discovery
from service.door import Door
from service.drain import PROCESS, Drain
from service.errors import ServiceError
from service.fhir_queries import Query
from service.fhir_server import FhirLimits, FhirServers, Watch
from service.health import Health
from service.journal import Journal
from service.jwks import JwkSets
from service.limits import ConcurrencyGate, RateLimit
from service.markets import Markets
from service.metrics import Metrics
from service.metrics_page import MetricsPage
from service.openapi import description
from service.operator import Operators
from service.pages import Pages
from service.plain_route import PlainRoute
from service.posture import Posture, UnsafeStart, posture
from service.reach import Reach
from service.registry import Registry, RegistryHolder
from service.replay import LocalReplayMemory
from service.routes import Service
from service.settings import Settings
from service.sites import Sites
from service.standing import Standing, Watched
from service.tracing import Tracer
from service.trust import Gate

if TYPE_CHECKING:
    import httpx

    from service.resolver import Resolver

logger = logging.getLogger("rls_cds")


def _utc_now() -> datetime:
    return datetime.now(UTC)


_NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


class _UnknownCodes:
    """Hears of codes that nothing local knows; passes them on once a resolver is there."""

    resolver: "Resolver | None" = None

    def __call__(self, code: str) -> None:
        if self.resolver:
            self.resolver.notice(code)


class Parts:
    """What is built at start and closed at the end."""

    def __init__(
        self,
        settings: Settings,
        now: Callable[[], datetime] = _utc_now,
        knowledge: Knowledge | None = None,
        drain: Drain = PROCESS,
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
        self.registry = RegistryHolder(lambda: _registry(settings, stance, ClinicalWords.of(knowledge)))
        self._keys: httpx.AsyncClient | None = None
        self._rxnav = _http_client() if settings.rxnav else None
        if self._rxnav:
            from service.resolver import Resolver

            learner = knowledge.terminology
            self._unknown.resolver = Resolver(self._rxnav, settings.rxnav_cache, learner, lambda: now().timestamp())
            self._unknown.resolver.recall()
        self._asking: asyncio.Task[None] | None = None
        self._loading: asyncio.Task[ModuleType] | None = None
        self._jwk_sets = JwkSets(self._key_client)
        self.metrics = Metrics()
        self.metrics.expect(catalogue)
        self.tracer = _tracer(settings)
        self._fhir = open_fhir(settings, catalogue, self._watched_fhir)
        self._journal = Journal(
            catalogue, None if settings.store_url == "off" else settings.store_url, keep_comments=settings.keep_comments
        )
        if self.tracer:
            self._journal.watch_writes(self.tracer.wrote)
        markets = Markets(catalogue)
        store = self._journal.configured
        self.controls, self._watch = watched(
            Adjustable(catalogue),
            self._journal,
            ControlsCopy.of(settings.controls_copy, store) if store else None,
            file=settings.kill_switch_file,
            silent_when_unknown=settings.controls_unknown == "no-cards",
            prepared=markets.load,
        )
        self.stance = stance
        self.operators = Operators.of(settings, stance)
        self.drain = drain
        self.service = Service(
            settings=settings,
            catalogue=catalogue,
            sites=Sites(settings, self.controls, markets),
            controls=self.controls,
            door=Door(
                gate=Gate(self.registry, self._jwk_sets, self._journal.replay(LocalReplayMemory())),
                calls=ConcurrencyGate(settings.max_calls),
                rate=RateLimit(settings.rate_per_second, settings.rate_burst),
                posture=stance,
                settings=settings,
                base_url=settings.base_url,
            ),
            journal=self._journal,
            now=now,
            discovery_body=discovery(catalogue),
            fhir=self._fhir,
            metrics=self.metrics,
            tracer=self.tracer,
        )
        self.health = Health(
            settings=settings,
            knowledge=knowledge,
            posture=stance,
            registry=self.registry,
            jwk_sets=self._jwk_sets,
            kept=self._journal,
            drain=self.drain,
            controls=self.controls,
            now=now,
        )
        shown = Watched(
            knowledge=knowledge,
            market=settings.market,
            journal=self._journal,
            store=self.health.store,
            calls=self.service.door.calls,
            most_calls=settings.max_calls,
            registry=self.registry,
            jwk_sets=self._jwk_sets,
            operators=self.operators,
            drain=self.drain,
            now=now,
            controls=self.controls,
            rxnav=lambda: self._unknown.resolver.counts if self._unknown.resolver else None,
        )
        self.pages = Pages(self.service, self.operators, stance)
        folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        self.metrics_page = MetricsPage(
            self.metrics,
            Standing(shown),
            self.operators,
            clients=lambda: _names(self.registry.current),
            folder=Path(folder) if folder else None,
        )

    async def open(self) -> None:
        """Fetch public keys ahead of the first call, and listen for SIGHUP."""
        if self._unknown.resolver:
            self._asking = asyncio.create_task(self._unknown.resolver.run())
        await self._jwk_sets.preload(self.registry.current.jwk_set_urls)
        await self.metrics_page.open()
        if self.tracer:
            self.tracer.open()
        self._watch.start()
        self._loading = asyncio.create_task(asyncio.to_thread(_fhir_network))
        with suppress(NotImplementedError, RuntimeError, ValueError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.reload)

    def _key_client(self) -> "httpx.AsyncClient":
        if self._keys is None:
            self._keys = _http_client()
        return self._keys

    def _watched_fhir(self, client: str, query: Query, result: str, started: float) -> None:
        self.metrics.fhir_request(client, result, time.perf_counter() - started)
        if self.tracer:
            self.tracer.fhir(query, result, started)

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
        await self.pages.close()
        if self._loading:
            await self._loading
        await self._fhir.aclose()
        await self._jwk_sets.aclose()
        if self._keys:
            await self._keys.aclose()
        await asyncio.to_thread(self._watch.close)
        await self._journal.close()
        await self.metrics_page.close()
        if self.tracer:
            await asyncio.to_thread(self.tracer.close)


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
        # FastAPI's own would record paths, exception texts and stack traces wherever somebody sets up OpenTelemetry.
        telemetry=_NO_TELEMETRY,
        lifespan=lambda _app: _living(parts),
        exception_handlers={HTTPException: _http_problem},
    )
    app.router.routes.extend(
        [
            Route("/cds-services", service.discovery, methods=["GET"]),
            Route("/cds-services/{service_id}", PlainRoute(service.call), methods=["POST"]),
            Route("/cds-services/{service_id}/feedback", service.feedback, methods=["POST"]),
            Route("/health", parts.health.health, methods=["GET"]),
            Route("/health/live", parts.health.live, methods=["GET"]),
            Route("/health/ready", parts.health.ready, methods=["GET"]),
            Route("/metrics", parts.metrics_page.page, methods=["GET"]),
        ]
    )
    in_development = stance is Posture.DEVELOPMENT
    app.router.routes.append(Route("/openapi.json", _description_for(parts.operators), methods=["GET"]))
    app.router.routes.extend(parts.pages.routes)
    registry = parts.registry
    whole = Cors(
        app, lambda origin: in_development or origin in registry.current.origins, from_public_pages=in_development
    )
    path = service.settings.base_path
    return BasePath(whole, path) if path else whole


def open_fhir(settings: Settings, catalogue: Catalogue, watch: Watch | None = None) -> FhirServers:
    """The way to the EHRs' FHIR servers, with connections that are kept for the life of the process."""
    limits = FhirLimits(settings.fhir_max_pages, settings.fhir_max_bytes, settings.fhir_page_size)

    @cache
    def opening() -> ClientFactory:
        factory: ClientFactory = _fhir_network().client_factory(connections=settings.fhir_connections)
        return factory

    def factory(reach: Reach) -> Connections:
        return opening()(reach)

    return FhirServers(catalogue.templates, factory, limits, watch)


def _http_client() -> "httpx.AsyncClient":
    """Made with the first fetch: library, certificates and parsers take a fifth of a second to load."""
    import httpx

    # At level INFO it writes the address of each request to the log.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    return httpx.AsyncClient(follow_redirects=False)


def _fhir_network() -> ModuleType:
    """Loaded behind the start, as the first card need not wait for it."""
    return import_module("service.fhir_network")


def _registry(settings: Settings, stance: Posture, words: ClinicalWords) -> Registry:
    if settings.client_registry is None:
        return Registry.open(development=stance is Posture.DEVELOPMENT)
    return Registry.load(settings.client_registry, words=words)


class TracingNotInstalled(ServiceError):
    """Traces are asked for, and the packages that send them are not there."""


def _tracer(settings: Settings) -> Tracer | None:
    """None where no traces are wanted; then nothing of OpenTelemetry is loaded."""
    url = settings.tracing_url
    if url is None:
        return None
    try:
        from service.spans import Spans, exporter
    except ModuleNotFoundError as missing:
        raise TracingNotInstalled(
            f"RLS_CDS_TRACING_URL is set, but {missing.name} is not installed: pip install 'rls-cds[tracing]'"
        ) from None
    return Spans(lambda: exporter(url), share=settings.tracing_sample)


def _names(registry: Registry) -> tuple[str, ...]:
    """The clients that may turn up in metrics."""
    return (registry.anyone.name,) if registry.anyone else tuple(client.name for client in registry.clients)


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


def _description_for(operators: Operators) -> Callable[[Request], Awaitable[Response]]:
    """GET /openapi.json, for who may see it."""

    async def describe(request: Request) -> Response:
        return operators.refusal(request) or JSONResponse(description())

    return describe


async def _http_problem(_request: Request, error: Exception) -> Response:
    """What the router itself refuses."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        return problems.method_not_allowed((error.headers or {}).get("Allow", "GET, POST"))
    return problems.not_found()

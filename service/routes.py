"""Discovery, call and feedback: the flow from request to answer, top to bottom."""

import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from cards import Card, Catalogue, Decision
from service import audit, problems
from service.controls import Controls
from service.deadline import Deadline
from service.discovery import BY_ID, described, discovery
from service.door import Door
from service.errors import ServiceError, UnsupportedMediaType, where
from service.feedback import parse_feedback
from service.fhir_server import FhirServers
from service.gather import gather
from service.headers import text_header
from service.journal import Journal, outcome_of
from service.limits import TooManyCalls
from service.metrics import Counted, Metrics, reason_of
from service.registry import TrustedClient
from service.settings import Settings
from service.sites import Sites
from service.tracing import Step, Tracer
from service.wire import HookRequest, decode_request

logger = logging.getLogger("rls_cds")
JSON = "application/json"
_encoder = msgspec.json.Encoder()
_NO_CARDS = b'{"cards":[]}'


class Answer(msgspec.Struct, frozen=True):
    """The body of a successful call (RESP-1)."""

    cards: tuple[Card, ...]


@dataclass(slots=True)
class Call:
    """One call while it is answered: what the audit line, the journal and the metrics will say of it."""

    service: str
    started: float
    endpoint: str = "call"
    client: str = "unknown"
    tenant: str | None = None
    fhir_calls: int = 0
    request: HookRequest | None = None
    decision: Decision | None = None
    reason: str | None = None
    refusal: str | None = None
    failed: bool = False
    steps: list[Step] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Service:
    """What the routes need, built once by `app.py`."""

    settings: Settings
    catalogue: Catalogue
    sites: Sites
    controls: Controls
    door: Door
    journal: Journal
    now: Callable[[], datetime]
    discovery_body: bytes
    fhir: FhirServers | None = None
    metrics: Metrics = field(default_factory=Metrics)
    tracer: Tracer | None = None

    async def discovery(self, request: Request) -> Response:
        """GET /cds-services (DISC rows)."""
        return await self._answered(request, "discovery", self._describe)

    async def call(self, request: Request) -> Response:
        """POST /cds-services/{id}: one hook call."""
        return await self._answered(request, "call", self._cards)

    async def feedback(self, request: Request) -> Response:
        """POST /cds-services/{id}/feedback: what prescribers did with cards; 200 only when it is durable (FB rows)."""
        return await self._answered(request, "feedback", self._keep)

    async def _answered(
        self, request: Request, endpoint: str, answer: Callable[[Request, Call], Awaitable[Response]]
    ) -> Response:
        """One answer and one audit line, whatever happens."""
        call = Call(request.path_params.get("service_id", "discovery"), time.perf_counter(), endpoint)
        if self.tracer:
            self.tracer.begin()
        try:
            with self.door.place():
                response = await answer(request, call)
        except ServiceError as error:
            call.reason, call.refusal = str(error), reason_of(error)
            if isinstance(error, TooManyCalls):
                call.client = error.client
            response = problems.response_to(error)
        except Exception as error:  # noqa: BLE001 - the last resort: nothing of what was sent may reach a log
            call.reason, call.refusal, call.failed = type(error).__name__, "internal_error", True
            logger.error("internal error in a call of %s: %s", _shown(call.service), where(error))  # noqa: TRY400
            response = problems.internal_error()
        self._record(call, response)
        if self.tracer:
            self._trace(self.tracer, call, response, text_header(request.scope, b"traceparent"))
        return response

    async def _describe(self, request: Request, call: Call) -> Response:
        client = await self.door.admit(request)
        call.client = client.name
        own = discovery(self.catalogue, self.sites.of(client)) if client.local_codes else None
        return Response(own or self.discovery_body, media_type=JSON)

    async def _cards(self, request: Request, call: Call) -> Response:
        deadline = Deadline.after(self.settings.deadline_seconds)
        client = await self._admitted(request, call)
        service = described(call.service)
        if self.controls.of(client.name).killed:
            # Before anything of the body is looked at: whatever is wrong with cards, this answer cannot fail.
            call.decision = self.catalogue.switched_off(service.hook, self.now().date())
            return Response(_NO_CARDS, media_type=JSON)
        call.request = decode_request(await self.door.body(request), service.hook)
        call.decision = await self.decide(call, call.request, client, deadline)
        if not call.decision.cards:
            return Response(_NO_CARDS, media_type=JSON)
        return Response(_encoder.encode(Answer(call.decision.cards)), media_type=JSON)

    async def _keep(self, request: Request, call: Call) -> Response:
        client = await self._admitted(request, call)
        described(call.service)
        entries = parse_feedback(await self.door.body(request))
        began = time.perf_counter()
        try:
            await self.journal.feedback(entries, client=client.name, service=call.service)
        finally:
            call.steps.append(("store.keep", began, time.perf_counter()))
        self.metrics.kept(entries, client.name)
        return Response(status_code=200)

    async def _admitted(self, request: Request, call: Call) -> TrustedClient:
        client = await self.door.admit(request)
        call.client, call.tenant = client.name, client.tenant
        kind = (text_header(request.scope, b"content-type") or "").partition(";")[0].strip().lower()
        if kind != JSON and not (kind.startswith("application/") and kind.endswith("+json")):
            raise UnsupportedMediaType("send application/json")
        return client

    async def decide(self, call: Call, request: HookRequest, client: TrustedClient, deadline: Deadline) -> Decision:
        """gather → read → decide → arrange → compose."""
        site, catalogue = self.sites.place(client)
        began = time.perf_counter()
        ehr = None
        try:
            queries = catalogue.templates_of(site)
            with self.fhir.opened(request, client, deadline, queries) if self.fhir else nullcontext() as ehr:
                evidence = await gather(request, catalogue, site, ehr)
        finally:
            gathered = time.perf_counter()
            call.fhir_calls = ehr.sent if ehr else 0
            call.steps.append(("gather", began, gathered))
        now = self.now().astimezone(site.time_zone)
        decision = catalogue.evaluate(evidence, on=now.date(), site=site, seed=uuid4(), now=now)
        call.steps.append(("decide", gathered, time.perf_counter()))
        return decision

    def _record(self, call: Call, response: Response) -> None:
        known = call.request
        hook = BY_ID[call.service].hook.value if call.service in BY_ID else None
        seconds = time.perf_counter() - call.started
        counted = Counted(call.endpoint, call.client, response.status_code, seconds)
        counted.refusal, counted.decision = call.refusal, call.decision
        audit.record(
            service=_shown(call.service),
            client=call.client,
            tenant=call.tenant,
            hook=hook,
            fhir_calls=call.fhir_calls,
            status=response.status_code,
            seconds=seconds,
            hook_instance=known.hook_instance if known else None,
            decision=call.decision,
            reason=call.reason,
            oddities=known.oddities if known else (),
        )
        if hook and call.endpoint == "call":
            counted.hook, counted.outcome = hook, outcome_of(call.decision, failed=call.failed)
            self.journal.answered(
                at=self.now(),
                client=call.client,
                hook=hook,
                hook_instance=known.hook_instance if known else None,
                decision=call.decision,
                failed=call.failed,
            )
        self.metrics.answered(counted)

    def _trace(self, tracer: Tracer, call: Call, response: Response, traceparent: str | None) -> None:
        attributes: dict[str, str | int] = {
            "service": _shown(call.service),
            "client": call.client,
            "status": response.status_code,
            "fhir_calls": call.fhir_calls,
        }
        if call.refusal:
            attributes["refusal"] = call.refusal
        if call.decision:
            attributes["knowledge"] = call.decision.knowledge_version
            attributes["cards"] = len(call.decision.cards)
            attributes["outcome"] = outcome_of(call.decision, failed=call.failed).value
        failed = response.status_code >= 500
        tracer.ended(call, attributes, failed=failed, traceparent=traceparent)


def _shown(service_id: str) -> str:
    """Only our own ids reach the log: a path is untrusted."""
    return service_id if service_id in BY_ID or service_id == "discovery" else "unknown"

"""Discovery, call, feedback and health: the flow from request to answer, top to bottom."""

import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from cards import Card, Catalogue, Decision
from service import audit, problems
from service.deadline import Deadline
from service.discovery import BY_ID, described
from service.door import Door
from service.errors import ServiceError, UnsupportedMediaType
from service.feedback import parse_feedback
from service.fhir_server import FhirServers
from service.gather import gather
from service.journal import Journal
from service.registry import TrustedClient
from service.settings import Settings
from service.sites import Sites
from service.wire import HookRequest, decode_request

logger = logging.getLogger("rls_cds")
JSON = "application/json"
_encoder = msgspec.json.Encoder()


class Answer(msgspec.Struct, frozen=True):
    """The body of a successful call (RESP-1)."""

    cards: tuple[Card, ...]


@dataclass(slots=True)
class Call:
    """One call while it is answered: what the audit line and the journal will say of it."""

    service: str
    started: float
    client: str = "unknown"
    tenant: str | None = None
    fhir_calls: int = 0
    request: HookRequest | None = None
    decision: Decision | None = None
    reason: str | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """What the routes need, built once by `app.py`."""

    settings: Settings
    catalogue: Catalogue
    sites: Sites
    door: Door
    journal: Journal
    now: Callable[[], datetime]
    discovery_body: bytes
    fhir: FhirServers | None = None

    async def discovery(self, request: Request) -> Response:
        """GET /cds-services (DISC rows)."""
        return await self._answered(request, self._describe)

    async def call(self, request: Request) -> Response:
        """POST /cds-services/{id}: one hook call."""
        return await self._answered(request, self._cards)

    async def feedback(self, request: Request) -> Response:
        """POST /cds-services/{id}/feedback: what prescribers did with cards; 200 only when it is durable (FB rows)."""
        return await self._answered(request, self._keep)

    async def health(self, _request: Request) -> Response:
        """GET /health: alive, which knowledge answers, and how far it trusts; without a token."""
        knowledge = self.catalogue.knowledge
        overdue = knowledge.is_past_review(self.now().date())
        body = {
            "status": "ok",
            "posture": self.door.posture.value,
            "knowledgeVersion": f"{knowledge.version}+{knowledge.digest}",
            "knowledgeStatus": knowledge.status,
            "terminology": knowledge.terminology.release_version or "built-in",
            "market": self.settings.market,
            "store": self.journal.state,
        }
        return Response(_encoder.encode(body | ({"pastReview": overdue} if overdue else {})), media_type=JSON)

    async def _answered(self, request: Request, answer: Callable[[Request, Call], Awaitable[Response]]) -> Response:
        """One answer and one audit line, whatever happens."""
        call = Call(request.path_params.get("service_id", "discovery"), time.perf_counter())
        try:
            with self.door.place():
                response = await answer(request, call)
        except ServiceError as error:
            call.reason = str(error)
            response = problems.response_to(error)
        except Exception as error:  # noqa: BLE001 - the last resort: nothing of what was sent may reach a log
            call.reason, call.failed = type(error).__name__, True
            logger.error("internal error in a call of %s: %s", _shown(call.service), _where(error))  # noqa: TRY400
            response = problems.internal_error()
        self._record(request, call, response)
        return response

    async def _describe(self, request: Request, call: Call) -> Response:
        call.client = (await self.door.admit(request)).name
        return Response(self.discovery_body, media_type=JSON)

    async def _cards(self, request: Request, call: Call) -> Response:
        deadline = Deadline.after(self.settings.deadline_seconds)
        client = await self._admitted(request, call)
        service = described(call.service)
        call.request = decode_request(await self.door.body(request), service.hook)
        call.decision = await self.decide(call, call.request, client, deadline)
        return Response(_encoder.encode(Answer(call.decision.cards)), media_type=JSON)

    async def _keep(self, request: Request, call: Call) -> Response:
        client = await self._admitted(request, call)
        described(call.service)
        entries = parse_feedback(await self.door.body(request))
        await self.journal.feedback(entries, client=client.name, service=call.service)
        return Response(status_code=200)

    async def _admitted(self, request: Request, call: Call) -> TrustedClient:
        client = await self.door.admit(request)
        call.client, call.tenant = client.name, client.tenant
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != JSON and not (kind.startswith("application/") and kind.endswith("+json")):
            raise UnsupportedMediaType("send application/json")
        return client

    async def decide(self, call: Call, request: HookRequest, client: TrustedClient, deadline: Deadline) -> Decision:
        """gather → read → decide → arrange → compose."""
        site = self.sites.of(client)
        with self.fhir.opened(request, client, deadline) if self.fhir else nullcontext() as ehr:
            evidence = await gather(request, self.catalogue, site, ehr)
        call.fhir_calls = ehr.sent if ehr else 0
        now = self.now().astimezone(site.time_zone)
        return self.catalogue.evaluate(evidence, on=now.date(), site=site, seed=uuid4(), now=now)

    def _record(self, request: Request, call: Call, response: Response) -> None:
        known = call.request
        audit.record(
            service=_shown(call.service),
            client=call.client,
            tenant=call.tenant,
            hook=BY_ID[call.service].hook.value if call.service in BY_ID else None,
            fhir_calls=call.fhir_calls,
            status=response.status_code,
            seconds=time.perf_counter() - call.started,
            hook_instance=known.hook_instance if known else None,
            decision=call.decision,
            reason=call.reason,
            oddities=known.oddities if known else (),
        )
        if call.service in BY_ID and not request.url.path.endswith("/feedback"):
            self.journal.answered(
                at=self.now(),
                client=call.client,
                hook=BY_ID[call.service].hook.value,
                hook_instance=known.hook_instance if known else None,
                decision=call.decision,
                failed=call.failed,
            )


def _shown(service_id: str) -> str:
    """Only our own ids reach the log: a path is untrusted."""
    return service_id if service_id in BY_ID or service_id == "discovery" else "unknown"


def _where(error: Exception) -> str:
    """The type and the places of an error, without its text: that may hold input."""
    places: list[str] = []
    trace = error.__traceback__
    while trace:
        places.append(f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return f"{type(error).__name__} at {' > '.join(places[-6:])}"

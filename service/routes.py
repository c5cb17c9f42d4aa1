"""Discovery, call and health: the flow from request to answer, top to bottom."""

import logging
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from cards import Card, Catalogue, Decision, Hook, Site
from service import audit, problems
from service.addresses import is_loopback
from service.deadline import Deadline
from service.errors import ServiceError, TooLarge, UnknownService, UnsupportedMediaType
from service.fhir_server import FhirServers
from service.gather import gather
from service.nesting import check_nesting
from service.registry import Registry, TrustedClient
from service.settings import Settings
from service.wire import HookRequest, decode_request

logger = logging.getLogger("rls_cds")
JSON = "application/json"
CDS_HOOKS_VERSION = "3.0.0"
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class ServiceDescription:
    """One entry of discovery, apart from what follows from the knowledge."""

    id: str
    hook: Hook
    title: str
    description: str


SERVICES = (
    ServiceDescription(
        "rls-patient-view",
        Hook.PATIENT_VIEW,
        "Restless legs syndrome: iron and medicines at chart opening",
        "For patients with restless legs syndrome: iron studies that are due or call for treatment.",
    ),
    ServiceDescription(
        "rls-order-select",
        Hook.ORDER_SELECT,
        "Restless legs syndrome: orders that can worsen it, when picked",
        "For patients with restless legs syndrome: warns of newly selected orders that may worsen it.",
    ),
    ServiceDescription(
        "rls-order-sign",
        Hook.ORDER_SIGN,
        "Restless legs syndrome: orders that can worsen it, when signed",
        "For patients with restless legs syndrome: warns of new orders that may worsen it, before they are signed.",
    ),
)
NOBODY = TrustedClient(name="nobody", issuer="")
BY_ID = {service.id: service for service in SERVICES}
USAGE = (
    "Prefetch is optional. Without FHIR access send at least 'conditions' and 'patient'. Answers adults, children from two "
    "years and pregnant patients with restless legs syndrome; the content is a draft until a clinician has signed it."
)


class Answer(msgspec.Struct, frozen=True):
    """The body of a successful call (RESP-1)."""

    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Service:
    """What the routes need, built once by `app.py`."""

    settings: Settings
    catalogue: Catalogue
    site: Site
    now: Callable[[], datetime]
    fhir: FhirServers | None = None

    async def discovery(self, _request: Request) -> Response:
        """GET /cds-services (DISC rows)."""
        return Response(self._discovery, media_type=JSON)

    @property
    def _discovery(self) -> bytes:
        entries = [
            {
                "id": service.id,
                "hook": service.hook.value,
                "title": service.title,
                "description": service.description,
                "version": CDS_HOOKS_VERSION,
                "usageRequirements": USAGE,
                "prefetch": self.catalogue.prefetch(service.hook),
            }
            for service in SERVICES
        ]
        return _encoder.encode({"services": entries})

    async def call(self, request: Request) -> Response:
        """POST /cds-services/{id}: one hook call, one audit line, whatever happens."""
        started = time.perf_counter()
        service_id = request.path_params["service_id"]
        known: HookRequest | None = None
        try:
            service = _described(service_id)
            deadline = Deadline.after(self.settings.deadline_seconds)
            known = decode_request(await _body(request, self.settings), service.hook)
            decision = await self.decide(known, self.caller, deadline)
        except ServiceError as error:
            response = problems.response_to(error)
            _audit(service_id, response, started, known, reason=str(error))
            return response
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as error:  # noqa: BLE001 - the last resort: nothing of what was sent may reach a log
            logger.error("internal error in a call of %s: %s", _shown(service_id), _where(error))  # noqa: TRY400
            response = problems.internal_error()
            _audit(service_id, response, started, known, reason=type(error).__name__)
            return response
        response = Response(_encoder.encode(Answer(decision.cards)), media_type=JSON)
        _audit(service_id, response, started, known, decision=decision)
        return response

    async def decide(
        self, request: HookRequest, client: TrustedClient = NOBODY, deadline: Deadline | None = None
    ) -> Decision:
        """gather → read → decide → arrange → compose."""
        deadline = deadline or Deadline.after(self.settings.deadline_seconds)
        with self.fhir.opened(request, client, deadline) if self.fhir else nullcontext() as ehr:
            evidence = await gather(request, self.catalogue, self.site, ehr)
        today = self.now().astimezone(self.site.time_zone).date()
        return self.catalogue.evaluate(evidence, on=today, site=self.site, seed=uuid4())

    @property
    def caller(self) -> TrustedClient:
        """Who calls while nobody is registered: in development FHIR servers on this machine may be read, else none."""
        return Registry.open(development=is_loopback(self.settings.host)).anyone or NOBODY

    async def health(self, _request: Request) -> Response:
        """GET /health: alive, and which knowledge answers."""
        knowledge = self.catalogue.knowledge
        overdue = knowledge.is_past_review(self.now().date())
        body = {
            "status": "ok",
            "knowledgeVersion": f"{knowledge.version}+{knowledge.digest}",
            "knowledgeStatus": knowledge.status,
            "market": self.settings.market,
        }
        return Response(_encoder.encode(body | ({"pastReview": overdue} if overdue else {})), media_type=JSON)


def _described(service_id: str) -> ServiceDescription:
    service = BY_ID.get(service_id)
    if service is None:
        raise UnknownService("no CDS service has this id; see /cds-services")
    return service


async def _body(request: Request, settings: Settings) -> bytes:
    """The body of a POST. Raises on a wrong Content-Type, on too many bytes, on nesting that no request has."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON and not (kind.startswith("application/") and kind.endswith("+json")):
        raise UnsupportedMediaType("send application/json")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > settings.max_body_bytes:
        raise TooLarge(f"the body may have {settings.max_body_bytes} bytes at most")
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > settings.max_body_bytes:
            raise TooLarge(f"the body may have {settings.max_body_bytes} bytes at most")
        chunks.append(chunk)
    body = b"".join(chunks)
    check_nesting(body, settings.max_depth)
    return body


def _audit(
    service_id: str,
    response: Response,
    started: float,
    request: HookRequest | None,
    *,
    decision: Decision | None = None,
    reason: str | None = None,
) -> None:
    audit.record(
        service=_shown(service_id),
        status=response.status_code,
        seconds=time.perf_counter() - started,
        hook_instance=request.hook_instance if request else None,
        decision=decision,
        reason=reason,
        oddities=request.oddities if request else (),
    )


def _shown(service_id: str) -> str:
    """Only our own ids reach the log: a path is untrusted."""
    return service_id if service_id in BY_ID else "unknown"


def _where(error: Exception) -> str:
    """The type and the places of an error, without its text: that may hold input."""
    places: list[str] = []
    trace = error.__traceback__
    while trace:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return f"{type(error).__name__} at {' > '.join(places[-6:])}"

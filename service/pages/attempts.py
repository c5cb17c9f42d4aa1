"""One situation of the preview goes the way of a call: a body is written, decoded, gathered, decided, journaled."""

import time
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import msgspec

from cards import Decision, Evidence, History, Hook
from service.deadline import Deadline
from service.discovery import SERVICES
from service.errors import BadRequest, EvidenceUnavailable, ServiceError
from service.gather import gather
from service.pages.changes import changed
from service.pages.chart import Chart, request_of
from service.pages.clinic_words import ClinicWords
from service.pages.form import read_form
from service.pages.samples import request_of as sample_request
from service.pages.situation import Form, Situation
from service.registry import PREVIEW_NAME, TrustedClient
from service.routes import Call, Service
from service.wire import HookRequest, decode_request

# Under this name calls and answers of the preview are kept, so that they never mix with those of an EHR.
PREVIEW = TrustedClient(name=PREVIEW_NAME, issuer=PREVIEW_NAME)
SERVICE_OF = {service.hook: service.id for service in SERVICES}


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one situation. `refused` says why nothing was decided; then there is no decision."""

    request: dict[str, Any]
    form: Form
    service_id: str
    decision: Decision | None = None
    refused: str | None = None


class Attempts:
    """Answers situations with the service's own parts; keeps nothing of them."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._words = ClinicWords(service.catalogue.knowledge)

    @property
    def words(self) -> ClinicWords:
        """The words of the form."""
        return self._words

    def today(self) -> date:
        """The day in the site's time zone."""
        return self._service.now().astimezone(self._service.settings.zone).date()

    def form(self, situation: Situation) -> Form:
        """The fields as the picked or pasted patient fills them."""
        return read_form(Chart(self._base(situation)), self._words, self.today())

    async def answer(self, situation: Situation) -> Attempt:
        """As a call would be answered. Raises `BadRequest` where the situation itself makes no sense."""
        request = self.request(situation)
        hook = _hook_of(request)
        form = situation.form or read_form(Chart(request), self._words, self.today())
        service_id = SERVICE_OF[hook]
        call = Call(service_id, time.perf_counter(), client=PREVIEW.name)
        try:
            sent = _as_sent(request, hook)
            call.decision = await self._service.decide(
                call, sent, PREVIEW, Deadline.after(self._service.settings.deadline_seconds)
            )
        except EvidenceUnavailable as error:
            return Attempt(request, form, service_id, refused=f"412 – nothing can be said: {error}")
        except ServiceError as error:
            return Attempt(request, form, service_id, refused=f"Refused: {error}")
        self._service.journal.answered(
            at=self._service.now(),
            client=PREVIEW.name,
            hook=hook.value,
            hook_instance=sent.hook_instance,
            decision=call.decision,
            failed=False,
        )
        return Attempt(request, form, service_id, call.decision)

    async def history(self, situation: Situation) -> History | None:
        """The iron studies over time; None where the evidence cannot be had."""
        request = self.request(situation)
        site, catalogue = self._service.sites.place(PREVIEW)
        try:
            sent = _as_sent(request, _hook_of(request))
            evidence: Evidence = await gather(sent, catalogue, site, thorough=True)
        except ServiceError:
            return None
        return catalogue.history(evidence, on=self.today(), site=site)

    def request(self, situation: Situation) -> dict[str, Any]:
        """The hook request as the form leaves it."""
        request = self._base(situation)
        if situation.form:
            request = changed(request, situation.form, self._words, self.today())
        return request | {"hookInstance": _uuid(situation.instance)}

    def _base(self, situation: Situation) -> dict[str, Any]:
        if situation.pasted is not None:
            return request_of(situation.pasted)
        found = sample_request(situation.sample or "", self.today())
        if found is None:
            raise BadRequest("no such patient is on offer", expression="sample")
        return found


def _as_sent(request: dict[str, Any], hook: Hook) -> HookRequest:
    return decode_request(msgspec.json.encode(request), hook)


def _hook_of(request: dict[str, Any]) -> Hook:
    try:
        return Hook(str(request.get("hook")))
    except ValueError:
        raise BadRequest("'hook' is patient-view, order-select or order-sign", expression="hook") from None


def _uuid(text: str) -> str:
    """The page's own id of this attempt, whatever id was pasted: a pasted one may name a patient."""
    try:
        return str(UUID(text))
    except ValueError:
        return str(uuid4())

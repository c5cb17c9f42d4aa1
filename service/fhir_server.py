"""The EHR's FHIR server for one call: which servers may be asked at all, and the needs of a round side by side."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from cards import Answer, Need, Resource, Standing, Template
from service.addresses import host_of
from service.connections import ClientFactory, Connections
from service.deadline import Deadline
from service.ehr import Found, Wish
from service.fhir_capabilities import Capabilities
from service.fhir_client import DEADLINE_PASSED, FhirClient
from service.fhir_paging import Fetched, Pages
from service.fhir_queries import Asking, Query, Unaskable, both
from service.reach import Reach, permits_host
from service.registry import TrustedClient
from service.wire import HookRequest

# RFC 6750: what may stand in a bearer token. Anything else cannot be one, and could break out of the header.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,16384}", re.ASCII)
# Searches of one type, which one search can stand for.
_TOGETHER = (Need.LABS, Need.FACTS)
_OBSERVATIONS = frozenset(_TOGETHER)
_LATE = Fetched(Answer(Standing.FAILED, why=DEADLINE_PASSED))


class Watch(Protocol):
    """Who hears of each request of all calls, as `Observer`, and of which client's it was."""

    def __call__(self, client: str, query: Query, result: str, started: float) -> None:
        """One request is over."""


@dataclass(frozen=True, slots=True)
class FhirLimits:
    """Bounds of one search: pages, bytes over all of them, resources asked for on a page (0: the server decides)."""

    max_pages: int = 10
    max_bytes: int = 10 * 1024 * 1024
    page_size: int = 200


class FhirServers:
    """The FHIR servers of all clients: one connection pool for each reach, for the life of the process.

    Nothing of a call is kept: no token, no cookie, no answer.
    """

    def __init__(
        self,
        templates: Mapping[Need, Template],
        factory: ClientFactory,
        limits: FhirLimits | None = None,
        watch: Watch | None = None,
    ) -> None:
        self._watch = watch
        self._templates = templates
        self._limits = limits or FhirLimits()
        self._factory = factory
        self._clients: dict[Reach, Connections] = {}
        self.capabilities = Capabilities()

    @contextmanager
    def opened(
        self,
        request: HookRequest,
        client: TrustedClient,
        deadline: Deadline,
        templates: Mapping[Need, Template] | None = None,
    ) -> Iterator["FhirServer | None"]:
        """The server of a call while it is answered, None where nothing may be sent there. The token ends with it.

        `templates` are the queries of the client's site, where it has some of its own.
        """
        server = self._server(request, client, deadline, templates or self._templates)
        try:
            yield server
        finally:
            if server:
                server.close()

    async def aclose(self) -> None:
        """Close all connections."""
        await self.capabilities.aclose()
        for client in self._clients.values():
            await client.aclose()

    def _client(self, reach: Reach) -> Connections:
        """Opened when it is first needed: many services are sent all they need along."""
        client = self._clients.get(reach)
        if client is None:
            client = self._clients[reach] = self._factory(reach)
        return client

    def _server(
        self, request: HookRequest, client: TrustedClient, deadline: Deadline, templates: Mapping[Need, Template]
    ) -> "FhirServer | None":
        base = client.fhir_base(request.fhir_server) if request.fhir_server else None
        reach = reach_of(client)
        token = request.access_token
        if not base or not permits_host(reach, host_of(base)) or (token and not _TOKEN.fullmatch(token)):
            return None
        asking = Asking(base, by_post=client.search == "post", page_size=self._limits.page_size)
        observe = partial(self._watch, client.name) if self._watch else None
        http = FhirClient(self._client(reach), deadline, token, observe)
        pages = Pages(http, asking, request.patient_id, self._limits.max_pages, self._limits.max_bytes)
        return FhirServer(pages, request.encounter_id, templates, self.capabilities)


def reach_of(client: TrustedClient) -> Reach:
    """How far the requests for a client may go."""
    if client.any_loopback_server:
        return Reach.LOOPBACK
    return Reach.PRIVATE if client.allow_private_addresses else Reach.PUBLIC


class FhirServer:
    """One server while one call is answered. Never raises: what could not be had is an Answer that says so."""

    def __init__(
        self, pages: Pages, encounter_id: str | None, templates: Mapping[Need, Template], capabilities: Capabilities
    ) -> None:
        self._pages: Pages | None = pages
        self._encounter_id = encounter_id
        self._templates = templates
        self._capabilities = capabilities
        self.sent = 0

    def close(self) -> None:
        """Let go of the token; nothing can be asked any more. How many requests were sent stays known."""
        if self._pages:
            self.sent = self._pages.server.sent
        self._pages = None

    async def fetch(self, wish: Wish) -> Found:
        """All that is wished for, side by side."""
        pages = self._pages
        if pages is None:
            return Found()
        if wish.medications and not wish.before_gate:
            self._capabilities.learn(pages.asking.base, pages.server.http)
        queries = pages.asking.medications(wish.medications)
        together = wish.needs >= _OBSERVATIONS and not wish.next_pages.keys() & _OBSERVATIONS
        alone = sorted(wish.needs - _OBSERVATIONS if together else wish.needs)
        async with pages.server.until_deadline(), asyncio.TaskGroup() as side_by_side:
            pair = side_by_side.create_task(self._observations(pages)) if together else None
            needs = {need: side_by_side.create_task(self._need(pages, need, wish)) for need in alone}
            drugs = [side_by_side.create_task(pages.search(query)) for query in queries]
        answers = {need: _result(task) for need, task in needs.items()}
        if pair:
            answers |= dict.fromkeys(_TOGETHER, _LATE) if pair.cancelled() else pair.result()
        medications = [_result(task) for task in drugs]
        return Found(
            answers={need: found.answer for need, found in answers.items()},
            medications=_medications(medications),
            unreadable=sum(found.unreadable for found in (*answers.values(), *medications)),
        )

    async def _observations(self, pages: Pages) -> dict[Need, Fetched]:
        """Labs and facts by one search, as long as one page holds both. Otherwise, and whatever else goes wrong with it,
        each is asked alone, so that neither can keep the other away."""
        query = pages.asking.of(both(*(self._templates[need] for need in _TOGETHER)), pages.patient_id, None)
        found = await replace(pages, max_pages=1).search(query)
        if found.answer.is_complete or found.answer.why == DEADLINE_PASSED:
            # What one search found stands once: it is read as one record, whatever it answers.
            rest = Fetched(Answer(found.answer.standing, why=found.answer.why))
            return dict(zip(_TOGETHER, (found, rest), strict=True))
        async with asyncio.TaskGroup() as side_by_side:
            tasks = {need: side_by_side.create_task(self._need(pages, need, Wish(_OBSERVATIONS))) for need in _TOGETHER}
        return {need: _with_more(task.result(), found.answer) for need, task in tasks.items()}

    async def _need(self, pages: Pages, need: Need, wish: Wish) -> Fetched:
        template = self._templates[need]
        include = self._capabilities.medication_include(pages.asking.base, template.resource_type)
        try:
            query = pages.asking.of(template, pages.patient_id, self._encounter_id, include=include)
        except Unaskable as fault:
            return Fetched(Answer(Standing.FAILED, why=str(fault)))
        if template.reads:
            return await pages.read(query, template.resource_type)
        return await _rest_of(pages, wish.next_pages.get(need)) or await pages.search(query)


def _result(task: asyncio.Task[Fetched]) -> Fetched:
    """What came of it. The deadline may end it before it had begun to ask."""
    return _LATE if task.cancelled() else task.result()


async def _rest_of(pages: Pages, prefetched: tuple[str, Answer] | None) -> Fetched | None:
    """The pages after a prefetched one. None where there is no such page, or its link is not ours or has expired: then
    the question itself can still be asked."""
    link, so_far = prefetched or ("", Answer())
    following = pages.asking.page(link) if link else None
    rest = await pages.search(following, so_far) if following else None
    return rest if rest and (rest.answer.is_complete or rest.answer.why == DEADLINE_PASSED) else None


def _with_more(alone: Fetched, together: Answer) -> Fetched:
    """What was asked alone; where that is not complete, with what was found before."""
    if alone.answer.is_complete:
        return alone
    answer = alone.answer
    found = together.resources + answer.resources
    return Fetched(Answer(answer.standing, found, answer.why), alone.unreadable)


def _medications(found: list[Fetched]) -> tuple[Resource, ...]:
    return tuple(one for each in found for one in each.answer.resources if one.resource_type == "Medication")

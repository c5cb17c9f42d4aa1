"""What each FHIR server says it can do: learned once behind the calls, without a token, and never waited for."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from service.connections import Connections
from service.deadline import Deadline
from service.fhir_client import FhirClient, NoAnswer
from service.fhir_queries import Query

_KEPT_S = 6 * 3600.0
_SECONDS = 10.0
_MAX_BYTES = 8 * 1024 * 1024


class _Type(msgspec.Struct, frozen=True, rename="camel"):
    type: str = ""
    search_include: list[str] = []


class _Rest(msgspec.Struct, frozen=True):
    resource: list[_Type] = []


class _Statement(msgspec.Struct, frozen=True):
    """The part of a CapabilityStatement (STU3, R4, R5) that is read."""

    rest: list[_Rest] = []


_decode = msgspec.json.Decoder(_Statement).decode


@dataclass(slots=True)
class _Entry:
    includes: frozenset[str] = frozenset()
    asked_at: float = float("-inf")
    task: asyncio.Task[None] | None = None


class Capabilities:
    """`_include`s by server. Only servers on an allow-list are asked, so their number is bounded."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: dict[str, _Entry] = {}

    def medication_include(self, base: str, resource_type: str) -> str | None:
        """`MedicationRequest:medication` where the server is known to offer it for that type."""
        include = f"{resource_type}:medication"
        entry = self._entries.get(base)
        return include if entry and include in entry.includes else None

    def learn(self, base: str, http: Connections) -> None:
        """Ask the server behind the call, unless that was done not long ago."""
        entry = self._entries.setdefault(base, _Entry())
        if self._clock() - entry.asked_at > _KEPT_S:
            entry.asked_at = self._clock()
            entry.task = asyncio.create_task(self._ask(base, http, entry))

    async def settled(self) -> None:
        """Wait for what is under way; only tests and benchmarks have reason to."""
        await asyncio.gather(*(entry.task for entry in self._entries.values() if entry.task), return_exceptions=True)

    async def aclose(self) -> None:
        """End what is under way."""
        for entry in self._entries.values():
            if entry.task:
                entry.task.cancel()
        await self.settled()

    async def _ask(self, base: str, http: Connections, entry: _Entry) -> None:
        server = FhirClient(http, Deadline.after(_SECONDS))
        try:
            async with server.until_deadline():
                entry.includes = _includes(_decode(await server.ask(Query(f"{base}/metadata"), _MAX_BYTES)))
        except (NoAnswer, msgspec.MsgspecError, RecursionError):
            entry.includes = frozenset()


def _includes(statement: _Statement) -> frozenset[str]:
    by_type: Mapping[str, list[str]] = {
        one.type: one.search_include for rest in statement.rest for one in rest.resource
    }
    wanted = ((kind, f"{kind}:medication") for kind in ("MedicationRequest", "MedicationStatement"))
    return frozenset(include for kind, include in wanted if {include, "*"} & set(by_type.get(kind, ())))

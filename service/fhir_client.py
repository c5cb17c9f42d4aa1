"""One request to one FHIR server: token in the header, bounded body back, at most one retry, never past the deadline."""

import asyncio
import time
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Protocol

from service.connections import Connections, Reply
from service.deadline import Deadline
from service.fhir_queries import Query

DEADLINE_PASSED = "the deadline passed before the FHIR server had answered"
_TEMPORARY = frozenset({408, 429, 500, 502, 503, 504})
_JSON = frozenset({"application/fhir+json", "application/json", "application/json+fhir", "text/json"})
_ACCEPT = "application/fhir+json, application/json;q=0.9"
# Before the retry, where the server names no time.
_PAUSE_S = 0.1


class NoAnswer(Exception):
    """No usable body came. The text is for an integrator and holds no address, id or value; `result` is for metrics."""

    def __init__(
        self, why: str, *, temporary: bool = False, retry_after: float | None = None, result: str = "unusable"
    ) -> None:
        super().__init__(why)
        self.result = result
        self.temporary = temporary
        self.retry_after = retry_after


class Observer(Protocol):
    """Who hears of each request once it is over: for metrics and traces."""

    def __call__(self, query: Query, result: str, started: float) -> None:
        """`result`: ok, client_error, server_error, unreachable, unusable or given_up; `started` by `perf_counter`."""


@dataclass(slots=True)
class FhirClient:
    """Pooled connections with the token and deadline of one call. The token is in no repr and lives no longer than this.

    `sent` counts the requests, for the audit line.
    """

    http: Connections
    deadline: Deadline
    token: str | None = field(default=None, repr=False)
    observe: Observer | None = field(default=None, repr=False)
    sent: int = 0
    _limit: asyncio.Timeout | None = field(default=None, init=False, repr=False)

    @asynccontextmanager
    async def until_deadline(self) -> AsyncIterator[None]:
        """What is asked inside ends with the deadline. One timer for all of it: one for each request costs more than
        its answer takes to read."""
        try:
            async with asyncio.timeout_at(self.deadline.at) as self._limit:
                yield
        except TimeoutError:
            # Each request that was under way has told it by itself.
            return

    async def ask(self, query: Query, most: int) -> bytes:
        """The body of a 200 answer in JSON, `most` bytes at most after decompression. Raises `NoAnswer`.

        To be called inside `until_deadline`.
        """
        try:
            try:
                return await self._once(query, most)
            except NoAnswer as fault:
                await self._pause_for_another(fault)
            return await self._once(query, most)
        except asyncio.CancelledError:
            if self._limit and self._limit.expired():
                raise NoAnswer(DEADLINE_PASSED) from None
            raise

    async def _pause_for_another(self, fault: NoAnswer) -> None:
        """Returns when the one retry is due. Raises the fault itself where none would help, or none is in time."""
        pause = _PAUSE_S if fault.retry_after is None else fault.retry_after
        if not fault.temporary or pause >= self.deadline.left():
            raise fault
        await asyncio.sleep(pause)

    async def _once(self, query: Query, most: int) -> bytes:
        # What stays where the deadline, or the end of the call, interrupts it.
        result, started = "given_up", time.perf_counter()
        self.sent += 1
        try:
            async with self.http.request(query.method, query.url, self._headers(query), query.form) as reply:
                _check(reply)
                body = await _body(reply, most)
            result = "ok"
        except NoAnswer as fault:
            result = fault.result
            raise
        # From None: the cause names the address, and so the patient, and its request holds the token.
        except _unreachable() as fault:
            result = "unreachable"
            why = f"the FHIR server could not be reached ({type(fault).__name__})"
            raise NoAnswer(why, temporary=True, result=result) from None
        finally:
            if self.observe:
                self.observe(query, result, started)
        return body

    def _headers(self, query: Query) -> dict[str, str]:
        headers = {"User-Agent": "rls-cds", "Accept": _ACCEPT, "Accept-Encoding": "gzip", **query.headers}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return headers


def _unreachable() -> tuple[type[Exception], ...]:
    """What connections may raise. aiohttp is loaded with the first of them (`fhir_network`), and not with this module."""
    import aiohttp

    return (aiohttp.ClientError, OSError, RuntimeError, ValueError)


def _check(reply: Reply) -> None:
    status = reply.status
    if status != HTTPStatus.OK:
        after = _retry_after(reply.headers) if status in _TEMPORARY else None
        result = "client_error" if 400 <= status < 500 else "server_error"
        why = f"the FHIR server answered {status}"
        raise NoAnswer(why, temporary=status in _TEMPORARY, retry_after=after, result=result)
    kind = reply.headers.get("content-type", "application/fhir+json").partition(";")[0].strip().lower()
    if kind not in _JSON:
        raise NoAnswer("the FHIR server answered with something that is not JSON")
    if reply.headers.get("content-encoding", "identity").lower() not in ("identity", "gzip", "x-gzip"):
        raise NoAnswer("the FHIR server used a compression that was not asked for")


async def _body(reply: Reply, most: int) -> bytes:
    """The decompressed body. Bytes are counted as they unfold, so that a small answer cannot become a large one."""
    zipped = reply.headers.get("content-encoding", "identity").lower() != "identity"
    unfold = zlib.decompressobj(16 + zlib.MAX_WBITS) if zipped else None
    body = bytearray()
    # Most bodies come with the head, and asking for an end that is known costs as much as reading them.
    while not reply.content.at_eof() and (piece := await reply.content.readany()):
        try:
            body += unfold.decompress(piece, most + 1 - len(body)) if unfold else piece
        except zlib.error:
            raise NoAnswer("the FHIR server's answer is not the gzip that it says", temporary=True) from None
        if len(body) > most:
            raise NoAnswer("the FHIR server's answer is larger than is read here")
    if unfold and not unfold.eof:
        raise NoAnswer("the FHIR server's answer was cut off", temporary=True)
    return bytes(body)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait (RFC 9110: a number, or a date); None where it says nothing readable."""
    said = headers.get("retry-after", "").strip()
    if said.isdecimal():
        return float(said[:9])
    then, now = _date(said), _date(headers.get("date", "")) or datetime.now(UTC)
    return max(0.0, (then - now).total_seconds()) if then else None


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)

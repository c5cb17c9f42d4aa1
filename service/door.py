"""Who may come in, how many at once, how often: everything that is asked before a body is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.requests import Request

from service.limits import ConcurrencyGate, RateLimit, check_headers, read_body
from service.posture import Posture
from service.registry import TrustedClient
from service.settings import Settings
from service.trust import Gate


@dataclass(frozen=True, slots=True)
class Door:
    """The trust room and the limits, for all routes."""

    gate: Gate
    calls: ConcurrencyGate
    rate: RateLimit
    posture: Posture
    settings: Settings

    async def admit(self, request: Request) -> TrustedClient:
        """The caller. Raises what `Gate.admit` raises, `TooManyCalls`, and refusals by the headers alone.

        The endpoint that a token must name is built from the settings: a `Host` header is the caller's own words.
        """
        check_headers(request.scope["headers"], self.settings.max_body_bytes)
        endpoint = self.settings.base_url + request.url.path
        client = await self.gate.admit(request.headers.get("authorization"), endpoint)
        if self.posture is Posture.REGISTERED:
            self.rate.spend(client.name)
        return client

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place among the calls that are answered at once. Raises `Overloaded` where there is none."""
        with self.calls:
            yield

    async def body(self, request: Request) -> bytes:
        """The body, within its limits of bytes and time."""
        return await read_body(request.receive, self.settings.max_body_bytes, self.settings.max_body_seconds)

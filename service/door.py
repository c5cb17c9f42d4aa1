"""Who may come in, how many at once, how often: everything that is asked before a body is read."""

from dataclasses import dataclass

from starlette.requests import Request

from service.headers import text_header
from service.limits import ConcurrencyGate, RateLimit, check_headers, read_body
from service.posture import Posture
from service.registry import TrustedClient
from service.settings import Settings
from service.trust import Gate


@dataclass(frozen=True, slots=True)
class Door:
    """The trust room and the limits, for all routes. `base_url` is where EHRs reach the service, by the settings."""

    gate: Gate
    calls: ConcurrencyGate
    rate: RateLimit
    posture: Posture
    settings: Settings
    base_url: str

    async def admit(self, request: Request) -> TrustedClient:
        """The caller. Raises what `Gate.admit` raises, `TooManyCalls`, and refusals by the headers alone.

        The endpoint that a token must name is built from the settings: a `Host` header is the caller's own words.
        """
        scope = request.scope
        check_headers(scope["headers"], self.settings.max_body_bytes)
        client = await self.gate.admit(text_header(scope, b"authorization"), self.base_url + scope["path"])
        if self.posture is Posture.REGISTERED:
            self.rate.spend(client.name)
        return client

    def place(self) -> ConcurrencyGate:
        """A place among the calls that are answered at once, to be entered. Raises `Overloaded` where there is none."""
        return self.calls

    async def body(self, request: Request) -> bytes:
        """The body, within its limits of bytes and time."""
        return await read_body(request.receive, self.settings.max_body_bytes, self.settings.max_body_seconds)

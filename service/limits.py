"""How much one request, one client and all callers together may ask of the service."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from types import TracebackType
from typing import Any, Self

from service.errors import BadRequest, Overloaded, TooLarge, UnsupportedMediaType

MAX_BODY_BYTES = 10 * 1024 * 1024
MAX_BODY_SECONDS = 10.0
MAX_HEADER_BYTES = 32 * 1024

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class TooManyAtOnce(Overloaded):
    """As many calls are being answered as this process takes."""


class TooManyCalls(Overloaded):
    """One client calls faster than it may. `retry_after_s`: whole seconds until a call would pass."""

    def __init__(self, client: str, retry_after_s: int) -> None:
        super().__init__(f"client {client} calls too often")
        self.client = client
        self.retry_after_s = retry_after_s


def check_headers(
    headers: Iterable[tuple[bytes, bytes]], max_body_bytes: int = MAX_BODY_BYTES, max_bytes: int = MAX_HEADER_BYTES
) -> None:
    """Refuse by the headers alone: all headers too long, a body declared too long, a body sent compressed."""
    size = 0
    for name, value in headers:
        size += len(name) + len(value)
        # A few kilobytes of gzip can hold gigabytes; no EHR is known to compress requests.
        if name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            raise UnsupportedMediaType("send the body without Content-Encoding")
        if name == b"content-length" and value.isdigit() and int(value[:20]) > max_body_bytes:
            raise TooLarge(f"the body has more than {max_body_bytes} bytes")
    if size > max_bytes:
        raise BadRequest(f"the headers have more than {max_bytes} bytes")


async def read_body(receive: Receive, max_bytes: int = MAX_BODY_BYTES, seconds: float = MAX_BODY_SECONDS) -> bytes:
    """The whole body. `TooLarge` as soon as it is over `max_bytes`, `BadRequest` when it takes over `seconds`."""
    pieces: list[bytes] = []
    size = 0
    more = True
    try:
        async with asyncio.timeout(seconds):
            while more and size <= max_bytes:
                message = await receive()
                pieces.append(_piece(message))
                size += len(pieces[-1])
                more = message.get("more_body", False)
    except TimeoutError:
        raise BadRequest(f"the body did not arrive within {seconds:g} s") from None
    if size > max_bytes:
        raise TooLarge(f"the body has more than {max_bytes} bytes")
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _piece(message: MutableMapping[str, Any]) -> bytes:
    if message["type"] == "http.disconnect":
        raise BadRequest("the caller hung up before the body was complete")
    return bytes(message.get("body", b""))


class ConcurrencyGate:
    """At most `limit` calls at once in this process; one more is refused at once, as a queue would only grow."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.active = 0

    def __enter__(self) -> Self:
        if self.active >= self._limit:
            raise TooManyAtOnce(f"{self._limit} calls are being answered")
        self.active += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.active -= 1


class RateLimit:
    """A token bucket per client: `per_second` calls on average, `burst` at once. Clients come from the registry."""

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def spend(self, client: str) -> None:
        """Count one call of the client (its registry name), or raise `TooManyCalls`."""
        now = self._clock()
        left, at = self._buckets.get(client, (float(self._burst), now))
        left = min(self._burst, left + max(0.0, now - at) * self._per_second)
        if left < 1:
            self._buckets[client] = (left, now)
            raise TooManyCalls(client, int((1 - left) / self._per_second) + 1)
        self._buckets[client] = (left - 1, now)

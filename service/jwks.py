"""The public keys of trusted clients: fetched from where the registry says, kept, and refreshed when they change."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from math import inf
from typing import TYPE_CHECKING

from service.errors import ServiceError
from service.keys import BadKeySet, KeySet, VerifyingKey, read_key_set

if TYPE_CHECKING:
    import httpx

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JwksLimits:
    """How JWK Sets are fetched and kept; our choices. Times in seconds, size in bytes."""

    max_bytes: int = 256 * 1024
    seconds: float = 3.0
    # Between two attempts at one address, however many unknown key ids arrive.
    pause_s: float = 30.0
    # Older sets are refreshed behind the calls that still use them, so a withdrawn key ends after about this time.
    fresh_s: float = 600.0
    # Without any successful refresh a set is used no longer than this.
    stale_s: float = 24 * 3600.0


class _NotFetched(ServiceError):
    """The address gave no document that would be read."""


def _unreachable() -> tuple[type[Exception], ...]:
    """What a fetch may raise. httpx is loaded with the first of them, and not with this module."""
    import httpx

    # RuntimeError: the HTTP client was closed while the service shuts down.
    return (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, RuntimeError)


@dataclass(slots=True)
class _Entry:
    keys: KeySet | None = None
    loaded_at: float = -inf
    tried_at: float = -inf
    refresh: asyncio.Task[None] | None = None


class JwkSets:
    """JWK Sets by address. Only addresses of the registry are ever asked for, so their number is bounded."""

    def __init__(
        self,
        http: "Callable[[], httpx.AsyncClient]",
        *,
        limits: JwksLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._limits = limits or JwksLimits()
        self._clock = clock
        self._entries: dict[str, _Entry] = {}

    async def key(self, url: str, kid: str, algorithm: str) -> VerifyingKey | None:
        """The key, or None when the set does not name it, or could not be had and is not known of old."""
        entry = self._entries.setdefault(url, _Entry())
        found = self._known(entry, kid, algorithm)
        if found is None:
            await self._refreshed(url, entry)
            return self._known(entry, kid, algorithm)
        if self._clock() - entry.loaded_at > self._limits.fresh_s:
            self._start_refresh(url, entry)
        return found

    async def preload(self, urls: Iterable[str]) -> None:
        """Fetch the sets before the first call needs them."""
        await asyncio.gather(*(self._refreshed(url, self._entries.setdefault(url, _Entry())) for url in urls))

    def remind(self, urls: Iterable[str]) -> None:
        """Fetch sets that are not held, behind whoever asks; as rarely as any other attempt."""
        for url in urls:
            self._start_refresh(url, self._entries.setdefault(url, _Entry()))

    def has(self, url: str) -> bool:
        """Whether a usable set of this address is held, for readiness."""
        return self._current(self._entries.get(url, _Entry())) is not None

    async def aclose(self) -> None:
        """End refreshes that are under way."""
        running = [entry.refresh for entry in self._entries.values() if entry.refresh is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _known(self, entry: _Entry, kid: str, algorithm: str) -> VerifyingKey | None:
        keys = self._current(entry)
        return None if keys is None else keys.get(kid, algorithm)

    def _current(self, entry: _Entry) -> KeySet | None:
        return entry.keys if self._clock() - entry.loaded_at <= self._limits.stale_s else None

    async def _refreshed(self, url: str, entry: _Entry) -> None:
        task = self._start_refresh(url, entry)
        if task is not None:
            # Shielded: a caller who hangs up must not end the refresh that others wait for.
            await asyncio.shield(task)

    def _start_refresh(self, url: str, entry: _Entry) -> asyncio.Task[None] | None:
        """The refresh under way, or a new one, or None when the last attempt was too recent."""
        if entry.refresh is not None and not entry.refresh.done():
            return entry.refresh
        now = self._clock()
        if now - entry.tried_at < self._limits.pause_s:
            return None
        entry.tried_at = now
        entry.refresh = asyncio.create_task(self._refresh(url, entry))
        return entry.refresh

    async def _refresh(self, url: str, entry: _Entry) -> None:
        try:
            async with asyncio.timeout(self._limits.seconds):
                keys = read_key_set(await self._fetch(url))
        except (_NotFetched, BadKeySet) as fault:
            _log.warning("JWK Set %s was not refreshed: %s", url, fault)
        except _unreachable() as fault:
            _log.warning("JWK Set %s was not refreshed: %s", url, type(fault).__name__)
        else:
            entry.keys, entry.loaded_at = keys, self._clock()
            for reason in keys.refused:
                _log.warning("JWK Set %s: %s", url, reason)

    async def _fetch(self, url: str) -> bytes:
        # No redirect, no credentials of the client, no compression: the bytes that arrive are the bytes that count.
        headers = {"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"}
        async with self._http().stream("GET", url, headers=headers, follow_redirects=False, auth=None) as response:
            if response.status_code != HTTPStatus.OK:
                raise _NotFetched(f"status {response.status_code}")
            if response.headers.get("content-encoding", "identity") != "identity":
                raise _NotFetched("it came compressed, which was not asked for")
            document = bytearray()
            async for piece in response.aiter_raw():
                document += piece
                if len(document) > self._limits.max_bytes:
                    raise _NotFetched(f"more than {self._limits.max_bytes} bytes")
        return bytes(document)

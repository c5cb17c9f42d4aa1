"""Which token ids were seen before, for as long as their tokens could still be used."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable
from hashlib import blake2b
from math import ceil
from typing import Protocol

from service.errors import Overloaded

# Our choice: 55 calls a second, each with a token of one hour. About 25 MB for a client that fills it.
DEFAULT_CAPACITY = 200_000
_SLOT_S = 60
# A database that answers does so in milliseconds. One that does not is left alone for a while.
_PATIENCE_S, _REST_S = 1.0, 5.0

logger = logging.getLogger("rls_cds")


class ReplayMemory(Protocol):
    """Where used token ids are kept; a store shared between hosts can stand here."""

    async def first_use(self, issuer: str, jti: str, *, until: float, now: float) -> bool:
        """Keep the id until `until` (s since the epoch). False when it is known already, or could be.

        Raises `Overloaded` when it cannot be kept.
        """
        raise NotImplementedError


class LocalReplayMemory:
    """Token ids of this process, per issuer, bounded, forgotten by expiry.

    A full memory refuses instead of forgetting: what was forgotten could be replayed. The bound is per issuer, so
    one client can fill only its own. Ids are kept as digests of 128 bits, never as text.
    """

    def __init__(self, capacity: int = DEFAULT_CAPACITY) -> None:
        self._capacity = capacity
        self._issuers: dict[str, _Ids] = defaultdict(_Ids)

    async def first_use(self, issuer: str, jti: str, *, until: float, now: float) -> bool:
        """As the protocol says."""
        ids = self._issuers[issuer]
        ids.forget_before(int(now // _SLOT_S))
        return ids.add(blake2b(jti.encode(), digest_size=16).digest(), ceil(until / _SLOT_S), self._capacity)


class SharedReplayMemory:
    """A memory that hosts share, and this process's own beside it for the time in which the shared one is away.

    Every id is noted in both, so that going away and coming back open no gap for ids that this process saw. Meanwhile a
    token could be used once in each process, until it expires: calls go on without the store.
    """

    def __init__(
        self,
        own: ReplayMemory,
        shared: ReplayMemory,
        is_there: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._own = own
        self._shared = shared
        self._is_there = is_there
        self._clock = clock
        self._away_until = float("-inf")

    async def first_use(self, issuer: str, jti: str, *, until: float, now: float) -> bool:
        """As the protocol says."""
        if not await self._own.first_use(issuer, jti, until=until, now=now):
            return False
        if not self._is_there() or self._clock() < self._away_until:
            return True
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await self._shared.first_use(issuer, jti, until=until, now=now)
        except (Overloaded, TimeoutError):
            # Not asked again at once: each call would wait in vain.
            self._away_until = self._clock() + _REST_S
            logger.warning("used token ids are kept in this process alone for %.0f seconds", _REST_S)
            return True


class _Ids:
    """Digests by the slot of time in which they expire, so that forgetting costs one step per slot."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()
        self._slots: dict[int, list[bytes]] = {}
        self._forgotten = 0

    def forget_before(self, slot: int) -> None:
        if slot <= self._forgotten:
            return
        for expired in [known for known in self._slots if known < slot]:
            self._seen.difference_update(self._slots.pop(expired))
        self._forgotten = slot

    def add(self, digest: bytes, slot: int, capacity: int) -> bool:
        # A clock that ran ahead and came back: ids of that time are gone, so nobody can say they are new.
        if digest in self._seen or slot < self._forgotten:
            return False
        if len(self._seen) >= capacity:
            raise Overloaded("the memory of used token ids is full for one client")
        self._seen.add(digest)
        self._slots.setdefault(slot, []).append(digest)
        return True

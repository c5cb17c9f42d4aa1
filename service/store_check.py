"""Whether the store answers now: asked rarely, in a thread, and waited for only a moment."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from service.store import Database, StoreError

# A probe of a balancer is given up after a second; the driver of a database that is away may hang far longer.
_WAIT_S = 0.8
_GOOD_FOR_S = 5.0


class Kept(Protocol):
    """The journal, as far as its store is asked about. `state` is `off`, `ok` or `unavailable`, as of the last feedback."""

    state: str

    @property
    def written(self) -> int:
        """Calls that were written since the start."""

    @property
    def database(self) -> Database | None:
        """None where there is no store, or none was reached yet."""


class StoreCheck:
    """A good answer counts for some seconds, however many probes come; one question at a time is under way."""

    def __init__(self, kept: Kept, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept = kept
        self._clock = clock
        self._good_until = 0.0
        self._written_at_fault: int | None = None
        self._asking: asyncio.Future[bool] | None = None

    async def state(self) -> str:
        """`off`, `ok` or `unavailable`: what the last feedback met, what was written since, what the store says now."""
        if self._kept.database is None:
            return self._kept.state
        if self._kept.state == "ok":
            self._written_at_fault = None
        elif not self._writes_again():
            return self._kept.state
        return "ok" if self._clock() < self._good_until or await self._answers() else "unavailable"

    def _writes_again(self) -> bool:
        """Whether calls are written again after feedback failed; the next feedback may be long in coming."""
        if self._written_at_fault is None:
            self._written_at_fault = self._kept.written
        return self._kept.written > self._written_at_fault

    async def _answers(self) -> bool:
        if self._asking is None or self._asking.done():
            # Not the threads that feedback is written in: a question that hangs must not take their places.
            self._asking = asyncio.get_running_loop().run_in_executor(None, self._ask, self._kept.database)
        with suppress(TimeoutError):
            # Shielded: the next probe waits for the same question.
            return await asyncio.wait_for(asyncio.shield(self._asking), _WAIT_S)
        return False

    def _ask(self, database: Database | None) -> bool:
        if database is None:
            return False
        try:
            with database.reading() as connection:
                connection.exec_driver_sql("SELECT 1 FROM calls LIMIT 1")
        except (StoreError, OSError):
            return False
        self._good_until = self._clock() + _GOOD_FOR_S
        return True

"""GET /metrics: the counts of all workers together, in the text format that was asked for."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from service.errors import where
from service.metrics import Metrics
from service.metrics_share import SharedCounts
from service.operator import Operators
from service.standing import Standing
from service.tallies import Snapshot

logger = logging.getLogger("rls_cds")
# Counts of another worker are at most this old; a worker that is killed loses as much.
_SHARE_EVERY_S = 1.0


class MetricsPage:
    """Shows the counts to the operator, and with several workers shares those of this one."""

    def __init__(
        self,
        metrics: Metrics,
        standing: Standing,
        operators: Operators,
        *,
        clients: Callable[[], Iterable[str]],
        folder: Path | None = None,
    ) -> None:
        """`clients` names those of the registry in force; `folder` is shared by the workers, None where there is one."""
        self._metrics = metrics
        self._standing = standing
        self._operators = operators
        self._clients = clients
        self._folder = folder
        self._shared: SharedCounts | None = None
        self._sharing: asyncio.Task[None] | None = None
        metrics.others.extend(standing.tallies)

    async def open(self) -> None:
        """Begin to share. A directory that cannot be used costs the sum, not the service."""
        if self._folder is None:
            return
        try:
            self._shared = SharedCounts(self._folder, self._metrics.tallies)
        except OSError as fault:
            logger.error("metrics are of one worker only: the shared directory: %s", fault.strerror)  # noqa: TRY400
            return
        self._sharing = asyncio.create_task(self._share(self._shared))

    async def close(self) -> None:
        """Leave the last counts to the others."""
        if self._sharing:
            self._sharing.cancel()
            with suppress(asyncio.CancelledError):
                await self._sharing
        if self._shared:
            self._write(self._shared, await self._now())
            self._shared.close()

    async def page(self, request: Request) -> Response:
        """GET /metrics, for the operator."""
        refusal = self._operators.refusal(request)
        if refusal:
            return refusal
        # In a thread, where it gives way to calls: a thousand rows take some milliseconds.
        body, kind = await asyncio.to_thread(self._shown, await self._now(), request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": kind, "Cache-Control": "no-store"})

    async def _now(self) -> Snapshot:
        self._metrics.expect_clients(self._clients())
        await self._standing.look()
        return self._metrics.snapshot()

    def _shown(self, own: Snapshot, accept: str) -> tuple[bytes, str]:
        from service.exposition import shown

        others = self._shared.others() if self._shared else []
        return shown(self._metrics.tallies, [own, *others], accept)

    async def _share(self, shared: SharedCounts) -> None:
        while True:
            try:
                await asyncio.to_thread(self._write, shared, await self._now())
            except Exception as fault:  # noqa: BLE001 - or this worker would be missing from the sum for good
                logger.error("the counts of this worker were not shared: %s", where(fault))  # noqa: TRY400
            await asyncio.sleep(_SHARE_EVERY_S)

    def _write(self, shared: SharedCounts, counts: Snapshot) -> None:
        try:
            shared.write(counts)
        except OSError as fault:
            logger.warning("the counts of this worker could not be shared: %s", fault.strerror)

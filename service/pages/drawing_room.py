"""One child process draws all plots, one after the other, so that no plot holds up a card or fills a worker's memory."""

import asyncio
import logging
import os
import shutil
import sys
import tempfile
from base64 import b64encode
from contextlib import suppress
from pathlib import Path

import msgspec

import service
from service.errors import Overloaded
from service.pages.figures import Figure, Order

logger = logging.getLogger("rls_cds")
# Pictures that may wait; one more is refused at once, and the page shows its table alone.
WAITING_AT_MOST = 12
# The first picture waits for the plotting library, and once for its table of fonts.
_FIRST_SECONDS, _SECONDS, _IDLE_SECONDS = 120.0, 40.0, 300.0
_LONGEST = 8 * 1024 * 1024
_encoder = msgspec.msgpack.Encoder()


class NoPicture(Overloaded):
    """A plot could not be drawn, now or at all; what it shows stands in the table beside it."""


class DrawingRoom:
    """Starts the process with the first picture, ends it when nobody asked for a while, starts it again when it died."""

    def __init__(self, command: tuple[str, ...] = (sys.executable, "-m", "service.pages.drawing")) -> None:
        self._command = command
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._folder: str | None = None
        self._idle: asyncio.TimerHandle | None = None

    async def embedded(self, figure: Figure) -> tuple[str, str] | None:
        """The figure for light and dark surroundings as data: addresses; None where it cannot be drawn."""
        try:
            light, dark = [await self.picture(figure, dark=dark) for dark in (False, True)]
        except NoPicture:
            return None
        return _address(light), _address(dark)

    async def picture(self, figure: Figure, *, dark: bool) -> bytes:
        """One SVG. Raises `NoPicture` when too many wait, or the process fails or takes too long."""
        if self._waiting >= WAITING_AT_MOST:
            raise NoPicture("too many plots are waiting")
        self._waiting += 1
        try:
            async with self._turn:
                return await self._drawn(_encoder.encode(Order(figure=figure, dark=dark)))
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """End the process and remove what it kept."""
        if self._idle:
            self._idle.cancel()
        await self._end()
        if self._folder:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
            self._folder = None

    async def _drawn(self, order: bytes) -> bytes:
        if self._idle:
            self._idle.cancel()
        first = self._process is None or self._process.returncode is not None
        try:
            async with asyncio.timeout(_FIRST_SECONDS if first else _SECONDS):
                process = await self._started() if first else self._process
                answer = await _exchange(process, order)
        except (TimeoutError, OSError, EOFError, asyncio.IncompleteReadError) as error:
            logger.warning("a plot was not drawn: %s", type(error).__name__)
            await self._end()
            raise NoPicture("the plot could not be drawn") from None
        except asyncio.CancelledError:
            # Its answer would be taken for that of the next order.
            await self._end()
            raise
        self._idle = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._stop)
        if not answer:
            raise NoPicture("the plot could not be drawn")
        return answer

    async def _started(self) -> asyncio.subprocess.Process:
        if self._folder is None:
            self._folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="rls-cds-plots-")
        root = str(Path(service.__file__).parents[1])
        # None of our own settings: it draws, and knows no secret.
        environment = {
            "PATH": os.defpath,
            "PYTHONPATH": root,
            "MPLCONFIGDIR": self._folder,
            "HOME": self._folder,
            "SOURCE_DATE_EPOCH": "0",
        }
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
        )
        return self._process

    def _stop(self) -> None:
        if self._process and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
        self._process = None

    async def _end(self) -> None:
        process = self._process
        self._stop()
        if process:
            await process.wait()


async def _exchange(process: asyncio.subprocess.Process | None, order: bytes) -> bytes:
    """One order, one picture, each after its length in four bytes; an empty picture could not be drawn."""
    if process is None or process.stdin is None or process.stdout is None:
        raise EOFError
    process.stdin.write(len(order).to_bytes(4, "big") + order)
    await process.stdin.drain()
    length = int.from_bytes(await process.stdout.readexactly(4), "big")
    if length > _LONGEST:
        raise EOFError
    return await process.stdout.readexactly(length)


def _address(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{b64encode(svg).decode()}"

"""The service as a process of its own, for tests that start, signal and end it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parent.parent.parent
_PATIENCE_S = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Running:
    """One `serve` with whatever workers it has."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, scheme: str, said: Path) -> None:
        self.process = process
        self.port = port
        self.url = f"{scheme}://127.0.0.1:{port}"
        self._said = said

    def get(self, path: str, **more: Any) -> httpx.Response:
        """One request over a connection of its own, so that any worker may take it."""
        return httpx.get(self.url + path, timeout=10, trust_env=False, **more)

    def wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.said()
            try:
                self.get("/health/live", verify=False)
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(f"the service did not come up: {self.said()}")

    def said(self) -> str:
        return self._said.read_text(encoding="utf-8")

    def workers(self) -> set[int]:
        """The processes that answer, apart from the one that starts them."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return {int(pid) for pid in listed if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()}

    def end(self, sig: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(sig)
        return self.process.wait(_PATIENCE_S)


@contextmanager
def started(
    folder: Path, *options: str, answers: bool = True, root: Path = ROOT, scheme: str = "http", **settings: object
) -> Iterator[Running]:
    """`python -m service serve` in `root` on a free port; its output goes to a file in `folder`."""
    port = free_port()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("RLS_CDS_")}
    given = {"store_url": "off", "port": port} | settings
    environ |= {f"RLS_CDS_{name.upper()}": str(value) for name, value in given.items()}
    said = folder / f"said-{port}"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "service", "serve", *options], cwd=root, env=environ, stdout=log, stderr=log
        )
    running = Running(process, port, scheme, said)
    try:
        if answers:
            running.wait_until_it_answers()
        yield running
    finally:
        _clear_away(running)


def _clear_away(running: Running) -> None:
    """The workers first: they would go on without the process that started them."""
    if running.process.poll() is None:
        for pid in running.workers():
            os.kill(pid, signal.SIGKILL)
        running.process.kill()
    running.process.wait(_PATIENCE_S)

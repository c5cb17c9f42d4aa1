"""One or several processes answer on one port, drain when they are told to end, and replace one that died."""

import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import wait
from threading import Timer
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from service import logs, memory
from service.certificate import Certificate
from service.drain import PROCESS, Drain
from service.errors import ServiceError
from service.protocol import BoundedHttpProtocol
from service.settings import Settings

logger = logging.getLogger("rls_cds")
# uvicorn asks each worker whether it lives. One that computes for seconds on a busy machine is not dead.
_SILENCE_SECONDS = 30
# Ticks of uvicorn's main loop, ten a second, between two looks at the files of the certificate.
_TICKS_PER_LOOK = 300
METRICS_DIR = "PROMETHEUS_MULTIPROC_DIR"

Build = Callable[[Settings], Any]


class NoFolder(ServiceError):
    """Nothing temporary can be written. The text says what to do."""


def serve(settings: Settings, build: Build, announce: Callable[[], None]) -> None:
    """Answer until the process is told to end; `announce` is called once, when nothing of the settings can fail.

    `build` makes the application, in each process anew; with several workers it must be importable by its name, and
    what it raises ends the process with a line on standard error. With one worker its errors are the caller's.
    Raises `BadCertificate` and `NoFolder`, and `SystemExit` with another code than 0 where a process could not start.
    """
    logs.configure(settings)
    certificate = Certificate.of(settings)
    if settings.workers > 1:
        announce()
        _serve_with_workers(settings, partial(_built, build, settings), certificate)
        return
    config = _config(settings, build(settings), certificate)
    memory.settle()
    announce()
    server = DrainingServer(config, settings.drain_seconds, certificate)
    server.run()
    if not server.started:
        raise SystemExit(STARTUP_FAILURE)


def _serve_with_workers(settings: Settings, app: Callable[[], Any], certificate: Certificate | None) -> None:
    with _metrics_directory():
        supervisor = Supervisor(_config(settings, app, certificate), settings.drain_seconds, certificate)
        supervisor.run()
    if supervisor.could_not_start:
        raise SystemExit(STARTUP_FAILURE)


def _built(build: Build, settings: Settings) -> Any:  # noqa: ANN401 - uvicorn takes any application
    """The application in the worker that serves it; what cannot start says so in a line, not in a traceback."""
    logs.configure(settings)
    # Until the application listens for it: a hangup that comes meanwhile must not end the worker.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        app = build(settings)
    except (ServiceError, ValueError) as fault:
        sys.stderr.write(f"Error: {fault}\n")
        raise SystemExit(STARTUP_FAILURE) from None
    memory.settle()
    return app


@contextmanager
def _metrics_directory() -> Iterator[None]:
    """Where the workers keep their counters, so that each of them can tell those of all; empty at each start."""
    if os.environ.get(METRICS_DIR):
        yield
        return
    try:
        folder = tempfile.mkdtemp(prefix="rls-cds-metrics-")
    except OSError:
        raise NoFolder(
            "several workers share their counters in a folder for temporary files, and none can be written to: mount "
            f"one at /tmp, or name one in {METRICS_DIR}, or serve with one worker"
        ) from None
    os.environ[METRICS_DIR] = folder
    try:
        yield
    finally:
        del os.environ[METRICS_DIR]
        shutil.rmtree(folder, ignore_errors=True)


def _config(settings: Settings, app: Any, certificate: Certificate | None) -> uvicorn.Config:  # noqa: ANN401
    return uvicorn.Config(
        app,
        factory=settings.workers > 1,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http=BoundedHttpProtocol,
        ws="none",
        loop="uvloop",
        # Its own would write tracebacks, and in them what a request held.
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        # Never uvicorn's own default, which believes every program of this machine.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_keep_alive=settings.keepalive_seconds,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        timeout_worker_healthcheck=_SILENCE_SECONDS,
        ssl_context_factory=certificate.context if certificate else None,
    )


class DrainingServer(uvicorn.Server):
    """Told to end, it first says so in `/health/ready` and goes on answering for a while, then finishes what runs."""

    def __init__(
        self,
        config: uvicorn.Config,
        drain_seconds: float,
        certificate: Certificate | None = None,
        drain: Drain = PROCESS,
    ) -> None:
        super().__init__(config)
        self._drain_seconds = drain_seconds
        self._certificate = certificate
        self._drain = drain

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM begins to drain; a second signal, or a person at the terminal (SIGINT), does not wait for that."""
        waits = sig == signal.SIGTERM and self._drain_seconds > 0 and not self._drain.under_way
        self._drain.begin()
        if not waits:
            super().handle_exit(sig, frame)
            return
        timer = Timer(self._drain_seconds, super().handle_exit, (sig, None))
        timer.daemon = True
        timer.start()

    async def on_tick(self, counter: int) -> bool:
        """Look now and then whether the certificate was renewed."""
        if self._certificate and self.config.ssl and counter % _TICKS_PER_LOOK == 0:
            self._certificate.renew(self.config.ssl)
        return await super().on_tick(counter)


class Worker(Process):
    """One process of several."""

    def __init__(
        self, config: uvicorn.Config, sockets: list[Any], drain_seconds: float, certificate: Certificate | None
    ) -> None:
        self._drain_seconds = drain_seconds
        self._certificate = certificate
        self.has_started = False
        super().__init__(config, sockets)

    @property
    def server(self) -> uvicorn.Server:
        """The server of this process, made when it is first asked for: in the process itself."""
        if self._server is None:
            self._server = DrainingServer(self.config, self._drain_seconds, self._certificate)
        return self._server

    def is_alive(self, timeout: float = _SILENCE_SECONDS) -> bool:
        """Whether it answers a ping in time. uvicorn's own way waits the whole time for one that just ended."""
        if not self.process.is_alive():
            return False
        try:
            self.parent_conn.send(b"ping")
        except OSError:
            return False
        return self.parent_conn in wait([self.parent_conn, self.process.sentinel], timeout) and self._heard()

    def _heard(self) -> bool:
        try:
            self.has_started = self.parent_conn.recv() or self.has_started
        except (OSError, EOFError):
            return False
        return True


class Supervisor(Multiprocess):
    """Starts the workers, replaces one that died, and passes signals on."""

    could_not_start = False
    processes: list[Worker]  # type: ignore[assignment]

    def __init__(self, config: uvicorn.Config, drain_seconds: float, certificate: Certificate | None) -> None:
        super().__init__(config, [config.bind_socket()])
        self._served = False
        self._more = (drain_seconds, certificate)

    def _started(self) -> Worker:
        worker = Worker(self.config, self.sockets, *self._more)
        worker.start()
        return worker

    def init_processes(self) -> None:
        """Start all workers."""
        self.processes.extend(self._started() for _ in range(self.processes_num))

    def terminate_all(self) -> None:
        """End all workers. What is left open here would take connections that nobody answers."""
        super().terminate_all()
        for listening in self.sockets:
            listening.close()

    def keep_subprocess_alive(self) -> None:
        """Replace workers that ended or no longer answer; end everything where none could ever start.

        Once one has served, a replacement that cannot start (a faulty registry, say) must not take the others with it.
        """
        for index, worker in enumerate(self.processes):
            if self.should_exit.is_set() or worker.is_alive():
                self._served = self._served or worker.has_started
                continue
            worker.kill()
            worker.join()
            if not self._served:
                self.could_not_start = True
                self.should_exit.set()
                return
            logger.error("worker %s ended with code %s; another one is started", worker.pid, worker.exitcode)
            self.processes[index] = self._started()

    def handle_hup(self) -> None:
        """Each worker reads the client registry anew."""
        for worker in self.processes:
            if worker.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(worker.pid, signal.SIGHUP)

    def handle_ttin(self) -> None:
        """The number of workers is a setting."""

    def handle_ttou(self) -> None:
        """The number of workers is a setting."""

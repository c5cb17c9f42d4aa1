"""Processes that answer: several on one port, replaced when one dies, drained and finished when they are told to end."""

import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine

from service import memory, serve_command, serving
from service.drain import Drain
from service.errors import ServiceError
from service.settings import Settings
from tests.build_fixtures import FOLDER
from tests.service.registered import registry_file
from tests.service.running import Running, started

CALL = "/cds-services/rls-patient-view"


def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Settings from all places: option, environment, file."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "site.toml").write_text('market = "uk"\n')
    with started(folder, "--workers", "2", config=folder / "site.toml") as running:
        until(lambda: len(running.workers()) == 2)
        yield running


def test_settings_reach_each_worker(two_workers: Running) -> None:
    # Twenty connections: with two workers at accept() both answer some of them.
    markets = {two_workers.get("/health").json()["market"] for _ in range(20)}

    assert markets == {"uk"}


def test_the_limit_of_request_heads_holds_in_each_worker(two_workers: Running) -> None:
    answers = set()
    for _ in range(10):
        with socket.create_connection(("127.0.0.1", two_workers.port), timeout=10) as wire:
            wire.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nX: ")
            try:
                for _ in range(40):
                    wire.sendall(b"x" * 4096)
            except OSError:
                pass
            try:
                answers.add(wire.recv(12) or b"closed")
            except OSError:
                answers.add(b"closed")

    assert answers <= {b"HTTP/1.1 431", b"closed"}


def test_a_worker_that_died_is_replaced(two_workers: Running) -> None:
    before = two_workers.workers()
    os.kill(next(iter(before)), signal.SIGKILL)

    until(lambda: len(two_workers.workers()) == 2 and two_workers.workers() != before)
    assert two_workers.get("/health/live").status_code == 200


def test_workers_that_cannot_start_end_the_service(tmp_path: Path) -> None:
    with started(tmp_path, answers=False, workers=2, host="0.0.0.0") as running:  # noqa: S104 - refused
        code = running.process.wait(60)

    assert code != 0
    assert "Error: without a client registry the service answers anybody" in running.said()
    assert "Traceback" not in running.said()


def test_a_hangup_reads_the_registry_anew_in_every_worker(tmp_path: Path) -> None:
    registry = registry_file(tmp_path)
    workers = 2
    settings = {"client_registry": registry, "allow_draft_knowledge": "1", "workers": workers}
    with started(tmp_path, **settings) as running:
        until(lambda: sum(map(listens_for_hangups, running.workers())) == workers)

        running.process.send_signal(signal.SIGHUP)

        until(lambda: running.said().count("the client registry was reloaded") == workers)


def listens_for_hangups(pid: int) -> bool:
    caught = re.search(r"^SigCgt:\s*(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return bool(caught and int(caught[1], 16) & 1)


class SlowEhr:
    """A FHIR server that answers a search only when it is let."""

    def __init__(self) -> None:
        self.asked, self.may_answer = threading.Event(), threading.Event()
        ehr = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                ehr.asked.set()
                ehr.may_answer.wait(20)
                body = json.dumps({"resourceType": "Bundle", "type": "searchset"}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/fhir+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/fhir"

    def close(self) -> None:
        self.may_answer.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def slow_ehr() -> Iterator[SlowEhr]:
    ehr = SlowEhr()
    yield ehr
    ehr.close()


def call_that_waits(running: Running, ehr: SlowEhr) -> httpx.Response:
    """A patient with low iron; only the encounters and so on are asked of the EHR."""
    body = json.loads((FOLDER / "requests" / "patient-view-ferritin-62-saturation-18.json").read_text())
    body["fhirServer"] = ehr.url
    del body["prefetch"]["labs"]
    return httpx.post(running.url + CALL, json=body, timeout=30, trust_env=False)


@pytest.mark.parametrize("workers", [1, 2])
def test_told_to_end_it_says_so_finishes_its_calls_and_flushes_the_store(
    workers: int, slow_ehr: SlowEhr, tmp_path: Path
) -> None:
    store = f"sqlite:///{tmp_path}/store.sqlite"
    settings = {"workers": workers, "store_url": store, "drain_seconds": 2, "deadline_seconds": 10}
    with started(tmp_path, **settings) as running, ThreadPoolExecutor(1) as others:
        until(lambda: running.get("/health/ready").status_code == 200)
        under_way = others.submit(call_that_waits, running, slow_ehr)
        assert slow_ehr.asked.wait(20)

        running.process.send_signal(signal.SIGTERM)
        until(lambda: running.get("/health/ready").status_code == 503)
        alive = running.get("/health/live").status_code
        # Past the draining: the port is closed, and the call still runs.
        until(lambda: not accepts(running.port))
        unanswered = not under_way.done()
        slow_ehr.may_answer.set()
        answer = under_way.result(30)
        running.process.wait(30)

    assert (alive, unanswered, answer.status_code) == (200, True, 200)
    assert "Traceback" not in running.said()
    assert calls_kept(store) == 1


def accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            return True
    except OSError:
        return False


def calls_kept(url: str) -> int:
    engine = create_engine(url)
    with engine.connect() as connection:
        number = connection.exec_driver_sql("SELECT sum(calls) FROM calls").scalar()
    engine.dispose()
    return int(number or 0)


def test_a_port_that_is_taken_is_told_with_another_exit_code(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with started(tmp_path, answers=False, port=taken.getsockname()[1]) as running:
            code = running.process.wait(60)

    assert code != 0
    assert "address already in use" in running.said().lower()


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """An application."""


def server(drain_seconds: float) -> tuple[serving.DrainingServer, Drain]:
    drain = Drain()
    return serving.DrainingServer(serving._config(Settings(), nothing, None), drain_seconds, None, drain), drain


def test_without_a_time_to_drain_the_end_begins_at_once() -> None:
    one, drain = server(0)

    one.handle_exit(signal.SIGTERM, None)

    assert (one.should_exit, drain.under_way) == (True, True)


def test_with_a_time_to_drain_it_first_only_says_so() -> None:
    one, drain = server(60)

    one.handle_exit(signal.SIGTERM, None)

    assert (one.should_exit, drain.under_way) == (False, True)


@pytest.mark.parametrize(
    "signals", [[signal.SIGINT], [signal.SIGTERM, signal.SIGTERM], [signal.SIGTERM, signal.SIGINT]]
)
def test_a_person_at_the_terminal_does_not_wait_for_the_draining(signals: list[signal.Signals]) -> None:
    one, _ = server(60)

    for sig in signals:
        one.handle_exit(sig, None)

    assert one.should_exit


@pytest.fixture
def hangups_as_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hangups_as_before")
def test_what_is_loaded_is_settled_in_each_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    done = []
    monkeypatch.setattr(memory, "settle", lambda: done.append("settled"))

    app = serving._built(lambda _settings: done.append("built") or nothing, Settings())

    assert (app, done) == (nothing, ["built", "settled"])


@pytest.mark.usefixtures("hangups_as_before")
def test_a_worker_that_cannot_be_built_ends_with_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    def broken(_settings: Settings) -> None:
        raise ServiceError("the registry has no client")

    with pytest.raises(SystemExit) as ended:
        serving._built(broken, Settings())

    assert ended.value.code == 3
    assert capfd.readouterr().err == "Error: the registry has no client\n"


def test_workers_share_a_new_folder_for_their_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(serving.METRICS_DIR, raising=False)

    with serving._metrics_directory():
        folder = Path(os.environ[serving.METRICS_DIR])
        there = folder.is_dir()

    assert (there, folder.exists(), serving.METRICS_DIR in os.environ) == (True, False, False)


def test_idle_connections_are_kept_as_long_as_is_set() -> None:
    assert serving._config(Settings(keepalive_seconds=70), nothing, None).timeout_keep_alive == 70


def test_without_a_folder_for_temporary_files_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.delenv(serving.METRICS_DIR, raising=False)
    monkeypatch.setattr("tempfile.mkdtemp", full)

    with pytest.raises(serving.NoFolder, match="mount one at /tmp"), serving._metrics_directory():
        pass


def test_a_trial_call_is_offered_in_development_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    serve_command._announce(Settings(client_registry=registry_file(tmp_path)))
    registered = capsys.readouterr().out
    serve_command._announce(Settings())

    assert "curl" not in registered
    assert "curl" in capsys.readouterr().out


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("trusted", "peer", "seen"),
    [
        ("", "127.0.0.1", ("127.0.0.1", "http")),
        ("10.0.0.1", "127.0.0.1", ("127.0.0.1", "http")),
        ("10.0.0.1", "10.0.0.1", ("203.0.113.5", "https")),
        ("10.0.0.0/24", "10.0.0.77", ("203.0.113.5", "https")),
    ],
)
async def test_only_listed_proxies_are_believed(trusted: str, peer: str, seen: tuple[str, str]) -> None:
    found = SimpleNamespace(scope={})

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.scope = scope

    config = serving._config(Settings(trusted_proxies=trusted), app, None)
    config.load()
    headers = [(b"x-forwarded-for", b"198.51.100.9, 203.0.113.5"), (b"x-forwarded-proto", b"https")]
    await config.loaded_app({"type": "http", "client": (peer, 5), "scheme": "http", "headers": headers}, None, None)

    assert (found.scope["client"][0], found.scope["scheme"]) == seen

"""The servers that are measured, each a process on one core: ours, ours behind a registry, the yardstick."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from bench.load import pinned

SERVER_CORE = "0"
ISSUER = "https://bench.example.org"
_HOUR = 3600
_PATIENCE_S = 20


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    port: int
    process: subprocess.Popen[bytes]

    def peak_megabytes(self) -> float:
        """The most memory that the process held at once (VmHWM)."""
        return _status(self.process.pid, "VmHWM")

    def megabytes(self) -> float:
        """What it holds now (VmRSS)."""
        return _status(self.process.pid, "VmRSS")

    def cpu_seconds(self) -> float:
        """Processor time used so far by all its threads, and those of its workers."""
        own = self.process.pid
        workers = Path(f"/proc/{own}/task/{own}/children").read_text().split()
        return sum(_cpu_seconds(pid) for pid in (str(own), *workers))


@contextmanager
def bare(module: str = "bench.baseline") -> Iterator[Server]:
    """The bare application, or with `bench.floor` the typed pass alone."""
    port = free_port()
    with _running([sys.executable, "-m", module, str(port)], port, {}, Path(os.devnull)) as server:
        yield server


@contextmanager
def service(
    folder: Path, registry: Path | None = None, *, workers: int = 1, cores: str = SERVER_CORE
) -> Iterator[Server]:
    """Our service as `serve` starts it: all rules, audit lines into a file, the feedback store in `folder`."""
    port = free_port()
    name = f"registered-{workers}" if registry else f"open-{workers}"
    settings = {"RLS_CDS_STORE_URL": f"sqlite:///{folder}/{name}.sqlite", "RLS_CDS_PORT": str(port)}
    settings["RLS_CDS_WORKERS"] = str(workers)
    if registry:
        settings["RLS_CDS_CLIENT_REGISTRY"] = str(registry)
        settings["RLS_CDS_ALLOW_DRAFT_KNOWLEDGE"] = "1"
        # One client stands for all here, so its own limit must not be what is measured.
        settings |= {"RLS_CDS_RATE_PER_SECOND": "1000000", "RLS_CDS_RATE_BURST": "1000000"}
    command = [sys.executable, "-m", "service", "serve"]
    with _running(command, port, settings, folder / f"{name}.log", cores) as server:
        yield server


class Signer:
    """A client with an RSA and an elliptic key, its registry file, and as many tokens as are wanted."""

    def __init__(self, folder: Path) -> None:
        self._keys = {"RS384": rsa.generate_private_key(65537, 2048), "ES384": ec.generate_private_key(ec.SECP384R1())}
        self._signed = 0
        public = [
            RSAAlgorithm.to_jwk(self._keys["RS384"].public_key(), as_dict=True) | {"kid": "RS384"},
            ECAlgorithm.to_jwk(self._keys["ES384"].public_key(), as_dict=True) | {"kid": "ES384"},
        ]
        (folder / "jwks.json").write_text(json.dumps({"keys": public}))
        self.registry = folder / "clients.toml"
        self.registry.write_text(
            f'[[client]]\nname = "bench"\nissuer = "{ISSUER}"\njwks_file = "jwks.json"\n'
            'algorithms = ["RS384", "ES384"]\n'
        )

    def tokens(self, algorithm: str, audience: str, count: int) -> Iterator[str]:
        """Tokens for one endpoint, each with an id of its own."""
        now = int(time.time())
        for number in range(self._signed, self._signed + count):
            claims = {"iss": ISSUER, "aud": audience, "iat": now, "exp": now + _HOUR, "jti": str(UUID(int=number))}
            yield jwt.encode(claims, self._keys[algorithm], algorithm, headers={"kid": algorithm})
        self._signed += count


def cold_start(folder: Path, path: str, body: bytes) -> float:
    """Seconds from the start of the process until a first card has come."""
    started = time.perf_counter()
    port = free_port()
    environment = {"RLS_CDS_STORE_URL": f"sqlite:///{folder}/cold.sqlite", "RLS_CDS_PORT": str(port)}
    with _process([sys.executable, "-m", "service", "serve"], environment, folder / "cold.log") as process:
        while not _has_card(port, path, body):
            if process.poll() is not None or time.perf_counter() - started > _PATIENCE_S:
                raise RuntimeError("the service gave no card")
            time.sleep(0.01)
        return time.perf_counter() - started


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _has_card(port: int, path: str, body: bytes) -> bool:
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(asked, timeout=5) as answer:  # noqa: S310 - our own server
            return bool(json.load(answer)["cards"])
    except (urllib.error.URLError, ConnectionError):
        return False


@contextmanager
def _running(
    command: list[str], port: int, environment: Mapping[str, str], log: Path, cores: str = SERVER_CORE
) -> Iterator[Server]:
    with _process(command, environment, log, cores) as process:
        until = time.monotonic() + _PATIENCE_S
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{' '.join(command[1:])} did not start")
            time.sleep(0.05)
        yield Server(port, process)


@contextmanager
def _process(
    command: list[str], environment: Mapping[str, str], log: Path, cores: str = SERVER_CORE
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as out:
        process = subprocess.Popen(pinned(cores, command), stdout=out, env=os.environ | environment)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _cpu_seconds(pid: str) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _status(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024

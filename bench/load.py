"""Load on a server of this machine: `wrk` where it is installed, else a small generator of our own."""

import asyncio
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

LOAD_CORE = "1"
_LUA = Path(__file__).with_name("load.lua")


@dataclass(frozen=True, slots=True)
class Measured:
    """Calls a second, and p50 and p99 in milliseconds."""

    per_second: float
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Shot:
    """What is sent: the path, the file with the body, and a file with one token a line or none."""

    port: int
    path: str
    body: Path
    tokens: Path | None = None


class Refused(RuntimeError):
    """Some calls were not answered with 200: what was measured means nothing."""


def load(shot: Shot, connections: int, seconds: float, *, own: bool = False, cores: str = LOAD_CORE) -> Measured:
    """Send as fast as `connections` allow. Raises `Refused`."""
    command = _by_ourselves if own or not has_wrk() else _by_wrk
    told = _told(command(shot, connections, seconds), cores)
    if told["errors"] or not told["requests"]:
        raise Refused(f"{told['errors']:.0f} of {told['requests']:.0f} calls of {shot.path} were not answered with 200")
    return Measured(told["requests"] / told["seconds"], told["p50"], told["p99"])


def has_wrk() -> bool:
    """Whether wrk is there."""
    return shutil.which("wrk") is not None


def pinned(cores: str, command: list[str]) -> list[str]:
    """The command on some cores ("0", "0,1"), where the system can do that."""
    return ["taskset", "-c", cores, *command] if shutil.which("taskset") else command


def _by_wrk(shot: Shot, connections: int, seconds: float) -> list[str]:
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds:g}s",
        "--timeout",
        "60s",
        "-s",
        str(_LUA),
        f"http://127.0.0.1:{shot.port}",
    ]
    files = [str(shot.body), str(shot.tokens) if shot.tokens else "-"]
    return [*command, "--", shot.path, *files]


def _by_ourselves(shot: Shot, connections: int, seconds: float) -> list[str]:
    command = [sys.executable, "-m", "bench.load", str(shot.port), shot.path, str(shot.body)]
    return [*command, str(shot.tokens or "-"), str(connections), str(seconds)]


def _told(command: list[str], cores: str) -> dict[str, float]:
    done = subprocess.run(pinned(cores, command), capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout:
        raise Refused(f"{command[0]} could not do it: {done.stderr.strip()}")
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


async def _generate(port: int, requests: Iterator[bytes], connections: int, seconds: float) -> dict[str, float]:
    taken: list[float] = []
    failed = 0
    until = time.perf_counter() + seconds

    async def connection() -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < until:
            sent = time.perf_counter()
            writer.write(next(requests))
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
            taken.append(time.perf_counter() - sent)
            failed += not head.startswith(b"HTTP/1.1 200")
        writer.close()

    await asyncio.gather(*(connection() for _ in range(connections)))
    cuts = statistics.quantiles(taken, n=100)
    return {"requests": len(taken), "errors": failed, "seconds": seconds, "p50": cuts[49] * 1e3, "p99": cuts[98] * 1e3}


def _requests(path: str, body: bytes, tokens: list[str]) -> Iterator[bytes]:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    )
    signed = [f"Authorization: Bearer {token}\r\n" for token in tokens] or [""]
    return (f"{head}{line}\r\n".encode() + body for line in cycle(signed))


def _main(port: str, path: str, body: str, tokens: str, connections: str, seconds: str) -> None:
    import uvloop

    read = Path(tokens).read_text().split() if tokens != "-" else []
    requests = _requests(path, Path(body).read_bytes(), read)
    print(json.dumps(uvloop.run(_generate(int(port), requests, int(connections), float(seconds)))))


if __name__ == "__main__":
    _main(*sys.argv[1:])

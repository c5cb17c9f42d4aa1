"""Our whole service beside a bare application that only parses the body: throughput, latency, memory, cold start.

`python -m bench.throughput [--rounds N] [--seconds S] [--only TEXT…] [--own-load]`. Servers share one core, the load has
the other; every row is measured round by round, one server after the other, and the table shows medians. Ratios compare
with the bare application on the same body in the same run: throughput above 1 is better, latency below 1. `cpu` is the
ratio of processor time per call, which other work on the machine disturbs least.
"""

import argparse
import os
import statistics
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.load import Measured, Refused, Shot, has_wrk, load
from bench.payloads import PAYLOADS
from bench.servers import Server, Signer, bare, cold_start, service

AT_ONCE = (1, 8)
# More than any server here answers in a second.
_TOKENS_PER_SECOND = 1500
# A body of this many bytes takes so long that a short measurement would hold only a few calls.
_LARGE, _LONGER = 1_000_000, 4
_SIGNED = (
    ("view 300, RLS", "RS384"),
    ("view 300, RLS", "ES384"),
    ("view 300, no RLS", "RS384"),
    ("view 300, no RLS", "ES384"),
    ("order harmless", "RS384"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One body, with or without a token on each call."""

    payload: str
    algorithm: str | None = None

    @property
    def name(self) -> str:
        """As the table shows it."""
        return f"{self.payload}, {self.algorithm}" if self.algorithm else self.payload

    @property
    def path(self) -> str:
        """Where it is sent."""
        return f"/cds-services/{PAYLOADS[self.payload][0]}"


@dataclass(frozen=True, slots=True)
class Sample:
    """One server in one round."""

    measured: Measured
    cpu_ms: float


ROWS = (*(Row(name) for name in PAYLOADS), *(Row(payload, algorithm) for payload, algorithm in _SIGNED))

_CEILING = Row("view 300, RLS")


class Bench:
    """The servers and the files of what is sent."""

    def __init__(self, stack: ExitStack, folder: Path, seconds: int, *, own_load: bool) -> None:
        self._folder, self._each, self._own = folder, seconds, own_load
        self._seconds = seconds
        self._signer = Signer(folder)
        self.bare = stack.enter_context(bare())
        self.floor = stack.enter_context(bare("bench.floor"))
        self.open = stack.enter_context(service(folder))
        self.registered = stack.enter_context(service(folder, self._signer.registry))

    def rounds(self, row: Row, count: int) -> Iterator[tuple[int, Sample, Sample]]:
        """(connections, the bare application, ours) for each round."""
        body = self._folder / "body.json"
        body.write_bytes(PAYLOADS[row.payload][1]())
        self._seconds = self._each * (_LONGER if body.stat().st_size > _LARGE else 1)
        ours = self.registered if row.algorithm else self.open
        for _ in range(count):
            for connections in AT_ONCE:
                bare = self._sample(self.bare, Shot(self.bare.port, row.path, body), connections)
                tokens = self._tokens(row, ours) if row.algorithm else None
                yield connections, bare, self._sample(ours, Shot(ours.port, row.path, body, tokens), connections)

    def ceilings(self, row: Row, count: int) -> list[float]:
        """How many times as many calls the typed pass alone answers as the bare application, round by round."""
        body = self._folder / "body.json"
        body.write_bytes(PAYLOADS[row.payload][1]())
        shots = [Shot(server.port, row.path, body) for server in (self.bare, self.floor)]
        pairs = [
            [load(shot, AT_ONCE[-1], self._each, own=self._own).per_second for shot in shots] for _ in range(count)
        ]
        return [floor / bare for bare, floor in pairs]

    def _sample(self, server: Server, shot: Shot, connections: int) -> Sample:
        before = server.cpu_seconds()
        measured = load(shot, connections, self._seconds, own=self._own)
        used = server.cpu_seconds() - before
        return Sample(measured, used / (measured.per_second * self._seconds) * 1000)

    def _tokens(self, row: Row, server: Server) -> Path:
        count = _TOKENS_PER_SECOND * self._seconds
        file = self._folder / "tokens.txt"
        signed = self._signer.tokens(row.algorithm or "", f"http://127.0.0.1:{server.port}{row.path}", count)
        file.write_text("\n".join(signed))
        return file


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of each measurement")
    parser.add_argument("--only", nargs="+", default=[""], help="rows whose name contains one of these")
    parser.add_argument("--own-load", action="store_true", help="our own generator although wrk is there")
    asked = parser.parse_args()
    print(_setting(asked.rounds, asked.seconds, own_load=asked.own_load or not has_wrk()))
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        _print_starts(folder)
        bench = Bench(stack, folder, asked.seconds, own_load=asked.own_load)
        print(f"memory at start, MB: bare {bench.bare.megabytes():.0f}, ours {bench.open.megabytes():.0f}")
        print(
            f"\n{'':32}{'':>5}{'calls/s':>16}{'ratio':>8}{'p50 ms':>18}{'ratio':>7}{'p99 ms':>20}{'ratio':>7}{'cpu':>7}"
        )
        for row in ROWS:
            if any(text in row.name for text in asked.only):
                _print_row(row, bench.rounds(row, asked.rounds))
        if any(text in _CEILING.name for text in asked.only):
            ceiling = statistics.median(bench.ceilings(_CEILING, asked.rounds))
            print(f"\n{_CEILING.name}: the typed pass alone, without framework, rules and cards: {ceiling:.1f} x bare")
        print(f"\npeak memory, MB: bare {bench.bare.peak_megabytes():.0f}, ours {bench.open.peak_megabytes():.0f}")


def _print_starts(folder: Path) -> None:
    service_id, body = PAYLOADS["order relevant"]
    times = [cold_start(folder, f"/cds-services/{service_id}", body()) for _ in range(3)]
    print(f"cold start, seconds until the first card (median of {len(times)}): {statistics.median(times):.2f}")


def _print_row(row: Row, rounds: Iterable[tuple[int, Sample, Sample]]) -> None:
    found: dict[int, list[tuple[Sample, Sample]]] = {}
    try:
        for connections, bare, ours in rounds:
            found.setdefault(connections, []).append((bare, ours))
    except Refused as why:
        print(f"{row.name:32} not measured: {why}", flush=True)
        return
    for connections, pairs in found.items():
        columns = [
            _columns([(bare.measured.per_second, ours.measured.per_second) for bare, ours in pairs], 0, 8),
            _columns([(bare.measured.p50, ours.measured.p50) for bare, ours in pairs], 2, 7, 18),
            _columns([(bare.measured.p99, ours.measured.p99) for bare, ours in pairs], 2, 7, 20),
        ]
        cpu = statistics.median(ours.cpu_ms / bare.cpu_ms for bare, ours in pairs)
        print(f"{row.name:32}{'c=' + str(connections):>5}{''.join(columns)}{cpu:>7.2f}", flush=True)


def _columns(pairs: list[tuple[float, float]], digits: int, width: int, wide: int = 16) -> str:
    """The medians of both, and the median of their ratios: rounds are pairs, so that what disturbs both drops out."""
    bare, ours = (statistics.median(one) for one in zip(*pairs, strict=True))
    ratio = statistics.median(ours / bare for bare, ours in pairs)
    return f"{f'{bare:.{digits}f} > {ours:.{digits}f}':>{wide}}{ratio:>{width}.2f}"


def _setting(rounds: int, seconds: int, *, own_load: bool) -> str:
    generator = "our own generator" if own_load else "wrk"
    load_1, load_5, _ = os.getloadavg()
    when = datetime.now(UTC).date()
    return (
        f"{when}, {os.cpu_count()} cores, load before the run {load_1:.1f} (5 minutes: {load_5:.1f}); {generator}, "
        f"{rounds} rounds of {seconds} s"
    )


if __name__ == "__main__":
    main()

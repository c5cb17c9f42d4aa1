"""Two workers beside one: how many times as many calls a second, on all the cores that there are.

`python -m bench.workers [--rounds N] [--seconds S]`. The load shares the cores with the servers, which costs two workers
more than one: the first ratio is the least that two are worth on a machine of two cores. The second leaves the load out:
twice the calls per second of processor time of two workers, beside those of one.
"""

import argparse
import os
import statistics
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench.load import Shot, load
from bench.payloads import PAYLOADS
from bench.servers import Server, service

BODIES = ("view 300, RLS", "view 300, no RLS", "order harmless")
_CONNECTIONS = 16


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each measurement")
    asked = parser.parse_args()
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    print(f"{datetime.now(UTC):%F}, cores {cores}, load before the run {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with service(folder, cores=cores) as one, service(folder, workers=2, cores=cores) as two:
            for payload in BODIES:
                _print_row(payload, folder, (one, two), cores, asked.rounds, asked.seconds)


def _print_row(
    payload: str, folder: Path, servers: tuple[Server, Server], cores: str, rounds: int, seconds: int
) -> None:
    service_id, make = PAYLOADS[payload]
    body = folder / "body.json"
    body.write_bytes(make())
    path = f"/cds-services/{service_id}"
    pairs = [[_sample(server, path, body, cores, seconds) for server in servers] for _ in range(rounds)]
    one, two = (statistics.median(pair[place][0] for pair in pairs) for place in (0, 1))
    answered = statistics.median(pair[1][0] / pair[0][0] for pair in pairs)
    per_cpu = statistics.median(2 * pair[1][1] / pair[0][1] for pair in pairs)
    print(
        f"{payload:24}{one:8.0f} > {two:.0f} calls/s   {answered:.2f} x   without the load {per_cpu:.2f} x", flush=True
    )


def _sample(server: Server, path: str, body: Path, cores: str, seconds: int) -> tuple[float, float]:
    """(calls a second, calls a second of processor time)."""
    before = server.cpu_seconds()
    answered = load(Shot(server.port, path, body), _CONNECTIONS, seconds, cores=cores).per_second
    return answered, answered * seconds / (server.cpu_seconds() - before)


if __name__ == "__main__":
    main()

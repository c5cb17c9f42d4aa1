"""Requests made and time taken against a FHIR server on this machine that needs 50 ms for each answer.

`python -m bench.fhir [--calls N]`. Time is also given in round trips of 50 ms. Two libraries are compared, because their
pools differ with many calls at once; `opened` says how many connections were opened before and during the calls.
"""

import argparse
import asyncio
import json
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from multiprocessing.connection import Connection
from typing import Any, cast

import httpx
import uvloop

from cards import Catalogue, Hook, Site, load_knowledge
from service import memory
from service.connections import ClientFactory, Connections
from service.deadline import Deadline
from service.fhir_network import open_client
from service.fhir_server import FhirServers
from service.gather import gather
from service.reach import Reach
from service.registry import TrustedClient
from service.wire import decode_request
from tests.patient_builder import PatientBuilder, bundle
from tests.service.fhir.over_httpx import OverHttpx

ANSWER_S = 0.05
AT_ONCE = (1, 10, 50)
ON = date(2026, 11, 20)
DEVELOPER = TrustedClient(name="bench", issuer="", any_loopback_server=True)
CONNECTIONS = 500
PRODUCTION = "aiohttp"
# One situation is enough to compare them, and the slower one is very slow.
COMPARED = "patient-view, RLS"


class SlowServer:
    """Answers every read and search of one patient after `ANSWER_S`; runs in a process of its own."""

    def __init__(self, resources: dict[str, list[dict[str, Any]]]) -> None:
        self.searches = {kind: _answer(bundle(found)) for kind, found in resources.items()}
        self.reads = {f"{kind}/{one['id']}": _answer(one) for kind, all_ in resources.items() for one in all_}
        self.nothing = _answer({"resourceType": "Bundle", "type": "searchset"})
        self.requests = 0
        self.connections = 0

    async def serve(self, pipe: Connection) -> None:
        """Send the port, then the two counters whenever asked, until told to end."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _SlowConnection(self), "127.0.0.1", 0, backlog=1000)
        pipe.send(server.sockets[0].getsockname()[1])
        while await asyncio.to_thread(pipe.recv):
            pipe.send((self.requests, self.connections))
            self.requests = self.connections = 0

    def answer(self, target: str) -> bytes:
        """The whole HTTP answer to the path and query of a request."""
        path = target.removeprefix("/fhir/")
        return self.reads.get(path) or self.searches.get(path.partition("?")[0], self.nothing)


class _SlowConnection(asyncio.Protocol):
    """One connection. A bare protocol: the server must not be what is measured."""

    def __init__(self, server: SlowServer) -> None:
        self.server = server
        self.unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.server.connections += 1

    def data_received(self, data: bytes) -> None:
        *heads, self.unread = (self.unread + data).split(b"\r\n\r\n")
        for head in heads:
            self.server.requests += 1
            answer = self.server.answer(head.split(b" ", 2)[1].decode())
            asyncio.get_running_loop().call_later(ANSWER_S, self.transport.write, answer)


def _answer(body: dict[str, Any]) -> bytes:
    content = json.dumps(body).encode()
    lines = f"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Length: {len(content)}\r\n\r\n"
    return lines.encode() + content


def _run(resources: dict[str, list[dict[str, Any]]], pipe: Connection) -> None:
    uvloop.run(SlowServer(resources).serve(pipe))


@contextmanager
def slow_server(resources: dict[str, list[dict[str, Any]]]) -> Iterator[tuple[str, Connection]]:
    """The address of a running server and the pipe to its counters."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(resources, there), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}/fhir", here
    finally:
        here.send("")
        process.join(5)


def production() -> ClientFactory:
    """What production uses."""
    tls = httpx.create_ssl_context()
    return lambda reach: open_client(reach, connections=CONNECTIONS, tls=tls)


def plain_httpx() -> ClientFactory:
    """httpx with its own pool."""
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    tls = httpx.create_ssl_context()

    def factory(_reach: Reach) -> Connections:
        return OverHttpx(httpx.AsyncClient(limits=limits, timeout=httpx.Timeout(60), trust_env=False, verify=tls))

    return factory


LIBRARIES: dict[str, Callable[[], ClientFactory]] = {PRODUCTION: production, "httpx": plain_httpx}


def situations(builder: PatientBuilder) -> dict[str, tuple[dict[str, Any], bool]]:
    """Hook requests by name, and whether the drugs on record stand behind references."""
    rls = {
        "conditions": ["restless_legs_syndrome"],
        "labs": {"ferritin": "40 ng/mL", "transferrin_saturation": "18 %"},
        "encounter": "outpatient",
        "medicines": [{"drug": "Lisinopril 10 mg tablet"}] * 3,
    }
    relevant = rls | {"drafts": ["Metoclopramide 10 mg tablet"]}
    return {
        "patient-view, no RLS": (builder.request("patient-view", {}), False),
        "patient-view, RLS": (builder.request("patient-view", rls), False),
        "patient-view, RLS, drugs by reference": (builder.request("patient-view", rls), True),
        "order-sign, harmless draft": (builder.request("order-sign", rls | {"drafts": ["Amoxicillin 500 mg"]}), False),
        "order-sign, relevant draft, no RLS": (builder.request("order-sign", {"drafts": relevant["drafts"]}), False),
        "order-sign, relevant draft, RLS": (builder.request("order-sign", relevant), False),
    }


def server_side(body: dict[str, Any], *, by_reference: bool) -> dict[str, list[dict[str, Any]]]:
    """What the server holds of the patient, by type."""
    found: dict[str, list[dict[str, Any]]] = {}
    for value in body["prefetch"].values():
        for one in (
            [entry["resource"] for entry in value.get("entry", [])] if value["resourceType"] == "Bundle" else [value]
        ):
            found.setdefault(one["resourceType"], []).append(one)
    if by_reference:
        for number, order in enumerate(found["MedicationRequest"]):
            code = order.pop("medicationCodeableConcept")
            order["medicationReference"] = {"reference": f"Medication/m{number}"}
            found.setdefault("Medication", []).append({"resourceType": "Medication", "id": f"m{number}", "code": code})
    return found


async def measure(
    catalogue: Catalogue, body: dict[str, Any], factory: ClientFactory, at_once: int, calls: int, counters: Connection
) -> str:
    """One line: requests a call, median and slowest time, round trips, connections opened."""
    request = decode_request(json.dumps(body).encode(), Hook(body["hook"]))
    servers = FhirServers(catalogue.templates, factory)
    taken: list[float] = []
    site = Site()

    async def call() -> None:
        started = time.perf_counter()
        with servers.opened(request, DEVELOPER, Deadline.after(60)) as server:
            await gather(request, catalogue, site, server)
        taken.append(time.perf_counter() - started)

    async def one_after_another(count: int) -> None:
        for _ in range(count):
            await call()

    # Connections are opened, and capabilities learned, before the clock starts.
    await asyncio.gather(*(call() for _ in range(at_once)))
    await servers.capabilities.settled()
    counters.send("count")
    _, first = counters.recv()
    taken.clear()
    await asyncio.gather(*(one_after_another(max(1, calls // at_once)) for _ in range(at_once)))
    counters.send("count")
    requests, connections = counters.recv()
    await servers.aclose()
    median, slowest = statistics.median(taken), max(taken)
    return (
        f"{at_once:>3} at once  {requests / len(taken):5.1f} requests a call  median {median * 1000:7.1f} ms "
        f"({median / ANSWER_S:4.1f} round trips)  slowest {slowest * 1000:7.1f} ms  "
        f"opened {first:>3} before, {connections:>3} during {requests} requests"
    )


def main() -> None:
    """Print one table for each situation and library."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200, help="calls of each line")
    calls = parser.parse_args().calls
    # Garbage is looked for as rarely as in the service.
    memory.hold()
    knowledge = load_knowledge()
    catalogue = Catalogue(knowledge)
    memory.settle()
    for name, (body, by_reference) in situations(PatientBuilder(knowledge, ON)).items():
        with slow_server(server_side(body, by_reference=by_reference)) as (address, counters):
            asked = body | {"prefetch": {}, "fhirServer": address, "fhirAuthorization": {"access_token": "bench"}}
            for library, make in LIBRARIES.items():
                if library != PRODUCTION and name != COMPARED:
                    continue
                print(f"\n{name} - {library}")
                for at_once in AT_ONCE:
                    print(" ", uvloop.run(measure(catalogue, asked, make(), at_once, calls, counters)))


if __name__ == "__main__":
    main()

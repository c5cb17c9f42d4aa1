"""Limits through the whole application: what is large but real is answered, what is meant to hurt is bounded.

Bounds of memory are Python's own allocations in the call (`traced`, which is slow), or how much the process grew; bounds
of time only find what would not end.
"""

import asyncio
import gzip
import json
import resource
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from service.app import Parts, create_app
from service.settings import Settings
from tests.conformance.bench import draft, treated
from tests.service.registered import CALL

pytestmark = pytest.mark.anyio
JSON = {"content-type": "application/json"}
SELECT = CALL.replace("patient-view", "order-select")
MIB = 1024 * 1024
SECONDS = 30.0


class Bounded:
    """The time and the memory of what happens inside."""

    def __init__(self, *, traced: bool = False) -> None:
        self._traced = traced

    def __enter__(self) -> "Bounded":
        if self._traced:
            tracemalloc.start()
        self._before = _largest_mib()
        self._started = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.monotonic() - self._started
        self.peak_mib = _largest_mib() - self._before
        if self._traced:
            self.peak_mib = tracemalloc.get_traced_memory()[1] / MIB
            tracemalloc.stop()


def _largest_mib() -> float:
    """The most that this process ever had, in MiB (Linux counts KiB, macOS bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (MIB if sys.platform == "darwin" else 1024)


def grown(request: dict[str, Any], key: str, to_bytes: int) -> dict[str, Any]:
    """The request with so many harmless resources more under a key."""
    entry = {"resource": {"resourceType": "Condition", "id": "x" * 40, "subject": {"reference": "Patient/p1"}}}
    entry["resource"]["code"] = {
        "coding": [{"system": "http://snomed.info/sct", "code": "38341003"}],
        "text": "y" * 400,
    }
    request["prefetch"][key]["entry"] += [entry] * (to_bytes // len(json.dumps(entry)))
    return request


async def test_a_prefetch_of_two_megabytes_is_answered(http: httpx.AsyncClient) -> None:
    body = json.dumps(grown(treated(), "conditions", 2 * MIB)).encode()
    with Bounded() as bounded:
        response = await http.post(CALL, content=body, headers=JSON)

    assert (response.status_code, len(response.json()["cards"])) == (200, 1)
    assert len(body) > 2 * MIB - 1000
    assert bounded.seconds < SECONDS
    assert bounded.peak_mib < 100


async def test_a_prefetch_of_two_megabytes_with_one_odd_value_is_answered(http: httpx.AsyncClient) -> None:
    # One wrong type sends the whole body down the slow path.
    request = grown(treated(), "conditions", 2 * MIB)
    request["prefetch"]["conditions"]["entry"].append({"resource": {"resourceType": "Condition", "code": 7}})
    with Bounded() as bounded:
        response = await http.post(CALL, json=request)

    assert response.status_code == 200
    assert bounded.seconds < SECONDS
    assert bounded.peak_mib < 200


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
async def test_a_hundred_thousand_levels_are_refused(http: httpx.AsyncClient, opening: bytes) -> None:
    deep = b'{"hook":"patient-view","context":{"patientId":"p1"},"prefetch":{"conditions":' + opening * 100_000
    with Bounded(traced=True) as bounded:
        response = await http.post(CALL, content=deep, headers=JSON)

    assert response.status_code == 400
    assert bounded.peak_mib < 20


async def test_a_gigabyte_is_refused_by_its_declared_length_alone(parts: Parts) -> None:
    status = await _status(parts, [b"{"], ("content-length", str(1024**3)))

    assert status == 413


async def test_a_gigabyte_in_chunks_is_refused_at_the_limit(parts: Parts) -> None:
    pieces = Pieces(b" " * MIB, 1024)
    with Bounded(traced=True) as bounded:
        status = await _status(parts, pieces)

    assert status == 413
    assert pieces.taken == 11
    assert bounded.peak_mib < 25


async def test_a_gzip_bomb_is_refused_unopened(http: httpx.AsyncClient) -> None:
    bomb = gzip.compress(b"[" * 20 * MIB)
    with Bounded(traced=True) as bounded:
        response = await http.post(CALL, content=bomb, headers={**JSON, "content-encoding": "gzip"})

    assert response.status_code == 415
    assert bounded.peak_mib < 5


async def test_a_gzip_bomb_that_is_not_declared_is_no_json(http: httpx.AsyncClient) -> None:
    assert (await http.post(CALL, content=gzip.compress(b"[" * MIB), headers=JSON)).status_code == 400


def codings(number: int) -> list[dict[str, str]]:
    return [{"system": f"http://x.example/{index % 7}", "code": str(index), "display": "x"} for index in range(number)]


def many_codings_of_a_drug() -> dict[str, Any]:
    request = draft()
    resource = request["context"]["draftOrders"]["entry"][0]["resource"]
    resource["medicationCodeableConcept"]["coding"] = codings(10_000)
    return request


def many_codings_of_a_condition() -> dict[str, Any]:
    request = treated() | {"hook": "order-select"}
    request["prefetch"]["conditions"]["entry"][0]["resource"]["code"]["coding"] += codings(10_000)
    return request | {"context": draft()["context"] | {"patientId": request["context"]["patientId"]}}


def many_words_of_a_drug() -> dict[str, Any]:
    request = draft()
    resource = request["context"]["draftOrders"]["entry"][0]["resource"]
    resource["medicationCodeableConcept"] = {"text": "hydroxyzine " + "wort " * 1_000_000}
    return request


def one_endless_word() -> dict[str, Any]:
    request = draft()
    resource = request["context"]["draftOrders"]["entry"][0]["resource"]
    resource["medicationCodeableConcept"] = {"coding": [{"display": "a" * 5_000_000}], "text": "1.5 mg/" * 500_000}
    return request


def many_words_of_a_condition() -> dict[str, Any]:
    request = draft()
    request["prefetch"]["conditions"]["entry"][0]["resource"]["code"]["text"] = "unruhige Beine " * 300_000
    return request


def many_words_of_an_instruction() -> dict[str, Any]:
    request = draft()
    resource = request["context"]["draftOrders"]["entry"][0]["resource"]
    resource["dosageInstruction"] = [{"text": "for itching " * 300_000, "patientInstruction": "x" * 3_000_000}]
    return request


def many_drafts() -> dict[str, Any]:
    request = draft()
    (entry,) = request["context"]["draftOrders"]["entry"]
    entries = [{"resource": entry["resource"] | {"id": f"d{index}"}} for index in range(2_000)]
    request["context"]["draftOrders"]["entry"] = entries
    request["context"]["selections"] = [f"MedicationRequest/d{index}" for index in range(2_000)]
    return request


def many_medicines() -> dict[str, Any]:
    request = draft()
    resource = request["context"]["draftOrders"]["entry"][0]["resource"]
    entries = [{"resource": resource | {"id": f"m{index}", "status": "active"}} for index in range(2_000)]
    request["prefetch"]["medications"] = {"resourceType": "Bundle", "entry": entries}
    return request


HOSTILE = [
    many_codings_of_a_drug,
    many_codings_of_a_condition,
    many_words_of_a_drug,
    one_endless_word,
    many_words_of_a_condition,
    many_words_of_an_instruction,
    many_drafts,
    many_medicines,
]


@pytest.mark.parametrize("made", HOSTILE, ids=lambda made: made.__name__)
async def test_a_hostile_size_inside_the_limits_is_bounded(
    http: httpx.AsyncClient, made: Callable[[], dict[str, Any]]
) -> None:
    body = json.dumps(made()).encode()
    with Bounded() as bounded:
        response = await http.post(SELECT, content=body, headers=JSON)

    assert response.status_code in (200, 400, 413)
    assert bounded.seconds < SECONDS
    assert bounded.peak_mib < 250
    assert len(response.content) < len(body) + 20_000


async def test_a_body_that_trickles_is_given_up(parts: Parts) -> None:
    settings = Settings(store_url="off", max_body_seconds=0.05)
    patient = Parts(settings, knowledge=parts.service.catalogue.knowledge)

    assert await _status(patient, Endless()) == 400


class Pieces:
    """A body in equal pieces; `taken` counts those that were asked for."""

    def __init__(self, piece: bytes, number: int) -> None:
        self._piece, self._left, self.taken = piece, number, 0

    async def __call__(self) -> dict[str, Any]:
        self.taken += 1
        self._left -= 1
        return {"type": "http.request", "body": self._piece, "more_body": self._left > 0}


class Endless:
    """A body of which nothing ever arrives."""

    async def __call__(self) -> dict[str, Any]:
        await asyncio.sleep(3600)
        return {}


async def _status(parts: Parts, receive: Any, *headers: tuple[str, str]) -> int:
    """The status of one call whose body comes as `receive` says; a list stands for its pieces."""
    heads = [("content-type", "application/json"), *headers]
    scope = {
        "type": "http",
        "method": "POST",
        "path": CALL,
        "raw_path": CALL.encode(),
        "query_string": b"",
        "root_path": "",
        "http_version": "1.1",
        "scheme": "http",
        "headers": [(name.encode(), value.encode()) for name, value in heads],
    }
    answer: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        answer.append(message)

    source = Pieces(receive[0], 1) if isinstance(receive, list) else receive
    await create_app(parts=parts)(scope, source, send)
    return int(answer[0]["status"])

"""Section 2.10: feedback."""

import sqlite3
from typing import Any
from uuid import uuid4

from tests.conformance.bench import Bench
from tests.conformance.walk import row
from tests.service.registered import FEEDBACK, bearer


def accepted(**changes: Any) -> dict[str, Any]:
    """A good entry; None takes a member away."""
    good = {
        "card": str(uuid4()),
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": str(uuid4())}],
        "outcomeTimestamp": "2026-11-20T12:00:00Z",
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def overridden(**changes: Any) -> dict[str, Any]:
    """A good entry of the other outcome."""
    return accepted(outcome="overridden", acceptedSuggestions=None, **changes)


def rows_of(bench: Bench) -> int:
    """How many entries the store holds."""
    with sqlite3.connect(bench.store) as store:
        return int(store.execute("select count(*) from feedback").fetchone()[0])


async def refused(bench: Bench, body: Any, place: str) -> None:
    """400 that names the place."""
    response = await bench.open.post("/cds-services/rls-patient-view/feedback", json=body)

    assert (response.status_code, response.json()["issue"][0]["expression"]) == (400, [place])


@row("FB-1", "taken, and then in the store")
async def supported(bench: Bench) -> None:
    before = rows_of(bench)

    assert (await bench.feedback([accepted()])).status_code == 200
    assert rows_of(bench) == before + 1


@row("FB-2", "the path of each service and /feedback; GET there is 405, an unknown service 404")
async def endpoint(bench: Bench) -> None:
    for service in await bench.services():
        path = f"/cds-services/{service['id']}/feedback"
        assert (await bench.open.post(path, json={"feedback": [accepted()]})).status_code == 200
        assert (await bench.open.get(path)).status_code == 405
    assert (await bench.open.post("/cds-services/other/feedback", json={"feedback": []})).status_code == 404


@row("FB-3", "without it, or with a text: 400 that names it")
async def array(bench: Bench) -> None:
    await refused(bench, {}, "feedback")
    await refused(bench, {"feedback": "a"}, "feedback")


@row("FB-4", "without it: 400; an id that is no UUID is taken, as Epic's example has one")
async def card(bench: Bench) -> None:
    await refused(bench, {"feedback": [accepted(card=None)]}, "feedback[0].card")
    assert (await bench.feedback([accepted(card="123456")])).status_code == 200


@row("FB-5", "any other: 400 that names it")
async def outcome(bench: Bench) -> None:
    await refused(bench, {"feedback": [accepted(outcome="ignored")]}, "feedback[0].outcome")


@row("FB-6", "accepted without them: 400 that names them")
async def accepted_suggestions(bench: Bench) -> None:
    await refused(bench, {"feedback": [accepted(acceptedSuggestions=None)]}, "feedback[0].acceptedSuggestions")


@row("FB-7", "each of the shapes in use is taken")
async def override_reason(bench: Bench) -> None:
    reason = {"code": "noAlternative", "system": "urn:rls-cds:override-reason"}
    shapes = [{"reason": reason}, {"userComment": "x"}, {"reason": reason, "userComment": "x"}]

    for shape in shapes:
        assert (await bench.feedback([overridden(overrideReason=shape)])).status_code == 200
    assert (await bench.feedback([overridden(overrideReasons=shapes)])).status_code == 200


@row("FB-8", "without it, or no time: 400 that names it")
async def timestamp(bench: Bench) -> None:
    await refused(bench, {"feedback": [accepted(outcomeTimestamp="soon")]}, "feedback[0].outcomeTimestamp")
    await refused(bench, {"feedback": [accepted(outcomeTimestamp=None)]}, "feedback[0].outcomeTimestamp")


@row("FB-9", "several at once are all kept, the same again is kept once and answered alike")
async def batches(bench: Bench) -> None:
    before, batch = rows_of(bench), [accepted(), overridden(), accepted()]

    assert [(await bench.feedback(batch)).status_code for _ in range(2)] == [200, 200]
    assert rows_of(bench) == before + 3


@row("FB-10", "every card and every suggestion has a uuid (CARD-1, SUG-2)")
async def uuids(bench: Bench) -> None:
    assert all(one["uuid"] for one in [*await bench.all_cards(), *await bench.all_suggestions()])


@row(
    "FB-11", "with a registry: 401 without a token; with one for this endpoint it reaches the store (which is off: 503)"
)
async def authenticated(bench: Bench) -> None:
    body = {"feedback": [accepted()]}
    asked = [{}, bearer(FEEDBACK)]

    assert [(await bench.registered.post(FEEDBACK, json=body, headers=one)).status_code for one in asked] == [401, 503]


@row("FB-12", "200 and an empty body")
async def answer(bench: Bench) -> None:
    response = await bench.feedback([accepted()])

    assert (response.status_code, response.content) == (200, b"")

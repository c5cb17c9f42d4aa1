"""What breaks inside costs as little as possible: never the process, never another card, never a false answer."""

import logging
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import event

import cards.catalogue
from cards import Catalogue, Knowledge
from service.app import Parts
from service.settings import Settings
from tests.conformance.bench import draft, fixture, treated
from tests.conftest import NOW
from tests.service.registered import CALL, DISCOVERY, FEEDBACK, bearer, client_of, registered_parts

pytestmark = pytest.mark.anyio
SELECT = CALL.replace("patient-view", "order-select")
Started = Callable[..., Any]


@pytest.fixture
async def started(knowledge: Knowledge) -> AsyncIterator[Started]:
    """Starts the service with a store; gives its parts and a client."""
    async with AsyncExitStack() as stack:

        async def start(store: str, now: Callable[[], datetime] = lambda: NOW) -> tuple[Parts, httpx.AsyncClient]:
            parts = Parts(Settings(store_url=store), now=now, knowledge=knowledge)
            stack.push_async_callback(parts.close)
            return parts, await stack.enter_async_context(client_of(parts))

        yield start


def feedback() -> dict[str, Any]:
    entry = {"card": str(uuid4()), "outcome": "overridden", "outcomeTimestamp": "2026-11-20T12:00:00Z"}
    return {"feedback": [entry]}


def two_drafts() -> dict[str, Any]:
    """Two drafts for each of which there is a card."""
    request, other = draft(), fixture("order-select-mirtazapine-new")
    second = other["context"]["draftOrders"]["entry"][0]["resource"] | {"id": "second"}
    request["context"]["draftOrders"]["entry"].append({"resource": second})
    request["context"]["selections"].append("MedicationRequest/second")
    return request


async def what_is_left(client: httpx.AsyncClient) -> tuple[int, int, str]:
    """(cards of a call, status of feedback, what health says of the store)."""
    call, told = await client.post(CALL, json=treated()), await client.post(FEEDBACK, json=feedback())
    assert call.status_code == 200
    return len(call.json()["cards"]), told.status_code, (await client.get("/health")).json()["store"]


# --- faults of our own -------------------------------------------------------------------------------------------------


async def test_a_card_that_cannot_be_written_never_takes_the_others_along(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = two_drafts()
    before = [card["source"]["topic"]["code"] for card in (await http.post(SELECT, json=request)).json()["cards"]]
    whole = cards.catalogue.compose

    def broken(finding: Any, *others: Any) -> Any:
        if finding.topic == before[0]:
            raise ZeroDivisionError(request["context"]["patientId"])
        return whole(finding, *others)

    monkeypatch.setattr(cards.catalogue, "compose", broken)
    response = await http.post(SELECT, json=request)

    assert len(before) == 2
    assert [card["source"]["topic"]["code"] for card in response.json()["cards"]] == before[1:]


async def test_every_rule_broken_is_an_answer_without_cards(
    http: httpx.AsyncClient, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RecursionError

    catalogue = parts.service.catalogue
    rules = tuple(
        type(one)(one.stem, one.topics, one.hooks, broken, one.required, one.optional)
        for one in catalogue.rules  # type: ignore[arg-type]
    )
    monkeypatch.setattr(catalogue, "_rules", Catalogue(catalogue.knowledge, rules)._rules)
    response = await http.post(CALL, json=treated())

    assert (response.status_code, response.json()) == (200, {"cards": []})


async def test_a_fault_of_the_reader_is_a_500_and_the_next_call_is_answered(
    http: httpx.AsyncClient, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(type(parts.service.catalogue), "evaluate", lambda *_, **__: 1 / 0)
        first = await http.post(CALL, json=treated())
    second = await http.post(CALL, json=treated())

    assert (first.status_code, second.status_code) == (500, 200)
    assert first.json()["issue"][0]["diagnostics"] == "internal error; the operator's log has its number"


async def test_a_log_that_cannot_be_written_costs_no_card(http: httpx.AsyncClient) -> None:
    class Full:
        def write(self, _text: str) -> None:
            raise OSError(28, "No space left on device")

        def flush(self) -> None:
            raise OSError(28, "No space left on device")

    full = logging.StreamHandler(Full())  # type: ignore[type-var]
    logging.getLogger("rls_cds.audit").addHandler(full)
    response = await http.post(CALL, json=treated())
    logging.getLogger("rls_cds.audit").removeHandler(full)

    assert (response.status_code, len(response.json()["cards"])) == (200, 1)


# --- the store ---------------------------------------------------------------------------------------------------------


async def test_with_a_store_feedback_is_kept(started: Started, tmp_path: Path) -> None:
    _, client = await started(f"sqlite:///{tmp_path}/store.sqlite")

    assert await what_is_left(client) == (1, 200, "ok")


def place_of_a_file(folder: Path) -> str:
    (folder / "file").write_text("")
    return f"sqlite:///{folder}/file/store.sqlite"


def no_database(folder: Path) -> str:
    (folder / "store.sqlite").write_bytes(b"no database, but long enough to look like something " * 100)
    return f"sqlite:///{folder}/store.sqlite"


def a_folder(folder: Path) -> str:
    (folder / "store.sqlite").mkdir()
    return f"sqlite:///{folder}/store.sqlite"


def read_only(folder: Path) -> str:
    # Whoever runs the tests may be root, whom no file mode stops.
    (folder / "store.sqlite").touch()
    return f"sqlite:///file:{folder}/store.sqlite?mode=ro&uri=true"


def nobody_listens(_folder: Path) -> str:
    return "postgresql://nobody@127.0.0.1:1/none"


def another_kind(_folder: Path) -> str:
    return "mysql://nobody@127.0.0.1/none"


@pytest.mark.parametrize("spoilt", [place_of_a_file, no_database, a_folder, read_only, nobody_listens, another_kind])
async def test_a_store_that_is_not_there_at_start_costs_feedback_only(
    started: Started, tmp_path: Path, spoilt: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.store.migrate._TRIES", 2)
    _, client = await started(spoilt(tmp_path))

    assert await what_is_left(client) == (1, 503, "unavailable")


async def test_a_refusal_of_feedback_says_when_to_try_again(started: Started, tmp_path: Path) -> None:
    _, client = await started(a_folder(tmp_path))
    response = await client.post(FEEDBACK, json=feedback())

    assert response.headers["retry-after"]
    assert response.json()["issue"][0]["code"] == "transient"


async def test_a_full_disk_costs_feedback_only_and_ends_when_there_is_room(started: Started, tmp_path: Path) -> None:
    parts, client = await started(f"sqlite:///{tmp_path}/store.sqlite")
    database = parts._journal._database
    assert database is not None
    full = [True]

    @event.listens_for(database._engine, "begin")
    def squeezed(connection: Any) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count={1 if full[0] else 1_000_000}")

    big = {"feedback": feedback()["feedback"] + [feedback()["feedback"][0] for _ in range(2_000)]}
    status = (await client.post(FEEDBACK, json=big)).status_code
    during = (await client.post(CALL, json=treated())).status_code, (await client.get("/health")).json()["store"]
    full[0] = False

    assert (status, during) == (503, (200, "unavailable"))
    assert await what_is_left(client) == (1, 200, "ok")


async def test_a_store_that_is_lost_while_running_costs_feedback_only(started: Started, tmp_path: Path) -> None:
    folder = tmp_path / "var"
    parts, client = await started(f"sqlite:///{folder}/store.sqlite")
    before = await what_is_left(client)
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "store.sqlite").mkdir()
    database = parts._journal._database
    assert database is not None
    database.close()  # connections that are open keep a file that nobody else sees any more

    after = await what_is_left(client)
    issued = parts._journal._issued
    assert issued is not None
    issued.close(0.1)  # the end of the service would wait ten seconds for the store to come back

    assert (before, after) == ((1, 200, "ok"), (1, 503, "unavailable"))


async def test_a_store_that_hangs_holds_no_card(started: Started, tmp_path: Path) -> None:
    parts, client = await started(f"sqlite:///{tmp_path}/store.sqlite")
    database = parts._journal._database
    assert database is not None
    with database._one_writer:
        found = [(await client.post(CALL, json=treated())).status_code for _ in range(3)]

    assert found == [200] * 3


# --- the clock ---------------------------------------------------------------------------------------------------------


class Clock:
    """Seconds since the epoch, set by hand."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at.timestamp()


async def test_a_clock_that_jumps_back_refuses_tokens_and_recovers(tmp_path: Path, knowledge: Knowledge) -> None:
    parts = registered_parts(tmp_path, knowledge)
    now = datetime.now(UTC)
    clock = parts.service.door.gate._clock = Clock(now)
    found = []
    async with client_of(parts) as client:
        for jump in (timedelta(0), timedelta(days=-1), timedelta(days=1), timedelta(0)):
            clock.at = now + jump
            found.append((await client.get(DISCOVERY, headers=bearer(DISCOVERY))).status_code)
    await parts.close()

    # A day back a token comes from the future, a day ahead it has expired.
    assert found == [200, 401, 401, 200]


async def test_a_token_is_never_good_twice_whatever_the_clock_does(tmp_path: Path, knowledge: Knowledge) -> None:
    parts = registered_parts(tmp_path, knowledge)
    now = datetime.now(UTC)
    clock = parts.service.door.gate._clock = Clock(now)
    headers = bearer(DISCOVERY)
    found = []
    async with client_of(parts) as client:
        for jump in (0, 0, 7200, -30, 7200, 0):
            clock.at = now + timedelta(seconds=jump)
            found.append((await client.get(DISCOVERY, headers=headers)).status_code)
    await parts.close()

    assert found == [200, 401, 401, 401, 401, 401]


async def test_a_day_that_goes_backwards_between_calls_is_just_another_day(started: Started, tmp_path: Path) -> None:
    days = iter([NOW, NOW - timedelta(days=400), NOW + timedelta(days=4000), datetime(1970, 1, 1, tzinfo=UTC), NOW])
    today = [NOW]
    _, client = await started(f"sqlite:///{tmp_path}/store.sqlite", lambda: today[0])
    found = []
    for day in days:
        today[0] = day
        found.append((await client.post(CALL, json=treated())).status_code)

    assert found == [200] * 5


async def test_the_same_order_select_again_and_again_is_the_same_answer(http: httpx.AsyncClient) -> None:
    found = [[card["summary"] for card in (await http.post(SELECT, json=draft())).json()["cards"]] for _ in range(20)]

    assert found == [found[0]] * 20

"""Health, liveness and readiness: what a probe, a balancer and an operator are told in each state of the service."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import respx
from sqlalchemy import Connection

from cards import Knowledge
from service import store_check
from service.app import Parts
from service.drain import Drain
from service.health import SETTLING_S, Health
from service.jwks import JwkSets
from service.posture import Posture
from service.registry import RegistryHolder
from service.settings import Settings
from service.store import Database, StoreUnavailable
from service.store_check import StoreCheck
from tests.conformance.bench import treated
from tests.conftest import NOW
from tests.service.registered import CALL, JKU, JWKS, bearer, client_of, registered_parts

pytestmark = pytest.mark.anyio
Started = Callable[..., Any]
FETCHED = f'jku = "{JKU}"'


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class _Kept:
    """A journal whose store is as the test says."""

    def __init__(self, state: str = "off", database: Any = None) -> None:
        self.state = state
        self.database = database
        self.written = 0


class _Controls:
    def __init__(self, *, known: bool = True, off: bool = False) -> None:
        self.known = known
        self.off = off

    def summary(self) -> dict[str, Any]:
        return {"killSwitch": {"file": False, "all": self.off, "clients": 1}}


class _Store:
    """A database that counts who asks, and answers, fails or hangs."""

    def __init__(self) -> None:
        self.asked = 0
        self.fault: Exception | None = None
        self.goes_on = threading.Event()
        self.goes_on.set()

    @contextmanager
    def reading(self) -> Iterator[Any]:
        self.asked += 1
        self.goes_on.wait(5)
        if self.fault:
            raise self.fault
        yield _Statement()


class _Statement:
    def exec_driver_sql(self, _text: str) -> None:
        return None


@pytest.fixture
async def started(tmp_path: Path, knowledge: Knowledge) -> AsyncIterator[Started]:
    """A registered service whose client's keys must be fetched."""
    async with AsyncExitStack() as stack:

        async def start(*lines: str, keys: str = FETCHED, **settings: Any) -> httpx.AsyncClient:
            parts = registered_parts(tmp_path, knowledge, *lines, keys=keys, **settings)
            stack.push_async_callback(parts.close)
            await parts._jwk_sets.preload(parts.registry.current.jwk_set_urls)
            client = await stack.enter_async_context(client_of(parts))
            client.parts = parts  # type: ignore[attr-defined]
            return client

        yield start


def health(parts: Parts, **given: Any) -> Health:
    """Health of the service in that state."""
    made: dict[str, Any] = {
        "settings": Settings(store_url="off"),
        "knowledge": parts.service.catalogue.knowledge,
        "posture": Posture.DEVELOPMENT,
        "registry": parts.registry,
        "jwk_sets": parts._jwk_sets,
        "kept": _Kept(),
        "drain": Drain(),
        "now": lambda: NOW,
        "clock": _Clock(),
    }
    return Health(**(made | given))


async def ready(of: Health) -> tuple[int, list[str], list[str]]:
    """(status, what is not ready, what is degraded)."""
    response = await of.ready(None)  # type: ignore[arg-type]
    body = httpx.Response(200, content=bytes(response.body)).json()
    return response.status_code, body["notReady"], body["degraded"]


async def told(of: Health) -> dict[str, Any]:
    response = await of.health(None)  # type: ignore[arg-type]
    return dict(httpx.Response(200, content=bytes(response.body)).json())


async def test_live_says_alive_and_nothing_else(http: httpx.AsyncClient) -> None:
    response = await http.get("/health/live")

    assert (response.status_code, response.json()) == (200, {"status": "alive"})


async def test_a_process_that_shuts_down_is_alive_and_not_ready(parts: Parts) -> None:
    drain = Drain()
    of = health(parts, drain=drain)
    before = await ready(of)
    drain.begin()

    assert (before[0], await ready(of)) == (200, (503, ["draining"], []))
    assert (await of.live(None)).status_code == 200  # type: ignore[arg-type]
    assert (await told(of))["status"] == "draining"


async def test_a_service_without_a_store_and_without_keys_to_fetch_is_ready(http: httpx.AsyncClient) -> None:
    response = await http.get("/health/ready")

    assert (response.status_code, response.json()) == (
        200,
        {
            "status": "ready",
            "notReady": [],
            "degraded": [],
            "checks": {"knowledge": "ok", "store": "off", "keys": "0 of 0"},
        },
    )


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
async def test_no_cache_keeps_the_answer(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path)).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
async def test_a_registered_service_tells_probes_without_a_token(started: Started, path: str) -> None:
    client = await started(keys='jwks_file = "ehr.jwks.json"')

    assert (await client.get(path)).status_code == 200


async def test_the_state_names_no_client(started: Started) -> None:
    client = await started('tenants = ["zqxtenant"]', keys='jwks_file = "ehr.jwks.json"')
    shown = (await client.get("/health")).text + (await client.get("/health/ready")).text

    assert '"ehr"' not in shown
    assert "zqx" not in shown


# --- the store ---------------------------------------------------------------------------------------------------------


async def test_a_new_process_waits_for_a_store_that_was_never_there(parts: Parts) -> None:
    of = health(parts, kept=_Kept("unavailable"))

    assert await ready(of) == (503, ["store"], [])


async def test_it_does_not_wait_for_ever(parts: Parts) -> None:
    # Or a hospital whose database is down could start no service, and have no cards.
    clock = _Clock()
    of = health(parts, kept=_Kept("unavailable"), clock=clock)
    clock.now = SETTLING_S

    assert await ready(of) == (200, [], ["store"])


async def test_a_store_that_is_lost_takes_no_process_out(parts: Parts) -> None:
    # Every process loses it at the same moment; a balancer would be left with none, and no card needs the store.
    kept = _Kept("ok", _Store())
    of = health(parts, kept=kept)
    before = await ready(of)
    kept.state = "unavailable"

    assert (before, await ready(of)) == ((200, [], []), (200, [], ["store"]))


async def test_a_lost_store_is_named_among_the_warnings(parts: Parts) -> None:
    body = await told(health(parts, kept=_Kept("unavailable")))

    assert body["store"] == "unavailable"
    assert "the store cannot be used: feedback is refused, cards are not" in body["warnings"]


async def test_a_store_that_does_not_answer_is_noticed_without_a_write(parts: Parts) -> None:
    store = _Store()
    store.fault = StoreUnavailable("away")

    assert (await told(health(parts, kept=_Kept("ok", store))))["store"] == "unavailable"


async def test_a_real_store_that_is_lost_and_comes_back(tmp_path: Path) -> None:
    kept = _Kept("ok", Database(f"sqlite:///{tmp_path}/store.sqlite"))
    check = StoreCheck(kept)
    without_tables = await check.state()
    with kept.database.writing(durable=True) as connection:
        _make_table(connection)

    assert (without_tables, await check.state()) == ("unavailable", "ok")


def _make_table(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE calls (day INTEGER)")


async def test_a_store_that_refused_feedback_is_well_again_once_calls_are_written() -> None:
    kept = _Kept("unavailable", _Store())
    check = StoreCheck(kept)
    refused = await check.state()
    kept.written += 1

    assert (refused, await check.state()) == ("unavailable", "ok")


async def test_a_good_answer_counts_for_some_seconds() -> None:
    clock, store = _Clock(), _Store()
    clock.now = 100.0
    check = StoreCheck(_Kept("ok", store), clock)
    for _ in range(50):
        await check.state()
    once = store.asked
    clock.now += 5.0
    await check.state()

    assert (once, store.asked) == (1, 2)


async def test_a_store_that_hangs_holds_up_no_probe_and_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_check, "_WAIT_S", 0.01)
    store = _Store()
    store.goes_on.clear()
    check = StoreCheck(_Kept("ok", store))
    try:
        states = [await check.state() for _ in range(3)]
        states += await asyncio.gather(*(check.state() for _ in range(3)))
    finally:
        store.goes_on.set()

    assert (set(states), store.asked) == ({"unavailable"}, 1)


async def test_a_store_that_was_missing_at_the_start_is_used_as_soon_as_it_is_there(
    tmp_path: Path, knowledge: Knowledge
) -> None:
    in_the_way = tmp_path / "folder"
    in_the_way.write_text("no folder")
    parts = Parts(Settings(store_url=f"sqlite:///{in_the_way}/store.sqlite"), now=lambda: NOW, knowledge=knowledge)
    await parts.open()
    async with client_of(parts) as client:
        before = [(await client.get(path)).json() for path in ("/health", "/health/ready")]
        in_the_way.unlink()
        in_the_way.mkdir()
        for _ in range(600):
            after = (await client.get("/health/ready")).json()
            if not after["notReady"]:
                break
            await anyio.sleep(0.05)
    await parts.close()

    # Where the store was never reached, nobody knows either which cards are switched off.
    assert (before[0]["store"], before[1]["notReady"]) == ("unavailable", ["store", "controls"])
    assert (after["notReady"], after["degraded"], after["checks"]["store"]) == ([], [], "ok")


# --- keys --------------------------------------------------------------------------------------------------------------


async def test_keys_that_were_fetched_make_ready(started: Started) -> None:
    with respx.mock:
        respx.get(JKU).respond(json=JWKS)
        response = await (await started()).get("/health/ready")

    assert (response.status_code, response.json()["checks"]["keys"]) == (200, "1 of 1")


async def test_without_the_keys_of_any_client_nobody_could_be_answered(started: Started) -> None:
    with respx.mock:
        respx.get(JKU).respond(503)
        client = await started()
        client.parts.health._settled_at = 0.0
        response = await client.get("/health/ready")

    assert (response.status_code, response.json()["notReady"]) == (503, ["keys"])


OTHER = ("[[client]]", 'name = "other"', 'issuer = "https://other.example.org"', 'jwks_file = "ehr.jwks.json"')


async def test_a_new_process_waits_for_the_keys_of_each_client(started: Started) -> None:
    with respx.mock:
        respx.get(JKU).respond(503)
        response = await (await started(*OTHER)).get("/health/ready")

    assert (response.status_code, response.json()["notReady"]) == (503, ["keys"])


async def test_one_client_whose_keys_cannot_be_had_does_not_cost_the_others_their_cards(started: Started) -> None:
    with respx.mock:
        respx.get(JKU).respond(503)
        client = await started(*OTHER)
        client.parts.health._settled_at = 0.0
        response = await client.get("/health/ready")
        warnings = (await client.get("/health")).json()["warnings"]

    assert (response.status_code, response.json()["degraded"]) == (200, ["keys"])
    assert "the public keys of 1 clients could not be had: their calls are refused" in warnings


async def test_keys_are_asked_for_again_although_nobody_calls(started: Started) -> None:
    with respx.mock:
        route = respx.get(JKU).respond(503)
        client = await started()
        before = (await client.get("/health/ready")).status_code
        route.respond(json=JWKS)
        sets: JwkSets = client.parts._jwk_sets
        sets._entries[JKU].tried_at -= 31.0
        await client.get("/health/ready")
        refresh = sets._entries[JKU].refresh
        assert refresh is not None
        await refresh
        after = (await client.get("/health/ready")).status_code
        card = await client.post(CALL, json=treated(), headers=bearer(CALL))

    assert (before, after, card.status_code) == (503, 200, 200)


async def test_a_probe_does_not_ask_for_keys_more_often_than_is_right(started: Started) -> None:
    with respx.mock:
        route = respx.get(JKU).respond(503)
        client = await started()
        for _ in range(20):
            await client.get("/health/ready")

    assert route.call_count == 1


# --- controls and knowledge --------------------------------------------------------------------------------------------


async def test_controls_that_nobody_knows_make_a_new_process_wait(parts: Parts) -> None:
    of = health(parts, controls=_Controls(known=False))

    assert await ready(of) == (503, ["controls"], [])


async def test_a_process_that_does_not_know_the_controls_gives_way_where_it_would_show_no_card(parts: Parts) -> None:
    clock = _Clock()
    cautious = Settings(store_url="off", controls_unknown="no-cards")
    of = health(parts, settings=cautious, controls=_Controls(known=False), clock=clock)
    clock.now = SETTLING_S

    assert await ready(of) == (503, ["controls"], [])


async def test_else_it_goes_on(parts: Parts) -> None:
    clock = _Clock()
    of = health(parts, controls=_Controls(known=False), clock=clock)
    clock.now = SETTLING_S

    assert await ready(of) == (200, [], ["controls"])


@pytest.mark.parametrize(
    ("off", "text"), [(True, "all cards are switched off"), (False, "all cards are switched off for 1 clients")]
)
async def test_a_kill_switch_is_shown_and_is_a_warning(parts: Parts, *, off: bool, text: str) -> None:
    body = await told(health(parts, controls=_Controls(off=off)))

    assert body["controls"]["killSwitch"]["all"] is off
    assert text in body["warnings"]


async def test_a_draft_is_called_a_draft(http: httpx.AsyncClient) -> None:
    assert (
        "the clinical content is a draft that no clinician has signed" in (await http.get("/health")).json()["warnings"]
    )


async def test_a_passed_review_date_is_a_warning(parts: Parts) -> None:
    body = await told(health(parts, now=lambda: NOW.replace(year=2040)))

    count = len(body["pastReview"])
    assert count > 0
    assert f"{count} files of the clinical content are past their review date" in body["warnings"]


async def test_an_open_service_says_so(parts: Parts) -> None:
    assert "anybody may call" in (await told(health(parts, posture=Posture.OPEN)))["warnings"]


async def test_a_reloaded_registry_is_asked_about_its_own_keys(started: Started, tmp_path: Path) -> None:
    client = await started(keys='jwks_file = "ehr.jwks.json"')
    holder: RegistryHolder = client.parts.registry
    path = tmp_path / "clients.toml"
    path.write_text(path.read_text().replace('jwks_file = "ehr.jwks.json"', FETCHED))
    with respx.mock:
        respx.get(JKU).respond(json=JWKS)
        holder.reload()
        before = (await client.get("/health/ready")).json()["checks"]["keys"]
        refresh = client.parts._jwk_sets._entries[JKU].refresh
        await refresh
        after = (await client.get("/health/ready")).json()["checks"]["keys"]

    assert (before, after) == ("0 of 1", "1 of 1")

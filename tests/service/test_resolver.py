"""The online resolver: asked in the background, harmless when it fails, silent about everything but codes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from service.resolver import RXNAV, Counts, Resolver

pytestmark = pytest.mark.anyio

KNOWN = {
    "rxcuiStatusHistory": {
        "metaData": {"status": "Obsolete"},
        "attributes": {"name": "hydroxyzine hydrochloride 5 MG Oral Tablet"},
        "definitionalFeatures": {
            "ingredientAndStrength": [{"baseRxcui": "5553", "activeIngredientRxcui": "154987"}],
            "doseFormConcept": [{"doseFormName": "Oral Tablet"}],
        },
        "derivedConcepts": {"ingredientConcept": [{"ingredientRxcui": "5553"}]},
    }
}


class Pupil:
    """Writes down what it is taught."""

    def __init__(self) -> None:
        self.learned: dict[str, tuple[Sequence[int], str | None, str | None, bool]] = {}
        self.taught = asyncio.Event()

    def learn(
        self, code: str, *, ingredients: Sequence[int], form: str | None, name: str | None, retired: bool
    ) -> None:
        self.learned[code] = (ingredients, form, name, retired)
        self.taught.set()


@pytest.fixture
def pupil() -> Pupil:
    return Pupil()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client


@pytest.fixture
def rxnav() -> Any:
    with respx.mock(assert_all_called=False) as router:
        yield router


def told(rxnav: respx.MockRouter, code: str, response: httpx.Response) -> respx.Route:
    return rxnav.get(f"{RXNAV}/rxcui/{code}/historystatus.json").mock(return_value=response)


@pytest.fixture
def resolver(http: httpx.AsyncClient, tmp_path: Path, pupil: Pupil) -> Resolver:
    return Resolver(http, tmp_path / "answers.db", pupil, lambda: 1000.0, time_box=0.5)


async def test_an_unknown_code_is_learned(resolver: Resolver, rxnav: respx.MockRouter, pupil: Pupil) -> None:
    told(rxnav, "995211", httpx.Response(200, json=KNOWN))
    resolver.notice("995211")

    await resolver.step()

    assert pupil.learned["995211"] == (
        (5553, 154987),
        "Oral Tablet",
        "hydroxyzine hydrochloride 5 MG Oral Tablet",
        True,
    )


async def test_noticing_asks_nobody(resolver: Resolver, rxnav: respx.MockRouter) -> None:
    route = told(rxnav, "995211", httpx.Response(200, json=KNOWN))

    resolver.notice("995211")

    assert route.call_count == 0


async def test_only_the_code_leaves_the_house(resolver: Resolver, rxnav: respx.MockRouter) -> None:
    route = told(rxnav, "995211", httpx.Response(200, json=KNOWN))
    resolver.notice("995211")

    await resolver.step()

    request = route.calls[0].request
    assert (str(request.url), request.content) == (f"{RXNAV}/rxcui/995211/historystatus.json", b"")


async def test_a_code_is_asked_about_once(resolver: Resolver, rxnav: respx.MockRouter) -> None:
    route = told(rxnav, "995211", httpx.Response(200, json=KNOWN))

    for _ in range(3):
        resolver.notice("995211")
        await resolver.step()

    assert route.call_count == 1


@pytest.mark.parametrize("code", ["", "../version", "5553x", "0", "1" * 20])
async def test_what_is_no_rxcui_is_never_asked_about(resolver: Resolver, rxnav: respx.MockRouter, code: str) -> None:
    route = rxnav.route().mock(return_value=httpx.Response(200, json=KNOWN))
    resolver.notice(code)

    await resolver.step()

    assert route.call_count == 0


async def test_the_queue_is_bounded(
    resolver: Resolver, rxnav: respx.MockRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.resolver._MOST_WAITING", 3)
    route = rxnav.route().mock(return_value=httpx.Response(200, json=KNOWN))
    for code in range(1, 9):
        resolver.notice(str(code))

    for _ in range(9):
        await resolver.step()

    assert route.call_count == 3


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(503),
        httpx.Response(200, content=b"no json"),
        httpx.Response(200, json={"rxcuiStatusHistory": []}),
        httpx.Response(200, content=b"[" * 1_000_001),
        httpx.Response(302, headers={"location": "https://elsewhere.example"}),
    ],
)
async def test_a_failure_is_counted_and_asked_again(
    resolver: Resolver, rxnav: respx.MockRouter, pupil: Pupil, response: httpx.Response
) -> None:
    route = told(rxnav, "995211", response)
    resolver.notice("995211")

    went_well = await resolver.step()

    resolver.notice("995211")
    await resolver.step()
    assert (went_well, pupil.learned, route.call_count, resolver.counts.failed) == (False, {}, 2, 2)


async def test_a_silent_server_is_given_up(resolver: Resolver, rxnav: respx.MockRouter, pupil: Pupil) -> None:
    async def never(_request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    rxnav.route().mock(side_effect=never)
    resolver.notice("995211")

    went_well = await resolver.step()

    assert (went_well, pupil.learned) == (False, {})


@pytest.mark.parametrize("meta", [{"status": "UNKNOWN"}, {}])
async def test_a_code_that_nobody_knows_is_kept_as_unknown(
    resolver: Resolver, rxnav: respx.MockRouter, pupil: Pupil, meta: dict[str, str]
) -> None:
    told(rxnav, "7", httpx.Response(200, json={"rxcuiStatusHistory": {"metaData": meta}}))
    resolver.notice("7")

    await resolver.step()

    assert (pupil.learned, resolver.counts) == ({}, Counts(learned=0, unknown=1, failed=0))


async def test_a_pack_without_ingredients_keeps_its_name(
    resolver: Resolver, rxnav: respx.MockRouter, pupil: Pupil
) -> None:
    history = {"metaData": {"status": "Active"}, "attributes": {"name": "{7 (x) } Pack"}}
    told(rxnav, "8", httpx.Response(200, json={"rxcuiStatusHistory": history}))
    resolver.notice("8")

    await resolver.step()

    assert pupil.learned["8"] == ((), None, "{7 (x) } Pack", False)


async def test_a_bare_answer_is_known_and_empty(resolver: Resolver, rxnav: respx.MockRouter, pupil: Pupil) -> None:
    history = {
        "metaData": {"status": "Active"},
        "definitionalFeatures": {"ingredientAndStrength": [{"baseRxcui": "x"}]},
    }
    told(rxnav, "9", httpx.Response(200, json={"rxcuiStatusHistory": history}))
    resolver.notice("9")

    await resolver.step()

    assert pupil.learned["9"] == ((), None, None, False)


async def test_answers_are_learned_again_at_the_next_start(
    resolver: Resolver, rxnav: respx.MockRouter, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    route = told(rxnav, "995211", httpx.Response(200, json=KNOWN))
    resolver.notice("995211")
    await resolver.step()
    later = Pupil()
    again = Resolver(http, tmp_path / "answers.db", later, lambda: 2000.0)

    again.recall()

    again.notice("995211")
    await again.step()
    assert (list(later.learned), route.call_count) == (["995211"], 1)


async def test_old_answers_are_asked_for_anew(
    resolver: Resolver, rxnav: respx.MockRouter, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    told(rxnav, "995211", httpx.Response(200, json=KNOWN))
    resolver.notice("995211")
    await resolver.step()
    later = Pupil()

    Resolver(http, tmp_path / "answers.db", later, lambda: 1000.0 + 31 * 86_400).recall()

    assert later.learned == {}


async def test_a_file_that_is_no_database_is_done_without(
    http: httpx.AsyncClient, rxnav: respx.MockRouter, tmp_path: Path, pupil: Pupil
) -> None:
    (tmp_path / "answers.db").write_bytes(b"not a database" * 100)
    told(rxnav, "995211", httpx.Response(200, json=KNOWN))
    resolver = Resolver(http, tmp_path / "answers.db", pupil, lambda: 1000.0)
    resolver.recall()
    resolver.notice("995211")

    await resolver.step()

    assert list(pupil.learned) == ["995211"]


async def test_it_runs_until_it_is_cancelled(
    resolver: Resolver, rxnav: respx.MockRouter, pupil: Pupil, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.resolver._BETWEEN_S", 0.0)
    monkeypatch.setattr("service.resolver._AFTER_FAILURE_S", 0.0)
    told(rxnav, "1", httpx.Response(500))
    told(rxnav, "2", httpx.Response(200, json=KNOWN))
    resolver.notice("1")
    resolver.notice("2")
    task = asyncio.create_task(resolver.run())

    await pupil.taught.wait()
    task.cancel()

    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert (task.cancelled(), list(pupil.learned)) == (True, ["2"])

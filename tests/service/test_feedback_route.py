"""Feedback over HTTP: every edition's shape is kept, and 200 is said only when it is durable."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from cards import Knowledge
from service.__main__ import main
from service.app import Parts, create_app
from service.settings import Settings
from tests.build_fixtures import FOLDER
from tests.conftest import NOW

pytestmark = pytest.mark.anyio
PATH = "/cds-services/rls-order-select"
REQUEST = (FOLDER / "requests" / "order-select-hydroxyzine-for-itch.json").read_bytes()
JSON = {"content-type": "application/json"}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'feedback.sqlite'}"


@pytest.fixture
async def kept(knowledge: Knowledge, url: str) -> AsyncIterator[httpx.AsyncClient]:
    """The application with a store of its own."""
    parts = Parts(Settings(store_url=url), now=lambda: NOW, knowledge=knowledge)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=create_app(parts=parts)), base_url="http://cds.test"
    ) as client:
        yield client
    await parts.close()


async def issued(client: httpx.AsyncClient) -> dict[str, Any]:
    (card,) = (await client.post(PATH, content=REQUEST, headers=JSON)).json()["cards"]
    return dict(card)


@pytest.mark.parametrize("shape", ["accepted", "overridden", "plural", "epic"])
async def test_each_shape_is_acknowledged_with_an_empty_body_fb_12(kept: httpx.AsyncClient, shape: str) -> None:
    card = await issued(kept)
    reason = {"reason": card["overrideReasons"][0], "userComment": "text"}
    extra: dict[str, Any] = {
        "accepted": {"outcome": "accepted", "acceptedSuggestions": [{"id": card["suggestions"][0]["uuid"]}]},
        "overridden": {"outcome": "overridden", "overrideReason": reason},
        "plural": {"outcome": "overridden", "overrideReasons": [reason]},
        "epic": {
            "outcome": "overridden",
            "extension": {"com.epic.cdshooks.feedback.overrideReason.reasonDisplay": "x"},
        },
    }[shape]
    entry = {"card": card["uuid"], "outcomeTimestamp": "2026-11-20T12:00:05Z", **extra}

    response = await kept.post(f"{PATH}/feedback", json={"feedback": [entry]})

    assert (response.status_code, response.content) == (200, b"")


async def test_an_unknown_card_and_a_repeat_are_200(kept: httpx.AsyncClient) -> None:
    entry = {"card": "123456", "outcome": "overridden", "outcomeTimestamp": "2026-11-20T12:00:05Z"}

    answers = [(await kept.post(f"{PATH}/feedback", json={"feedback": [entry]})).status_code for _ in range(2)]

    assert answers == [200, 200]


@pytest.mark.parametrize("body", [b"{", b"{}", b'{"feedback":[{"card":"x"}]}', b'{"feedback":5}'])
async def test_malformed_feedback_is_400(kept: httpx.AsyncClient, body: bytes) -> None:
    response = await kept.post(f"{PATH}/feedback", content=body, headers=JSON)

    assert (response.status_code, response.json()["resourceType"]) == (400, "OperationOutcome")


async def test_feedback_for_an_unknown_service_is_404(kept: httpx.AsyncClient) -> None:
    assert (await kept.post("/cds-services/other/feedback", json={"feedback": []})).status_code == 404


async def test_without_a_store_feedback_is_503_and_cards_go_out(http: httpx.AsyncClient) -> None:
    entry = {"card": "x", "outcome": "overridden", "outcomeTimestamp": "2026-11-20T12:00:05Z"}

    refused = await http.post(f"{PATH}/feedback", json={"feedback": [entry]})

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert await issued(http)


async def test_a_store_that_cannot_be_opened_costs_no_card(knowledge: Knowledge, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    parts = Parts(Settings(store_url=f"sqlite:///{tmp_path}/file/x.sqlite"), now=lambda: NOW, knowledge=knowledge)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=create_app(parts=parts)), base_url="http://cds.test"
    ) as client:
        assert await issued(client)
        assert (await client.get("/health")).json()["store"] == "unavailable"


async def test_what_was_answered_can_be_counted(kept: httpx.AsyncClient, url: str) -> None:
    card = await issued(kept)
    entry = {
        "card": card["uuid"],
        "outcome": "overridden",
        "outcomeTimestamp": "2026-11-20T12:00:05Z",
        "overrideReason": {"reason": card["overrideReasons"][1]},
    }
    await kept.post(f"{PATH}/feedback", json={"feedback": [entry]})
    await kept.post(PATH, content=b"{}", headers=JSON)
    run = CliRunner()

    await _written(url, 2)
    stats = json.loads(run.invoke(main, ["feedback", "stats", "--json", "--store", url]).output)
    table = run.invoke(main, ["feedback", "stats", "--store", url])
    exported = run.invoke(main, ["feedback", "export", "--format", "csv", "--store", url])

    (topic,) = stats["topics"]
    assert (topic["topic"], topic["shown"], topic["overridden"]) == ("sedatingAntihistamine", 1, 1)
    assert topic["reasons"] == {"toleratedBefore": 1}
    assert (stats["calls"][0]["answered"], stats["calls"][0]["refused"]) == (1, 1)
    assert table.exit_code == 0
    assert card["uuid"] in exported.output


async def test_retention_and_erasure_are_commands(kept: httpx.AsyncClient, url: str) -> None:
    card = await issued(kept)
    await _written(url, 1)
    run = CliRunner()

    erased = run.invoke(main, ["feedback", "erase", "--card", card["uuid"], "--store", url])
    retained = run.invoke(main, ["feedback", "retain", "--days", "1", "--store", url])
    unclear = run.invoke(main, ["feedback", "erase", "--store", url])
    exported = run.invoke(main, ["feedback", "export", "--format", "json", "--store", url])

    assert (erased.exit_code, retained.exit_code, unclear.exit_code) == (0, 0, 2)
    assert card["uuid"] not in exported.stdout


async def _written(url: str, calls: int) -> None:
    """Wait until the background writer has written that many calls."""
    for _ in range(100):
        found = json.loads(CliRunner().invoke(main, ["feedback", "stats", "--json", "--store", url]).output)
        if sum(row["answered"] + row["refused"] for row in found["calls"]) >= calls:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the calls were not written")


@pytest.mark.parametrize("store", ["off", "mysql://x"])
def test_a_store_that_is_none_ends_the_command_with_a_sentence(store: str) -> None:
    result = CliRunner().invoke(main, ["feedback", "stats", "--store", store])

    assert result.exit_code == 1
    assert result.output.startswith("Error: ")

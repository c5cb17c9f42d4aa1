"""What is sent is strict: every answer to every fixture, and to hostile drug names, is a correct CDS Hooks response."""

import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.build_fixtures import FOLDER, situations
from tests.conftest import Answer

pytestmark = pytest.mark.anyio
REQUESTS = sorted((FOLDER / "requests").glob("*.json"))
HOSTILE = (
    "Hydroxyzine <img src=x onerror=alert(1)> [x](javascript:alert(1)) **bold** `code` https://evil.example | tablet"
)


def hook_of(path: Path) -> str:
    return next(hook for hook in ("patient-view", "order-select", "order-sign") if path.name.startswith(hook))


def empties(value: Any, place: str = "$") -> Iterator[str]:
    if value is None or value in ("", [], {}):
        yield place
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from empties(inner, f"{place}.{key}")
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from empties(inner, f"{place}[{number}]")


@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.stem)
async def test_nothing_is_null_or_empty_gen_3(path: Path, answer: Answer) -> None:
    cards = (await answer(path.read_bytes(), hook_of(path)))["cards"]

    assert list(empties(cards)) in ([], ["$"])


@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.stem)
async def test_cards_are_as_the_specification_says(path: Path, answer: Answer) -> None:
    for card in (await answer(path.read_bytes(), hook_of(path)))["cards"]:
        assert UUID(card["uuid"])  # CARD-1
        assert 0 < len(card["summary"]) < 140  # CARD-2
        assert not re.search(r"<[a-zA-Z/!]", card["detail"])  # CARD-3
        assert card["indicator"] in ("info", "warning", "critical")  # CARD-4
        assert card["source"]["label"]  # SRC-1
        assert re.fullmatch(r"[A-Za-z0-9]{1,100}", card["source"]["topic"]["code"])  # SRC-4, Epic
        assert ("suggestions" in card) == ("selectionBehavior" in card)  # CARD-7
        assert all(reason["code"] and reason["system"] and reason["display"] for reason in card["overrideReasons"])
        assert all(link["type"] == "absolute" and link["url"].startswith("https://") for link in card.get("links", []))
        assert all(isinstance(value, dict) for value in card["extension"].values())  # EXT-2
        for suggestion in card.get("suggestions", []):
            assert UUID(suggestion["uuid"])  # SUG-2
            assert len(suggestion["actions"]) == 1  # one action: what EHRs accept


@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.stem)
async def test_suggested_drafts_are_valid_fhir_r4(path: Path, answer: Answer) -> None:
    for card in (await answer(path.read_bytes(), hook_of(path)))["cards"]:
        for suggestion in card.get("suggestions", []):
            action = suggestion["actions"][0]
            if action["type"] == "delete":
                assert action["resourceId"].startswith("MedicationRequest/")  # ACT-5
                continue
            kind = action["resource"]["resourceType"]
            draft = getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind).model_validate(
                action["resource"]
            )

            assert (draft.status, draft.intent, draft.subject.reference) == ("draft", "order", "Patient/p1")
            assert draft.requester.reference == "Practitioner/dr1"
            assert draft.reasonCode
            assert draft.note


async def test_every_card_uuid_is_new(answer: Answer) -> None:
    body = REQUESTS[0].read_bytes()
    first, second = [(await answer(body, hook_of(REQUESTS[0])))["cards"][0]["uuid"] for _ in range(2)]

    assert first != second


async def test_a_hostile_drug_name_stays_text(answer: Answer) -> None:
    request = json.loads((FOLDER / "requests" / "order-select-hydroxyzine-for-itch.json").read_text())
    request["context"]["draftOrders"]["entry"][0]["resource"]["medicationCodeableConcept"] = {"text": HOSTILE}

    (card,) = (await answer(request, "order-select"))["cards"]

    assert card["source"]["topic"]["code"] == "sedatingAntihistamine"
    assert not re.search(r"<img|javascript:|\*\*bold|https://evil", json.dumps(card))


async def test_a_hostile_unit_stays_text(answer: Answer) -> None:
    request = json.loads((FOLDER / "requests" / "patient-view-ferritin-62-saturation-18.json").read_text())
    quantity = request["prefetch"]["labs"]["entry"][0]["resource"]["valueQuantity"]
    quantity["unit"] = "<script>alert(1)</script> [click](http://evil.example)"

    (card,) = (await answer(request, "patient-view"))["cards"]

    assert card["source"]["topic"]["code"] == "ironTreatAdult"  # saturation alone meets its criterion
    assert "<script" not in card["detail"]
    assert "](http" not in card["detail"]


def test_the_fixtures_show_every_card() -> None:
    _, found = situations()
    promised = {one["shows"][:5] for one in found}

    cards = {f"PV-{number:02}" for number in range(1, 13)} | {f"OR-{number:02}" for number in range(1, 13)}
    assert cards - promised == {"PV-11"}  # off by default


@pytest.mark.parametrize("count", [50, 1000])
async def test_many_drafts_give_one_card_of_bounded_size(answer: Answer, count: int) -> None:
    request = json.loads((FOLDER / "requests" / "order-sign-metoclopramide-for-nausea.json").read_text())
    (entry,) = request["context"]["draftOrders"]["entry"]
    request["context"]["draftOrders"]["entry"] = [
        {"resource": {**entry["resource"], "id": f"draft-{number}"}} for number in range(count)
    ]

    (card,) = (await answer(request, "order-sign"))["cards"]

    assert len(card["suggestions"]) == 12

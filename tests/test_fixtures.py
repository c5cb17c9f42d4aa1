"""The fixtures are valid FHIR R4, belong to a situation, and show the card that they say."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from cards import Knowledge
from tests.build_fixtures import FOLDER, situations, stale

FILES = sorted(FOLDER.glob("*/*.json"))
_, SITUATIONS = situations()
IDS = {"PV": "patient-view", "OR": "order"}


def test_no_fixture_is_stale(knowledge: Knowledge) -> None:
    assert stale(knowledge) == []


def resources(value: Any) -> list[dict[str, Any]]:
    """Every resource in a patient Bundle or a hook request."""
    if value.get("resourceType") == "Bundle":
        return [value]
    drafts = value["context"].get("draftOrders")
    return [one for one in [*value["prefetch"].values(), drafts] if one]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_resource_is_valid_fhir_r4(path: Path) -> None:
    # fhir.resources has no R4; R4B differs in no resource that is used here (docs/decisions.md).
    for resource in resources(json.loads(path.read_text(encoding="utf-8"))):
        kind = resource["resourceType"]
        model = getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)

        assert model.model_validate(resource).get_resource_type() == kind


@pytest.mark.anyio
@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda one: one["name"])
async def test_a_fixture_shows_what_it_says(situation: dict[str, Any], answer: Any, knowledge: Knowledge) -> None:
    path = FOLDER / "requests" / f"{situation['hook']}-{situation['name']}.json"

    cards = (await answer(path.read_bytes(), situation["hook"]))["cards"]

    shown = [card["extension"]["org.rls-cds.card"]["rule"] for card in cards]
    promised = situation["shows"][:5]
    assert shown[:1] == ([promised] if promised[:2] in IDS else [])

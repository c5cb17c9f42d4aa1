"""Two versions of the knowledge answer side by side on one PostgreSQL, until the older one is told to end."""

import json
import re
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from service.store import Database, statistics
from tests.build_fixtures import FOLDER
from tests.service.running import ROOT, Running, started

CALL = "/cds-services/rls-order-select"
REQUEST = json.loads((FOLDER / "requests" / "order-select-hydroxyzine-for-itch.json").read_text(encoding="utf-8"))


@dataclass
class SideBySide:
    older: Running
    newer: Running
    store: str


def another_version(folder: Path) -> Path:
    """The sources with an older version of the knowledge."""
    for package in ("cards", "service"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "cards" / "knowledge" / "version.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(re.sub(r'^version: ".*"', 'version: "0.0.9"', text, flags=re.MULTILINE), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def side_by_side(tmp_path_factory: pytest.TempPathFactory, postgres: Any) -> Iterator[SideBySide]:
    folder = tmp_path_factory.mktemp("rolling")
    older = another_version(folder / "older")
    store = postgres.new_database("rolling")
    with (
        started(folder, root=older, store_url=store) as first,
        started(folder, store_url=store) as second,
    ):
        yield SideBySide(first, second, store)


def call(service: Running) -> dict[str, Any]:
    """A new call, and the one card of its answer."""
    body = REQUEST | {"hookInstance": str(uuid4())}
    answer = httpx.post(service.url + CALL, json=body, timeout=20, trust_env=False)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["cards"][0])


def feedback(service: Running, card: dict[str, Any]) -> int:
    said = {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": datetime.now(UTC).isoformat()}
    return httpx.post(
        f"{service.url}{CALL}/feedback", json={"feedback": [said]}, timeout=20, trust_env=False
    ).status_code


def present_version() -> str:
    text = (ROOT / "cards" / "knowledge" / "version.yaml").read_text(encoding="utf-8")
    return re.findall(r'^version: "(.*)"', text, re.MULTILINE)[0]


def version_of(card: dict[str, Any]) -> str:
    return str(card["extension"]["org.rls-cds.card"]["knowledgeVersion"]).partition("+")[0]


def test_two_versions_of_the_knowledge_are_told_apart_until_the_older_one_has_gone(side_by_side: SideBySide) -> None:
    older, newer, present = side_by_side.older, side_by_side.newer, present_version()
    cards = [call(older), call(newer), call(older)]
    # Feedback goes to whoever the proxy picks.
    taken = [feedback(newer, cards[0]), feedback(older, cards[1])]
    older.process.send_signal(signal.SIGTERM)
    older.process.wait(30)
    # About a card of the version that has gone.
    taken.append(feedback(newer, cards[2]))
    cards.append(call(newer))
    newer.process.send_signal(signal.SIGTERM)
    newer.process.wait(30)
    with Database(side_by_side.store) as database:
        rows = statistics(database, by=("knowledge_version",)).topics

    assert taken == [200, 200, 200]
    assert [version_of(card) for card in cards] == ["0.0.9", present, "0.0.9", present]
    assert {row.knowledge_version.partition("+")[0]: (row.shown, row.overridden) for row in rows} == {
        "0.0.9": (2, 2),
        present: (2, 1),
    }

"""The page site-settings.md is followed against a service of its own; what its commands print is what it says."""

import json
from collections.abc import Iterator

import pytest

from tests.docs.blocks import DOCS, blocks_of
from tests.docs.guides import Guide, followed

PAGE = DOCS / "site-settings.md"


@pytest.fixture(scope="module")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guide]:
    with followed(PAGE, tmp_path_factory.mktemp("site-settings"), {}) as guide:
        yield guide


def calls(guide: Guide) -> list[str]:
    """What the calls of the page were answered with, in its order."""
    ran = [block.text for block in blocks_of(PAGE) if "curl -s http://127.0.0.1:8000/cds-services" in block.text]
    return [guide.printed[text] for text in ran]


def test_no_card_is_shown_while_switched_off_and_in_shadow(guide: Guide) -> None:
    assert [json.loads(answer) for answer in calls(guide)] == [{"cards": []}, {"cards": []}]


def test_the_history_tells_who_and_why(guide: Guide) -> None:
    history = guide.said("site history")

    assert "kill_file" in history
    assert "taken back" in history


def test_the_burden_is_told_for_the_card_in_shadow(guide: Guide) -> None:
    assert "would" in guide.said("--by client --by topic")


def test_every_choice_is_listed(guide: Guide) -> None:
    assert "window.iron.valid_for" in guide.said("site choices")

"""The safety case: every hazard names a control that a test or a vignette shows, and those exist."""

import re
from collections.abc import Iterator

import pytest

from tests.docs.blocks import DOCS, ROOT
from tests.test_vignettes import VIGNETTES

PAGE = (DOCS / "safety.md").read_text(encoding="utf-8")
TESTS: dict[str, str] = {}
for path in sorted((ROOT / "tests").rglob("test_*.py")):
    # Two files may have one name.
    TESTS[path.stem] = TESTS.get(path.stem, "") + path.read_text(encoding="utf-8")
NAMES = {str(vignette) for vignette in VIGNETTES}
SHOWN = re.compile(r"`(test_\w+|vignette)`: ([^;|]+)")


def hazards() -> list[list[str]]:
    """The rows of the hazard log, as cells."""
    rows = [line.strip("|").split(" | ") for line in PAGE.splitlines() if line.startswith("| H-")]
    return [[cell.strip(" |") for cell in row] for row in rows]


def shown() -> Iterator[tuple[str, str, str]]:
    """Hazard, file of tests (or `vignette`), and each name in it."""
    for row in hazards():
        for place, names in SHOWN.findall(row[-1]):
            for name in names.split(","):
                yield row[0], place, name.strip()


def test_hazards_are_numbered_in_order_and_complete() -> None:
    rows = hazards()

    assert [row[0] for row in rows] == [f"H-{number:02}" for number in range(1, len(rows) + 1)]
    assert len(rows) >= 30
    assert [row[0] for row in rows if len(row) != 6 or not all(row)] == []


def test_severity_and_likelihood_are_of_the_words_that_are_explained() -> None:
    words = re.compile(r"(minor|considerable|serious); (rare|possible|likely)")

    assert [row[0] for row in hazards() if not words.fullmatch(row[3])] == []


def test_every_hazard_has_a_control_that_something_shows() -> None:
    assert {row[0] for row in hazards()} - {hazard for hazard, _, _ in shown()} == set()


@pytest.mark.parametrize(("hazard", "place", "name"), sorted(set(shown())), ids=str)
def test_what_shows_a_control_exists(hazard: str, place: str, name: str) -> None:
    if place == "vignette":
        assert name in NAMES
        return

    assert place in TESTS
    assert re.search(rf"def test_\w*{name}", TESTS[place])


@pytest.mark.parametrize(
    "words",
    ["English only", "rule 11", "DCB0129", "DCB0160", "520(o)(1)(E)", "Unsigned", "no CE"],
)
def test_the_page_says(words: str) -> None:
    assert words in PAGE


def test_what_a_site_verifies_is_a_numbered_list() -> None:
    part = PAGE.partition("## Before a site goes live")[2].partition("\n## ")[0]

    assert len(re.findall(r"^\d+\. ", part, re.MULTILINE)) >= 10

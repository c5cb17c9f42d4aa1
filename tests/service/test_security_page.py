"""The page on security names tests that exist."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "security.md").read_text(encoding="utf-8")
# `test_file`: beginning_of_a_test, another; `test_other`
NAMED = re.compile(r"`(test_\w+)`(?:: ([\w, ]+))?")


def claims() -> list[tuple[str, str]]:
    """(file, words that a test's name holds) of every row of the table of threats; no words: the whole file."""
    rows = [line for line in PAGE.partition("## Threats and their tests")[2].splitlines() if line.startswith("|")]
    found = []
    for row in rows[2:]:
        cell = row.rstrip("| ").rpartition(" | ")[2]
        for file, names in NAMED.findall(cell):
            found += [(file, name.strip()) for name in names.split(",")] if names else [(file, "")]
    return found


def test_every_threat_has_a_test() -> None:
    rows = [line for line in PAGE.partition("## Threats and their tests")[2].splitlines() if line.startswith("|")]

    assert len(rows) > 40
    assert [row for row in rows[2:] if not NAMED.search(row)] == []


@pytest.mark.parametrize(("file", "name"), sorted(set(claims())))
def test_a_test_that_is_named_exists(file: str, name: str) -> None:
    texts = [path.read_text(encoding="utf-8") for path in TESTS.rglob(f"{file}.py")]

    assert any(re.search(rf"def test_\w*{name}", text) for text in texts)

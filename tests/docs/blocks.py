"""The fenced blocks of a page: their language, the file that they name, and their text."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(
    r'(?ms)^(?P<fence>`{3,})(?P<language>\w*)(?: title="(?P<title>[^"]+)")?[^\n]*\n(?P<text>.*?)^(?P=fence)$'
)


class Block(NamedTuple):
    """One fenced block."""

    page: str
    language: str
    title: str | None
    text: str


def blocks_of(path: Path) -> Iterator[Block]:
    """The blocks of a page, from top to bottom."""
    for found in _FENCE.finditer(path.read_text(encoding="utf-8")):
        yield Block(path.name, found["language"], found["title"], found["text"])


def pages() -> list[Path]:
    """Every page of the site, and the README."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]

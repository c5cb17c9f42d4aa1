"""docs/add-a-card.md followed to the letter in a copy of the repository: its blocks written, its commands run."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.blocks import DOCS, ROOT, Block, blocks_of

PAGE = DOCS / "add-a-card.md"
LEFT_OUT = shutil.ignore_patterns(".venv", ".git", "__pycache__", "var", "site", "build", "dist", "images", ".*_cache")


def write(block: Block, root: Path) -> None:
    """A block with a title becomes its file; a diff adds its lines after the line that it begins with."""
    assert block.title
    path = root / block.title
    if block.language != "diff":
        path.write_text(block.text, encoding="utf-8")
        return
    first, *added = block.text.splitlines()
    lines = path.read_text(encoding="utf-8").splitlines()
    places = [number for number, line in enumerate(lines) if line == first[1:]]
    assert len(places) == 1, f"{first[1:]!r} stands {len(places)} times in {block.title}"
    assert all(line.startswith("+") for line in added), block.text
    lines[places[0] + 1 : places[0] + 1] = [line[1:] for line in added]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def run(command: str, root: Path) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each command of the page printed, in a copy in which every block before it was written."""
    root = tmp_path_factory.mktemp("copy") / "rls-cds"
    shutil.copytree(ROOT, root, ignore=LEFT_OUT)
    (root / ".venv").symlink_to(ROOT / ".venv")
    printed = {"before": run(".venv/bin/python -m cards check", root)}
    for block in blocks_of(PAGE):
        if block.language == "console":
            printed[block.text] = run(block.text, root)
        else:
            write(block, root)
    printed["document"] = (root / "docs" / "clinical-content.md").read_text(encoding="utf-8")
    printed["guide"] = (root / "docs" / "connect.md").read_text(encoding="utf-8")
    return printed


def printed_by(words: str, followed: dict[str, str]) -> str:
    (found,) = (text for command, text in followed.items() if words in command)
    return found


def test_the_page_names_three_files_of_one_stem() -> None:
    titles = {block.title for block in blocks_of(PAGE) if block.title and block.language != "diff"}

    assert titles == {
        "cards/knowledge/recommendations/lullaby.yaml",
        "cards/rules/lullaby.py",
        "tests/vignettes/lullaby.yaml",
    }


def test_the_check_counts_one_card_more(followed: dict[str, str]) -> None:
    before, after = (
        int(re.findall(r"(\d+) cards", text)[0]) for text in (followed["before"], printed_by("cards check", followed))
    )

    assert after == before + 1


def test_the_vignettes_of_the_new_card_hold(followed: dict[str, str]) -> None:
    passed = re.search(r"(\d+) passed", printed_by("pytest", followed))

    assert passed
    # Four vignettes, and the checks of stems and completeness.
    assert int(passed[1]) >= 8


def test_the_new_card_comes_out(followed: dict[str, str]) -> None:
    shown = printed_by("service try", followed)

    assert "RLS in a small child. A bedtime song does no harm." in shown
    assert "not older than 5 years" in re.sub(r"[\s│]+", " ", shown)


def test_the_new_card_is_in_the_document_for_review(followed: dict[str, str]) -> None:
    assert "| PV-99 | lullaby | Bedtime song | lullaby |" in followed["document"]


def test_the_new_card_is_in_the_generated_guide(followed: dict[str, str]) -> None:
    assert "| PV-99 | `lullaby` | Bedtime song | patient-view |" in followed["guide"]
    assert "| Invented source | <https://songs.example.org/> |" in followed["guide"]


def test_the_example_is_not_shipped() -> None:
    assert not list(ROOT.glob("cards/**/lullaby.*"))

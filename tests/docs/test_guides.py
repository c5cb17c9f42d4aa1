"""The commands of the guides are run as they stand there; a block that is not says why."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import DOCS, ROOT, Block, blocks_of, pages
from tests.docs.guides import Guide, first_line, followed

# Blocks that no test of this file runs, by page and first line, each with the reason.
NOT_RUN = {
    "README.md": {"make test": "it is what runs this; .ci/run takes the command from the README"},
    "watching.md": {
        "pip install 'rls-cds[tracing]'": "needs a package index and a collector; test_tracing sends spans"
    },
}
# Pages whose blocks another test runs from the first to the last.
ELSEWHERE = {
    "add-a-card.md": "tests/docs/test_worked_example.py",
    "operations.md": "tests/operations",
    "site-settings.md": "tests/docs/test_site_settings.py",
}
FOLLOWED = {"README.md", "quick-start.md", "feedback.md"}


@pytest.fixture(scope="module")
def quick_start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guide]:
    with followed(DOCS / "quick-start.md", tmp_path_factory.mktemp("quick-start"), {}) as guide:
        yield guide


@pytest.fixture(scope="module")
def readme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guide]:
    with followed(ROOT / "README.md", tmp_path_factory.mktemp("readme"), NOT_RUN["README.md"]) as guide:
        yield guide


def cards_in(text: str) -> list[str]:
    return [card["extension"]["org.rls-cds.card"]["rule"] for card in json.loads(text)["cards"]]


def test_the_quick_start_shows_a_first_card(quick_start: Guide) -> None:
    assert cards_in(quick_start.said("8000/cds-services/rls-order-select -H")) == ["OR-02"]


def test_the_quick_start_shows_discovery(quick_start: Guide) -> None:
    assert len(json.loads(quick_start.said("curl -s http://127.0.0.1:8000/cds-services\n"))["services"]) == 3


def test_the_quick_start_shows_the_health(quick_start: Guide) -> None:
    assert json.loads(quick_start.said("curl -s http://127.0.0.1:8000/health\n"))["knowledgeStatus"] == "draft"


def test_the_quick_start_sends_feedback(quick_start: Guide) -> None:
    assert quick_start.said("/feedback") == ""


def test_the_quick_start_shows_the_card_without_a_server(quick_start: Guide) -> None:
    assert "Hydroxyzine is a sedating antihistamine" in quick_start.said("service try")


def test_the_quick_start_gets_a_card_with_a_token(quick_start: Guide) -> None:
    assert cards_in(quick_start.said("TOKEN=$(")) == ["OR-02"]


def test_without_that_token_it_would_be_refused(quick_start: Guide) -> None:
    import httpx

    address = f"http://127.0.0.1:{quick_start.ports['8001']}/cds-services"

    assert httpx.get(address, trust_env=False).status_code == 401


def test_the_readme_shows_a_first_card(readme: Guide) -> None:
    assert cards_in(readme.said("curl -s http://127.0.0.1:8000")) == ["OR-02"]


def test_the_commands_of_the_readme_print_something(readme: Guide) -> None:
    assert [command for command, printed in readme.printed.items() if not printed.strip()] == []


def test_the_commands_of_the_feedback_page_work(tmp_path: Path) -> None:
    card = {"card UUID": "card 8d2a24ae-2c8b-4b64-93b0-2a1a8d8ff1a3"}

    with followed(DOCS / "feedback.md", tmp_path, {}, **card) as guide:
        assert "Removed(issued=0, feedback=0, comments=0)" in guide.said("feedback erase")


def console_blocks() -> list[Block]:
    return [
        block for path in pages() for block in blocks_of(path) if block.language in ("console", "bash", "sh", "shell")
    ]


def test_every_command_of_the_documentation_is_run_or_says_why_not() -> None:
    run = [block for block in console_blocks() if block.page in FOLLOWED | ELSEWHERE.keys()]
    rest = [block for block in console_blocks() if block not in run]

    assert [block for block in rest if first_line(block) not in NOT_RUN.get(block.page, {})] == []


@pytest.mark.parametrize("page", NOT_RUN)
def test_every_reason_is_about_a_block_that_is_there(page: str) -> None:
    firsts = {first_line(block) for block in console_blocks() if block.page == page}

    assert NOT_RUN[page].keys() <= firsts


@pytest.mark.parametrize(("page", "where"), ELSEWHERE.items())
def test_what_runs_a_page_elsewhere_reads_that_page(page: str, where: str) -> None:
    place = ROOT / where
    files = [place] if place.is_file() else sorted(place.glob("test_*.py"))

    assert any(page.removesuffix(".md") in path.read_text(encoding="utf-8") for path in files)


def test_commands_stand_in_console_blocks() -> None:
    odd = [block for path in pages() for block in blocks_of(path) if block.language in ("bash", "sh", "shell")]

    assert odd == []

"""Generated parts of the guides are as the catalogue, the knowledge and the programs are now."""

import re
from pathlib import Path

import pytest

from cards import Catalogue
from tests.docs.generated import PARTS, pages, renewed


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_no_generated_part_is_stale(path: Path, catalogue: Catalogue) -> None:
    text = path.read_text(encoding="utf-8")

    assert renewed(text, catalogue) == text, "make guides"


def test_every_part_stands_in_a_page() -> None:
    found = [name for path in pages() for name in re.findall(r"<!-- begin (\S+) -->", path.read_text(encoding="utf-8"))]

    assert sorted(found) == sorted(PARTS)


def test_a_stale_part_is_told(catalogue: Catalogue) -> None:
    page = "before\n<!-- begin links -->\nold\n<!-- end links -->\nafter\n"

    new = renewed(page, catalogue)

    assert "old" not in new
    assert new.startswith("before\n<!-- begin links -->\n")
    assert new.endswith("<!-- end links -->\nafter\n")


def test_every_template_of_discovery_can_be_copied_from_the_guide(catalogue: Catalogue) -> None:
    page = next(path for path in pages() if path.name == "connect.md").read_text(encoding="utf-8")
    templates = [template.published for template in catalogue.templates.values()]

    assert [template for template in templates if f"```text\n{template}\n```" not in page] == []


def test_every_address_on_a_card_is_in_the_list_to_allow(catalogue: Catalogue) -> None:
    page = next(path for path in pages() if path.name == "connect.md").read_text(encoding="utf-8")
    cited = {
        catalogue.knowledge.sources[key].url
        for one in catalogue.knowledge.guidance.values()
        for card in one.recommendation.cards.values()
        for key in (card.source, *card.links)
    }

    assert [url for url in cited if url and f"<{url}>" not in page] == []


def test_every_override_reason_is_in_the_list_to_map(catalogue: Catalogue) -> None:
    page = next(path for path in pages() if path.name == "connect.md").read_text(encoding="utf-8")
    reasons = catalogue.knowledge.override_reasons.reasons.values()

    assert [reason.code for reason in reasons if f"| `{reason.code}` |" not in page] == []

"""The clinical content as rows and grids: what the document and the card pages are made of."""

import pytest

from cards import Knowledge, detail_lines, grids, override_texts, reviewed, sources_of
from cards.content import limit_rows, site_range
from cards.schema import Review


def test_a_draft_says_so_and_a_reviewed_file_names_its_reviewer() -> None:
    draft = Review(status="draft", author="A", review_by="2027-01-01")
    signed = Review(status="reviewed", author="A", review_by="2027-01-01", reviewer="B", reviewed_on="2026-12-01")

    assert reviewed(draft) == "Draft, written by A; review by 2027-01-01."
    assert reviewed(signed) == "Reviewed by B on 2026-12-01; review again by 2027-01-01."


def test_the_adult_grid_names_its_bands_by_their_limits(knowledge: Knowledge) -> None:
    adult = grids(knowledge.guidance["iron"], knowledge)[0]

    assert adult.saturations == ("below 20 %", "below 45 %", "45 % and above", "not known")
    names = [name for name, _ in adult.rows]
    assert names == ["up to 75 ng/mL", "up to 100 ng/mL", "up to 300 ng/mL", "above 300 ng/mL", "not known"]


def test_a_cell_says_its_card_or_the_reason_of_its_silence(knowledge: Knowledge) -> None:
    adult = grids(knowledge.guidance["iron"], knowledge)[0]
    low, adequate = adult.rows[0][1][0], adult.rows[2][1][1]

    assert (low.topic, low.indicator) == ("ironTreatAdult", "warning")
    assert (adequate.topic, adequate.says) == (None, knowledge.silences["above_threshold"])


def test_an_axis_of_one_band_is_any(knowledge: Knowledge) -> None:
    found = {grid.who: grid for grid in grids(knowledge.guidance["iron"], knowledge)}

    assert found["suspected"].saturations == ("any", "not known")


def test_every_source_of_a_card_is_known(knowledge: Knowledge) -> None:
    for guidance in knowledge.guidance.values():
        for card in guidance.recommendation.cards.values():
            assert set(sources_of(guidance, card)) <= knowledge.sources.keys()


@pytest.mark.parametrize("stem", ["iron", "mirtazapine"])
def test_wording_and_override_reasons_are_those_of_the_card(knowledge: Knowledge, stem: str) -> None:
    for card in knowledge.guidance[stem].recommendation.cards.values():
        assert [title for title, _ in detail_lines(card)][-1] == "Why"
        assert len(override_texts(card, knowledge)) == len(card.override_reasons)


def test_a_limit_says_what_a_site_may_choose(knowledge: Knowledge) -> None:
    rows = {row[0]: row for row in limit_rows(knowledge.guidance["iron"])}

    assert rows["valid_for"][2] == "90 to 730"
    assert site_range(None) == ""

"""The knowledge as it stands holds together, and every kind of fault is told."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from cards import FOLDER, Knowledge, KnowledgeError, load_knowledge
from cards.__main__ import main
from cards.consistency import faults, warnings
from cards.order_check import faulty_orders
from cards.render import render
from cards.schema import Review

ON = date(2026, 11, 20)


def test_the_knowledge_has_no_fault(knowledge: Knowledge) -> None:
    assert faults(knowledge) == []


def test_a_review_by_date_that_has_passed_is_told(knowledge: Knowledge) -> None:
    assert "recommendations/iron: the review-by date 2027-05-31 has passed" in warnings(knowledge, date(2040, 1, 1))


def changed(knowledge: Knowledge, stem: str, **changes: Any) -> Knowledge:
    """The knowledge with another recommendation under a stem."""
    one = knowledge.guidance[stem]
    other = replace(one, recommendation=msgspec.structs.replace(one.recommendation, **changes))
    return replace(knowledge, guidance={**knowledge.guidance, stem: other})


def with_card(knowledge: Knowledge, **changes: Any) -> Knowledge:
    cards = knowledge.guidance["mirtazapine"].recommendation.cards
    return changed(
        knowledge, "mirtazapine", cards={"mirtazapine": msgspec.structs.replace(cards["mirtazapine"], **changes)}
    )


def _limit(knowledge: Knowledge, **changes: Any) -> Knowledge:
    limits = dict(knowledge.guidance["iron"].recommendation.limits)
    limits["treat_max"] = msgspec.structs.replace(limits["treat_max"], **changes)
    return changed(knowledge, "iron", limits=limits)


def _window(knowledge: Knowledge, bounds: tuple[int, int]) -> Knowledge:
    limits = dict(knowledge.guidance["iron"].recommendation.limits)
    limits["valid_for"] = msgspec.structs.replace(limits["valid_for"], site_range=bounds)
    return changed(knowledge, "iron", limits=limits)


def _cap(knowledge: Knowledge, bounds: tuple[int, int]) -> Knowledge:
    caps = dict(knowledge.arrangement.caps)
    caps["order-sign"] = msgspec.structs.replace(caps["order-sign"], site_range=bounds)
    return replace(knowledge, arrangement=msgspec.structs.replace(knowledge.arrangement, caps=caps))


def _answer(knowledge: Knowledge, **changes: Any) -> Knowledge:
    answers = dict(knowledge.guidance["iron"].recommendation.answers)
    answers["treat"] = msgspec.structs.replace(answers["treat"], **changes)
    return changed(knowledge, "iron", answers=answers)


def _class(knowledge: Knowledge, **changes: Any) -> Knowledge:
    one = msgspec.structs.replace(knowledge.drug_classes["mirtazapine"], **changes)
    return replace(knowledge, drug_classes={**knowledge.drug_classes, "mirtazapine": one})


def _evidence(knowledge: Knowledge) -> Knowledge:
    evidence = knowledge.drug_classes["mirtazapine"].evidence
    assert evidence
    return _class(knowledge, evidence=msgspec.structs.replace(evidence, source="nowhere"))


def _ingredient(knowledge: Knowledge) -> Knowledge:
    first = knowledge.drug_classes["mirtazapine"].ingredients[0]
    return _class(knowledge, ingredients=(msgspec.structs.replace(first, name="unheard of"),))


def _code(knowledge: Knowledge) -> Knowledge:
    one = knowledge.value_set_names["hospice"]
    odd = msgspec.structs.replace(one, codes=(msgspec.structs.replace(one.codes[0], system="NONE"),))
    return replace(knowledge, value_set_names={**knowledge.value_set_names, "hospice": odd})


def _units(knowledge: Knowledge) -> Knowledge:
    return replace(knowledge, unit_table=msgspec.structs.replace(knowledge.unit_table, units={}))


def _order(knowledge: Knowledge) -> Knowledge:
    orders = dict(knowledge.orders.orders)
    orders["ferritin"] = msgspec.structs.replace(orders["ferritin"], system="NONE")
    return replace(knowledge, orders=msgspec.structs.replace(knowledge.orders, orders=orders))


def _alternative(knowledge: Knowledge) -> Knowledge:
    alternatives = dict(knowledge.alternatives.alternatives)
    alternatives["insomnia"] = msgspec.structs.replace(alternatives["insomnia"], source="nowhere")
    return replace(knowledge, alternatives=msgspec.structs.replace(knowledge.alternatives, alternatives=alternatives))


def _priority(knowledge: Knowledge) -> Knowledge:
    order = (*knowledge.arrangement.priority[1:], "unknownTopic")
    return replace(knowledge, arrangement=msgspec.structs.replace(knowledge.arrangement, priority=order))


FAULTS: list[tuple[Callable[[Knowledge], Knowledge], str]] = [
    (lambda one: _limit(one, source="nowhere"), "unknown source 'nowhere'"),
    (lambda one: _limit(one, source="our-choice"), "does not say why"),
    (
        lambda one: changed(
            one,
            "mirtazapine",
            statements=(
                msgspec.structs.replace(one.guidance["mirtazapine"].recommendation.statements[0], source="nowhere"),
            ),
        ),
        "unknown source 'nowhere'",
    ),
    (
        lambda one: changed(
            one, "mirtazapine", cards={"a-b": one.guidance["mirtazapine"].recommendation.cards["mirtazapine"]}
        ),
        "letters and digits",
    ),
    (lambda one: with_card(one, source="our-choice"), "may not be cited"),
    (lambda one: with_card(one, links=("machine-written",)), "may not be cited"),
    (lambda one: with_card(one, links=("nowhere",)), "may not be cited"),
    (lambda one: with_card(one, override_reasons=("because",)), "unknown override reason"),
    (lambda one: with_card(one, do=()), "a card has summaries"),
    (lambda one: with_card(one, summaries={"one": "{unheard}"}), "no longest value"),
    (lambda one: with_card(one, summaries={"one": "word " * 40}), "longer than 139"),
    (lambda one: _answer(one, silence="unheard"), "unknown silence"),
    (lambda one: _answer(one, variant="unheard"), "names no summary"),
    (lambda one: _class(one, tier="none"), "a silent class says why"),
    (_evidence, "unknown source 'nowhere'"),
    (_ingredient, "has no entry in ingredients/"),
    (_code, "unknown code system 'NONE'"),
    (_units, "no units for ferritin"),
    (_order, "unknown code system 'NONE'"),
    (_alternative, "unknown source 'nowhere'"),
    (lambda one: _limit(one, site_range=(50, 100)), "iron.treat_max: site_range is for days"),
    (lambda one: _window(one, (400, 730)), "iron.valid_for: site_range is for days"),
    (lambda one: _window(one, (0, 730)), "iron.valid_for: site_range is for days"),
    (lambda one: _cap(one, (3, 4)), "arrangement.yaml: order-sign: site_range goes from low to high"),
    (_priority, "no priority for ironOrderSafety"),
    (_priority, "unknown topic unknownTopic"),
]


@pytest.mark.parametrize(("spoil", "told"), FAULTS, ids=[told for _, told in FAULTS])
def test_a_fault_is_told(knowledge: Knowledge, spoil: Callable[[Knowledge], Knowledge], told: str) -> None:
    assert any(told in fault for fault in faults(spoil(knowledge)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "knowledge"
    shutil.copytree(FOLDER, copy)
    return copy


def test_a_table_with_a_hole_is_refused_at_load(folder: Path) -> None:
    path = folder / "recommendations" / "iron.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("answer: treat, source", "answer: unheard, source", 1), encoding="utf-8")

    with pytest.raises(KnowledgeError, match=r"^iron.yaml:1: table adult: unknown answer"):
        load_knowledge(folder)


def test_a_value_set_in_two_files_is_refused(folder: Path) -> None:
    shutil.copy(folder / "value_sets" / "encounters.yaml", folder / "value_sets" / "more.yaml")

    with pytest.raises(KnowledgeError, match="stands in another file too"):
        load_knowledge(folder)


@pytest.mark.parametrize(
    "review",
    ['reviewer: "B. Other"', 'reviewed_on: "2026-11-01"', 'reviewer: "rls-cds project", reviewed_on: "2026-11-01"'],
)
def test_reviewed_needs_a_second_person_and_a_date(folder: Path, review: str) -> None:
    path = folder / "notices.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("status: draft", f"status: reviewed, {review}", 1), encoding="utf-8")

    with pytest.raises(KnowledgeError, match="needs a reviewer other than the author"):
        load_knowledge(folder)


def test_one_signed_file_leaves_the_whole_a_draft(folder: Path) -> None:
    path = folder / "notices.yaml"
    text = path.read_text(encoding="utf-8")
    signed = 'status: reviewed, reviewer: "B. Other", reviewed_on: "2026-11-01"'
    path.write_text(text.replace("status: draft", signed, 1), encoding="utf-8")

    knowledge = load_knowledge(folder)

    assert (knowledge.reviews["notices"].status, knowledge.status) == ("reviewed", "draft")
    assert "Reviewed by B. Other on 2026-11-01" in render(
        replace(
            knowledge,
            reading={
                **knowledge.reading,
                "x": replace(
                    knowledge.reading["populations"],
                    recommendation=msgspec.structs.replace(
                        knowledge.reading["populations"].recommendation,
                        review=Review(
                            status="reviewed",
                            author="a",
                            review_by="2027-01-01",
                            reviewer="B. Other",
                            reviewed_on="2026-11-01",
                        ),
                    ),
                ),
            },
        ),
        {},
    )


def test_any_byte_changes_the_digest(folder: Path) -> None:
    before = load_knowledge(folder).digest
    path = folder / "silences.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "# a remark\n", encoding="utf-8")

    assert load_knowledge(folder).digest != before


def test_codes_come_in_the_order_of_the_files(knowledge: Knowledge) -> None:
    assert knowledge.value_set_names["restless_legs_syndrome"].codes[0].code == "G25.81"


def test_a_draft_that_is_no_fhir_is_told(knowledge: Knowledge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "cards.order_check.DraftWriter.resource", lambda *_: {"resourceType": "ServiceRequest", "odd": 1}
    )

    assert any(fault.startswith("orders.yaml: ferritin: ") for fault in faulty_orders(knowledge, ON))


def test_check_says_what_there_is() -> None:
    result = CliRunner().invoke(main, ["check"])

    assert (result.exit_code, "24 cards" in result.output) == (0, True)


def test_check_ends_with_1_on_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cards.consistency.faults", lambda *_: ["iron.yaml: a fault"])

    result = CliRunner().invoke(main, ["check"])

    assert (result.exit_code, result.output.strip()) == (1, "iron.yaml: a fault")


def test_check_ends_with_1_on_a_file_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Knowledge:
        raise KnowledgeError("iron.yaml:3: odd")

    monkeypatch.setattr("cards.knowledge_base.load_knowledge", broken)

    result = CliRunner().invoke(main, ["check"])

    assert (result.exit_code, result.output.strip()) == (1, "iron.yaml:3: odd")


def test_the_rendered_document_is_up_to_date() -> None:
    assert CliRunner().invoke(main, ["render", "--check"]).exit_code == 0


def test_a_stale_document_is_told_and_written_anew(tmp_path: Path) -> None:
    out = tmp_path / "content.md"
    out.write_text("old", encoding="utf-8")

    stale = CliRunner().invoke(main, ["render", "--check", "--out", str(out)])
    written = CliRunner().invoke(main, ["render", "--out", str(out)])

    assert (stale.exit_code, written.exit_code) == (1, 0)
    assert out.read_text(encoding="utf-8").startswith("# Clinical content for review")


def test_without_vignettes_the_document_is_rendered_all_the_same(knowledge: Knowledge) -> None:
    assert "### Vignettes" not in render(knowledge, {})


def test_a_release_is_imported(tmp_path: Path) -> None:
    release = Path(__file__).parent.parent / "fixtures_rrf"
    out = tmp_path / "rxnorm.index"

    result = CliRunner().invoke(main, ["terminology", "import", str(release), "--out", str(out)])

    assert (result.exit_code, out.exists()) == (0, True)


def test_a_broken_release_changes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "rxnorm.index"

    result = CliRunner().invoke(main, ["terminology", "import", str(tmp_path), "--out", str(out)])

    assert (result.exit_code, out.exists()) == (1, False)
    assert "nothing was changed" in result.output


@pytest.mark.parametrize(
    ("day", "told"), [(date(2027, 5, 30), False), (date(2027, 5, 31), False), (date(2027, 6, 1), True)]
)
def test_a_file_is_past_review_from_the_day_after_its_date(knowledge: Knowledge, day: date, told: bool) -> None:
    assert ("recommendations/iron" in knowledge.is_past_review(day)) is told


@pytest.mark.parametrize("market", ["us", "uk", "eu"])
def test_every_knowledge_file_in_use_has_a_review_by_date(market: str) -> None:
    brands = {"ingredients/brands_us", "ingredients/brands_uk", "ingredients/brands_eu"}
    files = {path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.yaml")}

    reviews = load_knowledge(market=market).reviews

    assert reviews.keys() == files - brands | {f"ingredients/brands_{market}"}
    assert all(date.fromisoformat(review.review_by) for review in reviews.values())


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("notices", 'review_by: "2027-05-31"', 'review_by: "next year"', "notices.yaml:1: review_by is a day"),
        (
            "notices",
            "status: draft",
            'status: reviewed, reviewer: "B. Other", reviewed_on: "today"',
            "notices.yaml:1: reviewed_on is a day",
        ),
        ("version", 'version: "', 'version: "v', "version.yaml:1: 'v0.1.0' is no semantic version"),
        ("version", 'released: "', 'released: "about ', "version.yaml:1: released is a day"),
        ("silences", "review: {", "# {", "silences.yaml:1: Object missing required field `review`"),
    ],
)
def test_a_review_block_or_version_that_cannot_be_read_is_refused(
    folder: Path, file: str, old: str, new: str, told: str
) -> None:
    path = folder / f"{file}.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")

    with pytest.raises(KnowledgeError, match=f"^{re.escape(told)}"):
        load_knowledge(folder)


def test_an_ingredient_file_can_be_signed(folder: Path) -> None:
    path = folder / "ingredients" / "iron.yaml"
    signed = 'status: reviewed, reviewer: "B. Other", reviewed_on: "2026-11-01"'
    path.write_text(path.read_text(encoding="utf-8").replace("status: draft", signed, 1), encoding="utf-8")

    assert load_knowledge(folder).reviews["ingredients/iron"].reviewer == "B. Other"


def test_check_warns_past_a_review_by_date_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cards.consistency.warnings", lambda *_: ["iron: the review-by date 2020-01-01 has passed"])

    result = CliRunner().invoke(main, ["check"])

    assert result.exit_code == 0
    assert result.stderr == "warning: iron: the review-by date 2020-01-01 has passed\n"


def test_check_strict_takes_a_warning_for_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cards.consistency.warnings", lambda *_: ["iron: the review-by date 2020-01-01 has passed"])

    assert CliRunner().invoke(main, ["check", "--strict"]).exit_code == 1

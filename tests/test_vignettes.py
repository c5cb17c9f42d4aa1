"""Every vignette through the whole way: a patient as a hook request, gathered, read, decided, and the cards compared."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml

import cards.catalogue
from cards import Catalogue, Decision, Hook, Knowledge, Result, Site
from service.errors import EvidenceUnavailable
from service.gather import gather
from service.wire import decode_request
from tests.conftest import ON
from tests.patient_builder import PatientBuilder

FOLDER = Path(__file__).parent / "vignettes"
# Vignettes that wait for their rules: a file leaves this list when its rule enters the catalogue.
PENDING_STEMS: frozenset[str] = frozenset()
SEED = UUID(int=1)
WORDS = {"id", "name", "hook", "patient", "expect", "silent", "starved", "site", "unavailable"}
CARD_WORDS = {"card", "indicator", "says", "never", "suggests", "suggests_never"}


class Strict(yaml.CSafeLoader):
    """YAML without repeated keys (the second would silently win), in which only true and false are truth values: `on`
    is a word of ours."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as in the class above
        first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:bool" or first in "tf"]
        for first, pairs in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key stands twice: {node.start_mark}"
        return super().construct_mapping(node, deep)


@dataclass(frozen=True)
class Vignette:
    """One entry of a file."""

    stem: str
    entry: dict[str, Any]

    @property
    def hook(self) -> Hook:
        return Hook(self.entry["hook"])

    def __str__(self) -> str:
        return f"{self.stem}-{self.entry['id']}"


def load_vignettes() -> list[Vignette]:
    """All vignettes, in the order of the files."""
    return [
        Vignette(path.stem, entry)
        for path in sorted(FOLDER.glob("*.yaml"))
        for entry in yaml.load(path.read_text(encoding="utf-8"), Loader=Strict)  # noqa: S506 - a safe loader
    ]


VIGNETTES = load_vignettes()


def decide(entry: dict[str, Any], catalogue: Catalogue) -> Decision:
    """The answer to a vignette."""
    request = PatientBuilder(catalogue.knowledge, ON).request(entry["hook"], entry["patient"])
    hook = Hook(entry["hook"])
    site = Site(**{key: frozenset(value) if isinstance(value, list) else value
                   for key, value in entry.get("site", {}).items()})
    evidence = asyncio.run(gather(decode_request(json.dumps(request).encode(), hook), catalogue, site))
    return catalogue.evaluate(evidence, on=ON, site=site, seed=SEED)


@pytest.mark.parametrize("vignette", VIGNETTES, ids=str)
def test_vignette(vignette: Vignette, catalogue: Catalogue) -> None:
    if vignette.stem in PENDING_STEMS:
        pytest.skip(f"the rule {vignette.stem} is not in the catalogue yet")
    entry = vignette.entry
    if entry.get("unavailable"):
        with pytest.raises(EvidenceUnavailable):
            decide(entry, catalogue)
        return

    decision = decide(entry, catalogue)

    assert not decision.of(Result.FAILED)
    found = [(card.source.topic.code, card.indicator) for card in decision.cards if card.source.topic]
    assert found == [(one["card"], one["indicator"]) for one in entry["expect"]], entry["name"]
    for expected, card in zip(entry["expect"], decision.cards, strict=True):
        text = f"{card.summary}\n{card.detail or ''}"
        offered = "\n".join(
            "\n".join([one.label, *(action.description for action in one.actions)]) for one in card.suggestions or ()
        )
        assert [word for word in expected.get("says", []) if word.lower() not in text.lower()] == [], text
        assert [word for word in expected.get("never", []) if word.lower() in text.lower()] == [], text
        assert [word for word in expected.get("suggests", []) if word.lower() not in offered.lower()] == [], offered
        assert [word for word in expected.get("suggests_never", []) if word.lower() in offered.lower()] == [], offered
    silences = {one.rule: one.why for one in decision.outcomes if one.result is not Result.FIRED and one.why}
    assert {stem: silences.get(stem) for stem in entry.get("silent", {})} == entry.get("silent", {})
    starved = {one.rule for one in decision.of(Result.STARVED)}
    assert set(entry.get("starved", [])) <= starved


def test_vignettes_are_well_formed() -> None:
    names = [str(vignette) for vignette in VIGNETTES]

    assert len(names) == len(set(names))
    for vignette in VIGNETTES:
        assert vignette.entry.keys() <= WORDS, vignette
        assert {"id", "name", "hook", "patient", "expect"} <= vignette.entry.keys(), vignette
        for card in vignette.entry["expect"]:
            assert card.keys() <= CARD_WORDS, vignette
            assert {"card", "indicator"} <= card.keys(), vignette


def test_pending_stems_are_not_in_the_catalogue_yet(catalogue: Catalogue) -> None:
    assert not PENDING_STEMS & {rule.stem for rule in catalogue.rules}


def test_a_rule_its_recommendation_and_its_vignettes_share_a_stem(catalogue: Catalogue, knowledge: Knowledge) -> None:
    rules = {rule.stem for rule in catalogue.rules}

    assert rules == knowledge.guidance.keys()
    assert rules == {path.stem for path in (Path(cards.catalogue.__file__).parent / "rules").glob("[!_]*.py")}
    assert rules == {vignette.stem for vignette in VIGNETTES} - PENDING_STEMS - {"arrangement"}


@dataclass(frozen=True)
class Shown:
    """What the cards of all vignettes showed: (topic, variant), and (topic, word of `when`)."""

    variants: set[tuple[str, str]]
    words: set[tuple[str, str]]


@pytest.fixture(scope="session")
def shown(catalogue: Catalogue) -> Iterator[Shown]:
    """All vignettes answered once, and what composed their cards."""
    seen = Shown(set(), set())
    compose = cards.catalogue.compose

    def recording(finding: Any, *args: Any) -> Any:
        seen.variants.add((finding.topic, finding.variant))
        seen.words.update((finding.topic, word) for word in (finding.variant, *finding.notes))
        return compose(finding, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cards.catalogue, "compose", recording)
        for vignette in VIGNETTES:
            if vignette.stem not in PENDING_STEMS and not vignette.entry.get("unavailable"):
                decide(vignette.entry, catalogue)
    yield seen


def test_every_summary_is_shown_by_a_vignette(knowledge: Knowledge, shown: Shown) -> None:
    written = {
        (topic, variant)
        for one in knowledge.guidance.values()
        for topic, text in one.recommendation.cards.items()
        for variant in text.summaries
    }

    assert written - shown.variants == set()


def test_every_conditional_line_is_shown_by_a_vignette(knowledge: Knowledge, shown: Shown) -> None:
    written = {
        (topic, word)
        for one in knowledge.guidance.values()
        for topic, text in one.recommendation.cards.items()
        for line in (*text.seen, *text.do, *text.why)
        for word in line.when
    }

    assert written - shown.words == set()


@pytest.mark.parametrize("hook", ["patient-view", "order-select", "order-sign"])
def test_vignettes_show_each_hook(hook: str) -> None:
    assert any(vignette.entry["hook"] == hook for vignette in VIGNETTES)

"""Every vignette through the whole way: a patient as a hook request, gathered, read, decided, and the cards compared."""

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

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
LABORATORY = "https://laboratory.example.org/codes"
WORDS = {"id", "name", "hook", "patient", "expect", "silent", "starved", "site", "shadow", "unavailable"}
CARD_WORDS = {"card", "indicator", "says", "never", "suggests", "suggests_never"}


class Strict(yaml.CSafeLoader):
    """YAML without repeated keys (the second would silently win), in which only true and false are truth values: `on`
    is a word of ours."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as in the class above
        first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:bool" or first in "tf"]
        for first, pairs in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
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


def site_of(words: dict[str, Any]) -> Site:
    """The site of a vignette; `local_codes` maps a code of the laboratory to a test, `time_zone` is a name."""
    given = {key: frozenset(value) if isinstance(value, list) else value for key, value in words.items()}
    if "time_zone" in given:
        given["time_zone"] = ZoneInfo(given["time_zone"])
    if "local_codes" in given:
        given["local_codes"] = {(LABORATORY, code): test for code, test in given["local_codes"].items()}
    return Site(**given)


def decide(entry: dict[str, Any], catalogue: Catalogue) -> Decision:
    """The answer to a vignette."""
    request = PatientBuilder(catalogue.knowledge, ON).request(entry["hook"], entry["patient"])
    hook = Hook(entry["hook"])
    site = site_of(entry.get("site", {}))
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
    assert [card.source.topic.code for card in decision.shadowed if card.source.topic] == entry.get("shadow", [])


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
    """What the answers to all vignettes showed: (topic, variant), (topic, word of `when`), and reasons for silence."""

    variants: set[tuple[str, str]] = field(default_factory=set)
    words: set[tuple[str, str]] = field(default_factory=set)
    silences: set[str | None] = field(default_factory=set)


@pytest.fixture(scope="session")
def shown(catalogue: Catalogue) -> Shown:
    """All vignettes answered once, and what composed their cards."""
    seen = Shown()
    compose = cards.catalogue.compose

    def recording(finding: Any, *args: Any) -> Any:
        seen.variants.add((finding.topic, finding.variant))
        seen.words.update((finding.topic, word) for word in (finding.variant, *finding.notes))
        return compose(finding, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cards.catalogue, "compose", recording)
        for vignette in VIGNETTES:
            if vignette.stem not in PENDING_STEMS and not vignette.entry.get("unavailable"):
                seen.silences.update(outcome.why for outcome in decide(vignette.entry, catalogue).outcomes)
    return seen


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


def test_every_reason_for_silence_is_shown_by_a_vignette(knowledge: Knowledge, shown: Shown) -> None:
    assert knowledge.silences.keys() - shown.silences == set()


# The numbered vignettes of the clinical pages; each is an id of ours, with neighbours beside it.
NUMBERED = (
    1,
    2,
    4,
    5,
    6,
    8,
    9,
    11,
    12,
    15,
    16,
    18,
    20,
    21,
    23,
    24,
    25,
    26,
    28,
    29,
    32,
    33,
    34,
    35,
    37,
    39,
    41,
    42,
    43,
    45,
    46,
    48,
    50,
    51,
    52,
    54,
    55,
    56,
    58,
    59,
    60,
    62,
    64,
    65,
    67,
    69,
    70,
    71,
    72,
    73,
    75,
    76,
    77,
    78,
    79,
    81,
    82,
    83,
    84,
    85,
    87,
    89,
    91,
    92,
    93,
    95,
    97,
    98,
    100,
    103,
    105,
    106,
    108,
    109,
    110,
    111,
    112,
    113,
)
# What the two briefs state, and the vignettes that show where each statement lands.
BRIEFS = {
    "low ferritin or saturation is a reversible cause": ("iron-V01", "iron-V07", "iron-V24", "iron-V28", "iron-V39"),
    "iron helps in iron deficiency": ("iron-V43", "iron_order_safety-V92"),
    "normal serum iron does not exclude brain iron deficiency": ("iron-V01",),
    "untested iron": ("iron-V17", "untested_iron-V111"),
    "end-stage renal disease": (
        "iron-V28",
        "gabapentinoid_dialysis-V89",
        "contributing_factors-V110-all",
        "screening-S-dialysis",
    ),
    "daytime symptoms during haemodialysis": ("iron-V28",),
    "pregnancy": (
        "iron-V39",
        "d2_antiemetic-V73-pregnant",
        "sedating_antihistamine-V97",
        "not_recommended_for_rls-V82-clonazepam-second",
        "iron_order_safety-V93",
        "contributing_factors-V110-pregnant",
        "screening-S-pregnancy",
    ),
    "peripheral neuropathy, also as a mimic": ("contributing_factors-V110-all", "screening-S-neuropathy"),
    "spinal cord disease": ("contributing_factors-V110-all", "screening-S-cord"),
    "Parkinson disease": (
        "contributing_factors-V110-all",
        "dopaminergic_start-V85",
        "augmentation-V-augmentation-parkinson",
        "screening-S-parkinson",
    ),
    "rheumatic disease": (
        "contributing_factors-V110-all",
        "contributing_factors-V110-inflammation",
        "screening-S-arthritis",
    ),
    "essential tremor and genetic ataxias": ("contributing_factors-V110-all",),
    "antipsychotics such as lurasidone": ("antipsychotic-V76-chart", "medication_review-V55"),
    "antidopaminergic drugs of any class": (
        "d2_antiemetic-V73",
        "antipsychotic-V75",
        "other_documented-V101-vmat2",
        "other_documented-V101-reserpine",
        "other_documented-V101-flunarizine",
    ),
    "serotonergic drugs": (
        "serotonergic_antidepressant-V79",
        "mirtazapine-V-mirtazapine",
        "medication_review-V58-also",
    ),
    "antihistaminergic drugs": (
        "sedating_antihistamine-V60",
        "iv_iron_premedication-V91",
        "other_documented-V100",
        "medication_review-V55-two",
    ),
    "lithium": ("other_documented-V101", "medication_review-V58-also"),
    "alcohol": ("contributing_factors-V109-alcohol", "contributing_factors-V109-audit-5"),
    "caffeine": ("contributing_factors-V109-caffeine", "medication_review-V58-caffeine"),
    "untreated sleep apnoea": ("contributing_factors-V109",),
    "screen all patients for worsening medicines": ("medication_review-V55",),
    "dopamine agonists are superseded": ("dopaminergic_start-V83", "augmentation-V84-view"),
    "secondary RLS is under-recognised": ("screening-S-dialysis",),
    "mimics in neurological disease": ("contributing_factors-V110-all", "iron-V17"),
    "periodic limb movements alone never fire": ("iron-V54", "contributing_factors-V110-all"),
    "late onset suggests a secondary cause": ("contributing_factors-V110-onset",),
}


def test_the_numbered_vignettes_and_the_briefs_are_all_there() -> None:
    names = {str(vignette) for vignette in VIGNETTES}
    numbers = {name.split("-", 1)[1].split("-")[0] for name in names}

    assert {f"V{number:02}" for number in NUMBERED} - numbers == set()
    assert {name for shown_by in BRIEFS.values() for name in shown_by} - names == set()


@pytest.mark.parametrize("hook", ["patient-view", "order-select", "order-sign"])
def test_vignettes_show_each_hook(hook: str) -> None:
    assert any(vignette.entry["hook"] == hook for vignette in VIGNETTES)

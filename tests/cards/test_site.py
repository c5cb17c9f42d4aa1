"""What a site has of its own: windows, names of a market, codes; and cards in shadow that cannot be written."""

import asyncio
import json
from datetime import date
from typing import Any
from uuid import UUID

import pytest

import cards.catalogue
from cards import Catalogue, Decision, Hook, Knowledge, OrderCode, Result, Site
from cards.terminology import Naming
from service.gather import gather
from service.wire import decode_request
from tests.patient_builder import PatientBuilder
from tests.test_vignettes import VIGNETTES, decide

ON = date(2026, 11, 20)
LAB = "https://lab.example.org/tests"


def decided(catalogue: Catalogue, patient: dict[str, Any], site: Site) -> Decision:
    """What is said when the chart of the patient is opened."""
    request = json.dumps(PatientBuilder(catalogue.knowledge, ON).request("patient-view", patient)).encode()
    evidence = asyncio.run(gather(decode_request(request, Hook.PATIENT_VIEW), catalogue, site))
    return catalogue.evaluate(evidence, on=ON, site=site, seed=UUID(int=1))


def topics(catalogue: Catalogue, patient: dict[str, Any], site: Site) -> list[str]:
    return [card.source.topic.code for card in decided(catalogue, patient, site).cards if card.source.topic]


# --- windows -------------------------------------------------------------------------------------------------------------


def test_every_window_can_be_chosen_and_nothing_else_changes(knowledge: Knowledge) -> None:
    chosen = {name: limit.site_range[0] for name, limit in knowledge.windows.items() if limit.site_range}
    adjusted = knowledge.adjusted(chosen)

    assert {name: int(limit.value) for name, limit in adjusted.windows.items()} == chosen
    assert adjusted.guidance["iron"].tables is knowledge.guidance["iron"].tables
    assert adjusted.guidance["iron"].number("treat_max") == knowledge.guidance["iron"].number("treat_max")


def test_without_own_windows_the_knowledge_is_the_same(knowledge: Knowledge) -> None:
    assert knowledge.adjusted({}) is knowledge


def test_no_threshold_is_a_sites_to_choose(knowledge: Knowledge) -> None:
    assert {limit.unit for limit in knowledge.windows.values()} == {"d"}


# --- names of a market ---------------------------------------------------------------------------------------------------


def test_the_own_market_is_the_same_knowledge(knowledge: Knowledge) -> None:
    assert knowledge.in_market("us") is knowledge


def test_another_market_shares_all_but_the_names(knowledge: Knowledge) -> None:
    british, again = knowledge.in_market("uk"), knowledge.in_market("uk")
    stemetil = Naming(codings=(), text="Stemetil 5mg tablets")

    assert knowledge.terminology.recognise(stemetil).ingredients == ()
    assert british.terminology.recognise(stemetil).ingredients == ("prochlorperazine",)
    assert british.guidance is knowledge.guidance
    assert british.terminology is again.terminology
    assert "ingredients/brands_uk" in british.reviews


def test_what_one_market_learns_of_a_code_the_other_knows(knowledge: Knowledge) -> None:
    numbers = knowledge.terminology._codes._ingredients
    code = next(code for code, name in numbers.items() if name == "hydroxyzine")
    unknown = Naming(codings=(("http://www.nlm.nih.gov/research/umls/rxnorm", "999999999", None),))
    british = knowledge.in_market("uk").terminology
    before = british.recognise(unknown).ingredients
    knowledge.terminology.learn("999999999", ingredients=(code,), form=None, name=None, retired=False)

    assert (before, british.recognise(unknown).ingredients) == ((), ("hydroxyzine",))


# --- codes ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "code", "meaning"),
    [
        ("http://loinc.org", "2276-4", "ferritin"),
        (LAB, "FERR", None),
        ("http://loinc.org", "12345-0", None),
    ],
)
def test_what_a_code_says_of_a_test_already(knowledge: Knowledge, system: str, code: str, meaning: str | None) -> None:
    assert knowledge.lab_meaning(system, code) == meaning


def test_a_rejected_code_is_no_result(knowledge: Knowledge) -> None:
    reject = next(one for test in knowledge.labs.tests.values() for one in test.reject)

    assert knowledge.lab_meaning(knowledge.systems.uri(reject.system), reject.code) == "no result"


def test_results_under_own_codes_are_searched_for(catalogue: Catalogue) -> None:
    site = Site(local_codes={(LAB, "FERR"): "ferritin", ("urn:x", "a,b|c"): "transferrin_saturation"})
    template = catalogue.prefetch(Hook.PATIENT_VIEW, site)["labs"]

    assert template == catalogue.prefetch(Hook.PATIENT_VIEW)["labs"].replace(
        "&_sort", f",{LAB}|FERR,urn:x|a\\,b\\|c&_sort"
    )


def test_a_site_without_own_codes_has_the_queries_of_all(catalogue: Catalogue) -> None:
    assert catalogue.templates_of(Site()) is catalogue.templates
    assert catalogue.prefetch(Hook.ORDER_SIGN, Site()) == catalogue.prefetch(Hook.ORDER_SIGN)


UNTESTED = {"conditions": ["restless_legs_syndrome"]}


def ordered(*codes: str) -> dict[str, Any]:
    return UNTESTED | {"orders": [{"code": f"{LAB} {code}"} for code in codes]}


@pytest.mark.parametrize(
    ("codes", "due"),
    [(("O1", "O2"), []), (("O1",), []), (("O2",), ["ironStudiesDue"]), (("O3",), ["ironStudiesDue"])],
)
def test_own_order_codes_count_as_what_they_stand_for(
    catalogue: Catalogue, codes: tuple[str, ...], due: list[str]
) -> None:
    site = Site(
        order_codes={
            "ferritin": OrderCode(LAB, "O1", "Ferritin"),
            "iron_panel": OrderCode(LAB, "O2", "Iron"),
            "oral_iron": OrderCode(LAB, "O3", "Iron by mouth"),
        }
    )

    assert topics(catalogue, ordered(*codes), site) == due


def test_own_codes_of_tests_are_known_as_orders(catalogue: Catalogue) -> None:
    site = Site(local_codes={(LAB, "F"): "ferritin", (LAB, "T"): "transferrin_saturation"})

    assert topics(catalogue, ordered("F", "T"), site) == []


def test_at_another_site_they_are_orders_of_nothing(catalogue: Catalogue) -> None:
    assert topics(catalogue, ordered("F", "T", "O1", "O2"), Site()) == ["ironStudiesDue"]


# --- shadow --------------------------------------------------------------------------------------------------------------


def test_a_card_in_shadow_that_cannot_be_written_is_told_and_takes_no_other_with_it(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose = cards.catalogue.compose

    def failing(finding: Any, *args: Any) -> Any:
        if finding.topic == "ironStudiesDue":
            raise KeyError("slot")
        return compose(finding, *args)

    monkeypatch.setattr(cards.catalogue, "compose", failing)
    patient = UNTESTED | {"medicines": [{"drug": "Hydroxyzine 25 mg tablet", "route": "oral"}]}
    site = Site(shadow=frozenset({"ironStudiesDue"}))
    decision = decided(catalogue, patient, site)
    (failed,) = decision.of(Result.FAILED)

    assert [card.source.topic.code for card in decision.cards if card.source.topic] == ["medicationReview"]
    assert (failed.topic, failed.why, failed.shadow, decision.shadowed) == ("ironStudiesDue", "KeyError", True, ())


def test_switched_off_is_a_decision_without_any_reading(catalogue: Catalogue) -> None:
    decision = catalogue.switched_off(Hook.ORDER_SIGN, ON)

    assert (decision.switched_off, decision.cards, decision.outcomes, decision.could_look) == (True, (), (), True)


# --- each window does what it says ---------------------------------------------------------------------------------------

# A vignette that lies inside the window as we chose it, and outside when a site chooses this number of days.
SHORTER = {
    "iron.valid_for": ("iron-V15-at", 364),
    "iron.valid_for_at_risk": ("iron-V15-malabsorption", 179),
    "iron.valid_for_kidney": ("iron-V15-dialysis", 89),
    "iron.valid_for_pregnancy": ("iron-V15-pregnant", 89),
    "iron.therapy_lookback": ("iron-V15-iron-last-year", 300),
    "iron.on_record": ("iron-V42-ended-90", 89),
    "iron.pending_order": ("iron-V18-30", 29),
    "iron.pending_scheduled": ("iron-V18-planned-90", 89),
    "iron.pending_result": ("iron-V18-preliminary", 13),
    "medication_review.order_counts_for": ("medication_review-V55-recent", 699),
    "new_start.new_start_after": ("d2_antiemetic-V74-180", 179),
    "populations.dialysis_recent": ("iron-V28-procedure", 89),
}


def test_every_window_has_its_vignette(knowledge: Knowledge) -> None:
    assert SHORTER.keys() == knowledge.windows.keys()


@pytest.mark.parametrize("window", SHORTER)
def test_a_shorter_window_is_what_the_readers_go_by(catalogue: Catalogue, window: str) -> None:
    name, days = SHORTER[window]
    entry = next(one.entry for one in VIGNETTES if str(one) == name)
    ours, theirs = decide(entry, catalogue), decide(entry | {"site": {"windows": {window: days}}}, catalogue)

    assert [card.summary for card in ours.cards] != [card.summary for card in theirs.cards]

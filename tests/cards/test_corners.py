"""Corners that no vignette turns: what is kept in memory, what is left out, what could not be looked at."""

from dataclasses import replace
from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest

from cards import Answer, Catalogue, Evidence, Hook, Knowledge, Need, Result, Site, Standing, decode_resource
from cards.codes import ValueSetIndex
from cards.facts import AgeGroup, Medicine, PatientFacts, Ref, Rls
from cards.fhir import CodeableConcept, Coding
from cards.mend import mended
from cards.readers.draft_orders import established
from cards.readers.labs import LabIndex, read_labs
from cards.readers.medicines import describes_treatment
from cards.readers.observations import read_observations
from cards.readers.panel import Validity, read_panel
from cards.readers.patient import panel_limits
from cards.render import render
from cards.terminology import Exposure, Product
from cards.wording import panel_values

ON = date(2026, 11, 20)


def test_without_conditions_every_rule_is_starved(catalogue: Catalogue) -> None:
    evidence = Evidence(Hook.PATIENT_VIEW, "p1", answers={Need.PATIENT: Answer(Standing.FAILED)})

    decision = catalogue.evaluate(evidence, on=ON, site=Site(), seed=UUID(int=1))

    assert {outcome.result for outcome in decision.outcomes} == {Result.STARVED}
    assert not decision.could_look


def test_an_overlong_code_is_looked_up_and_not_kept(knowledge: Knowledge) -> None:
    index: ValueSetIndex = knowledge.value_sets
    before = len(index._kept)

    assert index.of_coding(Coding(system="urn:x", code="y" * 1000)) == frozenset()
    assert len(index._kept) == before


def test_made_up_codes_never_fill_the_memory(knowledge: Knowledge) -> None:
    labs = LabIndex(knowledge.systems, knowledge.labs.tests, knowledge.units, {})

    for number in range(8200):
        labs.test(decode_resource(b'{"code":{"coding":[{"system":"urn:x","code":"%d"}]}}' % number))
    labs.test(decode_resource(b'{"code":{"coding":[{"system":"urn:x","code":"%s"}]}}' % (b"y" * 1000)))

    assert len(labs.sent) < 100


@pytest.mark.parametrize("sent", [b"7", b"{", b"[" * 5000 + b"]" * 5000])
def test_a_value_that_is_odd_as_a_whole_is_left_out(sent: bytes) -> None:
    assert mended(sent, CodeableConcept | None) is None


def test_a_dose_that_was_given_establishes_nothing() -> None:
    product = Product(ingredients=("metoclopramide",), exposure=Exposure.SYSTEMIC)
    given = Medicine(Ref("MedicationAdministration/1", ON), product, {}, "completed", "MedicationAdministration")

    assert established([given], ON, timedelta(days=180)) == frozenset()
    assert established(
        [msgspec.structs.replace(given, kind="MedicationStatement", last_known=ON)], ON, timedelta(days=180)
    )


@pytest.mark.parametrize("damage", [b'"status":5', b'"status":"active","doNotPerform":"maybe"'])
def test_a_medication_whose_status_is_unreadable_describes_no_treatment(damage: bytes) -> None:
    assert not describes_treatment(decode_resource(b'{"resourceType":"MedicationRequest",' + damage + b"}"))


def test_a_score_may_be_a_plain_integer(knowledge: Knowledge) -> None:
    raw = (
        b'{"resourceType":"Observation","id":"o","status":"final","effectiveDateTime":"2026-11-01","valueInteger":6,'
        b'"code":{"coding":[{"system":"http://loinc.org","code":"75626-2"}]}}'
    )

    found: dict[str, Any] = dict(_observed(knowledge, raw))
    assert found["alcohol_score_auditc"][0].number == Decimal(6)


def _observed(knowledge: Knowledge, raw: bytes) -> dict[str, Any]:
    return dict(read_observations([decode_resource(raw)], knowledge.value_sets, knowledge.value_sets, UTC))


def test_a_saturation_above_all_binding_is_not_computed(knowledge: Knowledge) -> None:
    raw = (
        b'{"resourceType":"Observation","id":"%s","status":"final","effectiveDateTime":"2026-11-01",'
        b'"code":{"coding":[{"system":"http://loinc.org","code":"%s"}]},"valueQuantity":{"value":%d,"unit":"ug/dL"}}'
    )
    labs = LabIndex(knowledge.systems, knowledge.labs.tests, knowledge.units, {})
    drawn = [decode_resource(raw % one) for one in ((b"a", b"2498-4", 500), (b"b", b"2500-7", 100))]
    iron = knowledge.guidance["iron"]

    panel = read_panel(read_labs(drawn, labs, ON, UTC), iron.tables["adult"], Validity(date.min), panel_limits(iron))

    assert panel.tsat is None


def test_a_card_without_what_was_seen_is_rendered_without_that_part(knowledge: Knowledge) -> None:
    one = knowledge.guidance["mirtazapine"]
    card = msgspec.structs.replace(one.recommendation.cards["mirtazapine"], seen=())
    bare = replace(one, recommendation=msgspec.structs.replace(one.recommendation, cards={"mirtazapine": card}))

    assert "### OR-03" in render(replace(knowledge, guidance={"mirtazapine": bare}), {})


def test_a_patient_without_a_panel_has_no_values() -> None:
    nobody = PatientFacts(on=ON, hook=Hook.PATIENT_VIEW, age_group=AgeGroup.ADULT, age_years=50, rls=Rls.ACTIVE)

    assert panel_values(nobody) == {}

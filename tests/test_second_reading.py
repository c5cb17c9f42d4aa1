"""The service against a second, independent reading of the pages, on some thousand random patients."""

import asyncio
import json
import os
from collections.abc import Callable
from uuid import UUID

import pytest

from cards import Catalogue, Decision, Hook, Result, Site
from service.gather import gather
from service.wire import decode_request
from tests.conftest import ON
from tests.patient_builder import PatientBuilder
from tests.second_reading.patient import Patient
from tests.second_reading.random_patients import Maker
from tests.second_reading.reading import expected_topics
from tests.second_reading.words import in_words

CASES = int(os.environ.get("SECOND_READING_CASES", "1000"))
SLICES = 10
SITE = Site()


def decide(catalogue: Catalogue, patient: Patient, hook: Hook) -> Decision:
    request = PatientBuilder(catalogue.knowledge, ON).request(hook.value, in_words(patient))
    evidence = asyncio.run(gather(decode_request(json.dumps(request).encode(), hook), catalogue, SITE))
    return catalogue.evaluate(evidence, on=ON, site=SITE, seed=UUID(int=1))


def disagreements(catalogue: Catalogue, hook: Hook, make: Callable[[Maker], Patient], part: int) -> list[str]:
    """What the two answers are, wherever they differ; each line with the seed that brings the patient back."""
    found = []
    for seed in range(part, CASES, SLICES):
        patient = make(Maker(seed))
        decision, expected = decide(catalogue, patient, hook), expected_topics(patient, hook.value)
        shown = [(card.source.topic.code, card.indicator) for card in decision.cards if card.source.topic]
        if shown != expected or decision.of(Result.FAILED):
            words = {key: value for key, value in in_words(patient).items() if value}
            found.append(f"seed {seed}: the service {shown}, this reading {expected}: {words}")
    return found


@pytest.mark.parametrize("part", range(SLICES))
@pytest.mark.parametrize(
    ("hook", "make"),
    [
        pytest.param(Hook.PATIENT_VIEW, Maker.patient, id="iron"),
        pytest.param(Hook.PATIENT_VIEW, Maker.viewing, id="patient-view"),
        pytest.param(Hook.ORDER_SELECT, Maker.ordering, id="order-select"),
        pytest.param(Hook.ORDER_SIGN, Maker.ordering, id="order-sign"),
    ],
)
def test_both_readings_agree(catalogue: Catalogue, hook: Hook, make: Callable[[Maker], Patient], part: int) -> None:
    found = disagreements(catalogue, hook, make, part)

    assert not found, "\n".join([f"{len(found)} of {len(range(part, CASES, SLICES))} patients", *found[:3]])


def test_the_random_patients_reach_every_card() -> None:
    topics = {
        topic
        for make, hook in (
            (Maker.patient, "patient-view"),
            (Maker.viewing, "patient-view"),
            (Maker.ordering, "order-select"),
        )
        for seed in range(max(CASES, 3000))
        for topic, _ in expected_topics(make(Maker(seed)), hook)
    }

    assert topics == {
        "ironStudiesDue",
        "ironTreatAdult",
        "ironIvOnly",
        "ironTreatChild",
        "ironTreatDialysis",
        "ironTreatPregnancy",
        "ironCaution",
        "oralIronNonresponse",
        "medicationReview",
        "augmentationCheck",
        "contributingFactors",
        "d2Antiemetic",
        "sedatingAntihistamine",
        "mirtazapine",
        "antipsychotic",
        "serotonergicAntidepressant",
        "otherDocumentedDrug",
        "dopaminergicStart",
        "notRecommendedForRls",
        "ironOrderSafety",
        "ivIronPremedication",
        "gabapentinoidDialysis",
        "ironUntestedAtOrder",
    }

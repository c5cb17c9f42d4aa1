"""The service against a second, independent reading of the pages, on some thousand random patients."""

import asyncio
import json
import os
from uuid import UUID

import pytest

from cards import Catalogue, Decision, Hook, Result, Site
from service.gather import gather
from service.wire import decode_request
from tests.conftest import ON
from tests.patient_builder import PatientBuilder
from tests.second_reading.iron import iron
from tests.second_reading.patient import Patient
from tests.second_reading.random_patients import Maker, in_words

CASES = int(os.environ.get("SECOND_READING_CASES", "3000"))
SLICES = 10
SITE = Site()


def decide(catalogue: Catalogue, patient: Patient, hook: Hook) -> Decision:
    request = PatientBuilder(catalogue.knowledge, ON).request(hook.value, in_words(patient))
    evidence = asyncio.run(gather(decode_request(json.dumps(request).encode(), hook), catalogue, SITE))
    return catalogue.evaluate(evidence, on=ON, site=SITE, seed=UUID(int=1))


def iron_cards(decision: Decision) -> list[tuple[str, str]]:
    topics = {topic for outcome in decision.of(Result.FIRED) if outcome.rule == "iron" and (topic := outcome.topic)}
    return [(card.source.topic.code, card.indicator) for card in decision.cards
            if card.source.topic and card.source.topic.code in topics]


@pytest.mark.parametrize("part", range(SLICES))
def test_the_iron_card_agrees(catalogue: Catalogue, part: int) -> None:
    disagreements = []
    for seed in range(part, CASES, SLICES):
        patient = Maker(seed).patient()
        found = iron_cards(decide(catalogue, patient, Hook.PATIENT_VIEW))
        if found != iron(patient):
            disagreements.append(f"seed {seed}: the service {found}, this reading {iron(patient)}: {patient}")

    assert not disagreements, "\n".join([f"{len(disagreements)} patients", *disagreements[:5]])

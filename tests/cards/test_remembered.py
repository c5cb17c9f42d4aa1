"""What is kept of one call for the next holds only as long as the terminology does; what has no name cannot be removed."""

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest

from cards import Catalogue, Decision, Hook, Knowledge, Site, load_knowledge
from service.gather import gather
from service.wire import decode_request
from tests.conftest import ON
from tests.patient_builder import PatientBuilder

RLS = {"conditions": ["restless_legs_syndrome"]}
UNHEARD_OF = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "999999998"}]}
SITE = Site()


def decided(catalogue: Catalogue, request: dict[str, Any]) -> Decision:
    sent = decode_request(json.dumps(request).encode(), Hook.ORDER_SIGN)
    evidence = asyncio.run(gather(sent, catalogue, SITE))
    return catalogue.evaluate(evidence, on=ON, site=SITE, seed=UUID(int=1))


@pytest.fixture
def signed(knowledge: Knowledge) -> dict[str, Any]:
    drafts = [{"drug": "Hydroxyzine 25 mg tablet", "route": "oral"}]
    request: dict[str, Any] = PatientBuilder(knowledge, ON).request("order-sign", RLS | {"drafts": drafts})
    return request


def test_a_drug_that_was_learned_counts_from_the_next_call_on(signed: dict[str, Any]) -> None:
    knowledge = load_knowledge()
    catalogue = Catalogue(knowledge)
    signed["context"]["draftOrders"]["entry"][0]["resource"]["medicationCodeableConcept"] = UNHEARD_OF

    before = decided(catalogue, signed)
    knowledge.terminology.learn("999999998", ingredients=(5553,), form=None, name=None, retired=False)
    after = decided(catalogue, signed)

    assert (len(before.cards), len(after.cards)) == (0, 1)


def test_a_draft_that_nothing_names_is_warned_of_and_cannot_be_removed(
    catalogue: Catalogue, signed: dict[str, Any]
) -> None:
    del signed["context"]["draftOrders"]["entry"][0]["resource"]["id"]
    (card,) = decided(catalogue, signed).cards

    assert not [one for one in card.suggestions or () for action in one.actions if action.type == "delete"]

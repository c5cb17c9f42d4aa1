"""Odd shapes of real EHRs, as recordings of our own making: what the caller gets."""

import json
from pathlib import Path
from uuid import UUID

import pytest
import respx

from cards import Site
from service.errors import EvidenceUnavailable
from service.gather import gather
from service.registry import TrustedClient
from tests.conftest import ON
from tests.service.fhir.good_ehr import GoodEhr, decoded, opened

pytestmark = pytest.mark.anyio

RECORDINGS = sorted((Path(__file__).parents[2] / "ehr_recordings").glob("*.json"))


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


async def answer(catalogue, recording):
    """The status and the topics of the cards, with the recorded FHIR server on the client's list."""
    body = recording["request"]
    base = body["fhirServer"].rstrip("/")
    listed = frozenset({base}) if "server" in recording else frozenset()
    client = TrustedClient(name="recorded", issuer="x", fhir_servers=listed)
    site = Site()
    with respx.mock(using="httpx", assert_all_called=False) as router:
        ehr = GoodEhr(router, recording.get("server", ()), base)
        ehr.page_size = recording.get("page_size", 1000)
        try:
            async with opened(catalogue, body, client=client) as server:
                evidence = await gather(decoded(body), catalogue, site, server)
        except EvidenceUnavailable:
            return 412, [], ehr
    decision = catalogue.evaluate(evidence, on=ON, site=site, seed=UUID(int=1))
    return 200, [card.source.topic.code for card in decision.cards if card.source.topic], ehr


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in RECORDINGS])
async def test_a_recording_gets_its_cards(catalogue, path):
    recording = read(path)
    status, topics, _ = await answer(catalogue, recording)

    assert (status, topics) == (recording["expect"]["status"], recording["expect"]["cards"])


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=path.stem) for path in RECORDINGS if "server" not in read(path)]
)
async def test_a_recording_without_a_listed_server_asks_nobody(catalogue, path):
    _, _, ehr = await answer(catalogue, read(path))

    assert ehr.asked == []


def test_there_are_recordings_of_each_style():
    assert {path.stem.split("-")[0] for path in RECORDINGS} >= {"epic", "oracle", "sandbox", "stu3", "r5"}

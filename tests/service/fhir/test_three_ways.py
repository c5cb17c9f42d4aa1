"""Every fixture patient, against a FHIR server that nobody here wrote: by prefetch, in part, and by FHIR access alone."""

import json
import os
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import httpx
import msgspec
import pytest

from cards import Catalogue, Site
from service.fhir_network import open_client
from service.gather import gather
from service.registry import TrustedClient
from tests.conftest import ON
from tests.service.fhir.good_ehr import TLS, TOKEN, by_fhir, decoded, opened, resources_of
from tests.service.fhir.node import NoServer, fhir_server

pytestmark = pytest.mark.anyio

REQUESTS = sorted((Path(__file__).parents[3] / "fixtures" / "fhir" / "requests").glob("*.json"))
DEVELOPER = TrustedClient(name="development", issuer="", any_loopback_server=True)


def whole(path):
    """Whether the fixture has all its data; one that shows a failure has nothing to compare with."""
    return not any(value and value["resourceType"] == "OperationOutcome" for value in _body(path)["prefetch"].values())


def _body(path):
    return json.loads(path.read_text(encoding="utf-8"))


WHOLE = [pytest.param(path, id=path.stem) for path in REQUESTS if whole(path)]


@pytest.fixture(scope="session")
def address():
    try:
        with fhir_server() as running:
            yield running
    except NoServer as fault:
        if os.environ.get("CI"):
            pytest.fail(f"the integration suite needs its FHIR server: {fault}")
        pytest.skip(f"THE INTEGRATION SUITE DID NOT RUN: {fault}")


@pytest.fixture
async def server(address):
    async with httpx.AsyncClient(base_url=address, verify=TLS) as http:
        yield http


async def load(server, body):
    """Puts the patient into the empty server, over its own API."""
    (await server.post("/control", json={"token": TOKEN})).raise_for_status()
    for resource in resources_of(body):
        (await server.put(f"/fhir/{resource['resourceType']}/{resource['id']}", json=resource)).raise_for_status()


async def seen(server):
    return (await server.get("/control")).json()["seen"]


async def cards(catalogue: Catalogue, body, client=None):
    """The cards as they would go out, and whether everything could be looked at."""
    site = Site()
    async with opened(catalogue, body, client=client or DEVELOPER, factory=production) as ehr:
        evidence = await gather(decoded(body), catalogue, site, ehr)
    decision = catalogue.evaluate(evidence, on=ON, site=site, seed=UUID(int=1))
    return json.loads(msgspec.json.encode(decision.cards))


def production(reach):
    return open_client(reach, connections=20, tls=TLS)


def bare(body):
    return {key: value for key, value in body.items() if key not in ("fhirServer", "fhirAuthorization")}


@pytest.mark.parametrize("path", WHOLE)
@pytest.mark.parametrize("search", ["get", "post"])
async def test_fhir_access_alone_gives_the_same_cards(catalogue, server, address, path, search):
    body = _body(path)
    await load(server, body)
    found = await cards(catalogue, by_fhir(body, server=f"{address}/fhir"), replace(DEVELOPER, search=search))

    assert found == await cards(catalogue, bare(body))


@pytest.mark.parametrize("path", WHOLE)
@pytest.mark.parametrize(
    "keep", [("conditions", "patient"), ("patient", "labs", "orders"), ("medications", "facts")], ids="+".join
)
async def test_partial_prefetch_gives_the_same_cards(catalogue, server, address, path, keep):
    body = _body(path)
    await load(server, body)
    found = await cards(catalogue, by_fhir(body, keep=keep, server=f"{address}/fhir"))

    assert found == await cards(catalogue, bare(body))


@pytest.mark.parametrize("path", WHOLE)
async def test_a_whole_prefetch_needs_no_request(catalogue, server, address, path):
    body = _body(path)
    await load(server, body)
    if "encounterId" not in body["context"]:
        body["prefetch"].pop("encounter", None)
    await cards(catalogue, by_fhir(body, keep=body["prefetch"], server=f"{address}/fhir"))

    assert await seen(server) == []


async def test_the_fixtures_hold_cards_and_silence(catalogue):
    found = [await cards(catalogue, bare(_body(path.values[0]))) for path in WHOLE]

    assert any(found)
    assert not all(found)


async def test_a_wrong_token_is_no_answer(catalogue, server, address, build):
    body = build.request("patient-view", {"conditions": ["restless_legs_syndrome"]})
    await load(server, body)

    with pytest.raises(Exception, match="401"):
        await cards(catalogue, by_fhir(body, server=f"{address}/fhir", token="another"))


async def test_a_patient_whom_the_server_does_not_know_has_no_conditions_and_no_cards(
    catalogue, server, address, build
):
    body = build.request("patient-view", {"conditions": ["restless_legs_syndrome"]})
    await load(server, body)
    body["context"]["patientId"] = "nobody&_include=*"

    assert await cards(catalogue, by_fhir(body, server=f"{address}/fhir")) == []


async def test_medications_behind_references_are_found(catalogue, server, address, build):
    body = build.request(
        "order-sign", {"conditions": ["restless_legs_syndrome"], "drafts": ["Metoclopramide 10 mg tablet"]}
    )
    expected = await cards(catalogue, bare(body))
    await load(server, body)
    draft = body["context"]["draftOrders"]["entry"][0]["resource"]
    medication = {"resourceType": "Medication", "id": "m1", "code": draft.pop("medicationCodeableConcept")}
    draft["medicationReference"] = {"reference": f"{address}/fhir/Medication/m1"}
    (await server.put("/fhir/Medication/m1", json=medication)).raise_for_status()
    found = await cards(catalogue, by_fhir(body, server=f"{address}/fhir"))

    assert expected
    assert [card["summary"] for card in found] == [card["summary"] for card in expected]

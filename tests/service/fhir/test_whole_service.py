"""The whole service between two recording sockets: what goes in at its door, and where anything of it comes out."""

import json
import logging

import httpx
import pytest

from service.app import Parts, create_app
from service.settings import Settings
from tests.conftest import ON
from tests.patient_builder import PatientBuilder, bundle
from tests.service.fhir.good_ehr import by_fhir, resources_of
from tests.service.fhir.loopback import Loopback, http

pytestmark = pytest.mark.anyio

TOKEN = "token-4711-of-this-call"
RLS = {"conditions": ["restless_legs_syndrome"], "labs": {"ferritin": "40 ng/mL", "transferrin_saturation": "18 %"}}


@pytest.fixture
def parts(knowledge):
    return Parts(Settings(host="127.0.0.1", client_registry=None, store_url="off"), knowledge=knowledge)


@pytest.fixture
async def app(parts):
    yield create_app(parts=parts)
    await parts.close()


@pytest.fixture
def body(knowledge):
    return PatientBuilder(knowledge, ON).request("patient-view", RLS)


@pytest.fixture
async def ehr(body):
    held = resources_of(body)

    async def answer(heard):
        kind, _, rest = heard.target.removeprefix("/fhir/").partition("?")
        found = [one for one in held if one["resourceType"] == kind.partition("/")[0]]
        return http(bundle(found) if rest else found[0])

    async with Loopback(answer).running() as running:
        yield running


async def call(app, body):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        return await client.post("/cds-services/rls-patient-view", json=body)


async def test_fhir_access_alone_gives_a_card(app, body, ehr):
    response = await call(app, by_fhir(body, server=ehr.base, token=TOKEN))

    assert response.status_code == 200
    assert response.json()["cards"]
    assert {heard.headers["authorization"] for heard in ehr.heard} == {f"Bearer {TOKEN}"}


async def test_a_server_that_is_not_ours_to_ask_hears_nothing(app, body, ehr):
    async with Loopback(ehr.answer).running() as elsewhere:
        listed = by_fhir(body, server=f"http://ehr.example.org:{elsewhere.port}/fhir", token=TOKEN)
        response = await call(app, listed)

    assert response.status_code == 412
    assert elsewhere.connections == 0


async def test_neither_token_nor_id_comes_out_anywhere(app, body, ehr, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    body["context"]["patientId"] = "patient-4711"
    response = await call(app, by_fhir(body, server=ehr.base, token=TOKEN))
    written = capfd.readouterr()
    everything = [response.text, written.out, written.err, *(record.getMessage() for record in caplog.records)]

    assert response.status_code in (200, 412)
    assert not [text for text in everything if "4711" in text]


async def test_a_server_that_refuses_is_a_412_that_says_why(app, body, ehr):
    async def refuse(_heard):
        return http({}, "403 Forbidden")

    ehr.answer = refuse
    response = await call(app, by_fhir(body, server=ehr.base, token=TOKEN))

    assert response.status_code == 412
    assert "403" in json.dumps(response.json())


async def test_connections_are_closed_with_the_service(app, parts, body, ehr):
    await call(app, by_fhir(body, server=ehr.base, token=TOKEN))
    await parts.close()
    heard = len(ehr.heard)

    assert (await call(app, by_fhir(body, server=ehr.base, token=TOKEN))).status_code == 412
    assert len(ehr.heard) == heard

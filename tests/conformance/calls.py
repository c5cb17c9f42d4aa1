"""Sections 2.4 to 2.6: the request, FHIR access, prefetch."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

from tests.conformance.bench import TOKEN, Bench, draft, treated
from tests.conformance.walk import cannot_apply, row
from tests.service.fhir.loopback import Loopback
from tests.service.registered import CALL, bearer

FAILURE = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
CLIENT_ONLY = "binds the client, and the service sees no difference"


async def templates(bench: Bench) -> AsyncIterator[str]:
    """Every published template."""
    for service in await bench.services():
        for template in service["prefetch"].values():
            yield template


def tokens(template: str) -> list[str]:
    """What stands between double braces."""
    return re.findall(r"{{(.*?)}}", template)


async def taken(bench: Bench, request: dict[str, Any]) -> None:
    """What a client does wrong here costs it no card."""
    assert await bench.topics(request) == await bench.topics(treated())


@row("REQ-1", "GET at a service is 405 with Allow; its POST is answered")
async def calls_are_posts(bench: Bench) -> None:
    wrong = await bench.open.get("/cds-services/rls-patient-view")

    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert (await bench.post(treated())).status_code == 200


@row("REQ-2", "without hook: 400 that names it")
async def hook_is_required(bench: Bench) -> None:
    request = treated()
    del request["hook"]
    response = await bench.post(request, "patient-view")

    assert (response.status_code, response.json()["issue"][0]["expression"]) == (400, ["hook"])


@row("REQ-3", "missing, or no UUID: answered all the same, as real clients do so")
async def hook_instance(bench: Bench) -> None:
    for value in (None, "", "1234", 17):
        await taken(bench, treated() | {"hookInstance": value})


@row("REQ-4", "in production an http fhirServer is not asked and gets no token")
async def https_only(bench: Bench) -> None:
    async def answer(_heard: object) -> None:
        return None

    async with Loopback(answer).running() as elsewhere:
        body = {"hook": "patient-view", "context": {"patientId": "p1"}, "fhirServer": elsewhere.base}
        body["fhirAuthorization"] = {"access_token": TOKEN, "token_type": "Bearer"}
        response = await bench.registered.post(CALL, json=body, headers=bearer(CALL))

    assert response.status_code == 412
    assert elsewhere.connections == 0


@row("REQ-5", "null counts as left out")
async def no_authorization(bench: Bench) -> None:
    await taken(bench, treated() | {"fhirAuthorization": None})


@row("REQ-6", "without context: 400 that names it")
async def context_is_required(bench: Bench) -> None:
    request = treated()
    del request["context"]
    response = await bench.post(request)

    assert (response.status_code, response.json()["issue"][0]["expression"]) == (400, ["context"])


@row("REQ-7", "without prefetch: 412 where data are needed, 200 where none are")
async def prefetch_is_optional(bench: Bench) -> None:
    request, harmless = treated(), draft() | {"context": {"patientId": "p1"}}
    del request["prefetch"], harmless["prefetch"]

    assert [(await bench.post(one)).status_code for one in (request, harmless)] == [412, 200]


@row("REQ-8", "extension everywhere changes no card")
async def extension_anywhere(bench: Bench) -> None:
    added = {"extension": {"com.example.x": {"a": 1}}}
    request = treated()
    await taken(bench, request | added | {"context": request["context"] | added})


@row("REQ-9", "application/json and kin are taken, anything else is 415")
async def content_types(bench: Bench) -> None:
    body = json.dumps(treated()).encode()
    kinds = ["application/json", "application/json; charset=utf-8", "application/fhir+json", "text/plain"]

    found = [(await bench.post(body, **{"content-type": kind})).status_code for kind in kinds]
    assert found == [200, 200, 200, 415]


cannot_apply("REQ-10", CLIENT_ONLY + ": shapes of all editions are read side by side")


@row("REQ-11", "a Bundle without a type is read the same")
async def bundle_without_type(bench: Bench) -> None:
    request = draft()
    before = await bench.topics(request)
    request["context"]["draftOrders"].pop("type", None)

    assert before
    assert await bench.topics(request) == before


@row("REQ-12", "orders of every status are asked for by prefetch, not expected in the context")
async def other_orders(bench: Bench) -> None:
    found = [template async for template in templates(bench)]

    assert "MedicationRequest?patient={{context.patientId}}" in found


@row("REQ-13", "Conditions under a key of another name answer no need: 412")
async def unasked_keys(bench: Bench) -> None:
    request = treated()
    request["prefetch"]["problems"] = request["prefetch"].pop("conditions")

    assert (await bench.post(request)).status_code == 412


async def authorization_without(bench: Bench, name: str) -> None:
    """fhirAuthorization without one member, or with one of a wrong type."""
    whole = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 300, "scope": "x", "subject": "y"}
    for authorization in (
        {**whole, name: None},
        {**whole, name: [1]},
        {key: whole[key] for key in whole if key != name},
    ):
        await taken(bench, treated() | {"fhirServer": "https://a.example/r4", "fhirAuthorization": authorization})


@row("FA-1", "without it: answered from prefetch, without FHIR access")
async def access_token(bench: Bench) -> None:
    await authorization_without(bench, "access_token")


@row("FA-2", "missing or odd: taken, sent as Bearer")
async def token_type(bench: Bench) -> None:
    await authorization_without(bench, "token_type")


@row("FA-3", "missing or odd: taken; a token is used in its own call only")
async def expires_in(bench: Bench) -> None:
    await authorization_without(bench, "expires_in")


@row("FA-4", "missing or odd: taken; EHRs send words of their own")
async def scope(bench: Bench) -> None:
    await authorization_without(bench, "scope")


@row("FA-5", "missing or odd: taken")
async def subject(bench: Bench) -> None:
    await authorization_without(bench, "subject")


@row("FA-6", "missing or odd: taken; resources of another patient are left out whatever it says")
async def patient(bench: Bench) -> None:
    await authorization_without(bench, "patient")


@row("FA-7", "what prefetch lacks is read from the FHIR server, and gives the same card")
async def reads_more(bench: Bench) -> None:
    async with bench.with_ehr(treated(), keep=("conditions",)) as (response, ehr):
        asked = [target.partition("?")[0] for target in ehr.targets]

    assert [card["source"]["topic"]["code"] for card in response.json()["cards"]] == await bench.topics(treated())
    assert "/fhir/Observation" in asked
    assert "/fhir/Condition" not in asked


@row("FA-8", "each request to it carries the token")
async def bearer_each_time(bench: Bench) -> None:
    async with bench.with_ehr(treated()) as (_, ehr):
        pass

    assert len(ehr.heard) > 3
    assert {heard.headers.get("authorization") for heard in ehr.heard} == {f"Bearer {TOKEN}"}


@row("FA-9", "it is in no file of the store")
async def token_is_not_kept(bench: Bench) -> None:
    await bench.post(treated() | {"fhirServer": "https://a.example/r4", "fhirAuthorization": {"access_token": TOKEN}})
    files = list(bench.folder.glob("store.sqlite*"))

    assert files
    assert not any(TOKEN.encode() in path.read_bytes() for path in files)


@row("FA-10", "it is in no answer and in no repr of the request (log and store: tests/service/test_privacy.py)")
async def token_is_not_told(bench: Bench) -> None:
    from cards import Hook
    from service.wire import decode_request

    request = treated() | {"fhirServer": "https://a.example/r4", "fhirAuthorization": {"access_token": TOKEN}}

    assert TOKEN not in (await bench.post(request)).text
    assert TOKEN not in repr(decode_request(json.dumps(request).encode(), Hook.PATIENT_VIEW))


@row("FA-11", "nothing is asked once the answer is there")
async def nothing_afterwards(bench: Bench) -> None:
    async with bench.with_ehr(treated()) as (response, ehr):
        asked = len(ehr.heard)

    assert response.status_code == 200
    assert len(ehr.heard) == asked


@row("FA-12", "the same card by prefetch alone and by FHIR alone")
async def both_ways(bench: Bench) -> None:
    async with bench.with_ehr(treated()) as (response, _):
        pass

    assert [card["source"]["topic"]["code"] for card in response.json()["cards"]] == await bench.topics(treated())


cannot_apply("FA-13", "done by hand between operator and client; the token arrives with each call")


@row("PRE-1", "each template is Type/{{...}} or Type?...")
async def templates_are_relative(bench: Bench) -> None:
    async for template in templates(bench):
        assert re.fullmatch(r"[A-Z][A-Za-z]+(/{{[\w.]+}}|\?\S+)", template)


@row("PRE-2", "each need of each rule has its key in discovery")
async def templates_are_published(bench: Bench) -> None:
    from cards import Catalogue

    catalogue = Catalogue(bench.knowledge)
    for service in await bench.services():
        assert set(service["prefetch"]) == {need.value for need in catalogue.needs(service["hook"])}


@row("PRE-3", "with any one key missing: 412 for conditions, 200 for every other")
async def any_subset(bench: Bench) -> None:
    for key in treated()["prefetch"]:
        request = treated()
        del request["prefetch"][key]
        assert (await bench.post(request)).status_code == (412 if key == "conditions" else 200)


cannot_apply("PRE-4", CLIENT_ONLY)


@row("PRE-5", "a bare resource, a Bundle, a Bundle without type: all are read")
async def value_shapes(bench: Bench) -> None:
    request = treated()
    conditions = request["prefetch"]["conditions"]
    request["prefetch"]["conditions"] = conditions["entry"][0]["resource"]
    await taken(bench, request)
    request["prefetch"]["conditions"] = {"resourceType": "Bundle", "entry": conditions["entry"]}
    await taken(bench, request)


@row("PRE-6", "null and an empty Bundle mean the same: nothing there")
async def no_data(bench: Bench) -> None:
    found = []
    for nothing in (None, {"resourceType": "Bundle", "type": "searchset", "total": 0}):
        request = treated()
        request["prefetch"]["labs"] = nothing
        found.append(await bench.topics(request))

    assert found == [["ironStudiesDue"]] * 2


@row("PRE-7", "an OperationOutcome under any key: 412 for conditions, 200 for every other")
async def failed_keys(bench: Bench) -> None:
    for key in treated()["prefetch"]:
        request = treated()
        request["prefetch"][key] = FAILURE
        assert (await bench.post(request)).status_code == (412 if key == "conditions" else 200)


@row("PRE-8", "as the value or as an entry, laboratory results that failed never become 'untested'")
async def outcomes_are_seen(bench: Bench) -> None:
    for value in (FAILURE, {"resourceType": "Bundle", "entry": [{"resource": FAILURE}]}):
        request = treated()
        request["prefetch"]["labs"] = value
        assert await bench.cards(request) == []


@row("PRE-9", "only the missing keys are fetched")
async def missing_keys_are_fetched(bench: Bench) -> None:
    keep = tuple(key for key in treated()["prefetch"] if key != "labs")
    async with bench.with_ehr(treated(), keep=keep) as (response, ehr):
        pass

    assert response.json()["cards"]
    assert {target.partition("?")[0] for target in ehr.targets if "metadata" not in target} == {"/fhir/Observation"}


async def not_to_be_had(bench: Bench) -> None:
    """412 with an OperationOutcome that names the key, with and without FHIR access."""
    request = treated()
    del request["prefetch"]["conditions"]
    alone = await bench.post(request)
    async with bench.with_ehr(treated(), silent=True) as (asked, _):
        pass

    for response in (alone, asked):
        assert response.status_code == 412
        assert "'conditions'" in response.json()["issue"][0]["diagnostics"]


row("PRE-10", "412 and the name of the key, when neither prefetch nor the FHIR server has the Conditions")(
    not_to_be_had
)


@row("PRE-11", "further pages that cannot be read: nothing is concluded from what is not on the first")
async def pages(bench: Bench) -> None:
    request = treated()
    link = [{"relation": "next", "url": "https://a.example/r4/Observation?page=2"}]
    request["prefetch"]["labs"] = {"resourceType": "Bundle", "entry": [], "link": link}

    assert await bench.cards(request) == []


@row("PRE-12", "braces come in pairs")
async def braces(bench: Bench) -> None:
    async for template in templates(bench):
        assert len(tokens(template)) == template.count("{{") == template.count("}}") == 1


@row("PRE-13", "context.patientId and context.encounterId are the only tokens")
async def token_names(bench: Bench) -> None:
    assert {token async for template in templates(bench) for token in tokens(template)} == {
        "context.patientId",
        "context.encounterId",
    }


@row("PRE-14", "each begins with context.")
async def tokens_of_the_context(bench: Bench) -> None:
    async for template in templates(bench):
        assert all(token.startswith("context.") for token in tokens(template))


@row("PRE-15", "both are root fields that all three hooks mark as tokens")
async def tokens_of_old_editions(bench: Bench) -> None:
    async for template in templates(bench):
        assert all(token.count(".") == 1 for token in tokens(template))


cannot_apply("PRE-16", "no user token is used")


@row("PRE-17", "no FHIRPath is used, as clients of 2.0 could not fill it")
async def no_fhirpath(bench: Bench) -> None:
    async for template in templates(bench):
        assert not any(re.search(r"[()%|+]", token) for token in tokens(template))


cannot_apply("PRE-18", "binds the client; today() is not used (PRE-17)")
cannot_apply("PRE-19", "ofType() is not used (PRE-17)")
cannot_apply("PRE-20", "binds the client; paths are not used (PRE-17)")
cannot_apply("PRE-21", "each token is a single value (PRE-13)")
cannot_apply("PRE-22", "%key is not used (PRE-17)")
cannot_apply("PRE-23", "pipes are not used (PRE-17)")


@row("PRE-24", "patient, code with plain codes and _sort, none of them twice; or the read of an instance")
async def parameters(bench: Bench) -> None:
    async for template in templates(bench):
        names = [name for name, _ in parse_qsl(template.partition("?")[2], keep_blank_values=True)]
        assert len(names) == len(set(names))
        assert set(names) <= {"patient", "code", "_sort"}


cannot_apply("PRE-25", "binds the client; _maxresults is not used (PRE-24)")


@row("PRE-26", "a FHIR server that never answers holds the call no longer than the deadline; figures: make bench")
async def deadline(bench: Bench) -> None:
    import asyncio

    async def hang(_heard: object) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(600)

    request = treated()
    async with Loopback(hang).running() as ehr, asyncio.timeout(10):
        response = await deadline_of(
            bench, request | {"fhirServer": ehr.base, "fhirAuthorization": {"access_token": "t"}}
        )

    assert (response.status_code, response.headers["retry-after"]) == (503, "1")


async def deadline_of(bench: Bench, request: dict[str, Any]) -> Any:
    """The call, by a service that gives itself a fifth of a second."""
    from service.app import Parts
    from service.settings import Settings
    from tests.service.registered import client_of

    del request["prefetch"]
    parts = Parts(Settings(store_url="off", deadline_seconds=0.2), knowledge=bench.knowledge)
    async with client_of(parts) as client:
        response = await client.post("/cds-services/rls-patient-view", json=request)
    await parts.close()
    return response

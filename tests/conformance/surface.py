"""Sections 2.1 to 2.3: JSON, documentation, discovery."""

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.conformance.bench import Bench, draft, members, treated
from tests.conformance.walk import cannot_apply, row
from tests.service.registered import CALL, DISCOVERY, bearer


def strictly(text: str) -> Any:
    """JSON of RFC 8259: Python alone would take NaN and Infinity."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


@row("GEN-1", "discovery, a call and an error answer are JSON in UTF-8 (HTTPS: see SEC-1)")
async def json_everywhere(bench: Bench) -> None:
    answers = [await bench.open.get("/cds-services"), await bench.post(treated()), await bench.post(b"{")]

    for answer in answers:
        assert answer.headers["content-type"] in ("application/json", "application/fhir+json")
        assert strictly(answer.content.decode("utf-8"))


@row("GEN-2", "every resource in an action of every fixture's answer is valid FHIR R4")
async def fhir_inside(bench: Bench) -> None:
    resources = [action["resource"] for action in await bench.all_actions() if "resource" in action]

    assert resources
    for resource in resources:
        kind = resource["resourceType"]
        getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind).model_validate(resource)


@row("GEN-3", "no null and nothing empty, at any depth, in discovery, in any fixture's answer, in errors")
async def nothing_empty(bench: Bench) -> None:
    errors = [(await bench.post(b"{")).json(), (await bench.post(treated(), "other")).json()]

    for body in [*await bench.answers(), *errors, {"services": await bench.services()}]:
        empty = [place for place, value in members(body) if value is None or value in ("", [], {})]
        assert empty in ([], ["$.cards"])


@row("GEN-4", "a card without suggestions, links or url has no such member")
async def left_out(bench: Bench) -> None:
    cards = await bench.all_cards()

    assert any("suggestions" not in card for card in cards)
    assert any("url" not in card["source"] for card in cards)


@row("GEN-5", "every answer is read by a strict reader")
async def strict_json(bench: Bench) -> None:
    for request in (treated(), draft()):
        assert strictly((await bench.post(request)).text)["cards"]


@row("GEN-6", "unknown members at every level change no card")
async def unknown_members(bench: Bench) -> None:
    request = treated()
    before = await bench.topics(request)
    extended = json.loads(json.dumps(request), object_hook=lambda found: found | {"xUnknown": {"deep": [1, "a", None]}})

    assert await bench.topics(extended) == before


cannot_apply("GEN-7", "informative; DSTU2, STU3, R4 and R5 shapes are taken (tests/ehr_recordings, tests/service/fhir)")


@row("DOC-1", "discovery describes each service and its limits; this matrix and the README are for people")
async def documented(bench: Bench) -> None:
    text = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text(encoding="utf-8")

    for service in await bench.services():
        assert len(service["description"]) > 50
        assert service["id"] in text


@row("DOC-2", "actionSelectionBehavior is nowhere in any answer")
async def no_action_selection(bench: Bench) -> None:
    names = {place.rpartition(".")[2] for answer in await bench.answers() for place, _ in members(answer)}

    assert "suggestions" in names
    assert "actionSelectionBehavior" not in names


cannot_apply("DOC-3", "binds the client; its support is never assumed (DOC-2)")


@row("DISC-1", "GET {base}/cds-services answers the same bytes each time")
async def discovery_is_stable(bench: Bench) -> None:
    first, second = await bench.open.get("/cds-services"), await bench.open.get("/cds-services")

    assert (first.status_code, first.content) == (200, second.content)


@row("DISC-2", "services is an array of objects")
async def services_are_listed(bench: Bench) -> None:
    body = (await bench.open.get("/cds-services")).json()

    assert isinstance(body["services"], list)
    assert all(isinstance(one, dict) for one in body["services"])


cannot_apply("DISC-3", "three services are always there")


@row("DISC-4", "the hooks are patient-view, order-select and order-sign")
async def hooks(bench: Bench) -> None:
    assert [one["hook"] for one in await bench.services()] == ["patient-view", "order-select", "order-sign"]


@row("DISC-5", "a title of its own for each")
async def titles(bench: Bench) -> None:
    assert len({one["title"] for one in await bench.services()}) == 3


@row("DISC-6", "a description of its own for each")
async def descriptions(bench: Bench) -> None:
    assert len({one["description"] for one in await bench.services()}) == 3


@row("DISC-7", "ids fit into a path, and a POST to each is no 404")
async def ids(bench: Bench) -> None:
    for one in await bench.services():
        assert re.fullmatch(r"[a-z-]+", one["id"])
        assert (await bench.open.post(f"/cds-services/{one['id']}", json={})).status_code == 400


@row("DISC-8", "prefetch maps names to texts, and none is empty")
async def prefetch_is_a_map(bench: Bench) -> None:
    for one in await bench.services():
        assert one["prefetch"]
        assert all(re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", key) for key in one["prefetch"])
        assert all(isinstance(template, str) and template for template in one["prefetch"].values())


@row("DISC-9", "it names the two keys to send without FHIR access")
async def usage(bench: Bench) -> None:
    for one in await bench.services():
        assert "'conditions' and 'patient'" in one["usageRequirements"]


@row("DISC-10", "3.0.0")
async def version(bench: Bench) -> None:
    assert {one["version"] for one in await bench.services()} == {"3.0.0"}


@row("DISC-11", "not given")
async def no_hook_version(bench: Bench) -> None:
    assert not any("hookVersion" in one for one in await bench.services())


@row("DISC-12", "one version of each hook, so one endpoint each")
async def one_endpoint_a_hook(bench: Bench) -> None:
    assert len({(one["id"], one["hook"]) for one in await bench.services()}) == 3


@row("DISC-13", "each id serves one hook; another hook at it is 400")
async def one_hook_an_id(bench: Bench) -> None:
    assert len({one["id"] for one in await bench.services()}) == 3
    assert (await bench.post(treated(), "order-sign")).status_code == 400


@row("DISC-14", "200")
async def discovery_answers(bench: Bench) -> None:
    assert (await bench.open.get("/cds-services")).status_code == 200


@row("DISC-15", "none is used; what stands on a card is EXT-2")
async def no_extension_in_discovery(bench: Bench) -> None:
    assert not any("extension" in one for one in await bench.services())


@row("DISC-16", "with a registry: 401 without a token, 200 with one for discovery, 401 with one for a service")
async def discovery_is_authenticated(bench: Bench) -> None:
    asked = [{}, bearer(DISCOVERY), bearer(CALL)]

    assert [(await bench.registered.get(DISCOVERY, headers=one)).status_code for one in asked] == [401, 200, 401]


@row("DISC-17", "no template depends on another")
async def no_dependent_template(bench: Bench) -> None:
    assert not any("%" in template for one in await bench.services() for template in one["prefetch"].values())

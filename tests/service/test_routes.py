"""The HTTP surface: discovery, calls, errors, health. Ids are those of the conformance rows and of section 2.13."""

import json
import logging
import re
from typing import Any

import httpx
import pytest

from cards import Catalogue, Need
from service import audit
from service.routes import Service
from tests.build_fixtures import FOLDER
from tests.conftest import Answer

pytestmark = pytest.mark.anyio
JSON = {"content-type": "application/json"}
PATIENT_VIEW = "/cds-services/rls-patient-view"


def fixture(name: str) -> dict[str, Any]:
    return dict(json.loads((FOLDER / "requests" / f"{name}.json").read_text(encoding="utf-8")))


@pytest.fixture
def treated() -> dict[str, Any]:
    return fixture("patient-view-ferritin-62-saturation-18")


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> "_Lines":
    audit.configure()
    audit.logger.propagate = True
    caplog.set_level(logging.INFO, logger="rls_cds.audit")
    return _Lines(caplog)


class _Lines(list[dict[str, Any]]):
    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    def last(self) -> dict[str, Any]:
        return dict(json.loads(self._caplog.records[-1].message))


async def test_discovery_lists_three_services_disc_1(http: httpx.AsyncClient) -> None:
    services = (await http.get("/cds-services")).json()["services"]

    assert [(one["id"], one["hook"]) for one in services] == [
        ("rls-patient-view", "patient-view"),
        ("rls-order-select", "order-select"),
        ("rls-order-sign", "order-sign"),
    ]


async def test_discovery_describes_each_service_disc_4_to_10(http: httpx.AsyncClient) -> None:
    for one in (await http.get("/cds-services")).json()["services"]:
        assert one["title"]
        assert one["description"]
        assert one["version"] == "3.0.0"


async def test_prefetch_follows_from_the_needs_of_the_rules(http: httpx.AsyncClient, service: Service) -> None:
    for one in (await http.get("/cds-services")).json()["services"]:
        assert set(one["prefetch"]) == {need.value for need in service.catalogue.needs(one["hook"])}
        assert {"conditions", "patient"} <= set(one["prefetch"])


async def test_templates_use_widely_supported_parameters_once_pre_24(http: httpx.AsyncClient) -> None:
    for one in (await http.get("/cds-services")).json()["services"]:
        for template in one["prefetch"].values():
            _, _, query = template.partition("?")
            names = [pair.partition("=")[0] for pair in query.split("&")] if query else []

            assert len(names) == len(set(names))
            assert set(names) <= {"patient", "code", "_sort"}
            assert set(re.findall(r"{{(.*?)}}", template)) <= {"context.patientId", "context.encounterId"}


async def test_a_call_answers_with_a_card_resp_1(answer: Answer, treated: dict[str, Any]) -> None:
    (card,) = (await answer(treated, "patient-view"))["cards"]

    assert card["summary"].startswith("RLS with ferritin 62 ng/mL, TSAT 18 %")


async def test_no_guidance_is_an_empty_list_resp_2(answer: Answer) -> None:
    assert await answer(fixture("patient-view-no-restless-legs"), "patient-view") == {"cards": []}


async def test_an_unknown_service_is_404(http: httpx.AsyncClient, treated: dict[str, Any]) -> None:
    response = await http.post("/cds-services/other", json=treated)

    assert (response.status_code, response.json()["resourceType"]) == (404, "OperationOutcome")


async def test_the_wrong_hook_is_400_not_supported(http: httpx.AsyncClient, treated: dict[str, Any]) -> None:
    response = await http.post("/cds-services/rls-order-sign", json=treated)

    issue = response.json()["issue"][0]
    assert (response.status_code, issue["code"], issue["expression"]) == (400, "not-supported", ["hook"])


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"{", None),
        (b"[]", None),
        (b"null", None),
        (b'{"hook":"patient-view"}', "context"),
        (b'{"context":{"patientId":"p1"}}', "hook"),
        (b'{"hook":5,"context":{"patientId":"p1"}}', "hook"),
        (b'{"hook":"patient-view","context":{}}', "context.patientId"),
        (b'{"hook":"patient-view","context":{"patientId":7}}', "context.patientId"),
        (b'{"hook":"patient-view","context":[]}', "context"),
        (b'{"hook":"patient-view","context":{"patientId":"\xff"}}', None),
    ],
)
async def test_what_cannot_be_done_without_is_400_with_its_place(
    http: httpx.AsyncClient, body: bytes, place: str | None
) -> None:
    response = await http.post(PATIENT_VIEW, content=body, headers=JSON)

    issue = response.json()["issue"][0]
    assert (response.status_code, issue.get("expression")) == (400, [place] if place else None)


@pytest.mark.parametrize("kind", [None, "text/plain", "application/xml", "multipart/form-data"])
async def test_another_content_type_is_415(http: httpx.AsyncClient, kind: str | None) -> None:
    response = await http.post(PATIENT_VIEW, content=b"{}", headers={"content-type": kind} if kind else {})

    assert response.status_code == 415


@pytest.mark.parametrize("kind", ["application/fhir+json", "application/json; charset=utf-8", "APPLICATION/JSON"])
async def test_every_kind_of_json_is_taken(http: httpx.AsyncClient, treated: dict[str, Any], kind: str) -> None:
    response = await http.post(PATIENT_VIEW, content=json.dumps(treated).encode(), headers={"content-type": kind})

    assert response.status_code == 200


async def test_a_wrong_method_is_405_with_allow(http: httpx.AsyncClient) -> None:
    response = await http.get(PATIENT_VIEW)

    assert (response.status_code, response.headers["allow"]) == (405, "POST")


async def test_an_unknown_path_is_404_with_an_outcome(http: httpx.AsyncClient) -> None:
    response = await http.get("/nothing")

    assert (response.status_code, response.json()["resourceType"]) == (404, "OperationOutcome")


async def test_deep_nesting_is_400(http: httpx.AsyncClient) -> None:
    body = (
        b'{"hook":"patient-view","context":{"patientId":"p1"},"prefetch":{"x":'
        + b"[" * 100_000
        + b"]" * 100_000
        + b"}}"
    )

    assert (await http.post(PATIENT_VIEW, content=body, headers=JSON)).status_code == 400


async def test_a_body_over_the_limit_is_413(http: httpx.AsyncClient) -> None:
    response = await http.post(PATIENT_VIEW, content=b" " * (10 * 1024 * 1024 + 1), headers=JSON)

    assert response.status_code == 413


async def test_more_drafts_than_any_session_has_are_413(http: httpx.AsyncClient) -> None:
    request = fixture("order-sign-amoxicillin-harmless")
    request["context"]["draftOrders"]["entry"] *= 1001

    assert (await http.post("/cds-services/rls-order-sign", json=request)).status_code == 413


async def test_conditions_that_are_nowhere_are_412_pre_10(http: httpx.AsyncClient, treated: dict[str, Any]) -> None:
    del treated["prefetch"]["conditions"]

    response = await http.post(PATIENT_VIEW, json=treated)

    assert response.status_code == 412
    assert "'conditions'" in response.json()["issue"][0]["diagnostics"]


async def test_a_missing_patient_starves_every_rule(answer: Answer, treated: dict[str, Any], lines: "_Lines") -> None:
    del treated["prefetch"]["patient"]

    assert await answer(treated, "patient-view") == {"cards": []}
    assert lines.last()["outcome"] == "could not look"


async def test_a_patient_that_is_not_needed_is_no_412(answer: Answer) -> None:
    request = fixture("patient-view-no-restless-legs")
    del request["prefetch"]["patient"]

    assert await answer(request, "patient-view") == {"cards": []}


async def test_conditions_that_failed_are_412(http: httpx.AsyncClient, treated: dict[str, Any]) -> None:
    treated["prefetch"]["conditions"] = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": "exception"}],
    }

    assert (await http.post(PATIENT_VIEW, json=treated)).status_code == 412


async def test_a_harmless_order_needs_nothing(answer: Answer) -> None:
    request = fixture("order-sign-amoxicillin-harmless")
    del request["prefetch"]

    assert await answer(request, "order-sign") == {"cards": []}


@pytest.mark.parametrize("change", ["no drafts", "empty bundle", "no medication", "no selections", "unknown selection"])
async def test_an_order_hook_with_nothing_to_judge_is_200(answer: Answer, change: str) -> None:
    request = fixture("order-select-hydroxyzine-for-itch")
    context = request["context"]
    if change == "no drafts":
        del context["draftOrders"]
    if change == "empty bundle":
        context["draftOrders"] = {"resourceType": "Bundle"}
    if change == "no medication":
        del context["draftOrders"]["entry"][0]["resource"]["medicationCodeableConcept"]
    if change == "no selections":
        del context["selections"]
    if change == "unknown selection":
        context["selections"] = ["MedicationRequest/other"]

    assert await answer(request, "order-select") == {"cards": []}


@pytest.mark.parametrize("change", ["no hookInstance", "no userId", "not a uuid", "patient reference"])
async def test_what_real_clients_leave_out_is_accepted(answer: Answer, treated: dict[str, Any], change: str) -> None:
    if change == "no hookInstance":
        del treated["hookInstance"]
    if change == "no userId":
        del treated["context"]["userId"]
    if change == "not a uuid":
        treated["hookInstance"] = "123"
    if change == "patient reference":
        treated["context"]["patientId"] = "Patient/p1"

    assert len((await answer(treated, "patient-view"))["cards"]) == 1


async def test_a_patient_as_requester_is_left_out(answer: Answer, treated: dict[str, Any]) -> None:
    treated["context"]["userId"] = "Patient/p1"

    (card,) = (await answer(treated, "patient-view"))["cards"]

    assert all("requester" not in one["actions"][0]["resource"] for one in card["suggestions"])


async def test_labs_that_failed_never_become_untested(answer: Answer, treated: dict[str, Any]) -> None:
    treated["prefetch"]["labs"] = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": "timeout"}],
    }

    assert await answer(treated, "patient-view") == {"cards": []}


async def test_an_optional_need_that_is_missing_is_named_on_the_card(answer: Answer, treated: dict[str, Any]) -> None:
    del treated["prefetch"]["medications"]

    (card,) = (await answer(treated, "patient-view"))["cards"]

    assert "Current medicines could not be read" in card["detail"]
    assert not any("iron by mouth" in one["actions"][0]["description"] for one in card["suggestions"])
    assert "Draft oral iron" not in [one["label"] for one in card["suggestions"]]


async def test_health_names_the_knowledge(http: httpx.AsyncClient) -> None:
    body = (await http.get("/health")).json()

    assert (body["status"], body["knowledgeStatus"]) == ("ok", "draft")
    assert body["knowledgeVersion"].count("+") == 1


async def test_one_audit_line_says_what_happened(answer: Answer, treated: dict[str, Any], lines: "_Lines") -> None:
    await answer(treated, "patient-view")

    line = lines.last()
    assert (line["service"], line["status"], line["outcome"]) == ("rls-patient-view", 200, "cards")
    assert line["fired"] == ["ironTreatAdult"]
    assert (line["client"], line["hook"], line["fhirCalls"]) == ("development", "patient-view", 0)
    assert line["hookInstance"] == treated["hookInstance"]


async def test_the_audit_line_names_starved_rules_v113(
    answer: Answer, treated: dict[str, Any], lines: "_Lines"
) -> None:
    treated["prefetch"]["labs"] = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": "timeout"}],
    }

    await answer(treated, "patient-view")

    assert lines.last()["starved"]["iron"] == ["labs"]
    assert lines.last()["evidence"]["labs"] == "failed"


async def test_no_line_holds_patient_data(
    answer: Answer, treated: dict[str, Any], caplog: Any, lines: "_Lines"
) -> None:
    secret = "Zqxpatientname"
    treated["context"] |= {"patientId": secret, "userId": f"Practitioner/{secret}"}
    treated["hookInstance"] = secret
    treated["fhirAuthorization"] = {"access_token": secret}
    for value in treated["prefetch"].values():
        for resource in [entry["resource"] for entry in value.get("entry", [])] or [value]:
            if resource["resourceType"] == "Patient":
                resource["id"] = secret
            resource.get("subject", {})["reference"] = f"Patient/{secret}"

    await answer(treated, "patient-view")

    assert secret not in caplog.text


async def test_an_internal_error_says_nothing_of_the_input(
    http: httpx.AsyncClient, treated: dict[str, Any], monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError(treated["context"]["patientId"] + "-secret")

    monkeypatch.setattr("service.routes.gather", broken)

    response = await http.post(PATIENT_VIEW, json=treated)

    assert (response.status_code, response.json()["resourceType"]) == (500, "OperationOutcome")
    assert "p1-secret" not in response.text + caplog.text


async def test_one_failing_rule_never_silences_the_others(
    service: Service,
    http: httpx.AsyncClient,
    treated: dict[str, Any],
    lines: "_Lines",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    catalogue = service.catalogue
    first = catalogue.rules[1]
    broken = type(first)(first.stem, first.topics, first.hooks, lambda *_: 1 / 0, first.required, first.optional)  # type: ignore[arg-type,return-value]
    faulty = Catalogue(catalogue.knowledge, (catalogue.rules[0], broken, *catalogue.rules[2:]))
    monkeypatch.setattr(catalogue, "_rules", faulty._rules)

    response = await http.post(PATIENT_VIEW, json=treated)

    assert len(response.json()["cards"]) == 1
    assert lines.last()["failed"] == [first.stem]


def test_every_need_has_a_template(service: Service) -> None:
    assert set(service.catalogue.templates) == set(Need)

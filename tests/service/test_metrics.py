"""What Prometheus is told: each metric counts what it says, labels are bounded, several workers are one service."""

import json
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from cards import Decision, Hook, Knowledge
from service.adjustable import CARD, KILL, SHADOW
from service.app import Parts
from service.chosen import Chosen
from service.errors import ServiceError
from service.exposition import families
from service.feedback import FeedbackEntry
from service.metrics import Counted, Metrics, reason_of
from service.registry import Registry
from service.resolver import Counts
from service.store import CallOutcome
from service.tallies import BUCKETS, Kind, Tally, snapshot
from tests.build_fixtures import FOLDER
from tests.conformance.bench import draft, fixture, treated
from tests.conftest import NOW
from tests.service.fhir.over_httpx import OverHttpx
from tests.service.registered import CALL, DISCOVERY, FEEDBACK, STRANGERS_KEY, bearer, client_of, registered_parts
from tests.service.running import Running, started

pytestmark = pytest.mark.anyio
PASSWORD = "correct horse battery"
OPERATOR = ("operator", PASSWORD)
Samples = dict[str, float]
ENTRY = {"outcome": "overridden", "outcomeTimestamp": "2026-11-20T12:00:00Z"}


def read(text: str) -> Samples:
    """Each sample by name and labels, as Prometheus' own parser understands the text."""
    return {
        f"{sample.name}{{{','.join(f'{name}={value}' for name, value in sorted(sample.labels.items()))}}}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def counted(samples: Samples) -> Samples:
    """What has happened at all, without times and processes."""
    unsteady = ("_seconds", "rls_cds_resident", "rls_cds_worker")
    return {name: value for name, value in samples.items() if value and not any(part in name for part in unsteady)}


class _Service:
    """The application with one registered client, and its metrics."""

    def __init__(self, client: httpx.AsyncClient, parts: Parts) -> None:
        self.client = client
        self.parts = parts

    async def post(self, body: Any, path: str = CALL, **more: Any) -> httpx.Response:
        return await self.client.post(path, json=body, headers=bearer(path.partition("?")[0]) | more)

    async def metrics(self) -> Samples:
        response = await self.client.get("/metrics", auth=OPERATOR)
        assert response.status_code == 200
        return read(response.text)

    async def after(self, *bodies: Any, path: str = CALL) -> Samples:
        for body in bodies:
            await self.post(body, path)
        return await self.metrics()


@pytest.fixture
async def begin(tmp_path: Path, knowledge: Knowledge) -> AsyncIterator[Callable[..., Any]]:
    async with AsyncExitStack() as stack:

        async def start(*lines: str, knows: Knowledge = knowledge, **settings: Any) -> _Service:
            parts = registered_parts(tmp_path, knows, *lines, operator_password=PASSWORD, **settings)
            stack.push_async_callback(parts.close)
            return _Service(await stack.enter_async_context(client_of(parts)), parts)

        yield start


@pytest.fixture
async def service(begin: Callable[..., Any]) -> _Service:
    return await begin()


async def test_a_call_is_counted_by_hook_outcome_and_client(service: _Service) -> None:
    samples = await service.after(treated(), treated())

    assert samples["rls_cds_calls_total{client=ehr,hook=patient-view,outcome=cards}"] == 2
    assert samples["rls_cds_requests_total{endpoint=call,status=200}"] == 2


async def test_a_call_without_a_card_is_counted_apart(service: _Service) -> None:
    samples = await service.after(fixture("patient-view-no-restless-legs"))

    assert samples["rls_cds_calls_total{client=ehr,hook=patient-view,outcome=no_card}"] == 1


async def test_what_may_come_is_there_with_a_zero(service: _Service) -> None:
    # The first failure of a year would be no increase, if its row came with it.
    samples = await service.metrics()

    for hook in Hook:
        for outcome in CallOutcome:
            assert samples[f"rls_cds_calls_total{{client=ehr,hook={hook},outcome={outcome}}}"] == 0
    for rule in service.parts.service.catalogue.rules:
        assert samples[f"rls_cds_failed_rules_total{{rule={rule.stem}}}"] == 0
    for name in ("store_dropped_calls", "operator_logins_refused"):
        assert samples.get(f"rls_cds_{name}_total{{}}", 0) == 0


async def test_the_time_of_a_call_is_in_its_bucket(service: _Service) -> None:
    samples = await service.after(treated())

    labels = "hook=patient-view,{}outcome=cards"
    count = samples[f"rls_cds_call_duration_seconds_count{{{labels.format('')}}}"]
    above = samples[f"rls_cds_call_duration_seconds_bucket{{{labels.format('le=+Inf,')}}}"]
    assert (count, above) == (1, 1)
    assert 0 < samples[f"rls_cds_call_duration_seconds_sum{{{labels.format('')}}}"] < 5


async def test_each_card_is_counted_by_topic(service: _Service) -> None:
    cards = (await service.post(treated())).json()["cards"]
    samples = await service.metrics()

    shown = {name: value for name, value in counted(samples).items() if name.startswith("rls_cds_cards_total")}
    topics = [card["source"]["topic"]["code"] for card in cards]
    assert topics
    assert shown == {f"rls_cds_cards_total{{hook=patient-view,shown=shown,topic={topic}}}": 1 for topic in topics}


async def test_a_card_in_shadow_is_counted_as_one(service: _Service) -> None:
    service.parts.controls.put(chosen=Chosen({(None, SHADOW): True}))
    samples = await service.after(treated())

    assert samples["rls_cds_cards_total{hook=patient-view,shown=shadow,topic=ironTreatAdult}"] == 1
    assert samples["rls_cds_cards_total{hook=patient-view,shown=shown,topic=ironTreatAdult}"] == 0
    assert samples["rls_cds_calls_total{client=ehr,hook=patient-view,outcome=shadow}"] == 1
    assert samples["rls_cds_card_topics_in_shadow{client=ehr}"] > 20


async def test_a_kill_switch_in_force_is_seen(service: _Service) -> None:
    before = await service.metrics()
    service.parts.controls.put(chosen=Chosen({("ehr", KILL): True}))
    samples = await service.after(treated())

    assert (before["rls_cds_cards_off{client=ehr}"], samples["rls_cds_cards_off{client=ehr}"]) == (0, 1)
    assert samples["rls_cds_calls_total{client=ehr,hook=patient-view,outcome=switched_off}"] == 1


async def test_a_card_that_is_off_is_seen(service: _Service) -> None:
    service.parts.controls.put(chosen=Chosen({(None, f"{CARD}ironTreatAdult"): "off"}))

    assert (await service.metrics())["rls_cds_card_topics_off{client=ehr}"] == 1


async def test_starved_rules_and_what_they_lacked(service: _Service) -> None:
    request = treated()
    request["prefetch"]["labs"] = {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}
    samples = await service.after(request)

    assert samples["rls_cds_starved_rules_total{rule=iron}"] == 1
    assert samples["rls_cds_evidence_problems_total{client=ehr,need=labs,standing=failed}"] == 1


async def test_a_rule_whose_card_fails_is_counted(service: _Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr("cards.catalogue.compose", broken)
    samples = await service.after(treated())

    assert samples["rls_cds_failed_rules_total{rule=iron}"] == 1


async def test_drugs_that_nobody_recognises(service: _Service) -> None:
    request = treated()
    order = {
        "resourceType": "MedicationRequest", "id": "m1", "status": "active", "intent": "order",
        "subject": {"reference": f"Patient/{request['context']['patientId']}"},
        "medicationCodeableConcept": {"text": "Zqxadine 5 mg"},
    }  # fmt: skip
    request["prefetch"]["medications"] = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": order}]}
    samples = await service.after(request)

    assert samples["rls_cds_unmapped_drugs_total{client=ehr}"] == 1


async def test_resources_of_another_patient(service: _Service) -> None:
    request = treated()
    request["prefetch"]["labs"]["entry"][0]["resource"]["subject"] = {"reference": "Patient/another"}
    samples = await service.after(request)

    assert samples["rls_cds_foreign_resources_total{client=ehr}"] == 1


def test_resources_that_nobody_can_read() -> None:
    decision = Decision(Hook.PATIENT_VIEW, NOW.date(), "0.1.0", "draft", unreadable=2)
    metrics = Metrics()
    metrics.answered(Counted("call", "ehr", 200, 0.01, "patient-view", CallOutcome.NO_CARD, None, decision))

    assert dict(metrics.unreadable.rows) == {("ehr",): [2.0]}


async def test_feedback_is_counted_once_it_is_kept(begin: Callable[..., Any], tmp_path: Path) -> None:
    service = await begin(store_url=f"sqlite:///{tmp_path}/store.sqlite")
    await service.post({"feedback": [ENTRY | {"card": "a"}, ENTRY | {"card": "b"}]}, FEEDBACK)
    await service.post(
        {"feedback": [ENTRY | {"outcome": "accepted", "card": "c", "acceptedSuggestions": []}]}, FEEDBACK
    )
    samples = await service.metrics()

    assert samples["rls_cds_feedback_total{client=ehr,outcome=overridden}"] == 2
    assert samples["rls_cds_feedback_total{client=ehr,outcome=accepted}"] == 1
    assert samples["rls_cds_requests_total{endpoint=feedback,status=200}"] == 2


async def test_feedback_that_cannot_be_kept_is_a_refusal(service: _Service) -> None:
    samples = await service.after({"feedback": [ENTRY | {"card": "a"}]}, path=FEEDBACK)

    assert samples["rls_cds_feedback_total{client=ehr,outcome=overridden}"] == 0
    assert samples["rls_cds_refusals_total{client=ehr,endpoint=feedback,reason=store_unavailable}"] == 1


async def test_refusals_are_counted_by_the_class_of_the_reason(service: _Service) -> None:
    await service.post(treated(), "/cds-services/other")
    await service.post({"hook": "patient-view"})
    await service.client.get(DISCOVERY)
    await service.client.get(DISCOVERY, headers=bearer(DISCOVERY, key=STRANGERS_KEY))
    samples = await service.metrics()

    refusals = {name: value for name, value in counted(samples).items() if "refusals" in name}
    assert refusals == {
        "rls_cds_refusals_total{client=ehr,endpoint=call,reason=unknown_service}": 1,
        "rls_cds_refusals_total{client=ehr,endpoint=call,reason=bad_request}": 1,
        "rls_cds_refusals_total{client=unknown,endpoint=discovery,reason=not_trusted}": 2,
    }
    assert samples["rls_cds_calls_total{client=ehr,hook=patient-view,outcome=refused}"] == 1


async def test_a_client_that_calls_too_often_is_named(begin: Callable[..., Any]) -> None:
    service = await begin(rate_per_second=0.01, rate_burst=1)
    samples = await service.after(treated(), treated())

    assert samples["rls_cds_refusals_total{client=ehr,endpoint=call,reason=too_many_calls}"] == 1


async def test_one_call_too_many_at_once_is_told_from_a_deadline(begin: Callable[..., Any]) -> None:
    service = await begin(max_calls=1)
    with service.parts.service.door.place():
        samples = await service.after(treated())

    assert samples["rls_cds_refusals_total{client=unknown,endpoint=call,reason=too_many_at_once}"] == 1


async def test_an_internal_error_is_a_failed_call(service: _Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.routes.gather", None)
    samples = await service.after(treated())

    assert samples["rls_cds_calls_total{client=ehr,hook=patient-view,outcome=failed}"] == 1
    assert samples["rls_cds_refusals_total{client=ehr,endpoint=call,reason=internal_error}"] == 1


def _all_errors(kind: type[ServiceError] = ServiceError) -> Iterator[type[ServiceError]]:
    for below in kind.__subclasses__():
        yield below
        yield from _all_errors(below)


def test_every_reason_is_a_plain_word() -> None:
    reasons = {reason_of(kind.__new__(kind)) for kind in _all_errors()}

    assert {"not_trusted", "too_many_calls", "evidence_unavailable", "overloaded", "wrong_hook"} <= reasons
    assert [reason for reason in reasons if not re.fullmatch("[a-z_]+", reason)] == []


# --- FHIR --------------------------------------------------------------------------------------------------------------

EHR = "https://fhir.example.org/r4"


async def by_fhir(service: _Service, status: int | Exception, **more: Any) -> Samples:
    """Metrics after one call without prefetch, to an EHR that answers so."""

    def answer(_request: httpx.Request) -> httpx.Response:
        if isinstance(status, Exception):
            raise status
        return httpx.Response(status, **more)

    http = OverHttpx(httpx.AsyncClient(transport=httpx.MockTransport(answer)))
    service.parts._fhir._factory = lambda _reach: http
    return await service.after(treated() | {"prefetch": {}, "fhirServer": EHR, "fhirAuthorization": {}})


@pytest.mark.parametrize(
    ("status", "result", "requests"),
    [
        (404, "client_error", 1),
        (500, "server_error", 2),
        (302, "server_error", 1),
        (aiohttp.ClientConnectionError("x"), "unreachable", 2),
    ],
)
async def test_requests_to_the_ehr_by_their_result(
    begin: Callable[..., Any], status: Any, result: str, requests: int
) -> None:
    service = await begin(f'fhir_servers = ["{EHR}"]')
    samples = await by_fhir(service, status)

    found = {name: value for name, value in counted(samples).items() if name.startswith("rls_cds_fhir_requests")}
    assert found == {f"rls_cds_fhir_requests_total{{client=ehr,result={result}}}": requests}
    assert samples["rls_cds_fhir_request_duration_seconds_count{client=ehr}"] == requests
    assert samples["rls_cds_refusals_total{client=ehr,endpoint=call,reason=evidence_unavailable}"] == 1


async def test_an_answer_of_the_ehr_is_counted_as_ok(begin: Callable[..., Any]) -> None:
    service = await begin(f'fhir_servers = ["{EHR}"]')
    empty = {"resourceType": "Bundle", "type": "searchset", "entry": []}
    samples = await by_fhir(service, 200, json=empty)

    assert samples["rls_cds_fhir_requests_total{client=ehr,result=ok}"] == 1


async def test_an_answer_that_is_no_fhir_is_unusable(begin: Callable[..., Any]) -> None:
    service = await begin(f'fhir_servers = ["{EHR}"]')
    samples = await by_fhir(service, 200, html="<p>log in</p>")

    assert samples["rls_cds_fhir_requests_total{client=ehr,result=unusable}"] == 1


# --- what is so at this moment -----------------------------------------------------------------------------------------


async def test_knowledge_and_terminology_are_named(service: _Service, knowledge: Knowledge) -> None:
    samples = await service.metrics()

    labels = f"digest={knowledge.digest},market=us,status=draft,terminology=built-in,version={knowledge.version}"
    assert samples[f"rls_cds_knowledge_info{{{labels}}}"] == 1


async def test_review_dates(begin: Callable[..., Any], knowledge: Knowledge) -> None:
    name, review = next(iter(knowledge.reviews.items()))
    overdue = replace(knowledge, reviews={name: replace_review(review, "2026-01-31")})
    samples = await (await begin(knows=overdue)).metrics()

    due = samples["rls_cds_review_by_timestamp_seconds{}"]
    assert samples["rls_cds_review_overdue_files{}"] == 1
    assert datetime.fromtimestamp(due, UTC) == datetime(2026, 1, 31, tzinfo=UTC)


def replace_review(review: Any, review_by: str) -> Any:
    """The review with another date, whatever kind of struct it is."""
    return type(review)(**{name: getattr(review, name) for name in review.__struct_fields__} | {"review_by": review_by})


async def test_calls_in_flight(service: _Service) -> None:
    with service.parts.service.door.place():
        samples = await service.metrics()

    assert samples["rls_cds_calls_in_flight{}"] == 1
    assert samples["rls_cds_calls_in_flight_limit{}"] == 64


async def test_the_store_and_its_queue(begin: Callable[..., Any], tmp_path: Path) -> None:
    service = await begin(store_url=f"sqlite:///{tmp_path}/store.sqlite")
    await service.post(treated())
    deadline = time.monotonic() + 10
    while not (samples := await service.metrics())["rls_cds_store_written_calls_total{}"]:
        assert time.monotonic() < deadline

    names = ("up", "queue_calls", "queue_limit", "written_calls_total", "dropped_calls_total")
    assert [samples[f"rls_cds_store_{name}{{}}"] for name in names] == [1, 0, 10_000, 1, 0]


async def test_codes_asked_of_rxnav(begin: Callable[..., Any], tmp_path: Path) -> None:
    service = await begin(rxnav=True, rxnav_cache=tmp_path / "rxnav.sqlite")
    service.parts._unknown.resolver.counts = Counts(learned=3, unknown=2, failed=1)
    samples = await service.metrics()

    found = {result: samples[f"rls_cds_rxnav_codes_total{{result={result}}}"] for result in Counts._fields}
    assert found == {"learned": 3, "unknown": 2, "failed": 1}


async def test_without_a_store_there_is_no_row_of_one(service: _Service) -> None:
    assert [name for name in await service.metrics() if name.startswith("rls_cds_store")] == []


async def test_keys_by_client(service: _Service) -> None:
    assert (await service.metrics())["rls_cds_client_keys{client=ehr}"] == 1


async def test_a_client_that_was_let_go_has_no_gauge_any_more(service: _Service) -> None:
    service.parts.registry.current = Registry()

    assert [name for name in await service.metrics() if name.startswith("rls_cds_client_keys")] == []


async def test_wrong_logins_are_counted(service: _Service) -> None:
    await service.client.get("/metrics", auth=("operator", "wrong"))

    assert (await service.metrics())["rls_cds_operator_logins_refused_total{}"] == 1


async def test_nobody_else_sees_metrics(service: _Service) -> None:
    refused = await service.client.get("/metrics")
    as_client = await service.client.get("/metrics", headers=bearer("/metrics"))

    assert (refused.status_code, as_client.status_code) == (401, 401)
    assert "rls_cds" not in refused.text + as_client.text


async def test_openmetrics_is_spoken_where_it_is_asked_for(service: _Service) -> None:
    accept = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
    response = await service.client.get("/metrics", auth=OPERATOR, headers=accept)

    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")


# --- labels ------------------------------------------------------------------------------------------------------------


async def test_nothing_that_is_sent_gets_into_a_label(service: _Service) -> None:
    before = set(await service.metrics())
    for path in sorted((FOLDER / "requests").glob("*.json"))[:12]:
        request = json.loads(path.read_text(encoding="utf-8"))
        request["context"]["patientId"] = request["hookInstance"] = "zqxpatient"
        await service.post(request, f"/cds-services/rls-{request['hook']}")
        await service.post(request | {"hook": "zqxhook"})
        await service.post(request, "/cds-services/zqxservice")
    await service.post({"feedback": [ENTRY | {"card": "zqxcard", "outcome": "zqxoutcome"}]}, FEEDBACK)
    await service.client.get(DISCOVERY, headers=bearer(DISCOVERY, iss="https://zqxissuer.example"))
    after = await service.metrics()

    assert len(set(after) - before) > 10
    assert [name for name in after if "zqx" in name] == []


async def test_the_number_of_rows_does_not_grow_with_the_calls(service: _Service) -> None:
    first = len(await service.after(treated(), draft(), path=CALL))
    again = len(await service.after(*[treated() for _ in range(20)]))

    assert again == first


# --- several workers ---------------------------------------------------------------------------------------------------


def test_counters_add_up_gauges_as_they_say() -> None:
    tallies = [Tally.of(kind, f"m_{kind.name.lower()}", "text") for kind in Kind]
    shots = []
    for value in (2.0, 5.0):
        for tally in tallies:
            tally.rows.clear()
            if tally.kind is Kind.HISTOGRAM:
                tally.observe((), value / 1000)
            else:
                tally.set((), value)
        shots.append(snapshot(tallies))
    told = {sample.name: sample.value for family in families(tallies, shots) for sample in family.samples}

    assert (told["m_counter_total"], told["m_total"], told["m_highest"], told["m_lowest"]) == (7, 7, 5, 2)
    assert told["m_histogram_count"] == 2
    assert told["m_histogram_sum"] == pytest.approx(0.007)


@pytest.mark.parametrize(("seconds", "le"), [(0.001, 0.001), (0.0011, 0.002), (5.0, 5.0), (5.1, float("inf"))])
def test_a_bucket_ends_with_its_bound(seconds: float, le: float) -> None:
    tally = Tally.of(Kind.HISTOGRAM, "m", "text")
    tally.observe((), seconds)
    (family,) = families([tally], [snapshot([tally])])

    first = next(one for one in family.samples if one.name == "m_bucket" and one.value)
    assert float(first.labels["le"]) == le


def test_buckets_fit_one_millisecond_to_five_seconds() -> None:
    assert (BUCKETS[0], BUCKETS[-1]) == (0.001, 5.0)
    assert list(BUCKETS) == sorted(set(BUCKETS))


def test_a_row_of_another_version_of_the_program_is_left_out() -> None:
    tally = Tally.of(Kind.COUNTER, "m", "text", "client")

    assert tally.merged([(("a",), [1.0])], [(("a",), [1.0, 2.0]), (("b",), [3.0])]) == {("a",): [1.0], ("b",): [3.0]}


def test_feedback_of_all_outcomes_is_counted() -> None:
    metrics = Metrics()
    metrics.kept([FeedbackEntry("c", "accepted", NOW), FeedbackEntry("c", "overridden", NOW)], "ehr")

    assert dict(metrics.feedbacks.rows) == {("ehr", "accepted"): [1.0], ("ehr", "overridden"): [1.0]}


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("two")
    with started(folder, "--workers", "2", operator_password=PASSWORD) as running:
        yield running


def until(running: Running, holds: Callable[[Samples], bool]) -> Samples:
    """The metrics, once they are as expected; another worker may be a second behind."""
    deadline = time.monotonic() + 40
    while True:
        samples = read(running.get("/metrics", auth=OPERATOR).text)
        if holds(samples):
            return samples
        assert time.monotonic() < deadline, counted(samples)
        time.sleep(0.1)


CALLS = "rls_cds_calls_total{client=development,hook=patient-view,outcome=cards}"


def calls(running: Running, count: int) -> None:
    for _ in range(count):
        response = httpx.post(running.url + CALL, json=treated(), trust_env=False, timeout=10)
        assert response.status_code == 200


def test_two_workers_are_one_service_and_a_killed_one_takes_no_counts_along(two_workers: Running) -> None:
    until(two_workers, lambda samples: samples["rls_cds_workers{}"] == 2)
    calls(two_workers, 30)
    # From either worker the same sum.
    for _ in range(10):
        until(two_workers, lambda samples: samples[CALLS] == 30)
    os.kill(min(two_workers.workers()), signal.SIGKILL)
    after = until(two_workers, lambda samples: samples["rls_cds_worker_starts_total{}"] == 3)
    live = until(two_workers, lambda samples: samples["rls_cds_workers{}"] == 2)

    assert (after[CALLS], live[CALLS]) == (30, 30)
    assert live["rls_cds_calls_in_flight_limit{}"] == 128

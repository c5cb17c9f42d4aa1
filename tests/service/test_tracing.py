"""Traces: what spans a call leaves, that nothing of a patient is in them, and that off they cost nothing."""

import gzip
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from cards import Knowledge
from service.app import Parts, TracingNotInstalled, create_app
from service.settings import Settings
from service.spans import Spans
from tests.conformance.bench import treated
from tests.conftest import NOW
from tests.service.fhir.over_httpx import OverHttpx
from tests.service.registered import CALL, FEEDBACK, bearer, client_of, registered_parts
from tests.service.running import free_port, started
from tests.service.test_privacy import MARKS, feedback, hostile, marked, ordinary, traces

pytestmark = pytest.mark.anyio
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ROOT = Path(__file__).parents[2]
EHR = "https://fhir.example.org/r4"
EMPTY = {"resourceType": "Bundle", "type": "searchset", "entry": []}


class _Traced:
    """The application with one registered client, whose spans are kept."""

    def __init__(self, client: httpx.AsyncClient, parts: Parts, kept: InMemorySpanExporter) -> None:
        self.client = client
        self.parts = parts
        self._kept = kept

    async def post(self, body: Any, path: str = CALL, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        json_ = {"content-type": "application/json"}
        return await self.client.post(path, content=content, headers=json_ | bearer(path.partition("?")[0]) | headers)

    def spans(self) -> list[ReadableSpan]:
        tracer = self.parts.tracer
        assert isinstance(tracer, Spans)
        assert tracer._provider is not None
        tracer._provider.force_flush()
        return list(self._kept.get_finished_spans())

    def named(self, name: str) -> ReadableSpan:
        return next(span for span in self.spans() if span.name == name)

    def answers_fhir(self, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        http = OverHttpx(httpx.AsyncClient(transport=httpx.MockTransport(answer)))
        self.parts._fhir._factory = lambda _reach: http


@pytest.fixture
async def begin(
    tmp_path: Path, knowledge: Knowledge, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., Any]]:
    kept = InMemorySpanExporter()
    monkeypatch.setattr("service.spans.exporter", lambda _url: kept)
    async with AsyncExitStack() as stack:

        async def start(*lines: str, share: float = 1.0, **settings: Any) -> _Traced:
            on: dict[str, Any] = {"tracing_url": "http://collector.example:4318/v1/traces", "tracing_sample": share}
            parts = registered_parts(tmp_path, knowledge, f'fhir_servers = ["{EHR}"]', *lines, **(on | settings))
            assert parts.tracer
            parts.tracer.open()
            stack.push_async_callback(parts.close)
            return _Traced(await stack.enter_async_context(client_of(parts)), parts, kept)

        yield start


@pytest.fixture
async def traced(begin: Callable[..., Any]) -> _Traced:
    return await begin()


def parent_of(span: ReadableSpan) -> str | None:
    return f"{span.parent.span_id:016x}" if span.parent else None


def id_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.span_id:016x}"


async def test_a_call_leaves_a_span_with_its_steps_inside(traced: _Traced) -> None:
    await traced.post(treated())

    spans = {span.name: span for span in traced.spans()}
    assert set(spans) == {"call", "gather", "decide"}
    assert (spans["call"].kind, parent_of(spans["call"])) == (SpanKind.SERVER, None)
    assert {parent_of(spans[name]) for name in ("gather", "decide")} == {id_of(spans["call"])}


async def test_the_span_of_a_call_says_what_came_of_it(traced: _Traced, knowledge: Knowledge) -> None:
    await traced.post(treated())

    assert dict(traced.named("call").attributes or {}) == {
        "rls_cds.service": "rls-patient-view",
        "rls_cds.client": "ehr",
        "rls_cds.status": 200,
        "rls_cds.fhir_calls": 0,
        "rls_cds.knowledge": f"{knowledge.version}+{knowledge.digest}",
        "rls_cds.cards": 1,
        "rls_cds.outcome": "cards",
    }


async def test_steps_lie_within_the_call_and_one_after_the_other(traced: _Traced) -> None:
    before = time.time_ns()
    await traced.post(treated())
    after = time.time_ns()

    spans = {span.name: span for span in traced.spans()}
    moments = [before, spans["call"].start_time, spans["gather"].start_time, spans["gather"].end_time]
    moments += [spans["decide"].start_time, spans["decide"].end_time, spans["call"].end_time, after]
    # Two clocks are compared, of which one may be slewed: a millisecond is nothing here.
    assert all(one <= other + 1_000_000 for one, other in pairwise(moments))


async def test_requests_to_the_ehr_are_spans_within_gathering(traced: _Traced) -> None:
    traced.answers_fhir(lambda _request: httpx.Response(200, json=EMPTY))
    await traced.post(treated() | {"prefetch": {}, "fhirServer": EHR})

    fhir = traced.named("fhir Condition")
    assert (fhir.kind, parent_of(fhir)) == (SpanKind.CLIENT, id_of(traced.named("gather")))
    assert dict(fhir.attributes or {}) == {"http.request.method": "GET", "rls_cds.result": "ok"}


async def test_a_request_that_failed_is_seen(traced: _Traced) -> None:
    traced.answers_fhir(lambda _request: httpx.Response(404))
    response = await traced.post(treated() | {"prefetch": {}, "fhirServer": EHR})

    fhir, call = traced.named("fhir Condition"), traced.named("call")
    assert response.status_code == 412
    assert (fhir.status.status_code, (fhir.attributes or {})["rls_cds.result"]) == (StatusCode.ERROR, "client_error")
    assert (call.attributes or {})["rls_cds.refusal"] == "evidence_unavailable"
    assert (call.attributes or {})["rls_cds.fhir_calls"] == 1


async def test_only_a_fault_of_ours_is_an_error(traced: _Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    await traced.post({"hook": "patient-view"})
    refused = traced.named("call").status.status_code
    monkeypatch.setattr("service.routes.gather", None)
    await traced.post(treated())
    last = [span for span in traced.spans() if span.name == "call"][-1]

    assert (refused, last.status.status_code) == (StatusCode.UNSET, StatusCode.ERROR)
    assert (last.status.description, last.events) == (None, ())


async def test_writes_to_the_store_are_spans(begin: Callable[..., Any], tmp_path: Path) -> None:
    traced = await begin(store_url=f"sqlite:///{tmp_path}/store.sqlite")
    entry = {"card": "a", "outcome": "overridden", "outcomeTimestamp": "2026-11-20T12:00:00Z"}
    await traced.post(treated())
    await traced.post({"feedback": [entry]}, FEEDBACK)
    deadline = time.monotonic() + 10
    while not any(span.name == "store.write" for span in traced.spans()):
        assert time.monotonic() < deadline

    write, keep, told = (traced.named(name) for name in ("store.write", "store.keep", "feedback"))
    assert ((write.attributes or {})["rls_cds.calls"], parent_of(write)) == (1, None)
    assert parent_of(keep) == id_of(told)


async def test_a_batch_that_could_not_be_written_is_an_error(traced: _Traced) -> None:
    assert traced.parts.tracer
    traced.parts.tracer.wrote(7, time.perf_counter(), failed=True)

    write = traced.named("store.write")
    assert ((write.attributes or {})["rls_cds.calls"], write.status.status_code) == (7, StatusCode.ERROR)


async def test_the_callers_span_is_the_parent(traced: _Traced) -> None:
    await traced.post(treated(), traceparent=f"00-{TRACE}-{PARENT}-01")

    call = traced.named("call")
    assert call.context is not None
    assert (f"{call.context.trace_id:032x}", parent_of(call)) == (TRACE, PARENT)


@pytest.mark.parametrize(
    "traceparent",
    [
        "zqxname",
        f"00-{TRACE}-{PARENT}",
        f"01-{TRACE}-{PARENT}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{PARENT}-01-zqxname",
        f"00-{TRACE}-{PARENT}-01\u00e9".encode().decode("latin-1"),
    ],
)
async def test_what_is_no_traceparent_begins_a_trace_of_its_own(traced: _Traced, traceparent: str) -> None:
    response = await traced.post(treated(), traceparent=traceparent.encode("latin-1"))  # type: ignore[arg-type]

    assert response.status_code == 200
    assert traced.named("call").parent is None


async def test_nothing_else_is_taken_from_the_caller(traced: _Traced) -> None:
    more = {"tracestate": "zqx=zqxname", "baggage": "patient=zqxname", "traceparent": f"00-{TRACE}-{PARENT}-01"}
    await traced.post(treated(), **more)

    (call,) = [span for span in traced.spans() if span.name == "call"]
    assert call.context is not None
    assert dict(call.context.trace_state) == {}
    assert "zqx" not in call.to_json()


async def test_the_caller_does_not_decide_what_is_kept(begin: Callable[..., Any]) -> None:
    traced = await begin(share=0.0)
    await traced.post(treated(), traceparent=f"00-{TRACE}-{PARENT}-01")

    assert traced.spans() == []


async def test_calls_side_by_side_keep_their_requests_apart(traced: _Traced) -> None:
    traced.answers_fhir(lambda _request: httpx.Response(200, json=EMPTY))
    async with anyio.create_task_group() as several:
        for _ in range(5):
            several.start_soon(traced.post, treated() | {"prefetch": {}, "fhirServer": EHR})

    gathers = [id_of(span) for span in traced.spans() if span.name == "gather"]
    owners = [parent_of(span) for span in traced.spans() if span.name == "fhir Condition"]
    assert sorted(gathers) == sorted(str(owner) for owner in owners)


async def test_no_span_holds_anything_of_a_patient(begin: Callable[..., Any], tmp_path: Path) -> None:
    traced = await begin(store_url=f"sqlite:///{tmp_path}/store.sqlite", rate_burst=100_000)

    def answer(request: httpx.Request) -> httpx.Response:
        # The EHR repeats what it was asked, and has patients of its own.
        return httpx.Response(
            500 if "Observation" in str(request.url) else 200, json=marked(EMPTY), headers={"x": "zqx"}
        )

    traced.answers_fhir(answer)
    for path, body in (*ordinary(), *hostile()):
        await traced.post(body, path)
    for path, body in ordinary():
        request = json.loads(body) | {"prefetch": {}, "fhirServer": EHR}
        await traced.post(request, path, traceparent="zqxname", tracestate="zqx=zqxname", baggage="zqx=zqxname")
    for body in feedback():
        await traced.post(body, FEEDBACK)
    spans = traced.spans()

    assert len(spans) > 300
    assert {"call", "feedback", "gather", "decide", "fhir Condition", "store.keep"} <= {span.name for span in spans}
    assert MARKS
    assert [span.name for span in spans if traces(span.to_json())] == []


class _Collector:
    """Takes what an exporter sends, on a port of this machine."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.spans: list[str] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                plain = gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
                sent = ExportTraceServiceRequest.FromString(plain)
                collector.paths.append(self.path)
                for resource in sent.resource_spans:
                    collector.spans.extend(span.name for scope in resource.scope_spans for span in scope.spans)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/traces"


@pytest.fixture
def collector() -> Iterator[_Collector]:
    made = _Collector()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def test_a_running_service_sends_its_spans_and_the_last_ones_before_it_ends(
    tmp_path: Path, collector: _Collector
) -> None:
    with started(tmp_path, tracing_url=collector.url, tracing_sample=1) as running:
        status = httpx.post(running.url + CALL, json=treated(), trust_env=False).status_code
        running.end()

    assert (status, set(collector.paths)) == (200, {"/v1/traces"})
    assert sorted(collector.spans) == ["call", "decide", "gather"]


async def test_a_collector_that_is_away_costs_no_call_and_no_end(
    tmp_path: Path, knowledge: Knowledge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.spans._LONGEST_EXPORT_S", 0.2)
    away = {"tracing_url": f"http://127.0.0.1:{free_port()}/v1/traces", "tracing_sample": 1.0}
    parts = registered_parts(tmp_path, knowledge, **away)
    await parts.open()
    async with client_of(parts) as client:
        answers = [await client.post(CALL, json=treated(), headers=bearer(CALL)) for _ in range(3)]
    await parts.close()

    assert [answer.status_code for answer in answers] == [200, 200, 200]


# --- off ---------------------------------------------------------------------------------------------------------------


def run(program: str, **environ: str) -> str:
    """The last line that a program prints in a process of its own."""
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ | environ, cwd=ROOT
    )
    return told.stdout.splitlines()[-1]


def test_off_nothing_that_makes_or_sends_spans_is_loaded() -> None:
    # FastAPI itself imports the interface (opentelemetry-api), and nothing behind it.
    program = """
import sys
from service.app import create_app
from service.settings import Settings
create_app(Settings(store_url="off"))
print([name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter", "service.spans"))])
"""

    assert run(program) == "[]"


def test_what_the_web_framework_would_trace_by_itself_stays_off() -> None:
    # Its own spans and log records hold paths and the texts of exceptions.
    program = """
import asyncio, httpx
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from service.app import Parts, create_app
from service.settings import Settings
kept = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(kept))
trace.set_tracer_provider(provider)

async def main():
    parts = Parts(Settings(store_url="off"))
    transport = httpx.ASGITransport(app=create_app(parts=parts))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        await client.get("/cds-services")
        await client.post("/cds-services/rls-patient-view?patient=zqx", json={})
    await parts.close()

asyncio.run(main())
print(len(kept.get_finished_spans()))
"""

    assert run(program, FASTAPI_OTEL_AUTO_CONFIGURE="true", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9") == "0"


async def test_off_is_the_default(parts: Parts) -> None:
    assert parts.tracer is None
    assert parts.service.tracer is None


def test_tracing_that_is_not_installed_says_what_to_do(knowledge: Knowledge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    monkeypatch.delitem(sys.modules, "service.spans", raising=False)
    settings = Settings(store_url="off", tracing_url="http://localhost:4318/v1/traces")

    with pytest.raises(TracingNotInstalled, match=r"pip install 'rls-cds\[tracing\]'"):
        Parts(settings, now=lambda: NOW, knowledge=knowledge)


async def test_building_the_application_starts_nothing(knowledge: Knowledge) -> None:
    parts = Parts(Settings(store_url="off", tracing_url="http://localhost:9"), now=lambda: NOW, knowledge=knowledge)
    create_app(parts=parts)

    assert isinstance(parts.tracer, Spans)
    assert parts.tracer._provider is None
    await parts.close()

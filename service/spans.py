"""Spans of OpenTelemetry, made by hand: once a request is answered, from what was noted of it meanwhile."""

import re
import time
from collections.abc import Callable
from contextvars import ContextVar

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import (
    NonRecordingSpan,
    NoOpTracer,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)

from service import __version__
from service.fhir_queries import Query
from service.tracing import Step, Traced

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}", re.ASCII)
# A URL holds ids of patients: of it only a type that is written here gets into a span.
_TYPES = re.compile(
    r"/(AllergyIntolerance|Condition|Device|Encounter|Medication|MedicationRequest|MedicationStatement|Observation"
    r"|Patient|Procedure|ServiceRequest)(?:[/?]|$)"
)
_LONGEST_EXPORT_S = 5
_Fhir = tuple[str, str, str, float, float]
_noted: ContextVar[list[_Fhir] | None] = ContextVar("fhir_requests", default=None)


def exporter(url: str) -> SpanExporter:
    """Sends to a collector that speaks OTLP over HTTP."""
    return OTLPSpanExporter(endpoint=url, timeout=_LONGEST_EXPORT_S)


class Spans:
    """The `Tracer` of a service that is traced.

    `share` of the traces are kept, by their id: our own choice, whatever the caller's flag says. Neither `tracestate`
    nor baggage of the caller is read: anything could stand there.
    """

    def __init__(self, sink: Callable[[], SpanExporter], *, share: float) -> None:
        self._sink = sink
        self._share = share
        self._provider: TracerProvider | None = None
        self._tracer: Tracer = NoOpTracer()

    def open(self) -> None:
        """Begin to send, in a thread of the SDK's own."""
        self._provider = TracerProvider(
            sampler=TraceIdRatioBased(self._share),
            resource=Resource({SERVICE_NAME: "rls-cds", SERVICE_VERSION: __version__}),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(self._sink()))
        self._tracer = self._provider.get_tracer("rls_cds", __version__)

    def begin(self) -> None:
        """A request is being answered in this context."""
        _noted.set([])

    def fhir(self, query: Query, result: str, started: float) -> None:
        """Note one request to a FHIR server."""
        noted = _noted.get()
        if noted is not None:
            found = _TYPES.search(query.url)
            noted.append((found[1] if found else "other", query.method, result, started, time.perf_counter()))

    def ended(self, call: Traced, attributes: dict[str, str | int], *, failed: bool, traceparent: str | None) -> None:
        """Make the spans of a request: itself, its steps, and its FHIR requests within the step of gathering."""
        clock = _Clock()
        root = self._tracer.start_span(
            call.endpoint,
            context=_parent(traceparent),
            kind=SpanKind.SERVER,
            attributes={f"rls_cds.{name}": value for name, value in attributes.items()},
            start_time=clock.at(call.started),
        )
        if root.is_recording():
            self._steps(set_span_in_context(root), call.steps, clock)
            if failed:
                # Without a description: the text of an error is for the log.
                root.set_status(Status(StatusCode.ERROR))
        root.end(clock.now)
        _noted.set(None)

    def wrote(self, calls: int, started: float, *, failed: bool) -> None:
        """A trace of its own: a batch belongs to many requests."""
        clock = _Clock()
        span = self._tracer.start_span(
            "store.write", context=Context(), start_time=clock.at(started), attributes={"rls_cds.calls": calls}
        )
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end(clock.now)

    def close(self) -> None:
        """Send what is left."""
        if self._provider:
            self._provider.force_flush(_LONGEST_EXPORT_S * 1000)
            self._provider.shutdown()

    def _steps(self, context: Context, steps: list[Step], clock: "_Clock") -> None:
        for name, started, ended in steps:
            span = self._tracer.start_span(name, context=context, start_time=clock.at(started))
            if name == "gather":
                self._fhir_requests(span, clock)
            span.end(clock.at(ended))

    def _fhir_requests(self, gather: Span, clock: "_Clock") -> None:
        context = set_span_in_context(gather)
        for kind, method, result, started, ended in _noted.get() or ():
            span = self._tracer.start_span(
                f"fhir {kind}",
                context=context,
                kind=SpanKind.CLIENT,
                start_time=clock.at(started),
                attributes={"http.request.method": method, "rls_cds.result": result},
            )
            if result != "ok":
                span.set_status(Status(StatusCode.ERROR))
            span.end(clock.at(ended))


class _Clock:
    """Times of `perf_counter` as nanoseconds since the epoch."""

    def __init__(self) -> None:
        self.now = time.time_ns()
        self._counter = time.perf_counter()

    def at(self, counter: float) -> int:
        return self.now - int((self._counter - counter) * 1e9)


def _parent(traceparent: str | None) -> Context:
    """The caller's span as a parent, where it names one in the form of W3C Trace Context level 1; else a new trace."""
    named = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if named is None:
        return Context()
    ids = SpanContext(int(named[1], 16), int(named[2], 16), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return set_span_in_context(NonRecordingSpan(ids), Context())

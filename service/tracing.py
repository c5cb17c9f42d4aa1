"""Traces of calls, where they are wanted: what routes and rooms tell of a call, and whether anybody listens.

Off, nothing of OpenTelemetry is loaded and a call asks once whether it is on.
"""

from typing import Protocol

from service.fhir_queries import Query

# What a call did, from and to by `perf_counter`, in seconds.
Step = tuple[str, float, float]


class Traced(Protocol):
    """What a span says of a request: words of our own and numbers, never what the request held."""

    @property
    def endpoint(self) -> str:
        """Discovery, call or feedback."""

    @property
    def started(self) -> float:
        """By `perf_counter`, in seconds."""

    @property
    def steps(self) -> list[Step]:
        """What was done, in order."""


class Tracer(Protocol):
    """Who makes spans. Nothing here raises, nothing waits for the network."""

    def open(self) -> None:
        """Begin to send."""

    def begin(self) -> None:
        """A request is being answered in this context."""

    def fhir(self, query: Query, result: str, started: float) -> None:
        """One request to a FHIR server is over; it belongs to the request that began in this context."""

    def ended(self, call: Traced, attributes: dict[str, str | int], *, failed: bool, traceparent: str | None) -> None:
        """The request is answered. `traceparent` (W3C) names a parent and nothing else."""

    def wrote(self, calls: int, started: float, *, failed: bool) -> None:
        """A batch of answered calls was written to the store, or not."""

    def close(self) -> None:
        """Send what is left; blocks for some seconds at most."""

"""What Prometheus may know of the service: the metrics by name, and where each call is counted.

Labels hold words of our own only: names of the registry, of hooks, topics, rules and needs, and classes of outcomes. So
their number is bounded, and nothing that a request holds can get into one.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cards import Catalogue, Decision, Hook, Result, Standing
from service.errors import ServiceError
from service.feedback import FeedbackEntry
from service.store import CallOutcome
from service.tallies import Kind, Snapshot, Tally, snapshot

FHIR_RESULTS = ("ok", "client_error", "server_error", "unreachable", "unusable", "given_up")
ENDPOINTS = ("discovery", "call", "feedback")
# What is wrong with evidence that came. What was never asked for is no fault: without RLS that is nearly everything.
_FAULTY = frozenset({Standing.FAILED, Standing.INCOMPLETE, Standing.FOREIGN})
# Looked up here: a member of an Enum is found a good deal more slowly than a name.
_STARVED, _FAILED = Result.STARVED, Result.FAILED
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(slots=True)
class Counted:
    """One answered request, as far as it is counted. `hook` only for calls; `refusal` a class of `errors.py`."""

    endpoint: str
    client: str
    status: int
    seconds: float
    hook: str | None = None
    outcome: CallOutcome | None = None
    refusal: str | None = None
    decision: Decision | None = None


class Metrics:
    """All counts of this process. Everything here is called from the event loop; nothing raises, nothing waits."""

    def __init__(self) -> None:
        self.requests = Tally.of(
            Kind.COUNTER, "rls_cds_requests", "Requests by endpoint and HTTP status.", "endpoint", "status"
        )
        self.calls = Tally.of(
            Kind.COUNTER, "rls_cds_calls", "Hook calls by hook, outcome and client.", "hook", "outcome", "client"
        )
        self.durations = Tally.of(
            Kind.HISTOGRAM, "rls_cds_call_duration_seconds", "Time to answer a hook call.", "hook", "outcome"
        )
        self.refusals = Tally.of(
            Kind.COUNTER, "rls_cds_refusals", "Requests that were refused, by the class of the reason.",
            "endpoint", "reason", "client",
        )  # fmt: skip
        self.cards = Tally.of(
            Kind.COUNTER, "rls_cds_cards", "Cards by hook and topic; shown, or in shadow: decided and not shown.",
            "hook", "topic", "shown",
        )  # fmt: skip
        self.starved = Tally.of(
            Kind.COUNTER, "rls_cds_starved_rules", "Times that a rule lacked evidence that it requires.", "rule"
        )
        self.failed = Tally.of(
            Kind.COUNTER, "rls_cds_failed_rules", "Times that a rule or its card failed by a fault of ours.", "rule"
        )
        self.evidence = Tally.of(
            Kind.COUNTER, "rls_cds_evidence_problems",
            "Evidence that was asked for and failed, came incomplete or was of another patient.",
            "need", "standing", "client",
        )  # fmt: skip
        self.unmapped = Tally.of(
            Kind.COUNTER, "rls_cds_unmapped_drugs", "Drugs that were recognised by neither code nor name.", "client"
        )
        self.unreadable = Tally.of(
            Kind.COUNTER, "rls_cds_unreadable_resources", "FHIR resources that could not be read.", "client"
        )
        self.foreign = Tally.of(
            Kind.COUNTER, "rls_cds_foreign_resources", "Evidence that was of another patient, and put aside.", "client"
        )
        self.fhir = Tally.of(
            Kind.COUNTER, "rls_cds_fhir_requests", "Requests to FHIR servers by their result.", "client", "result"
        )
        self.fhir_durations = Tally.of(
            Kind.HISTOGRAM, "rls_cds_fhir_request_duration_seconds", "Time of a request to a FHIR server.", "client"
        )
        self.feedbacks = Tally.of(
            Kind.COUNTER, "rls_cds_feedback", "Entries of feedback that were kept.", "client", "outcome"
        )
        self.others: list[Tally] = []
        self._expected: set[str] = set()

    @property
    def tallies(self) -> Iterable[Tally]:
        """All metrics, in the order in which they are shown."""
        own = (one for one in vars(self).values() if isinstance(one, Tally))
        return (*own, *self.others)

    def snapshot(self) -> Snapshot:
        """The numbers of this process."""
        return snapshot(self.tallies)

    def expect(self, catalogue: Catalogue) -> None:
        """Rows with a zero for what may come: without them the first event of a kind is no increase to Prometheus."""
        for rule in catalogue.rules:
            for tally in (self.starved, self.failed):
                tally.rows[rule.stem,]
            for hook in rule.hooks:
                for topic in rule.topics:
                    self.cards.rows[hook.value, topic, "shown"]

    def expect_clients(self, names: Iterable[str]) -> None:
        """As `expect`, for trusted clients."""
        for name in set(names) - self._expected:
            self._expected.add(name)
            for hook in Hook:
                for call in CallOutcome:
                    self.calls.rows[hook.value, call.value, name]
            for result in FHIR_RESULTS:
                self.fhir.rows[name, result]
            for outcome in ("accepted", "overridden"):
                self.feedbacks.rows[name, outcome]
            for tally in (self.unmapped, self.unreadable, self.foreign):
                tally.rows[name,]

    def answered(self, one: Counted) -> None:
        """Count one request and, where it was a hook call, what came of it."""
        self.requests.rows[one.endpoint, str(one.status)][0] += 1
        if one.refusal:
            self.refusals.rows[one.endpoint, one.refusal, one.client][0] += 1
        if one.outcome is not None and one.hook:
            self.calls.rows[one.hook, one.outcome, one.client][0] += 1
            self.durations.observe((one.hook, one.outcome), one.seconds)
        if one.decision:
            self._decided(one.decision, one.client)

    def kept(self, entries: Sequence[FeedbackEntry], client: str) -> None:
        """Count feedback that is durable."""
        for entry in entries:
            self.feedbacks.rows[client, entry.outcome][0] += 1

    def fhir_request(self, client: str, result: str, seconds: float) -> None:
        """Count one request to a FHIR server; `result` is one of `FHIR_RESULTS`."""
        self.fhir.rows[client, result][0] += 1
        self.fhir_durations.observe((client,), seconds)

    def _decided(self, decision: Decision, client: str) -> None:
        self._ruled(decision)
        for need, standing in decision.standings.items():
            if standing in _FAULTY:
                self.evidence.rows[need, standing, client][0] += 1
        if decision.unmapped_drugs:
            self.unmapped.rows[client,][0] += decision.unmapped_drugs
        if decision.unreadable:
            self.unreadable.rows[client,][0] += decision.unreadable
        if decision.foreign:
            self.foreign.rows[client,][0] += decision.foreign

    def _ruled(self, decision: Decision) -> None:
        for shown, cards in (("shown", decision.cards), ("shadow", decision.shadowed)):
            for card in cards:
                if card.source.topic:
                    self.cards.rows[decision.hook, card.source.topic.code, shown][0] += 1
        for outcome in decision.outcomes:
            result = outcome.result
            if result is _STARVED:
                self.starved.rows[outcome.rule,][0] += 1
            elif result is _FAILED:
                self.failed.rows[outcome.rule,][0] += 1


def reason_of(error: ServiceError) -> str:
    """The class of a refusal in words: `NotTrusted` is `not_trusted`."""
    return _WORDS.sub("_", type(error).__name__).lower()

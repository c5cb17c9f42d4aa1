"""One structured line a call, without patient data: what an operator and an auditor may know."""

import logging
import re
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import msgspec

from cards import Decision, Need, Outcome, Result, Standing

logger = logging.getLogger("rls_cds.audit")
_encoder = msgspec.json.Encoder()
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def configure() -> None:
    """Audit lines go to standard output as they are, one JSON object a line."""
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False


class _Line(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """One call in the order in which the line tells it; what is None is left out."""

    time: str
    service: str
    client: str
    tenant: str | None = None
    hook: str | None = None
    hook_instance: str | None = None
    status: int
    milliseconds: float
    fhir_calls: int
    outcome: str
    reason: str | None = None
    odd: list[str] | None = None
    knowledge: str | None = None
    knowledge_status: str | None = None
    fired: list[str] | None = None
    starved: dict[str, list[Need]] | None = None
    shadowed: list[str] | None = None
    withheld: list[str] | None = None
    failed: list[str] | None = None
    evidence: Mapping[Need, Standing] | None = None
    unmapped_drugs: int | None = None
    unreadable: int | None = None
    foreign: int | None = None


def record(
    *,
    service: str,
    status: int,
    seconds: float,
    hook_instance: str | None,
    decision: Decision | None = None,
    reason: str | None = None,
    oddities: Iterable[str] = (),
    client: str = "unknown",
    tenant: str | None = None,
    hook: str | None = None,
    fhir_calls: int = 0,
) -> None:
    """Write the line of one call. Only identifiers of our own and counts go in; a hookInstance only if it is a UUID."""
    line = _Line(
        time=datetime.now(UTC).isoformat(timespec="milliseconds"),
        service=service,
        client=client,
        tenant=tenant,
        hook=hook,
        hook_instance=hook_instance if hook_instance and _UUID.fullmatch(hook_instance) else None,
        status=status,
        milliseconds=round(seconds * 1000, 1),
        fhir_calls=fhir_calls,
        outcome=_outcome(status, decision),
        reason=reason or None,
        odd=sorted(oddities) or None,
    )
    if decision:
        _add(line, decision)
    text = _encoder.encode(line).decode()
    # Made here: `logger.info` would look through the call stack for a place in the code that nobody asks for.
    logger.handle(logging.LogRecord(logger.name, logging.INFO, __file__, 0, text, None, None))


def _outcome(status: int, decision: Decision | None) -> str:
    if decision is None:
        return {200: "done", 412: "could not look", 503: "could not look"}.get(status, "refused")
    if decision.switched_off:
        return "switched off"
    if decision.cards:
        return "cards"
    if decision.shadowed:
        return "in shadow"
    return "no guidance" if decision.could_look else "could not look"


def _add(line: _Line, decision: Decision) -> None:
    ended: dict[Result, list[Outcome]] = {}
    for outcome in decision.outcomes:
        ended.setdefault(outcome.result, []).append(outcome)

    def named(*results: Result) -> list[str]:
        return [outcome.topic or outcome.rule for result in results for outcome in ended.get(result, ())]

    line.knowledge = decision.knowledge_version
    line.knowledge_status = decision.knowledge_status
    line.fired = named(Result.FIRED)
    line.starved = {one.rule: sorted(one.starved_of) for one in ended.get(Result.STARVED, ())}
    line.shadowed = named(Result.SHADOWED) or None
    line.withheld = named(Result.WITHHELD, Result.MERGED)
    line.failed = named(Result.FAILED)
    line.evidence = decision.standings
    line.unmapped_drugs = decision.unmapped_drugs
    line.unreadable = decision.unreadable
    line.foreign = decision.foreign

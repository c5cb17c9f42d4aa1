"""One structured line a call, without patient data: what an operator and an auditor may know."""

import logging
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from cards import Decision, Outcome, Result

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
    line: dict[str, object] = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "service": service,
        "client": client,
        "tenant": tenant,
        "hook": hook,
        "hookInstance": hook_instance if hook_instance and _UUID.fullmatch(hook_instance) else None,
        "status": status,
        "milliseconds": round(seconds * 1000, 1),
        "fhirCalls": fhir_calls,
        "outcome": _outcome(status, decision),
    }
    if reason:
        line["reason"] = reason
    odd = sorted(oddities)
    if odd:
        line["odd"] = odd
    if decision:
        line |= _decided(decision)
    text = _encoder.encode({key: value for key, value in line.items() if value is not None}).decode()
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


def _decided(decision: Decision) -> dict[str, object]:
    def named(*results: Result) -> list[str]:
        return [_name(outcome) for result in results for outcome in decision.of(result)]

    return {
        "knowledge": decision.knowledge_version,
        "knowledgeStatus": decision.knowledge_status,
        "fired": named(Result.FIRED),
        "starved": {one.rule: sorted(one.starved_of) for one in decision.of(Result.STARVED)},
        "shadowed": named(Result.SHADOWED) or None,
        "withheld": named(Result.WITHHELD, Result.MERGED),
        "failed": named(Result.FAILED),
        "evidence": {need.value: standing.value for need, standing in decision.standings.items()},
        "unmappedDrugs": decision.unmapped_drugs,
        "unreadable": decision.unreadable,
        "foreign": decision.foreign,
    }


def _name(outcome: Outcome) -> str:
    return outcome.topic or outcome.rule

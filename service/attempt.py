"""One hook request from a file, answered without a server and shown as a prescriber would see it."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import msgspec
from rich.console import Console, Group
from rich.markdown import Markdown
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cards import Card, Catalogue, Decision, Hook, Knowledge, Outcome, Site, load_knowledge
from service.errors import EvidenceUnavailable, ServiceError
from service.explain import sentence
from service.gather import gather
from service.settings import Settings
from service.terminal import console as terminal
from service.wire import HookRequest, decode_request

_BORDERS = {"info": "blue", "warning": "yellow", "critical": "red"}
_OK, _REFUSED, _UNAVAILABLE = 0, 1, 3


class _HookOnly(msgspec.Struct):
    hook: str = ""


def attempt(file: Path, *, explain: bool, today: datetime | None) -> int:
    """Answer the request in `file`. Exit codes: 0 answered, 1 not a request we understand, 3 needed data missing."""
    console = terminal()
    now = today.replace(tzinfo=UTC) if today else datetime.now(UTC)
    settings = Settings()
    knowledge = load_knowledge(market=settings.market, index=settings.rxnorm_index)
    try:
        body = file.read_bytes()
        request = decode_request(body, _hook_of(body))
        decision = _decide(request, Catalogue(knowledge), settings, now)
    except EvidenceUnavailable as error:
        console.print(f"412 - nothing can be said: {error}", markup=False)
        return _UNAVAILABLE
    except ServiceError as error:
        console.print(f"refused: {error}", markup=False)
        return _REFUSED
    _show(decision, console)
    if explain:
        _explain(decision, knowledge, console)
    return _OK


def _decide(request: HookRequest, catalogue: Catalogue, settings: Settings, now: datetime) -> Decision:
    """From prefetch alone: a file has no server behind it."""
    site = Site(time_zone=settings.zone, info_at_sign=settings.info_at_sign)
    evidence = asyncio.run(gather(request, catalogue, site))
    at = now.astimezone(settings.zone)
    return catalogue.evaluate(evidence, on=at.date(), site=site, seed=uuid4(), now=at)


def _hook_of(body: bytes) -> Hook:
    try:
        return Hook(msgspec.json.decode(body, type=_HookOnly).hook)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return Hook.PATIENT_VIEW


def _show(decision: Decision, console: Console) -> None:
    for card in decision.cards:
        console.print(_panel(card))
    if not decision.cards:
        console.print("No cards." if decision.could_look else "No cards: needed evidence could not be read.")


def _panel(card: Card) -> Panel:
    """One card: summary, detail, suggestions, override reasons, links. Text of the EHR is never read as markup."""
    parts: list[Text | Markdown] = [Text(card.summary, style="bold"), Text(), Markdown(card.detail or "")]
    parts.extend(
        Text(f"\n[ {suggestion.label} ]  {suggestion.actions[0].description}", style="green")
        for suggestion in card.suggestions or ()
    )
    reasons = ", ".join(reason.display or reason.code for reason in card.override_reasons or ())
    if reasons:
        parts.append(Text(f"\nOverride: {reasons}", style="dim"))
    parts.extend(Text(f"{link.label}: {link.url}", style="dim") for link in card.links or ())
    return Panel(
        Group(*parts), title=Text(card.indicator.upper()), border_style=_BORDERS[card.indicator], title_align="left"
    )


def _explain(decision: Decision, knowledge: Knowledge, console: Console) -> None:
    console.print(
        f"\nKnowledge {decision.knowledge_version} ({decision.knowledge_status}), as of {decision.on.isoformat()}"
    )
    rules = Table("rule", "result", "why", "rests on", title="Rules", title_justify="left")
    for outcome in decision.outcomes:
        rules.add_row(outcome.rule, outcome.result.value, Text(_why(outcome, knowledge)), Text(_rests_on(outcome)))
    console.print(rules)
    evidence = Table("need", "standing", "why", title="Evidence", title_justify="left")
    for need, standing in sorted(decision.standings.items()):
        evidence.add_row(need.value, standing.value, Text(decision.why_standing.get(need, "")))
    console.print(evidence)
    console.print(
        f"Unmapped drugs: {decision.unmapped_drugs}; unreadable resources: {decision.unreadable}; "
        f"resources of other patients: {decision.foreign}"
    )


def _why(outcome: Outcome, knowledge: Knowledge) -> str:
    topic = f"{outcome.topic}: " if outcome.topic else ""
    return topic + sentence(outcome, knowledge)


def _rests_on(outcome: Outcome) -> str:
    return "\n".join(
        f"{_printable(ref.reference)} ({ref.on.isoformat() if ref.on else 'no date'})" for ref in outcome.rests_on
    )


def _printable(text: str) -> str:
    """An id as the EHR sent it, without what would steer a terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)

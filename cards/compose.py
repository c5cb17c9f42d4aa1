"""A finding and its reviewed text to a card."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID, uuid5

from cards.card import Card, Coding, Link, Source, Suggestion
from cards.decision import DrugLine, Finding
from cards.knowledge_base import Knowledge
from cards.markdown import escaped, filled
from cards.orders import DraftWriter
from cards.schema import CardText, Line
from cards.site import Site

TOPIC_SYSTEM = "urn:rls-cds:topic"
EXTENSION = "org.rls-cds.card"
FACTORS = "contributingFactors"
LONGEST_SUMMARY = 139
MOST_NAMES = 3
# A prescriber chooses among a few; an ordering session of hundreds of drafts is nobody's.
MOST_SUGGESTIONS = 12


@dataclass(frozen=True, slots=True)
class Call:
    """What a card must know of the call: a unique seed for its uuids, the day, who ordered, for whom."""

    seed: UUID
    on: date
    patient_id: str
    requester: str | None
    encounter_id: str | None


def compose(finding: Finding, knowledge: Knowledge, site: Site, call: Call) -> Card:
    """The card as it goes over the wire."""
    recommendation = knowledge.guidance[knowledge.card_home[finding.topic]].recommendation
    text = recommendation.cards[finding.topic]
    source = knowledge.sources[text.source]
    suggestions = tuple(_suggestions(finding, knowledge, site, call))
    return Card(
        uuid=str(uuid5(call.seed, finding.topic)),
        summary=summary(text, finding),
        indicator=finding.indicator.value,
        detail=detail(text, finding, knowledge, site),
        source=Source(
            label=source.label or source.citation[:80],
            url=source.url,
            topic=Coding(system=TOPIC_SYSTEM, code=finding.topic, display=text.display),
        ),
        suggestions=suggestions or None,
        selection_behavior="any" if suggestions else None,
        override_reasons=tuple(_override_reasons(text, knowledge)),
        links=tuple(_links(text, knowledge)) or None,
        extension={EXTENSION: _extension(text, finding, knowledge)},
    )


def summary(text: CardText, finding: Finding) -> str:
    """One sentence of at most `LONGEST_SUMMARY` characters: drug names give way first, then the end."""
    template = text.summaries[finding.variant]
    for most in range(MOST_NAMES, 0, -1):
        values = {**finding.values, "names": listed(finding.names, most), "Names": capital(listed(finding.names, most))}
        written = " ".join(filled(template, values).split())
        if len(written) <= LONGEST_SUMMARY:
            return written
    return written[: LONGEST_SUMMARY - 1].rstrip() + "…"


def listed(names: tuple[str, ...], most: int = MOST_NAMES) -> str:
    """Names in a row; longer lists end in "and n more"."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1] if names else ""


def capital(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


def detail(text: CardText, finding: Finding, knowledge: Knowledge, site: Site) -> str:
    """First what was seen, then what to do, then why; GitHub-Flavoured Markdown without HTML."""
    tags = finding.notes | {finding.variant}
    values = {slot: escaped(value) for slot, value in finding.values.items()}
    values |= {"names": escaped(listed(finding.names, 8)), "Names": escaped(capital(listed(finding.names, 8)))}
    values["other_names"] = escaped(listed(finding.other_names, 8))
    notices = knowledge.notices
    unread = [notices.unread[need] for need in sorted(finding.unread) if need in notices.unread]
    drugs = [line for drug in finding.drugs for line in _drug_lines(drug, knowledge)]
    seen = [*_lines(text.seen, tags, values), *drugs, *unread]
    do = [*_instead(finding, knowledge), *_lines(text.do, tags, values)]
    do += [notices.studies_due] if "studies_due" in tags else []
    do += [notices.never_stop_suddenly] if "medicine" in tags else []
    why = [*_lines(text.why, tags, values), *_associated(finding, knowledge)]
    source = knowledge.sources[text.source]
    why.append(f"Source: {escaped(source.label or source.citation)} ({text.evidence}).")
    why.append(notices.judgement + (f" {notices.draft}" if knowledge.status == "draft" and site.draft_notice else ""))
    sections = (("What was seen", seen), ("What to do", do), ("Why", why))
    return "\n\n".join(
        f"**{title}**\n\n" + "\n".join(f"- {line}" for line in lines) for title, lines in sections if lines
    )


def _lines(lines: Iterable[Line], tags: frozenset[str], values: Mapping[str, str]) -> Iterable[str]:
    for line in lines:
        if not line.when or tags.intersection(line.when):
            yield " ".join(filled(line.text, values).split())


def _associated(finding: Finding, knowledge: Knowledge) -> Iterable[str]:
    """The short list of associated conditions, in the words of the card about contributing factors."""
    if finding.topic == FACTORS or not finding.associated:
        return ()
    card = knowledge.guidance[knowledge.card_home[FACTORS]].recommendation.cards[FACTORS]
    return _lines([line for line in (*card.do, *card.why) if line.when], frozenset(finding.associated), {})


def _instead(finding: Finding, knowledge: Knowledge) -> Iterable[str]:
    """What to consider instead, for each indication that the knowledge knows."""
    for name in finding.indications:
        alternative = knowledge.alternatives.alternatives.get(name)
        if alternative:
            caveat = f" {alternative.caveat}" if alternative.caveat else ""
            yield " ".join(f"{capital(alternative.display)} - consider {', '.join(alternative.name)}.{caveat}".split())


def _drug_lines(drug: DrugLine, knowledge: Knowledge) -> Iterable[str]:
    notices, name = knowledge.notices, escaped(capital(drug.name))
    note = f"; {escaped(drug.note)}" if drug.note else ""
    if drug.grade:
        yield f"{name}: {notices.grades[drug.grade]}{note}."
    if drug.by_name:
        yield filled(notices.recognised_by_name, {"name": name})


def _override_reasons(text: CardText, knowledge: Knowledge) -> Iterable[Coding]:
    reasons = knowledge.override_reasons
    for name in text.override_reasons:
        reason = reasons.reasons[name]
        yield Coding(system=reasons.systems[reason.system], code=reason.code, display=reason.display)


def _links(text: CardText, knowledge: Knowledge) -> Iterable[Link]:
    for name in dict.fromkeys((text.source, *text.links)):
        source = knowledge.sources[name]
        if source.url:
            yield Link(label=source.label or source.citation[:80], url=source.url, type="absolute")


def _suggestions(finding: Finding, knowledge: Knowledge, site: Site, call: Call) -> Iterable[Suggestion]:
    writer = DraftWriter(knowledge, site, call.patient_id, call.requester, call.encounter_id, call.on)
    allowed = [key for key in finding.suggests if not finding.unread & set(knowledge.orders.orders[key].rests_on)]
    actions = [
        *(writer.removal(draft) for draft in finding.removes),
        *(writer.creation(key, finding) for key in allowed),
    ]
    for number, (label, action) in enumerate([action for action in actions if action][:MOST_SUGGESTIONS]):
        yield Suggestion(label=label, uuid=str(uuid5(call.seed, f"{finding.topic}/{number}")), actions=(action,))


def _extension(text: CardText, finding: Finding, knowledge: Knowledge) -> dict[str, object]:
    refs = sorted({ref.reference for ref in finding.rests_on})
    extension: dict[str, object] = {
        "rule": text.id,
        "knowledgeVersion": knowledge.full_version,
        "knowledgeStatus": knowledge.status,
    }
    return extension | ({"restsOn": refs} if refs else {})

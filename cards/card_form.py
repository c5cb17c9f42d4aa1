"""What stands on a card whoever the patient is: taken from the knowledge once, when the card is first written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from cards.card import Coding, Link, Source
from cards.knowledge_base import Knowledge
from cards.markdown import Sentence, escaped, one_line
from cards.schema import Alternative, CardText, Line
from cards.schema import SourceEntry as Entry

TOPIC_SYSTEM = "urn:rls-cds:topic"
FACTORS = "contributingFactors"


@dataclass(frozen=True, slots=True)
class FormLine:
    """One line of the detail; `when` names the variants and notes that bring it, none = always."""

    sentence: Sentence
    when: frozenset[str]


@dataclass(frozen=True, slots=True)
class Form:
    """One card without its patient. `reference` is the line that names source and evidence."""

    summaries: Mapping[str, Sentence]
    seen: tuple[FormLine, ...]
    do: tuple[FormLine, ...]
    why: tuple[FormLine, ...]
    reference: str
    source: Source
    override_reasons: tuple[Coding, ...]
    links: tuple[Link, ...]
    extension: Mapping[str, object]


class Forms:
    """The forms of all cards, each made when it is first written, and the lines that any card may carry."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        self.by_name = Sentence(knowledge.notices.recognised_by_name)
        self._forms: dict[str, Form] = {}

    def of(self, topic: str) -> Form:
        """The form of a card."""
        form = self._forms.get(topic)
        if form is None:
            form = self._forms[topic] = self._form(topic)
        return form

    @cached_property
    def alternatives(self) -> Mapping[str, str]:
        """What to consider instead, a line for each indication."""
        known = self.knowledge.alternatives.alternatives
        return {name: _alternative(one) for name, one in known.items()}

    @cached_property
    def factors(self) -> tuple[FormLine, ...]:
        """The lines about associated conditions, in the words of the card about contributing factors."""
        card = self._text(FACTORS)
        return _lines(line for line in (*card.do, *card.why) if line.when)

    def closing(self, *, draft_notice: bool) -> str:
        """The last line of every card; a draft says so."""
        notices, is_draft = self.knowledge.notices, self.knowledge.status == "draft"
        return notices.judgement + (f" {notices.draft}" if is_draft and draft_notice else "")

    def _text(self, topic: str) -> CardText:
        knowledge = self.knowledge
        return knowledge.guidance[knowledge.card_home[topic]].recommendation.cards[topic]

    def _form(self, topic: str) -> Form:
        knowledge, text = self.knowledge, self._text(topic)
        source = knowledge.sources[text.source]
        return Form(
            summaries={variant: Sentence(summary) for variant, summary in text.summaries.items()},
            seen=_lines(text.seen),
            do=_lines(text.do),
            why=_lines(text.why),
            reference=f"Source: {escaped(source.label or source.citation)} ({text.evidence}).",
            source=Source(
                label=_label(source),
                url=source.url,
                topic=Coding(system=TOPIC_SYSTEM, code=topic, display=text.display),
            ),
            override_reasons=tuple(_override_reasons(text, knowledge)),
            links=tuple(_links(text, knowledge)),
            extension={
                "rule": text.id,
                "knowledgeVersion": knowledge.full_version,
                "knowledgeStatus": knowledge.status,
            },
        )


def capital(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


def _lines(lines: Iterable[Line]) -> tuple[FormLine, ...]:
    return tuple(FormLine(Sentence(line.text), frozenset(line.when)) for line in lines)


def _alternative(one: Alternative) -> str:
    caveat = f" {one.caveat}" if one.caveat else ""
    return one_line(f"{capital(one.display)} - consider {', '.join(one.name)}.{caveat}")


def _override_reasons(text: CardText, knowledge: Knowledge) -> Iterable[Coding]:
    reasons = knowledge.override_reasons
    for name in text.override_reasons:
        reason = reasons.reasons[name]
        yield Coding(system=reasons.systems[reason.system], code=reason.code, display=reason.display)


def _links(text: CardText, knowledge: Knowledge) -> Iterable[Link]:
    for name in dict.fromkeys((text.source, *text.links)):
        source = knowledge.sources[name]
        if source.url:
            yield Link(label=_label(source), url=source.url, type="absolute")


def _label(source: Entry) -> str:
    return source.label or source.citation[:80]

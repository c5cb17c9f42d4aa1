"""The catalogue, and a page for each card: trigger, decision table, wording, sources, evidence, vignettes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from cards import (
    Catalogue,
    Grid,
    Knowledge,
    detail_lines,
    drug_rows,
    flat,
    grids,
    limit_rows,
    override_texts,
    reviewed,
    sources_of,
)
from service import problems
from service.pages.frame import Frame
from service.pages.samples import Sample, samples, vignettes

PATH = "/cards"
_HOOKS = {
    "patient-view": "a prescriber opens the chart",
    "order-select": "picks an order",
    "order-sign": "signs the orders",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One card in the list of all."""

    id: str
    topic: str
    display: str
    hooks: tuple[str, ...]
    question: str
    indicators: tuple[str, ...]


class CardPages:
    """Drawn from the knowledge that answers calls, so that no page can say something else than a card."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._catalogue: Catalogue = frame.service.catalogue
        self._rules = {topic: rule for rule in self._catalogue.rules for topic in rule.topics}

    async def catalogue(self, _request: Request) -> Response:
        """GET /cards: every card."""
        entries = sorted((self._entry(topic) for topic in self._rules), key=lambda entry: entry.id)
        groups = [
            ("At chart opening", [one for one in entries if one.id.startswith("PV")]),
            ("At an order", [one for one in entries if not one.id.startswith("PV")]),
        ]
        return self._frame.render("cards.html", current=PATH, groups=groups, number=len(entries))

    async def card(self, request: Request) -> Response:
        """GET /cards/{topic}: one card, by its topic or its id."""
        asked = request.path_params["topic"]
        by_id = {self._entry(topic).id: topic for topic in self._rules}
        topic = by_id.get(asked, asked)
        if topic not in self._rules:
            return problems.not_found()
        return self._frame.render("card.html", current=PATH, entry=self._entry(topic), **self._content(topic))

    def _entry(self, topic: str) -> Entry:
        rule = self._rules[topic]
        guidance = self._knowledge.guidance[rule.stem]
        text = guidance.recommendation.cards[topic]
        answers = guidance.recommendation.answers.values()
        found = {str(answer.indicator) for answer in answers if answer.card == topic}
        tiers = {self._knowledge.drug_classes[name].tier for name in rule.drug_classes} - {"none"}
        indicators = tuple(sorted(found or tiers))
        hooks = tuple(hook for hook in _HOOKS if hook in rule.hooks)
        return Entry(text.id, topic, text.display, hooks, guidance.recommendation.title, indicators)

    @property
    def _knowledge(self) -> Knowledge:
        return self._catalogue.knowledge

    def _content(self, topic: str) -> dict[str, Any]:
        knowledge, rule = self._knowledge, self._rules[topic]
        guidance = knowledge.guidance[rule.stem]
        text = guidance.recommendation.cards[topic]
        policy = knowledge.arrangement
        cited = [(key, knowledge.sources[key]) for key in sources_of(guidance, text)]
        return {
            "text": text,
            "flat": flat,
            "review": reviewed(guidance.recommendation.review),
            "is_draft": guidance.recommendation.review.status == "draft",
            "triggers": [words for hook, words in _HOOKS.items() if hook in rule.hooks],
            "required": sorted(need.value for need in rule.required),
            "optional": sorted(need.value for need in rule.optional),
            "grids": [grid for grid in grids(guidance, knowledge) if _shows(grid, topic)],
            "limits": limit_rows(guidance),
            "classes": [(one := knowledge.drug_classes[name], drug_rows(one)) for name in rule.drug_classes],
            "grades": knowledge.notices.grades,
            "wording": detail_lines(text),
            "overrides": override_texts(text, knowledge),
            "statements": guidance.recommendation.statements,
            "sources": cited,
            "labels": {key: source.label or key for key, source in knowledge.sources.items()},
            "merges": [one for one in policy.merge if topic in (one.into, one.topic)],
            "gives_way": policy.gives_way.get(topic),
            "display": _displays(knowledge),
            "rank": policy.priority.index(topic) + 1,
            "ranks": len(policy.priority),
            "caps": [(hook, policy.caps[hook]) for hook in _HOOKS if hook in rule.hooks],
            "shown": [one for one in vignettes().get(rule.stem, ()) if topic in one.cards],
            "others": [one for one in vignettes().get(rule.stem, ()) if topic not in one.cards],
            "samples": list(_samples(text.id)),
        }


def _shows(grid: Grid, topic: str) -> bool:
    return any(cell.topic == topic for _, cells in grid.rows for cell in cells)


def _displays(knowledge: Knowledge) -> Mapping[str, str]:
    return {
        topic: card.display
        for guidance in knowledge.guidance.values()
        for topic, card in guidance.recommendation.cards.items()
    }


def _samples(card_id: str) -> Iterable[Sample]:
    """The synthetic patients who show the card first."""
    return (sample for sample in samples().values() if sample.shows.startswith(card_id))

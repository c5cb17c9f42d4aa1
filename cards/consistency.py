"""Does the knowledge hang together? Everything that one file says of another, checked at `cards check` and in CI."""

import re
from collections.abc import Iterable
from datetime import date

from cards.compose import LONGEST_SUMMARY, summary
from cards.decision import Finding, Indicator
from cards.knowledge_base import Guidance, Knowledge
from cards.markdown import Sentence
from cards.schema import CardText

_TOPIC = re.compile(r"[A-Za-z0-9]{1,100}")
# The longest values that a summary may have to hold: a five-digit ferritin, three drug names of sixteen letters.
_LONGEST = {
    "ferritin": "12345.6 ng/mL",
    "tsat": "100.0 %",
    "ferritin_day": "2026-11-20",
    "tsat_day": "2026-11-20",
    "since": "2026-11-20",
    "treated_since": "2026-11-20",
    "began": "2026-11-20",
    "kidney": "in end-stage kidney disease",
    "iron_weeks": "1234",
    "months": "1234",
    "low_limit": "20 %",
    "gate": "45 %",
    "treat_limit": "75 ng/mL",
    "treat_number": "75",
    "iv_number": "100",
    "child_number": "50",
    "limit": "300 mg",
    "amount": "12345 mg",
    "factors": "untreated sleep apnoea, alcohol, caffeine",
}
_NAMES = ("abcdefghijklmnop", "bcdefghijklmnopq", "cdefghijklmnopqr", "defghijklmnopqrs")
_MANY, _FEW = 4, 1


def faults(knowledge: Knowledge) -> list[str]:
    """Every fault, each as a sentence that begins with the place; empty where all is well."""
    return [
        *_limits_have_sources(knowledge),
        *_ranges_hold(knowledge),
        *_cards_are_complete(knowledge),
        *_summaries_fit(knowledge),
        *_drugs_are_known(knowledge),
        *_names_exist(knowledge),
        *_arrangement_knows_every_card(knowledge),
    ]


def warnings(knowledge: Knowledge, on: date) -> list[str]:
    """What is no fault of a file and still to be looked at, each as a sentence."""
    return [
        f"{name}: the review-by date {knowledge.reviews[name].review_by} has passed"
        for name in knowledge.is_past_review(on)
    ]


def _guidances(knowledge: Knowledge) -> Iterable[Guidance]:
    return (*knowledge.guidance.values(), *knowledge.reading.values())


def _limits_have_sources(knowledge: Knowledge) -> Iterable[str]:
    for one in _guidances(knowledge):
        recommendation = one.recommendation
        for name, limit in recommendation.limits.items():
            if limit.source not in knowledge.sources:
                yield f"{one.stem}.yaml: limit {name} has the unknown source {limit.source!r}"
            if limit.source == "our-choice" and not limit.why:
                yield f"{one.stem}.yaml: limit {name} is our own choice and does not say why"
        cited = [*(row.source for table in recommendation.tables for row in table.rows)]
        cited += [statement.source for statement in recommendation.statements]
        yield from (
            f"{one.stem}.yaml: unknown source {source!r}" for source in cited if source not in knowledge.sources
        )


def _ranges_hold(knowledge: Knowledge) -> Iterable[str]:
    """What a site may choose lies around our own number, and only windows in days may be chosen."""
    for name, limit in knowledge.windows.items():
        low, high = limit.site_range or (0, 0)
        if limit.unit != "d" or not 0 < low <= limit.value <= high:
            yield f"{name}: site_range is for days, from low to high, with the value between them"
    for hook, cap in knowledge.arrangement.caps.items():
        low, high = cap.site_range
        if not 0 < low <= cap.cards <= high:
            yield f"arrangement.yaml: {hook}: site_range goes from low to high, with the number of cards between them"


def _cards_are_complete(knowledge: Knowledge) -> Iterable[str]:
    for stem, one in knowledge.guidance.items():
        for topic, card in one.recommendation.cards.items():
            place = f"{stem}.yaml: {topic}"
            if not _TOPIC.fullmatch(topic):
                yield f"{place}: a topic is made of letters and digits"
            yield from (f"{place}: {fault}" for fault in _card_faults(card, knowledge))
        for name, answer in one.recommendation.answers.items():
            if answer.silence and answer.silence not in knowledge.silences:
                yield f"{stem}.yaml: answer {name} has the unknown silence {answer.silence!r}"
            text = one.recommendation.cards.get(answer.card or "")
            if answer.card and (text is None or answer.variant not in text.summaries):
                yield f"{stem}.yaml: answer {name} names no summary"


def _card_faults(card: CardText, knowledge: Knowledge) -> Iterable[str]:
    for source in (card.source, *card.links):
        entry = knowledge.sources.get(source)
        if entry is None or entry.use != "citation" or source == "our-choice":
            yield f"{source!r} may not be cited on a card"
    for reason in card.override_reasons:
        if reason not in knowledge.override_reasons.reasons:
            yield f"unknown override reason {reason!r}"
    if not card.override_reasons or not card.summaries or not card.do or not card.why:
        yield "a card has summaries, what to do, why, and override reasons"


def _summaries_fit(knowledge: Knowledge) -> Iterable[str]:
    for stem, one in knowledge.guidance.items():
        for topic, card in one.recommendation.cards.items():
            for variant, template in card.summaries.items():
                sentence = Sentence(template)
                unknown = sentence.slots - _LONGEST.keys() - {"names", "Names"}
                if unknown:
                    yield f"{stem}.yaml: {topic}/{variant}: no longest value is known for {sorted(unknown)}"
                    continue
                finding = Finding(topic, variant, Indicator.INFO, values=_LONGEST, names=_NAMES)
                if summary(sentence, finding).endswith("…"):
                    yield f"{stem}.yaml: {topic}/{variant}: longer than {LONGEST_SUMMARY} characters with long values"


def _drugs_are_known(knowledge: Knowledge) -> Iterable[str]:
    known = knowledge.terminology.ingredients
    for one in knowledge.drug_classes.values():
        for ingredient in one.ingredients:
            if ingredient.name not in known:
                yield f"drug_classes/{one.drug_class}: {ingredient.name!r} has no entry in ingredients/"
        if one.tier == "none" and not one.why:
            yield f"drug_classes/{one.drug_class}: a silent class says why"
        sources = [one.evidence, *(ingredient.evidence for ingredient in one.ingredients)]
        for evidence in filter(None, sources):
            if evidence.source not in knowledge.sources:
                yield f"drug_classes/{one.drug_class}: unknown source {evidence.source!r}"


def _names_exist(knowledge: Knowledge) -> Iterable[str]:
    systems = knowledge.code_systems.code_systems
    for name, value_set in knowledge.value_set_names.items():
        unknown = {code.system for code in value_set.codes} - systems.keys()
        yield from (f"value set {name}: unknown code system {system!r}" for system in sorted(unknown))
    for test in knowledge.labs.tests:
        if test not in knowledge.unit_table.units:
            yield f"labs.yaml: no units for {test}"
    for key, order in knowledge.orders.orders.items():
        if order.system not in systems:
            yield f"orders.yaml: {key}: unknown code system {order.system!r}"
    for name, alternative in knowledge.alternatives.alternatives.items():
        if alternative.source not in knowledge.sources:
            yield f"alternatives.yaml: {name}: unknown source {alternative.source!r}"


def _arrangement_knows_every_card(knowledge: Knowledge) -> Iterable[str]:
    topics, ranked = set(knowledge.card_home), knowledge.arrangement.priority
    yield from (f"arrangement.yaml: no priority for {topic}" for topic in sorted(topics - set(ranked)))
    yield from (f"arrangement.yaml: unknown topic {topic}" for topic in sorted(set(ranked) - topics))

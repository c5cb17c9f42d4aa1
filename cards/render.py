"""All clinical content as one Markdown document that a clinician can read, question and sign."""

from collections.abc import Iterable, Mapping

from cards.content import answer_rows, band_rows, detail_lines, drug_rows, limit_rows, override_texts, site_range
from cards.content import flat as _flat
from cards.knowledge_base import Guidance, Knowledge
from cards.schema import CardText, DrugClass, Line, Review, Table

NOTICE = (
    "Nothing in here counts as signed until a file names its reviewer and the date. It supplements and never replaces "
    "clinical judgement."
)


def render(knowledge: Knowledge, vignettes: Mapping[str, list[str]]) -> str:
    """The document; the same knowledge always gives the same text."""
    parts = [
        "# Clinical content for review",
        "Generated from the knowledge files by `python -m cards render`; do not edit.",
        f"Version {knowledge.version}, status **{knowledge.status}**. {NOTICE}",
        *_contents(knowledge),
        *(part for one in knowledge.guidance.values() for part in _recommendation(one, knowledge, vignettes)),
        *_reading(knowledge),
        *_arrangement(knowledge),
        "## Drugs",
        *(part for one in knowledge.drug_classes.values() for part in _drug_class(one)),
        *_alternatives(knowledge),
        *_codes(knowledge),
        *_laboratory(knowledge),
        *_sources(knowledge),
        *_questions(knowledge),
    ]
    return "\n\n".join(parts) + "\n"


def _contents(knowledge: Knowledge) -> Iterable[str]:
    rows = [
        (card.id, topic, card.display, one.stem)
        for one in knowledge.guidance.values()
        for topic, card in one.recommendation.cards.items()
    ]
    yield _table(("card", "topic", "about", "file"), sorted(rows))


def _recommendation(one: Guidance, knowledge: Knowledge, vignettes: Mapping[str, list[str]]) -> Iterable[str]:
    recommendation = one.recommendation
    yield f"## {recommendation.title}"
    yield _review(recommendation.review)
    yield "### What the sources say"
    yield "\n".join(
        f"- {_flat(statement.text)} ({statement.strength}; {statement.source})"
        for statement in recommendation.statements
    )
    yield from _limits(one)
    if recommendation.lists:
        yield _table(("list", "members"), [(name, ", ".join(items)) for name, items in recommendation.lists.items()])
    yield from (part for table in recommendation.tables for part in _decision_table(table))
    yield from (part for topic, card in recommendation.cards.items() for part in _card(topic, card, knowledge))
    shown = vignettes.get(one.stem, [])
    if shown:
        yield "### Vignettes"
        yield "\n".join(f"- {line}" for line in shown)


def _limits(one: Guidance) -> Iterable[str]:
    if one.recommendation.limits:
        yield _table(("limit", "value", "a site may choose", "source", "why"), limit_rows(one))


def _decision_table(table: Table) -> Iterable[str]:
    yield f"### Decision table: {table.who}"
    yield _table(("test", "band", "ends"), band_rows(table))
    yield _table(("ferritin", "saturation", "answer", "source"), answer_rows(table))


def _card(topic: str, card: CardText, knowledge: Knowledge) -> Iterable[str]:
    yield f"### {card.id} {card.display} (`{topic}`)"
    yield _table(("variant", "summary"), [(name, _flat(text)) for name, text in card.summaries.items()])
    for title, lines in detail_lines(card):
        yield f"*{title}*\n\n" + "\n".join(_line(line) for line in lines)
    yield f"Override reasons: {', '.join(override_texts(card, knowledge))}."
    yield f"Evidence: {card.evidence}. Source: {card.source}; links: {', '.join(card.links)}."


def _line(line: Line) -> str:
    condition = f" *[{', '.join(line.when)}]*" if line.when else ""
    return f"- {_flat(line.text)}{condition}"


def _reading(knowledge: Knowledge) -> Iterable[str]:
    for one in knowledge.reading.values():
        yield f"## {one.recommendation.title}"
        yield _review(one.recommendation.review)
        yield from _limits(one)


def _arrangement(knowledge: Knowledge) -> Iterable[str]:
    policy = knowledge.arrangement
    yield "## How cards share the room"
    yield _table(
        ("hook", "cards at most", "a site may choose", "why"),
        [(hook, str(cap.cards), site_range(cap.site_range), cap.why) for hook, cap in policy.caps.items()],
    )
    yield "Priority: " + ", ".join(policy.priority) + "."
    rows = [(merge.topic, f"joins {merge.into}", merge.why) for merge in policy.merge]
    rows += [(topic, "gives way", why) for topic, why in policy.gives_way.items()]
    rows += [(hook, "shows no info", why) for hook, why in policy.hooks_without_info.items()]
    yield _table(("what", "how", "why"), rows)


def _drug_class(one: DrugClass) -> Iterable[str]:
    yield f"### {one.title}"
    yield f"Class `{one.drug_class}`: {one.mechanism}. Tier: {one.tier}." + (f" {_flat(one.why)}" if one.why else "")
    yield _table(("ingredient", "tier", "evidence", "source", "note"), drug_rows(one))


def _alternatives(knowledge: Knowledge) -> Iterable[str]:
    yield "## What to consider instead"
    yield _table(
        ("indication", "consider", "caveat", "source"),
        [
            (one.display, ", ".join(one.name), _flat(one.caveat or ""), one.source)
            for one in knowledge.alternatives.alternatives.values()
        ],
    )


def _codes(knowledge: Knowledge) -> Iterable[str]:
    yield "## Codes"
    for name, value_set in knowledge.value_set_names.items():
        yield f"### {value_set.display} (`{name}`)" + (f"\n\n{_flat(value_set.note)}" if value_set.note else "")
        rows = [(code.system, code.code, code.display, code.match, code.status) for code in value_set.codes]
        yield _table(("system", "code", "name", "match", "status"), rows)


def _laboratory(knowledge: Knowledge) -> Iterable[str]:
    yield "## Laboratory tests and units"
    for name, test in knowledge.labs.tests.items():
        yield f"### {test.display}"
        rows = [(code.code, code.display, str(code.use)) for code in test.codes]
        rows += [(code.code, code.display, f"never: {code.why}") for code in test.reject]
        yield _table(("LOINC", "name", "use"), rows)
        units = knowledge.unit_table.units.get(name, ())
        yield _table(
            ("spelling", "unit", "to the canonical unit", "source"),
            [(unit.spelling, unit.ucum, _factor(unit.multiply_by, unit.divide_by), unit.source) for unit in units],
        )


def _factor(multiply_by: object, divide_by: object) -> str:
    return f"× {multiply_by}" if multiply_by is not None else f"÷ {divide_by}"


def _sources(knowledge: Knowledge) -> Iterable[str]:
    cited = [(key, one) for key, one in knowledge.sources.items() if one.use == "citation"]
    waiting = [(key, one) for key, one in knowledge.sources.items() if one.use != "citation"]
    for title, entries in (("Sources", cited), ("To verify before signature", waiting)):
        yield f"## {title}"
        yield _table(
            ("key", "reference", "read", "note"),
            [
                (key, f"{_flat(one.citation)} {one.url or ''}".strip(), one.read, _flat(one.note or ""))
                for key, one in entries
            ],
        )


def _questions(knowledge: Knowledge) -> Iterable[str]:
    yield "## Open questions"
    yield _table(
        ("question", "where", "holds until answered"),
        [(_flat(one.question), one.where, _flat(one.default)) for one in knowledge.questions.questions],
    )


def _review(review: Review) -> str:
    if review.status == "reviewed":
        return f"Reviewed by {review.reviewer} on {review.reviewed_on}; review again by {review.review_by}."
    return f"**Draft**, written by {review.author}; review by {review.review_by}. Reviewer: ____________ Date: ____________"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)

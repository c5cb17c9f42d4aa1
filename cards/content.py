"""The clinical content of one recommendation as rows and sentences: what the document and the page of a card are made of."""

from collections.abc import Iterable
from dataclasses import dataclass

from cards.knowledge_base import Guidance, Knowledge
from cards.schema import Answer, Band, CardText, DrugClass, Line, Review, Table
from cards.tables import MISSING

Row = tuple[str, ...]
SECTIONS = ("What was seen", "What to do", "Why")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a decision table: the topic of the card that it shows, or None with the sentence of its silence."""

    says: str
    topic: str | None
    indicator: str | None


@dataclass(frozen=True, slots=True)
class Grid:
    """A decision table as a clinician draws it. `rows` pairs a band of ferritin with its cells, one for each saturation."""

    who: str
    saturations: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


def flat(text: str) -> str:
    """A folded text on one line."""
    return " ".join(text.split())


def reviewed(review: Review) -> str:
    """Who stands behind a file, without the dates of a signature that is not there."""
    if review.status == "reviewed":
        return f"Reviewed by {review.reviewer} on {review.reviewed_on}; review again by {review.review_by}."
    return f"Draft, written by {review.author}; review by {review.review_by}."


def limit_rows(guidance: Guidance) -> list[Row]:
    """(limit, value with unit, what a site may choose instead, source, why) of each number."""
    return [
        (name, f"{limit.value} {limit.unit}", site_range(limit.site_range), limit.source, limit.why or "")
        for name, limit in guidance.recommendation.limits.items()
    ]


def site_range(bounds: tuple[int, int] | None) -> str:
    """The bounds within which a site may choose, empty where it may not."""
    return f"{bounds[0]} to {bounds[1]}" if bounds else ""


def band_rows(table: Table) -> list[Row]:
    """(test, band, where it ends) of both axes."""
    axes = (("ferritin", table.ferritin), ("saturation", table.saturation))
    return [(what, band.name, _end(band)) for what, axis in axes for band in axis]


def answer_rows(table: Table) -> list[Row]:
    """(bands of ferritin, bands of saturation, answer, source) as they stand in the file."""
    return [(", ".join(row.ferritin), ", ".join(row.saturation), row.answer, row.source) for row in table.rows]


def detail_lines(card: CardText) -> list[tuple[str, tuple[Line, ...]]]:
    """The parts of a card's detail that have lines."""
    parts = zip(SECTIONS, (card.seen, card.do, card.why), strict=True)
    return [(title, lines) for title, lines in parts if lines]


def override_texts(card: CardText, knowledge: Knowledge) -> list[str]:
    """The override reasons as a prescriber reads them."""
    return [knowledge.override_reasons.reasons[name].display for name in card.override_reasons]


def drug_rows(drug_class: DrugClass) -> list[Row]:
    """(ingredient, tier, grade, source, note) of each ingredient."""
    rows: list[Row] = []
    for ingredient in drug_class.ingredients:
        evidence = ingredient.evidence or drug_class.evidence
        note = ingredient.note or ingredient.why or (evidence.note if evidence else None) or ""
        grade, source = (evidence.grade, evidence.source) if evidence else ("", "")
        rows.append((ingredient.name, ingredient.tier or drug_class.tier, grade, source, flat(note)))
    return rows


def grids(guidance: Guidance, knowledge: Knowledge) -> list[Grid]:
    """The decision tables of a recommendation."""
    return [_grid(table, guidance, knowledge) for table in guidance.recommendation.tables]


def _grid(table: Table, guidance: Guidance, knowledge: Knowledge) -> Grid:
    cells = guidance.tables[table.who].cells
    saturations = [*(band.name for band in table.saturation), MISSING]
    rows = tuple(
        (
            _named(ferritin, table.ferritin, guidance),
            tuple(_cell(cells[ferritin, saturation], guidance, knowledge) for saturation in saturations),
        )
        for ferritin in [*(band.name for band in table.ferritin), MISSING]
    )
    return Grid(table.who, tuple(_named(one, table.saturation, guidance) for one in saturations), rows)


def _named(name: str, axis: tuple[Band, ...], guidance: Guidance) -> str:
    """A band with its end: `low: up to 75 ng/mL`; the last one begins where the one before ends."""
    if name == MISSING:
        return "not known"
    place = [band.name for band in axis].index(name)
    limit = axis[place].upto or axis[place].below
    if limit:
        return f"{'up to' if axis[place].upto else 'below'} {guidance.shown(limit)}"
    if place == 0:
        return "any"
    before = axis[place - 1]
    return f"above {guidance.shown(before.upto)}" if before.upto else f"{guidance.shown(str(before.below))} and above"


def _cell(name: str, guidance: Guidance, knowledge: Knowledge) -> Cell:
    answer: Answer = guidance.recommendation.answers[name]
    if answer.card is None:
        return Cell(knowledge.silences[str(answer.silence)], None, None)
    return Cell(guidance.recommendation.cards[answer.card].display, answer.card, answer.indicator)


def _end(band: Band) -> str:
    return f"up to {band.upto}" if band.upto else f"below {band.below}" if band.below else "and above"


def sources_of(guidance: Guidance, card: CardText) -> Iterable[str]:
    """The keys of every source that a card rests on: its own, its links, the statements, the limits, the tables."""
    recommendation = guidance.recommendation
    rows = [row.source for table in recommendation.tables for row in table.rows]
    limits = [limit.source for limit in recommendation.limits.values()]
    said = [statement.source for statement in recommendation.statements]
    return dict.fromkeys((card.source, *card.links, *said, *rows, *limits))

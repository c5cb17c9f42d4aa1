"""The patient's iron over time, as a plot shows it: results, the limits that apply, iron therapy, medicines that matter."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise

from cards.evidence import Evidence
from cards.facts import IronPanel, Lab, LabResult, Medicine, PatientFacts
from cards.knowledge_base import Knowledge
from cards.readers.labs import LabIndex, Sample, read_labs
from cards.readers.patient import Reader
from cards.readers.record import record_of
from cards.site import Site
from cards.tables import Edge
from cards.terminology import IronIntent
from cards.wording import amount

SHOWN = (Lab.FERRITIN, Lab.TSAT)
_TREATS = ("alpha2delta", "dopaminergic", "opioid")
IRON, TREATS, WORSENS = "iron", "treats RLS", "may worsen RLS"


@dataclass(frozen=True, slots=True)
class PastResult:
    """One result. `value` is where it stands on the axis, `text` what it says (`<5 ng/mL`); `why` it does not count, and
    whether it is the one that `decides`."""

    lab: Lab
    on: date
    value: Decimal
    text: str
    why: str | None = None
    decides: bool = False


@dataclass(frozen=True, slots=True)
class Threshold:
    """One edge of the decision table that the patient belongs to, with the names of the bands on its two sides."""

    lab: Lab
    limit: Decimal
    unit: str
    belongs_below: bool
    below: str
    above: str


@dataclass(frozen=True, slots=True)
class Course:
    """A treatment with its ingredients; `ended` None: it goes on. `kind`: iron, treats RLS, may worsen RLS."""

    names: tuple[str, ...]
    kind: str
    started: date | None
    ended: date | None


@dataclass(frozen=True, slots=True)
class History:
    """`population` names the decision table, empty where none applies; results from `since` on are recent enough."""

    on: date
    population: str
    since: date | None
    results: tuple[PastResult, ...]
    thresholds: tuple[Threshold, ...]
    infusions: tuple[date, ...]
    courses: tuple[Course, ...]


def read_history(evidence: Evidence, knowledge: Knowledge, reader: Reader, site: Site, on: date) -> History:
    """What the readers found, in the order of time. Without RLS there are results, but nothing applies to them."""
    facts = reader.read(evidence, on)
    index = LabIndex(knowledge.systems, knowledge.labs.tests, knowledge.units, site.local_codes)
    book = read_labs(record_of(evidence).of("Observation"), index, on, site.time_zone)
    edges = knowledge.guidance["iron"].tables.get(facts.population)
    units = {lab: index.canonical[lab] for lab in SHOWN}
    return History(
        on=on,
        population=facts.population,
        since=facts.panel.since,
        results=tuple(sorted(_results(book.samples, facts.panel), key=lambda one: (one.on, one.lab, one.text))),
        thresholds=(
            *_thresholds(Lab.FERRITIN, edges.ferritin if edges else (), units),
            *_thresholds(Lab.TSAT, edges.saturation if edges else (), units),
        ),
        infusions=facts.iron.infusions,
        courses=tuple(_courses(facts)),
    )


def _results(samples: Iterable[Sample], panel: IronPanel) -> Iterable[PastResult]:
    deciding = {(result.lab, result.refs) for result in (panel.ferritin, panel.tsat) if result}
    if panel.tsat and panel.tsat.computed:
        yield from _result(panel.tsat, None, decides=True)
    refused = {(one.lab, one.ref.reference): str(one.why) for one in panel.rejected}
    for sample in samples:
        result = sample.result
        if result.lab in SHOWN:
            why = refused.get((result.lab, result.refs[0].reference))
            yield from _result(result, why, decides=(result.lab, result.refs) in deciding)


def _result(result: LabResult, why: str | None, *, decides: bool) -> Iterable[PastResult]:
    ends = [end for end in (result.span.low, result.span.high) if end is not None]
    if ends:
        yield PastResult(result.lab, result.on, ends[0], amount(result), why, decides)


def _thresholds(lab: Lab, edges: tuple[Edge, ...], units: dict[Lab, str]) -> Iterable[Threshold]:
    # Only the last edge of a table has no limit.
    for edge, following in pairwise(edges):
        yield Threshold(lab, edge.limit or Decimal(0), units[lab], edge.closed, edge.name, following.name)


def _courses(facts: PatientFacts) -> Iterable[Course]:
    for medicine in facts.medicines:
        kind = _kind(medicine)
        if kind:
            ended = (medicine.ended or medicine.last_known) if medicine.has_ended else None
            yield Course(medicine.product.ingredients, kind, medicine.started, ended)


def _kind(medicine: Medicine) -> str | None:
    """Intravenous iron is a day, not a course: it is among the infusions."""
    if medicine.product.iron:
        return IRON if medicine.product.iron.intent is IronIntent.ORAL else None
    if medicine.ingredients_of(*_TREATS):
        return TREATS
    tiers = {role.tier for name in medicine.product.ingredients for role in medicine.roles.get(name, ())}
    return WORSENS if tiers - {"none"} else None

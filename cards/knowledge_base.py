"""The knowledge, loaded strictly and compiled once: what readers, rules and compose look things up in."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path

import msgspec

from cards.codes import CodeSystemIndex, ValueSetIndex
from cards.facts import Role
from cards.loader import KnowledgeError, load
from cards.schema import (
    Alternatives,
    Arrangement,
    CodeSystems,
    DrugClass,
    LabTests,
    Limit,
    Notices,
    OpenQuestions,
    Orders,
    OverrideReasons,
    Recommendation,
    Review,
    Silences,
    SourceEntry,
    Sources,
    Transparency,
    Units,
    ValueSet,
    ValueSets,
    Version,
)
from cards.tables import DecisionTable, TableError, compiled
from cards.terminology import Terminology, load_terminology
from cards.units import UnitIndex

FOLDER = Path(__file__).parent / "knowledge"
LABS = "labs.yaml"
_SEMANTIC = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}(-[0-9A-Za-z.-]+)?")
# The Observations that are read beside the laboratory tests.
OBSERVED = (
    "pregnancy_status",
    "estimated_delivery_date",
    "gestational_age",
    "qtc_interval",
    "alcohol_score_auditc",
    "body_weight",
)


@dataclass(frozen=True)
class Guidance:
    """One recommendation, compiled: its limits as numbers and days, its decision tables ready for use."""

    stem: str
    recommendation: Recommendation
    tables: Mapping[str, DecisionTable]

    def number(self, name: str) -> Decimal:
        """The value of a limit, in the unit that the file gives."""
        return self._numbers[name]

    def days(self, name: str) -> timedelta:
        """A limit whose unit is the day."""
        return self._days[name]

    @cached_property
    def _numbers(self) -> Mapping[str, Decimal]:
        return {name: limit.value for name, limit in self.recommendation.limits.items()}

    @cached_property
    def _days(self) -> Mapping[str, timedelta]:
        limits = self.recommendation.limits.items()
        return {name: timedelta(days=int(limit.value)) for name, limit in limits if limit.unit == "d"}

    def shown(self, name: str) -> str:
        """A limit as text with its unit."""
        return self._shown[name]

    @cached_property
    def _shown(self) -> Mapping[str, str]:
        return {name: f"{limit.value:f} {limit.unit}" for name, limit in self.recommendation.limits.items()}

    def adjusted(self, numbers: Mapping[str, int]) -> "Guidance":
        """The same with other numbers for some limits; tables keep theirs, as no limit of a table has a `site_range`."""
        limits = dict(self.recommendation.limits)
        for name, number in numbers.items():
            limits[name] = msgspec.structs.replace(limits[name], value=Decimal(number))
        return replace(self, recommendation=msgspec.structs.replace(self.recommendation, limits=limits))


@dataclass(frozen=True)
class Knowledge:
    """Everything a clinician reviews, ready for use. `version` is semantic, `digest` changes with any byte."""

    version: str
    released: date
    digest: str
    status: str
    reviews: Mapping[str, Review]
    systems: CodeSystemIndex
    code_systems: CodeSystems
    value_sets: ValueSetIndex
    value_set_names: Mapping[str, ValueSet]
    labs: LabTests
    units: UnitIndex
    unit_table: Units
    drug_classes: Mapping[str, DrugClass]
    roles: Mapping[str, tuple[Role, ...]]
    guidance: Mapping[str, Guidance]
    reading: Mapping[str, Guidance]
    sources: Mapping[str, SourceEntry]
    orders: Orders
    override_reasons: OverrideReasons
    arrangement: Arrangement
    notices: Notices
    alternatives: Alternatives
    questions: OpenQuestions
    silences: Mapping[str, str]
    transparency: Transparency
    terminology: Terminology
    card_home: Mapping[str, str] = field(default_factory=dict)
    market: str = "us"

    @property
    def full_version(self) -> str:
        """Version and digest together, as cards, audit lines and `/health` name the knowledge that answered."""
        return f"{self.version}+{self.digest}"

    def in_market(self, market: str, folder: Path = FOLDER) -> "Knowledge":
        """The same with the brand names of another market; everything else is shared."""
        if market == self.market:
            return self
        terminology = self.terminology.in_market(folder / "ingredients", market)
        reviews = {**self.reviews, **{f"ingredients/{stem}": review for stem, review in terminology.reviews.items()}}
        return replace(self, market=market, terminology=terminology, reviews=reviews, status=_status(reviews))

    @property
    def windows(self) -> Mapping[str, Limit]:
        """The limits that a site may choose within their `site_range`, by file and name: `iron.valid_for`."""
        return {
            f"{stem}.{name}": limit
            for stem, one in {**self.guidance, **self.reading}.items()
            for name, limit in one.recommendation.limits.items()
            if limit.site_range
        }

    def adjusted(self, windows: Mapping[str, int]) -> "Knowledge":
        """The same with a site's own windows; everything that they do not touch is shared. Keys as in `windows`."""
        if not windows:
            return self
        numbers: dict[str, dict[str, int]] = {}
        for name, number in windows.items():
            stem, _, limit = name.partition(".")
            numbers.setdefault(stem, {})[limit] = number
        return replace(
            self,
            guidance={stem: one.adjusted(numbers.get(stem, {})) for stem, one in self.guidance.items()},
            reading={stem: one.adjusted(numbers.get(stem, {})) for stem, one in self.reading.items()},
        )

    @property
    def lab_codes(self) -> tuple[str, ...]:
        """The codes under which the laboratory tests are searched."""
        return tuple(code.code for test in self.labs.tests.values() for code in test.codes if code.system == "LOINC")

    @property
    def fact_codes(self) -> tuple[str, ...]:
        """The codes of the Observations that are no laboratory test."""
        sets = (self.value_set_names[name] for name in OBSERVED)
        return tuple(code.code for one in sets for code in one.codes if code.system == "LOINC")

    def lab_meaning(self, system: str, code: str) -> str | None:
        """What a code says of a laboratory test already: its name, "no result" where it is rejected, None if nothing."""
        pair = self.systems.pair(system, code)
        for name, test in self.labs.tests.items():
            if any((one.system, one.code) == pair for one in test.codes):
                return name
        rejected = (one for test in self.labs.tests.values() for one in test.reject)
        return "no result" if any((one.system, one.code) == pair for one in rejected) else None

    def is_past_review(self, on: date) -> tuple[str, ...]:
        """The files whose review-by date has passed; on the day itself it has not."""
        return tuple(sorted(name for name, review in self.reviews.items() if date.fromisoformat(review.review_by) < on))


def load_knowledge(
    folder: Path = FOLDER,
    *,
    market: str = "us",
    index: Path | None = None,
    on_unknown: Callable[[str], None] | None = None,
) -> Knowledge:
    """All knowledge files of a folder. Raises `KnowledgeError` where one cannot be used, with file and line.

    `market` picks the brand names, `index` an imported RxNorm release; `on_unknown` hears of RxNorm codes that nothing
    local knows.
    """
    systems_file = load(folder / "code_systems.yaml", CodeSystems)
    systems = CodeSystemIndex(systems_file.code_systems)
    files = {
        path: load(path, ValueSets) for path in sorted((folder / "value_sets").glob("*.yaml")) if path.name != LABS
    }
    value_sets = _joined({path.name: file.value_sets for path, file in files.items()})
    labs = load(folder / "value_sets" / LABS, LabTests)
    units = load(folder / "units.yaml", Units)
    sources = load(folder / "sources.yaml", Sources)
    classes = {path.stem: load(path, DrugClass) for path in sorted((folder / "drug_classes").glob("*.yaml"))}
    guidance = {path.stem: _guidance(path) for path in sorted((folder / "recommendations").glob("*.yaml"))}
    reading = {path.stem: _guidance(path) for path in sorted((folder / "reading").glob("*.yaml"))}
    orders = load(folder / "orders.yaml", Orders)
    reasons = load(folder / "override_reasons.yaml", OverrideReasons)
    arrangement = load(folder / "arrangement.yaml", Arrangement)
    notices = load(folder / "notices.yaml", Notices)
    alternatives = load(folder / "alternatives.yaml", Alternatives)
    questions = load(folder / "open_questions.yaml", OpenQuestions)
    silences = load(folder / "silences.yaml", Silences)
    transparency = load(folder / "transparency.yaml", Transparency)
    version = load(folder / "version.yaml", Version)
    terminology = load_terminology(folder / "ingredients", market, index, on_unknown)
    reviews = _reviews(
        {
            "code_systems": systems_file,
            "value_sets/labs": labs,
            "units": units,
            "sources": sources,
            "orders": orders,
            "override_reasons": reasons,
            "arrangement": arrangement,
            "notices": notices,
            "alternatives": alternatives,
            "open_questions": questions,
            "silences": silences,
            "transparency": transparency,
            "version": version,
        }
        | {f"value_sets/{path.stem}": file for path, file in files.items()}
        | {f"drug_classes/{stem}": one for stem, one in classes.items()}
        | {f"recommendations/{stem}": one.recommendation for stem, one in guidance.items()}
        | {f"reading/{stem}": one.recommendation for stem, one in reading.items()},
        {f"ingredients/{stem}": review for stem, review in terminology.reviews.items()},
    )
    return Knowledge(
        version=_semantic(version),
        released=_day(version.released, "version.yaml", "released"),
        digest=_digest(folder),
        status=_status(reviews),
        reviews=reviews,
        systems=systems,
        code_systems=systems_file,
        value_sets=ValueSetIndex(systems, {name: one.codes for name, one in value_sets.items()}),
        value_set_names=value_sets,
        labs=labs,
        units=UnitIndex(units.units),
        unit_table=units,
        drug_classes={one.drug_class: one for one in classes.values()},
        roles=_roles(classes.values()),
        guidance=guidance,
        reading=reading,
        sources=sources.sources,
        orders=orders,
        override_reasons=reasons,
        arrangement=arrangement,
        notices=notices,
        alternatives=alternatives,
        questions=questions,
        silences=silences.silences,
        transparency=transparency,
        terminology=terminology,
        card_home={topic: stem for stem, one in guidance.items() for topic in one.recommendation.cards},
        market=market,
    )


def _status(reviews: Mapping[str, Review]) -> str:
    return "reviewed" if all(review.status == "reviewed" for review in reviews.values()) else "draft"


def _guidance(path: Path) -> Guidance:
    recommendation = load(path, Recommendation)
    try:
        tables = {
            table.who: compiled(table, recommendation.limits, recommendation.answers) for table in recommendation.tables
        }
    except TableError as error:
        raise KnowledgeError(f"{path.name}:1: {error}") from None
    return Guidance(path.stem, recommendation, tables)


def _joined(files: Mapping[str, Mapping[str, ValueSet]]) -> dict[str, ValueSet]:
    joined: dict[str, ValueSet] = {}
    for name, value_sets in files.items():
        twice = joined.keys() & value_sets.keys()
        if twice:
            raise KnowledgeError(f"{name}:1: value set {sorted(twice)[0]} stands in another file too")
        joined.update(value_sets)
    return joined


def _reviews(files: Mapping[str, object], more: Mapping[str, Review]) -> dict[str, Review]:
    reviews: dict[str, Review] = {
        name: file.review  # type: ignore[attr-defined]  # every file with a review block has this member
        for name, file in files.items()
    } | dict(more)
    for name, review in reviews.items():
        if review.status == "reviewed" and (not review.reviewed_on or review.reviewer in (None, review.author)):
            raise KnowledgeError(f"{name}.yaml:1: 'reviewed' needs a reviewer other than the author, and a date")
        _day(review.review_by, f"{name}.yaml", "review_by")
        if review.reviewed_on:
            _day(review.reviewed_on, f"{name}.yaml", "reviewed_on")
    return reviews


def _day(text: str, file: str, key: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise KnowledgeError(f"{file}:1: {key} is a day such as 2027-05-31, not {text!r}") from None


def _semantic(version: Version) -> str:
    if not _SEMANTIC.fullmatch(version.version):
        raise KnowledgeError(f"version.yaml:1: {version.version!r} is no semantic version such as 1.4.0")
    return version.version


def _roles(classes: Iterable[DrugClass]) -> dict[str, tuple[Role, ...]]:
    """The roles of each ingredient, by name; the tier and evidence of its class where it has none of its own."""
    roles: dict[str, list[Role]] = {}
    for one in classes:
        for ingredient in one.ingredients:
            evidence = ingredient.evidence or one.evidence
            roles.setdefault(ingredient.name, []).append(
                Role(
                    drug_class=one.drug_class,
                    tier=ingredient.tier or one.tier,
                    evidence=evidence.grade if evidence else "",
                    note=(ingredient.note or (evidence.note if evidence else None)) or "",
                    source=evidence.source if evidence else "",
                )
            )
    return {name: tuple(found) for name, found in roles.items()}


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.yaml")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]

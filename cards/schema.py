"""The shapes of the knowledge files, as the loader accepts them: nothing unknown, nothing missing, codes as strings."""

from decimal import Decimal
from typing import Literal

import msgspec


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping of a knowledge file."""


class Review(_Strict, frozen=True):
    """Who stands behind a file. `reviewed` needs a second person and a date; until then it stays `draft`."""

    status: Literal["draft", "reviewed"]
    author: str
    review_by: str
    reviewer: str | None = None
    reviewed_on: str | None = None


class Limit(_Strict, frozen=True):
    """One number with its unit and its source; what we decided ourselves says why.

    `site_range`: a site may choose another number within these bounds, both included. Without it nobody may.
    """

    value: Decimal
    unit: str
    source: str
    why: str | None = None
    site_range: tuple[int, int] | None = None


class Statement(_Strict, frozen=True):
    """What the source says, in our words."""

    text: str
    source: str
    strength: str


class Line(_Strict, frozen=True):
    """One line of a card's detail; `when` names the variants and notes that bring it, none = always."""

    text: str
    when: tuple[str, ...] = ()


class CardText(_Strict, frozen=True):
    """Everything a prescriber reads on one card, and what hangs on it."""

    id: str
    display: str
    source: str
    evidence: str
    summaries: dict[str, str]
    seen: tuple[Line, ...]
    do: tuple[Line, ...]
    why: tuple[Line, ...]
    override_reasons: tuple[str, ...]
    links: tuple[str, ...]


class Band(_Strict, frozen=True):
    """A band of values; it begins where the last one ends. `upto` includes its limit, `below` does not."""

    name: str
    upto: str | None = None
    below: str | None = None


class Row(_Strict, frozen=True):
    """One or several cells of a decision table: each combination of the bands named gets the answer."""

    ferritin: tuple[str, ...]
    saturation: tuple[str, ...]
    answer: str
    source: str


class Table(_Strict, frozen=True):
    """A decision table for one population, complete by construction (see `cards.tables`)."""

    who: str
    ferritin: tuple[Band, ...]
    saturation: tuple[Band, ...]
    rows: tuple[Row, ...]


class Answer(_Strict, frozen=True):
    """What an answer of a table means: a card in one of its variants, or silence with its reason."""

    card: str | None = None
    variant: str | None = None
    indicator: Literal["info", "warning", "critical"] | None = None
    notes: tuple[str, ...] = ()
    treats: bool = False
    silence: str | None = None


class Recommendation(_Strict, frozen=True):
    """One clinical question: `rules/X.py`, `recommendations/X.yaml` and `tests/vignettes/X.yaml` share the stem X."""

    title: str
    review: Review
    statements: tuple[Statement, ...]
    cards: dict[str, CardText] = {}
    limits: dict[str, Limit] = {}
    lists: dict[str, tuple[str, ...]] = {}
    words: dict[str, str] = {}
    answers: dict[str, Answer] = {}
    tables: tuple[Table, ...] = ()


class SourceEntry(_Strict, frozen=True):
    """One citation; `use: to_verify` may never stand on a card."""

    citation: str
    read: Literal["full", "abstract", "citation", "none"]
    use: Literal["citation", "to_verify"]
    url: str | None = None
    identifiers: tuple[str, ...] = ()
    ref: str | None = None
    note: str | None = None
    label: str | None = None


class Sources(_Strict, frozen=True):
    """`sources.yaml`."""

    title: str
    review: Review
    sources: dict[str, SourceEntry]


class CodeSystem(_Strict, frozen=True):
    """A code system: the URIs under which feeds send it, and how its codes are compared."""

    uris: tuple[str, ...]
    normalise: Literal["dotless_upper", "exact"]
    note: str | None = None


class CodeSystems(_Strict, frozen=True):
    """`code_systems.yaml`."""

    title: str
    review: Review
    code_systems: dict[str, CodeSystem]


class Code(_Strict, frozen=True):
    """One code of a value set."""

    system: str
    code: str
    display: str
    match: Literal["exact", "prefix"] = "exact"
    status: Literal["verified", "unverified"] = "unverified"
    note: str | None = None


class ValueSet(_Strict, frozen=True):
    """A named set of codes."""

    display: str
    codes: tuple[Code, ...]
    note: str | None = None


class ValueSets(_Strict, frozen=True):
    """A file of `value_sets/`."""

    title: str
    review: Review
    value_sets: dict[str, ValueSet]


class TestCode(_Strict, frozen=True):
    """A code under which a laboratory test is reported; `needs_unit` where the code leaves the property open."""

    system: str
    code: str
    display: str
    use: Literal["result", "needs_unit"] = "result"
    note: str | None = None
    status: Literal["verified", "unverified"] = "verified"


class RejectedCode(_Strict, frozen=True):
    """A code that looks like the test and is not its result."""

    code: str
    display: str
    why: str
    system: str = "LOINC"
    status: Literal["verified", "unverified"] = "verified"


class LabTest(_Strict, frozen=True):
    """One laboratory test."""

    display: str
    canonical_unit: str
    codes: tuple[TestCode, ...]
    reject: tuple[RejectedCode, ...] = ()
    note: str | None = None


class LabTests(_Strict, frozen=True):
    """`value_sets/labs.yaml`."""

    title: str
    review: Review
    tests: dict[str, LabTest]


class Unit(_Strict, frozen=True):
    """A unit spelling of a test (NFKC, lower case, no blanks or braces) and the way to the canonical unit."""

    spelling: str
    ucum: str
    source: str
    multiply_by: Decimal | None = None
    divide_by: Decimal | None = None
    note: str | None = None


class Units(_Strict, frozen=True):
    """`units.yaml`."""

    title: str
    review: Review
    units: dict[str, tuple[Unit, ...]]


class Evidence(_Strict, frozen=True):
    """How well a drug's effect on RLS is documented (grades of facts, section B)."""

    grade: Literal["E1", "E2", "E3", "E4", "EC"]
    source: str
    words: str | None = None
    note: str | None = None


class DrugIngredient(_Strict, frozen=True):
    """One ingredient of a class; `tier` overrides the tier of the class."""

    name: str
    tier: Literal["warning", "info", "none"] | None = None
    evidence: Evidence | None = None
    note: str | None = None
    why: str | None = None


class DrugClass(_Strict, frozen=True, rename={"drug_class": "class"}):
    """A file of `drug_classes/`."""

    title: str
    review: Review
    drug_class: str
    display: str
    mechanism: str
    tier: Literal["warning", "info", "none"]
    ingredients: tuple[DrugIngredient, ...]
    evidence: Evidence | None = None
    why: str | None = None
    note: str | None = None


class OrderTemplate(_Strict, frozen=True):
    """A draft order that a suggestion creates.

    `rests_on` names the optional needs without which it is withheld; `after_days` plans it for a later day; `reason` is
    RLS, or the reason of the order that it replaces.
    """

    resource_type: Literal["ServiceRequest", "MedicationRequest"]
    label: str
    description: str
    system: str
    code: str
    display: str
    note: str
    after_days: int | None = None
    rests_on: tuple[Literal["medications", "allergies", "facts", "orders"], ...] = ()
    reason: Literal["rls", "from_order"] = "rls"
    status: Literal["verified", "unverified"] = "unverified"


class Orders(_Strict, frozen=True):
    """`orders.yaml`."""

    title: str
    review: Review
    orders: dict[str, OrderTemplate]


class OverrideReason(_Strict, frozen=True):
    """A reason that a prescriber may give; `system` is the name of a code system of `override_reasons.yaml`."""

    display: str
    system: str
    code: str


class OverrideReasons(_Strict, frozen=True):
    """`override_reasons.yaml`."""

    title: str
    review: Review
    systems: dict[str, str]
    reasons: dict[str, OverrideReason]


class Alternative(_Strict, frozen=True):
    """What to consider instead for one indication; `draft` names the ingredients for which a draft may be offered."""

    display: str
    instead_of: tuple[str, ...]
    name: tuple[str, ...]
    source: str
    caveat: str | None = None
    draft: tuple[str, ...] = ()


class Alternatives(_Strict, frozen=True):
    """`alternatives.yaml`."""

    title: str
    review: Review
    alternatives: dict[str, Alternative]


class Question(_Strict, frozen=True):
    """What a clinician has to decide before signature, and what holds until then."""

    id: str
    question: str
    where: str
    default: str


class OpenQuestions(_Strict, frozen=True):
    """`open_questions.yaml`."""

    title: str
    review: Review
    questions: tuple[Question, ...]


class Cap(_Strict, frozen=True):
    """How many cards a hook may show at most; a site may choose another number within `site_range`."""

    cards: int
    site_range: tuple[int, int]
    source: str
    why: str


class Arrangement(_Strict, frozen=True):
    """`arrangement.yaml`: caps, priorities, replacements and merges."""

    title: str
    review: Review
    caps: dict[str, Cap]
    priority: tuple[str, ...]
    hooks_without_info: dict[str, str]
    merge: tuple["Merge", ...] = ()
    gives_way: dict[str, str] = {}


class Merge(_Strict, frozen=True):
    """When both topics would show, the second joins the first."""

    into: str
    topic: str
    why: str


class Notices(_Strict, frozen=True):
    """`notices.yaml`: lines that any card may carry."""

    title: str
    review: Review
    unread: dict[str, str]
    recognised_by_name: str
    never_stop_suddenly: str
    studies_due: str
    judgement: str
    draft: str
    grades: dict[str, str]


class Silences(_Strict, frozen=True):
    """`silences.yaml`: each reason for silence as a sentence."""

    title: str
    review: Review
    silences: dict[str, str]


class SourceAttribute(_Strict, frozen=True):
    """One attribute of 45 CFR 170.315(b)(11)(iv)(A) and our answer; `reads` names the FHIR elements that are used."""

    id: str
    name: str
    used: Literal["yes", "no", "given"]
    text: str
    reads: tuple[str, ...] = ()


class DeviceCriterion(_Strict, frozen=True):
    """One criterion of section 520(o)(1)(E) of the FD&C Act, in our words, and our answer."""

    id: str
    asks: str
    answer: str
    view: str


class Transparency(_Strict, frozen=True):
    """`transparency.yaml`: what a user may ask of decision support."""

    title: str
    review: Review
    attributes: tuple[SourceAttribute, ...]
    criteria: tuple[DeviceCriterion, ...]


class Version(_Strict, frozen=True):
    """`version.yaml`: the semantic version of the knowledge, apart from that of the software."""

    title: str
    review: Review
    version: str
    released: str

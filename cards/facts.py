"""PatientFacts: what the readers found, in the words that rules may use. No FHIR in here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum

import msgspec

from cards.evidence import Hook
from cards.needs import Need
from cards.terminology import Exposure, Product


class _Fact(msgspec.Struct, frozen=True, gc=False):
    """What is made for each resource that is read: a struct, which is made in a fifth of the time of a dataclass."""


class AgeGroup(StrEnum):
    """On the day of the hook: under 2, 2 to under 18, 18 and over."""

    INFANT = "infant"
    CHILD = "child"
    ADULT = "adult"


class Rls(StrEnum):
    """What the Conditions say of restless legs syndrome (facts F1)."""

    ACTIVE = "active"
    SUSPECTED = "suspected"
    INACTIVE = "inactive"
    REFUTED = "refuted"
    NONE = "none"


class Setting(StrEnum):
    """Where the patient is seen. `UNREAD`: an encounter was named but could not be read."""

    OUTPATIENT = "outpatient"
    ACUTE = "acute"
    UNREAD = "unread"


class Trimester(IntEnum):
    """First under 14+0 weeks, second under 28+0."""

    FIRST = 1
    SECOND = 2
    THIRD = 3


class Lab(StrEnum):
    """The tests that are read; the value is the key in the knowledge."""

    FERRITIN = "ferritin"
    TSAT = "transferrin_saturation"
    IRON = "iron"
    TIBC = "tibc"
    UIBC = "uibc"
    TRANSFERRIN = "transferrin"
    CRP = "crp"
    HEMOGLOBIN = "hemoglobin"


class Unusable(StrEnum):
    """Why a result cannot be used."""

    OLD = "old"
    FUTURE = "dated in the future"
    NO_DATE = "no collection date"
    NO_VALUE = "no number"
    NO_UNIT = "no unit"
    UNKNOWN_UNIT = "unit not known"
    IMPLAUSIBLE = "value not plausible"
    NOT_FINAL = "not final"
    AFTER_IV_IRON = "drawn too soon after intravenous iron"
    AFTER_TRANSFUSION = "drawn too soon after a transfusion"
    BEFORE_TREATMENT = "drawn before the present iron treatment"
    BEFORE_PREGNANCY = "drawn before this pregnancy"
    INDETERMINATE = "not clear on which side of a threshold it lies"
    NOT_PAIRED = "too far in time from the other test"


class Ref(_Fact, frozen=True):
    """One resource that a fact rests on, with the day that it speaks of."""

    reference: str
    on: date | None = None


class Span(_Fact, frozen=True):
    """The values that a result allows: one point, or an interval where a comparator was sent. Ends in the unit."""

    low: Decimal | None
    high: Decimal | None
    low_closed: bool = True
    high_closed: bool = True

    @property
    def point(self) -> Decimal | None:
        """The single value, None for an interval."""
        return self.low if self.low is not None and self.low == self.high else None


class LabResult(_Fact, frozen=True):
    """A usable result in its canonical unit, rounded half-up to one decimal; `reported` is what the laboratory wrote."""

    lab: Lab
    span: Span
    unit: str
    on: date
    at: datetime
    reported: str
    refs: tuple[Ref, ...]
    computed: bool = False
    flag: str | None = None
    assay_known: bool = False
    low_limit: Decimal | None = None


class RejectedResult(_Fact, frozen=True):
    """A result that cannot be used, and why; `on` is None where no collection date was sent."""

    lab: Lab
    why: Unusable
    reported: str | None
    on: date | None
    ref: Ref


@dataclass(frozen=True, slots=True)
class IronPanel:
    """The ferritin and transferrin saturation that decide, paired, and what was set aside.

    `since` is the first day from which a result would have been recent enough.
    """

    ferritin: LabResult | None = None
    tsat: LabResult | None = None
    ferritin_band: str | None = None
    tsat_band: str | None = None
    rejected: tuple[RejectedResult, ...] = ()
    since: date | None = None
    adult_ferritin_band: str | None = None
    adult_tsat_band: str | None = None


class Problem(_Fact, frozen=True):
    """One active problem of a value set."""

    value_set: str
    ref: Ref
    recorded: date | None = None
    onset_age: int | None = None


@dataclass(frozen=True, slots=True)
class Pregnancy:
    """A current pregnancy; `trimester` None = not known, which counts as the first."""

    trimester: Trimester | None
    weeks: int | None
    began: date | None
    refs: tuple[Ref, ...]

    @property
    def counts_as(self) -> Trimester:
        """The trimester that the rules go by."""
        return self.trimester or Trimester.FIRST


@dataclass(frozen=True, slots=True)
class Role:
    """What the knowledge says of one ingredient in one drug class."""

    drug_class: str
    tier: str
    evidence: str
    note: str
    source: str


STATEMENTS = frozenset({"MedicationStatement", "MedicationUsage"})
ADMINISTRATIONS = frozenset({"MedicationAdministration"})
TAKEN = frozenset({"active", "recorded"})
ESTABLISHED = TAKEN | {"on-hold"}
ENDED = frozenset({"completed", "stopped", "ended"})


class Medicine(_Fact, frozen=True):
    """An order, statement or administration of a drug product, recognised or not; `classes` are those of its `roles`."""

    ref: Ref
    product: Product
    roles: Mapping[str, tuple[Role, ...]]
    status: str
    kind: str
    authored: date | None = None
    started: date | None = None
    ended: date | None = None
    last_known: date | None = None
    reasons: frozenset[str] = frozenset()
    has_reason: bool = False
    as_needed: bool = False
    mg_per_day: Mapping[str, Decimal] = msgspec.field(default_factory=dict)
    elemental_iron_per_day: Decimal | None = None
    times: frozenset[str] = frozenset()
    prior: str | None = None
    is_premedication: bool = False
    is_for_reaction: bool = False
    is_low_dose_doxepin: bool = False
    classes: frozenset[str] = frozenset()

    @property
    def is_statement(self) -> bool:
        """A statement of use rather than an order."""
        return self.kind in STATEMENTS

    @property
    def is_taken_now(self) -> bool:
        """An order or statement that is going on."""
        return self.status in TAKEN and self.kind not in ADMINISTRATIONS

    @property
    def is_established(self) -> bool:
        """Going on, or on hold: no new start, and still a reason for caution."""
        return self.status in ESTABLISHED and self.kind not in ADMINISTRATIONS

    @property
    def has_ended(self) -> bool:
        """Completed or stopped."""
        return self.status in ENDED

    def has_other_reason(self, *value_sets: str) -> bool:
        """A reason was given, and it is none of these."""
        return self.has_reason and not self.reasons.intersection(value_sets)

    def ingredients_of(self, *drug_classes: str) -> tuple[str, ...]:
        """The ingredients that belong to one of the classes, in alphabetical order."""
        if self.classes.isdisjoint(drug_classes):
            return ()
        return tuple(
            name
            for name in self.product.ingredients
            if any(role.drug_class in drug_classes for role in self.roles.get(name, ()))
        )

    def role(self, ingredient: str, drug_class: str) -> Role | None:
        """What the knowledge says of the ingredient in that class."""
        return next((role for role in self.roles.get(ingredient, ()) if role.drug_class == drug_class), None)


@dataclass(frozen=True, slots=True)
class DraftOrder:
    """A drafted medication order. Only live ones reach the facts; `selected` is True on hooks without selections."""

    medicine: Medicine
    selected: bool
    new_ingredients: frozenset[str] = frozenset()

    @property
    def acts_systemically(self) -> bool:
        """Anything but a product that is known to act locally."""
        return self.medicine.product.exposure is not Exposure.LOCAL

    def is_doubtful(self, ingredient: str) -> bool:
        """Route and form are unknown and the ingredient also exists as a local product: a warning becomes info."""
        return ingredient in self.medicine.product.may_be_local and not self.medicine.product.acts_systemically

    def new_of(self, *drug_classes: str) -> tuple[str, ...]:
        """The ingredients of some classes that this order newly starts."""
        return tuple(name for name in self.medicine.ingredients_of(*drug_classes) if name in self.new_ingredients)


@dataclass(frozen=True, slots=True)
class IronTherapy:
    """Iron treatment on record; dates are calendar days, None where unknown.

    `on_iron`: too early to judge (under 12 weeks, in pregnancy 4 for oral and 8 for intravenous iron).
    `established`: the latest oral course is old enough for a sample drawn after its start to count.
    """

    oral_since: date | None = None
    oral_weeks: int | None = None
    last_infusion: date | None = None
    infusions: tuple[date, ...] = ()
    on_iron: bool = False
    established_oral: bool = False
    in_last_year: bool = False
    refs: tuple[Ref, ...] = ()

    @property
    def treated_since(self) -> date | None:
        """The day from which a sample must be later to show the effect of the present course; None while too early."""
        if self.on_iron:
            return None
        return max(filter(None, (self.oral_since, self.last_infusion)), default=None)


@dataclass(frozen=True, slots=True)
class Pending:
    """Which tests are ordered or awaited."""

    ferritin: bool = False
    tsat: bool = False


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """One patient on one day, as far as the evidence goes."""

    on: date
    hook: Hook
    age_group: AgeGroup | None
    age_years: int | None
    rls: Rls
    rls_refs: tuple[Ref, ...] = ()
    deceased: bool = False
    gender: str | None = None
    setting: Setting = Setting.OUTPATIENT
    hospice: bool = False
    pregnancy: Pregnancy | None = None
    end_stage_kidney_disease: bool = False
    on_dialysis: bool = False
    iron_loading: bool = False
    problems: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)
    population: str = ""
    panel: IronPanel = IronPanel()
    labs: Mapping[Lab, LabResult] = field(default_factory=dict)
    iron: IronTherapy = IronTherapy()
    pending: Pending = Pending()
    medicines: tuple[Medicine, ...] = ()
    drafts: tuple[DraftOrder, ...] = ()
    recent_infection: bool = False
    iron_indicated_otherwise: bool = False
    in_anaphylaxis: bool = False
    allergies: frozenset[str] = frozenset()
    long_qtc: bool = False
    alcohol_score: Decimal | None = None
    weight: str | None = None
    weight_on: date | None = None
    sleep_apnoea_treated: bool = False
    has_family_history: bool = False
    screening_groups: frozenset[str] = frozenset()
    studies_due: tuple[str, ...] = ()
    unread: frozenset[Need] = frozenset()
    unmapped_drugs: int = 0

    @property
    def is_adult(self) -> bool:
        """18 and over."""
        return self.age_group is AgeGroup.ADULT

    @property
    def medicines_established(self) -> tuple[Medicine, ...]:
        """Orders and statements that are going on or on hold."""
        return tuple(medicine for medicine in self.medicines if medicine.is_established)

    @property
    def medicines_now(self) -> tuple[Medicine, ...]:
        """Orders and statements that are going on."""
        return tuple(medicine for medicine in self.medicines if medicine.is_taken_now)

    def has(self, *value_sets: str) -> bool:
        """Whether any active problem belongs to one of the value sets."""
        return any(name in self.problems for name in value_sets)

"""A patient as this reading sees one: plain facts, days counted back from the day of the hook."""

from dataclasses import dataclass, field
from decimal import Decimal

FINAL = ("final", "amended", "corrected")
AWAITED = ("registered", "preliminary")


@dataclass
class Diagnosis:
    """One entry of restless legs syndrome. `recorded` in days ago, None = no date."""

    clinical: str | None = "active"
    verification: str | None = "confirmed"
    on_problem_list: bool = True
    recorded: int | None = 140
    abated: bool = False


@dataclass
class Lab:
    """A result of ferritin, transferrin_saturation, iron or tibc."""

    test: str
    value: Decimal
    unit: str | None
    ago: int
    comparator: str = ""
    status: str = "final"
    specimen: str | None = None


@dataclass
class Iron:
    """A stretch of oral iron, or one intravenous dose (`ended` is then its day too)."""

    intravenous: bool
    began: int
    ended: int | None = None


@dataclass
class LabOrder:
    """An order of `ferritin`, `iron_panel` or `transferrin_saturation`; `planned` in days ahead."""

    test: str
    ago: int
    status: str = "active"
    planned: int | None = None


@dataclass
class Pregnancy:
    """How a pregnancy is known: by a Condition, a status; its delivery date (days ahead) and its gestational age."""

    recorded: int | None = None
    status_ago: int | None = None
    due_in: int | None = None
    weeks: int | None = None
    weeks_ago: int = 0


@dataclass
class Drug:
    """A medicine on record or a draft. `product` is a key of `drugs.PRODUCTS`."""

    product: str
    reason: str | None = None
    status: str = "active"
    since: int | None = 140
    ended: int | None = None
    selected: bool = True
    do_not_perform: bool = False
    prn: bool = False
    per_day: int | None = None
    statement: bool = False


@dataclass
class Patient:
    """Everything that the reading looks at. `unread`: the needs that failed."""

    age: int = 45
    deceased: bool = False
    rls: list[Diagnosis] = field(default_factory=list)
    conditions: set[str] = field(default_factory=set)
    dialysis_procedure: int | None = None
    pregnancy: Pregnancy | None = None
    encounter: str | None = None
    labs: list[Lab] = field(default_factory=list)
    iron: list[Iron] = field(default_factory=list)
    transfusion: int | None = None
    orders: list[LabOrder] = field(default_factory=list)
    drugs: list[Drug] = field(default_factory=list)
    drafts: list[Drug] = field(default_factory=list)
    qtc: int | None = None
    audit_c: int | None = None
    cpap: bool = False
    unread: set[str] = field(default_factory=set)

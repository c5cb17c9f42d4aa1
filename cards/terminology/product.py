"""The words of this room: what an EHR calls a drug (`Naming`), and what it is (`Product`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

_NO_STRENGTH: Mapping[str, Decimal] = MappingProxyType({})


class RecognisedBy(StrEnum):
    """The level of the resolution order that answered."""

    RXNORM = "rxnorm"
    CODE = "code"
    NAME = "name"
    NOTHING = "nothing"


class Exposure(StrEnum):
    """Where the product acts. `UNKNOWN`: neither route nor dose form was said."""

    SYSTEMIC = "systemic"
    LOCAL = "local"
    UNKNOWN = "unknown"


class Route(StrEnum):
    """How the product is given, as the order, the dose form or the name says."""

    ORAL = "oral"
    SUBLINGUAL = "sublingual"
    BUCCAL = "buccal"
    RECTAL = "rectal"
    INTRAVENOUS = "intravenous"
    INTRAMUSCULAR = "intramuscular"
    SUBCUTANEOUS = "subcutaneous"
    INJECTED = "injected"
    INHALED = "inhaled"
    TRANSDERMAL = "transdermal"
    NASAL = "nasal"
    TOPICAL = "topical"
    OPHTHALMIC = "ophthalmic"
    OTIC = "otic"
    VAGINAL = "vaginal"
    OTHER_LOCAL = "other_local"
    UNKNOWN = "unknown"


class IronIntent(StrEnum):
    """What a product with iron is given for."""

    ORAL = "oral"
    INTRAVENOUS = "intravenous"
    MULTIVITAMIN = "multivitamin"
    CONTRACEPTIVE_SPACER = "contraceptive_spacer"
    PHOSPHATE_BINDER = "phosphate_binder"
    NOT_THERAPY = "not_therapy"


@dataclass(frozen=True, slots=True)
class IronProduct:
    """Iron in a product; `elemental_mg` is mg of elemental iron per unit, None where the name does not give it."""

    intent: IronIntent
    elemental_mg: Decimal | None = None


class Naming(NamedTuple):
    """What the EHR calls a drug, a route or a dose form.

    `codings` holds (system, code, display); `display` is that of a reference; `ingredients` are those of
    Medication.ingredient; `form` is Medication.form.
    """

    codings: tuple[tuple[str | None, str | None, str | None], ...] = ()
    text: str | None = None
    display: str | None = None
    ingredients: tuple["Naming", ...] = ()
    form: "Naming | None" = None


@dataclass(frozen=True, slots=True)
class Product:
    """What a drug is.

    `ingredients` are canonical names, sorted. `recognised_by` NOTHING means unmapped: nothing knew the drug. A code
    that is known and holds none of our ingredients gives an empty tuple and is not unmapped. `oral_sign`: the text has
    mg without %, "tablet", "PO", "at bedtime" or the like. `may_be_local` names the ingredients that are also sold as
    a local product. `strength_mg` is mg per unit by ingredient, where the name gives it.
    """

    ingredients: tuple[str, ...] = ()
    recognised_by: RecognisedBy = RecognisedBy.NOTHING
    exposure: Exposure = Exposure.UNKNOWN
    route: Route = Route.UNKNOWN
    oral_sign: bool = False
    may_be_local: frozenset[str] = frozenset()
    iron: IronProduct | None = None
    strength_mg: Mapping[str, Decimal] = field(default_factory=lambda: _NO_STRENGTH)
    retired: bool = False

    @property
    def unmapped(self) -> bool:
        """Nothing recognised the drug."""
        return self.recognised_by is RecognisedBy.NOTHING

    @property
    def acts_systemically(self) -> bool:
        """Systemic, or unknown and not to be doubted: no local product exists, or the text has an oral sign."""
        if self.exposure is Exposure.UNKNOWN:
            return self.oral_sign or not self.may_be_local
        return self.exposure is Exposure.SYSTEMIC

"""Laboratory units: any spelling in use to the canonical unit, exactly, or not at all."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from cards.kept import Kept
from cards.schema import Unit

_TENTH = Decimal("0.1")
_BLANK = str.maketrans("", "", " {}[]\t\u00a0")


@dataclass(frozen=True, slots=True)
class Factor:
    """How a spelling leads to the canonical unit; `is_fraction` where 1 means 100 %, `is_same` where it is that unit."""

    multiply_by: Decimal
    divide_by: Decimal

    is_same: bool = False

    @property
    def is_fraction(self) -> bool:
        """A share of one, which is compared as a percentage."""
        return self.multiply_by == 100

    def convert(self, value: Decimal) -> Decimal:
        """The value in the canonical unit, not yet rounded."""
        if self.is_same:
            return value
        return value * self.multiply_by / self.divide_by


# No unit is spelled longer.
_LONGEST_KEPT = 40


class UnitIndex:
    """The known spellings of each test."""

    def __init__(self, units: Mapping[str, tuple[Unit, ...]]) -> None:
        known = {(test, spelled(unit.spelling)): _factor(unit) for test, all_ in units.items() for unit in all_}
        self._factors: Kept[tuple[str, str], Factor | None] = Kept(
            lambda asked: known.get((asked[0], spelled(asked[1]))), fits=lambda asked: len(asked[1]) <= _LONGEST_KEPT
        )

    def factor(self, test: str, unit: str) -> Factor | None:
        """The factor of a spelling, None where it is not known for this test."""
        return self._factors[test, unit]


def _factor(unit: Unit) -> Factor:
    multiply_by, divide_by = unit.multiply_by or Decimal(1), unit.divide_by or Decimal(1)
    return Factor(multiply_by, divide_by, is_same=multiply_by == divide_by)


def spelled(unit: str) -> str:
    """A spelling as it is compared: NFKC, lower case, without blanks and braces. UCUM is case-sensitive, feeds are not."""
    return unicodedata.normalize("NFKC", unit[:64]).lower().translate(_BLANK)


def tenth(value: Decimal) -> Decimal:
    """Rounded half-up to one decimal (facts A4, rule 3)."""
    return value.quantize(_TENTH, ROUND_HALF_UP)

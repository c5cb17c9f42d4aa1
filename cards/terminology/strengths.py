"""Strengths in mg that a product name gives, per tablet or other unit; concentrations are not strengths."""

import re
from decimal import Decimal
from typing import NamedTuple

_AMOUNT = re.compile(
    r"(?<![\d.,/-])(\d+(?:[.,]\d+)*)\s*-?\s*(milligrams?|mgs?|micrograms?|mcg|ug|grams?|g)\b"
    # "5 mg/ml", "25 mcg/hr", "20 mg/5 ml": per volume or time, not per unit.
    r"(?!\s*(?:(?:elemental\s+)?(?:iron|fe)\s*)?(?:/|per)\s*(?:g|mg|[\d.]*\s*(?:ml|l|hr?|hours?|day|kg|actuat\w*|spray|cm2?|litre|liter))\b)"
    r"(?!\s*%)"
)
_ELEMENTAL = re.compile(
    r"(?<![\d.,])(\d+(?:[.,]\d+)*)\s*mg\s*(?:of\s+)?"
    r"(?:elemental(?:\s+(?:iron|fe))?|(?:iron|fe)(?=\s*(?:[)\],;.]|/|per\b|tab|cap|oral|chew|$)))"
    r"(?!\s*\)?\s*(?:/|per)\s*[\d.]*\s*ml)"
)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?:\D|$))")


class Amount(NamedTuple):
    """One amount in a plain text, in mg, and where it begins."""

    start: int
    mg: Decimal


def amounts(text: str) -> list[Amount]:
    """Every amount in a plain text that stands for one unit, from left to right."""
    found = (match for match in _AMOUNT.finditer(text) if _readable(match[1]))
    return [Amount(match.start(), _number(match[1]) * _factor(match[2])) for match in found]


def _number(written: str) -> Decimal:
    return Decimal(_THOUSANDS.sub("", written).replace(",", "."))


def _readable(written: str) -> bool:
    return _THOUSANDS.sub("", written).replace(",", ".").count(".") <= 1


def _factor(unit: str) -> Decimal:
    if unit.startswith(("microgram", "mcg", "ug")):
        return Decimal("0.001")
    return Decimal(1000) if unit.startswith("g") else Decimal(1)


def elemental_iron_mg(text: str) -> Decimal | None:
    """The elemental iron that a plain text writes out ("65 mg elemental iron"), in mg per unit."""
    match = _ELEMENTAL.search(text)
    return _number(match[1]) if match and _readable(match[1]) else None

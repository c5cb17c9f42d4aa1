"""Milligrams a day from dosage instructions: computed where everything is said, never guessed."""

from collections.abc import Iterable
from decimal import Decimal

from cards.fhir import Dosage, DoseAndRate, Quantity, Repeat, Timing, in_list
from cards.readers.concepts import words_of

_MG = {
    "mg": Decimal(1),
    "milligram": Decimal(1),
    "milligrams": Decimal(1),
    "g": Decimal(1000),
    "ug": Decimal("0.001"),
    "mcg": Decimal("0.001"),
}
# A dose counted in products is worth the strength that the product's name gives.
_PIECES = frozenset(
    {
        "",
        "1",
        "tablet",
        "tablets",
        "tab",
        "tabs",
        "capsule",
        "capsules",
        "cap",
        "caps",
        "each",
        "dose",
        "unit",
        "units",
        "piece",
        "{tbl}",
        "{capsule}",
        "{tablet}",
        "sachet",
        "patch",
    }
)
_PER_DAY = {
    "s": Decimal(86400),
    "min": Decimal(1440),
    "h": Decimal(24),
    "d": Decimal(1),
    "wk": Decimal(1) / 7,
    "mo": Decimal(1) / 30,
    "a": Decimal(1) / 365,
}
# HL7 v3 GTSAbbreviation, as `Timing.code` carries it.
_TIMES: dict[str, Decimal | int] = {
    "qd": 1,
    "qday": 1,
    "am": 1,
    "pm": 1,
    "hs": 1,
    "bed": 1,
    "bid": 2,
    "tid": 3,
    "qid": 4,
    "q4h": 6,
    "q6h": 4,
    "q8h": 3,
    "q12h": 2,
    "q24h": 1,
    "qod": Decimal("0.5"),
}


def mg_per_day(dosages: Iterable[Dosage], strength: Decimal | None) -> Decimal | None:
    """The daily amount of one ingredient over all dosages together, in mg; None where any of them leaves it open.

    `strength` is the mg of the ingredient in one piece of the product, where the name gives it.
    """
    total = Decimal(0)
    known = False
    for dosage in dosages:
        amount, times = _mg(dosage, strength), times_per_day(dosage.timing)
        if amount is None or times is None:
            return None
        total, known = total + amount * times, True
    return total if known else None


def pieces_per_day(dosages: Iterable[Dosage], strength: Decimal | None) -> Decimal | None:
    """How many pieces of the product a day; a dose in mg counts by the strength of one piece."""
    if strength:
        amount = mg_per_day(dosages, strength)
        return amount / strength if amount is not None else None
    return mg_per_day([one for one in dosages if _counted(one)], Decimal(1))


def times_per_day(timing: Timing | None) -> Decimal | None:
    """How often a day, None where it is not said."""
    if timing is None:
        return None
    coded = [_TIMES[word] for word in words_of(timing.code) if word in _TIMES]
    return _repeated(timing.repeat) or (Decimal(coded[0]) if coded else None)


def _repeated(repeat: Repeat | None) -> Decimal | None:
    if repeat is None:
        return None
    clock = in_list(repeat.time_of_day) or in_list(repeat.when)
    if clock and not repeat.frequency:
        return Decimal(len(clock))
    per_day = _PER_DAY.get((repeat.period_unit or repeat.period_units or "").lower())
    period = repeat.period if repeat.period is not None else Decimal(1)
    if not repeat.frequency or per_day is None or not _sane(period) or not _sane(repeat.frequency):
        return None
    return repeat.frequency * per_day / period


def _mg(dosage: Dosage, strength: Decimal | None) -> Decimal | None:
    quantity = _quantity(dosage)
    if quantity is None or quantity.value is None or not _sane(quantity.value):
        return None
    unit = (quantity.code or quantity.unit or "").strip().lower()
    if unit in _MG:
        return quantity.value * _MG[unit]
    return quantity.value * strength if unit in _PIECES and strength is not None else None


def _counted(dosage: Dosage) -> bool:
    quantity = _quantity(dosage)
    return quantity is not None and (quantity.code or quantity.unit or "").strip().lower() in _PIECES


def _quantity(dosage: Dosage) -> Quantity | None:
    """The ordered dose; Epic sends several `doseAndRate`, of which the one typed as ordered counts."""
    amounts = [one for one in in_list(dosage.dose_and_rate) if one.dose_quantity]
    ordered = [one for one in amounts if "ordered" in words_of(one.type)] or amounts
    chosen: DoseAndRate | None = ordered[0] if ordered else None
    return chosen.dose_quantity if chosen else dosage.dose_quantity


def _sane(value: Decimal) -> bool:
    return value.is_finite() and 0 < value < 10**6

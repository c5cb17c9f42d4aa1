"""What a product with iron is given for, and how much elemental iron a unit of it holds."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from cards.terminology.knowledge import Ingredient, IronFacts
from cards.terminology.names import Reading
from cards.terminology.product import Exposure, IronIntent, IronProduct, Route

_BY_NEEDLE = frozenset({Route.INTRAVENOUS, Route.INTRAMUSCULAR, Route.INJECTED})
_SWALLOWED = frozenset({Route.ORAL, Route.BUCCAL, Route.SUBLINGUAL})


def iron_product(
    names: Sequence[str],
    route: Route,
    exposure: Exposure,
    readings: Sequence[Reading],
    strength_mg: Mapping[str, Decimal],
    ingredients: Mapping[str, Ingredient],
) -> IronProduct | None:
    """The iron in a product, None where there is none."""
    facts = {name: entry.iron for name in names if (entry := ingredients[name]).iron}
    if not facts:
        return None
    intent = _intent([iron for iron in facts.values() if iron], route, exposure, readings)
    if intent in (IronIntent.INTRAVENOUS, IronIntent.NOT_THERAPY):
        return IronProduct(intent)
    return IronProduct(intent, _elemental(facts, readings, strength_mg))


def _intent(facts: Sequence[IronFacts], route: Route, exposure: Exposure, readings: Sequence[Reading]) -> IronIntent:
    kinds = {iron.kind for iron in facts}
    if any(reading.contraceptive for reading in readings):
        return IronIntent.CONTRACEPTIVE_SPACER
    if kinds == {"not_therapy"} or exposure is Exposure.LOCAL:
        return IronIntent.NOT_THERAPY
    if kinds == {"phosphate_binder"}:
        return IronIntent.PHOSPHATE_BINDER
    if any(reading.multivitamin for reading in readings):
        return IronIntent.MULTIVITAMIN
    # "Iron-dextran complex 65 MG Oral Tablet" is swallowed whatever dextran is usually for.
    if route in _BY_NEEDLE or ("intravenous" in kinds and route not in _SWALLOWED):
        return IronIntent.INTRAVENOUS
    return IronIntent.ORAL


def _elemental(
    facts: Mapping[str, IronFacts | None], readings: Sequence[Reading], strength_mg: Mapping[str, Decimal]
) -> Decimal | None:
    written = next((reading.elemental_iron_mg for reading in readings if reading.elemental_iron_mg is not None), None)
    if written is not None:
        return written
    amounts = [
        strength_mg[name] * iron.elemental_share.value
        for name, iron in facts.items()
        if iron and iron.elemental_share and name in strength_mg
    ]
    return sum(amounts, Decimal(0)) if len(amounts) == len(facts) else None

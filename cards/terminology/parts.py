"""The parts of a product, and which of them act on the whole body."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cards.terminology.dose_forms import DoseForms
from cards.terminology.knowledge import Ingredient
from cards.terminology.product import Exposure, Route


class Part(NamedTuple):
    """One member of a pack, or the whole of a simple product."""

    ingredients: frozenset[str]
    route: Route = Route.UNKNOWN
    # A code of the ATC for systemic use says so without naming a route.
    systemic: bool = False


class Whole(NamedTuple):
    """What the parts amount to."""

    ingredients: tuple[str, ...]
    exposure: Exposure
    route: Route


def join_parts(
    parts: Sequence[Part], ordered: Route, fallback: Route, ingredients: Mapping[str, Ingredient], forms: DoseForms
) -> Whole:
    """One product from its parts: a local part beside a systemic one adds nothing.

    `ordered` is the route of the order and goes before the form; `fallback` is used where a part names none.
    """
    judged = [_judge(part, ordered, fallback, ingredients, forms) for part in parts]
    for exposure in (Exposure.SYSTEMIC, Exposure.UNKNOWN, Exposure.LOCAL):
        counted = [(part, route) for part, route, found in judged if found is exposure]
        if counted:
            weaker = [part for part, _route, found in judged if found is Exposure.UNKNOWN]
            names = {name for part in [*(part for part, _ in counted), *weaker] for name in part.ingredients}
            return Whole(_most_precise(names, ingredients), exposure, counted[0][1])
    route = ordered if ordered is not Route.UNKNOWN else fallback
    return Whole((), forms.exposure(route, nasal_is_systemic=False), route)


def _judge(
    part: Part, ordered: Route, fallback: Route, ingredients: Mapping[str, Ingredient], forms: DoseForms
) -> tuple[Part, Route, Exposure]:
    made_for = part.route if part.route is not Route.UNKNOWN else fallback
    patch = made_for is Route.TRANSDERMAL and ordered is Route.TOPICAL
    route = made_for if patch or ordered is Route.UNKNOWN else ordered
    nasal = any(ingredients[name].nasal_is_systemic for name in part.ingredients)
    exposure = forms.exposure(route, nasal_is_systemic=nasal)
    if exposure is Exposure.UNKNOWN and part.systemic:
        exposure = Exposure.SYSTEMIC
    return part, route, exposure


def _most_precise(names: set[str], ingredients: Mapping[str, Ingredient]) -> tuple[str, ...]:
    vaguer = {ingredients[name].more_precise_than for name in names}
    if any(ingredients[name].iron and name != "iron" for name in names):
        vaguer.add("iron")
    return tuple(sorted(names - vaguer))

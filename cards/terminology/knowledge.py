"""What the files of `knowledge/ingredients` hold, read strictly into frozen types."""

from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec

from cards.loader import load
from cards.schema import Review

Market = Literal["us", "uk", "eu"]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A knowledge value: an unknown field is refused."""


class ElementalShare(_Strict, frozen=True):
    """Elemental iron per weight of what the label counts; 1 where the label counts elemental iron."""

    value: Decimal
    unit: Literal["1"]
    source: str


class IronFacts(_Strict, frozen=True):
    """What an iron ingredient is for."""

    kind: Literal["oral", "intravenous", "phosphate_binder", "not_therapy"]
    elemental_share: ElementalShare | None = None


class Ingredient(_Strict, frozen=True, rename={"drug_class": "class"}):
    """What one ingredient is called. `not_this` are names that contain one of ours and mean another substance."""

    drug_class: str
    also: tuple[str, ...] = ()
    status: Literal["verified", "unverified"] = "verified"
    rxnorm: tuple[str, ...] = ()
    rxnorm_precise: dict[str, str] = {}
    more_precise_than: str | None = None
    atc: tuple[str, ...] = ()
    atc_combination: tuple[str, ...] = ()
    atc_local: tuple[str, ...] = ()
    snomed: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    not_this: tuple[str, ...] = ()
    also_local: bool = False
    nasal_is_systemic: bool = False
    iron: IronFacts | None = None


class _IngredientFile(_Strict, frozen=True):
    title: str
    review: Review
    sources: tuple[str, ...]
    ingredients: dict[str, Ingredient]


class BrandGroup(_Strict, frozen=True):
    """The brands of one set of ingredients; `combination` holds other ingredients too, `local` is local only."""

    of: tuple[str, ...]
    status: Literal["verified", "unverified"]
    single: tuple[str, ...] = ()
    combination: tuple[str, ...] = ()
    also_local: tuple[str, ...] = ()
    local: tuple[str, ...] = ()
    multivitamin: tuple[str, ...] = ()
    rxnorm: dict[str, str] = {}


class _BrandFile(_Strict, frozen=True):
    title: str
    review: Review
    sources: tuple[str, ...]
    brands: tuple[BrandGroup, ...]


class RouteWords(_Strict, frozen=True):
    """How one route is written; see the head of `dose_forms.yaml`."""

    words: tuple[str, ...]
    solid: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    codes: dict[str, str] = {}


class DoseForms(_Strict, frozen=True):
    """Routes, and those whose products act on the whole body."""

    title: str
    review: Review
    sources: tuple[str, ...]
    routes: dict[str, RouteWords]
    systemic: tuple[str, ...]


class Negation(_Strict, frozen=True):
    """Words that take a drug name out of the product."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    clause: tuple[str, ...]


class Companions(_Strict, frozen=True):
    """Words around a drug name that change what it means."""

    title: str
    review: Review
    sources: tuple[str, ...]
    contraceptives: tuple[str, ...]
    multivitamins: tuple[str, ...]
    negation: Negation
    oral_signs: tuple[str, ...]


class Knowledge(_Strict, frozen=True):
    """All of it, with the brands of one market; `reviews` by the name of the file."""

    ingredients: dict[str, Ingredient]
    brands: tuple[BrandGroup, ...]
    dose_forms: DoseForms
    companions: Companions
    reviews: dict[str, Review]


def load_knowledge(folder: Path, market: str) -> Knowledge:
    """The files of `folder`, with the brand names of `market`.

    Raises `KnowledgeError` where a file is not as expected, ValueError where a name is unknown or stands twice.
    """
    ingredients: dict[str, Ingredient] = {}
    reviews: dict[str, Review] = {}
    for path in sorted(folder.glob("*.yaml")):
        if path.stem in ("dose_forms", "companions") or path.stem.startswith("brands_"):
            continue
        file = load(path, _IngredientFile)
        reviews[path.stem] = file.review
        for name, ingredient in file.ingredients.items():
            if name in ingredients:
                raise ValueError(f"{path.name}: the ingredient {name!r} stands in two files")
            ingredients[name] = ingredient
    brands = load(folder / f"brands_{market}.yaml", _BrandFile)
    _check_references(ingredients, brands.brands)
    dose_forms = load(folder / "dose_forms.yaml", DoseForms)
    companions = load(folder / "companions.yaml", Companions)
    reviews |= {
        f"brands_{market}": brands.review,
        "dose_forms": dose_forms.review,
        "companions": companions.review,
    }
    return Knowledge(
        ingredients=ingredients,
        brands=brands.brands,
        dose_forms=dose_forms,
        companions=companions,
        reviews=reviews,
    )


def _check_references(ingredients: dict[str, Ingredient], brands: tuple[BrandGroup, ...]) -> None:
    wanted = {name for group in brands for name in group.of}
    wanted |= {entry.more_precise_than for entry in ingredients.values() if entry.more_precise_than}
    if wanted - set(ingredients):
        raise ValueError(f"no ingredient is called {sorted(wanted - set(ingredients))}")

"""Drug names in text: which ingredients a display, a text or a brand name speaks of."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from cards.terminology.dose_forms import DoseForms
from cards.terminology.knowledge import Companions, Ingredient, Knowledge
from cards.terminology.parts import Part
from cards.terminology.phrases import Hit, Phrases
from cards.terminology.product import Route
from cards.terminology.strengths import elemental_iron_mg, strengths_mg
from cards.terminology.words import Word, plain, words

_BRACKETS = re.compile(r"\[[^\]]*\]")
_DESCRIBED = re.compile(r"\d\s*(?:mg|mcg|microgram|g|ml|unt|unit|meq|%|actuat)")
_PACK = re.compile(r"\{(.*)\}", re.DOTALL)
_NEXT_IN_PACK = re.compile(r"\)\s*/\s*(?=\d)")
_NEXT_INGREDIENT = re.compile(r"[/+&-]\s*[a-z]|\band\b|\bwith\b")
_MG_PER_VOLUME = re.compile(r"mg\s*/\s*[\d.]*\s*(?:ml|g|mg)\b|%")
_ENDING = re.compile(r"(?<=[a-z]{5})e$")


class Meaning(NamedTuple):
    """What a phrase stands for; `brand` names give way to the names of ingredients."""

    ingredients: frozenset[str]
    brand: bool = False
    combination: bool = False
    local: bool = False
    multivitamin: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What one text says. `parts` are the members of a pack, or one."""

    parts: tuple[Part, ...] = ()
    route: Route = Route.UNKNOWN
    oral_sign: bool = False
    contraceptive: bool = False
    multivitamin: bool = False
    elemental_iron_mg: Decimal | None = None
    strength_mg: Mapping[str, Decimal] = field(default_factory=dict)


class Names:
    """Reads drug names; built once."""

    def __init__(self, known: Knowledge, forms: DoseForms) -> None:
        companions = known.companions
        self._forms = forms
        self._phrases = Phrases([*_brands(known), *_ingredient_names(known.ingredients)])
        self._beside = Phrases(
            [(name, "contraceptive") for name in companions.contraceptives]
            + [(name, "multivitamin") for name in companions.multivitamins]
        )
        self._oral_signs = Phrases((sign, None) for sign in companions.oral_signs)
        self._clause = _clause(companions)
        self._not_after = frozenset(companions.negation.before)
        self._not_before = frozenset(companions.negation.after)

    def read(self, text: str) -> Reading:
        """The ingredients of a text by part, with what it says of form, strength and iron."""
        whole = self._clause.sub(" ", plain(text))
        described = _BRACKETS.sub(" ", whole)
        # RxNorm and others put the brand in brackets behind the full description: only the description counts.
        body = described if _DESCRIBED.search(described) else whole
        read = [self._component(component) for component in _components(body)]
        beside = {hit.meaning for hit in self._beside.find(words(whole))}
        strengths: dict[str, Decimal] = {}
        for component in read:
            strengths = component.strength_mg | strengths
        return Reading(
            parts=tuple(component.part for component in read if component.part.ingredients),
            route=self._forms.of_name(words(whole)),
            oral_sign=self.has_oral_sign(whole),
            contraceptive="contraceptive" in beside,
            multivitamin="multivitamin" in beside or any(component.multivitamin for component in read),
            elemental_iron_mg=elemental_iron_mg(whole),
            strength_mg=strengths,
        )

    def has_oral_sign(self, text: str) -> bool:
        """Mg without a concentration, "tablet", "PO", "at bedtime" and the like."""
        if self._oral_signs.find(words(text)):
            return True
        return "mg" in text and bool(strengths_mg(text)) and not _MG_PER_VOLUME.search(text)

    def _component(self, text: str) -> "_Component":
        found = words(text)
        hits = [hit for hit in self._phrases.find(found) if not self._negated(found, hit)]
        named = [hit for hit in hits if hit.meaning.ingredients and not hit.meaning.brand]
        counted = named or [hit for hit in hits if hit.meaning.brand]
        route = self._forms.of_name(found)
        if route is Route.UNKNOWN and counted and all(hit.meaning.local for hit in counted):
            route = Route.OTHER_LOCAL
        ingredients = frozenset(name for hit in counted for name in hit.meaning.ingredients)
        return _Component(
            part=Part(ingredients, route),
            multivitamin=any(hit.meaning.multivitamin for hit in hits),
            strength_mg=_strengths(text, found, counted),
        )

    def _negated(self, text: Sequence[Word], hit: Hit[Meaning]) -> bool:
        before = [word.text for word in text[max(0, hit.first - 2) : hit.first]]
        if before and (before[-1] in self._not_after or " ".join(before) in self._not_after):
            return True
        return hit.after < len(text) and text[hit.after].text in self._not_before


class _Component(NamedTuple):
    part: Part
    multivitamin: bool
    strength_mg: dict[str, Decimal]


def _components(text: str) -> list[str]:
    pack = _PACK.search(text)
    return _NEXT_IN_PACK.split(pack[1]) if pack else [text]


def _strengths(text: str, found: Sequence[Word], hits: Sequence[Hit[Meaning]]) -> dict[str, Decimal]:
    single = [hit for hit in hits if len(hit.meaning.ingredients) == 1 and not hit.meaning.combination]
    strengths: dict[str, Decimal] = {}
    for hit in single:
        (ingredient,) = hit.meaning.ingredients
        rest = text[found[hit.after - 1].end :]
        separator = _NEXT_INGREDIENT.search(rest)
        amounts = strengths_mg(rest[: separator.start()] if separator else rest)
        if not amounts and len(hits) == 1 and not separator:
            amounts = strengths_mg(text)
        if amounts:
            strengths.setdefault(ingredient, amounts[0])
    return strengths


def _clause(companions: Companions) -> re.Pattern[str]:
    starts = "|".join(re.escape(start) for start in companions.negation.clause)
    return re.compile(rf"\b(?:{starts})\b[^)\]}}]*")


def _ingredient_names(ingredients: Mapping[str, Ingredient]) -> Iterable[tuple[str, Meaning]]:
    meanings: dict[str, set[str]] = {}
    for ingredient, entry in ingredients.items():
        for name in (ingredient, *entry.names):
            meanings.setdefault(plain(name), set()).add(ingredient)
    for name, of in list(meanings.items()):
        for variant in _national_spellings(name):
            meanings.setdefault(variant, of)
    stops = [(name, Meaning(frozenset())) for entry in ingredients.values() for name in entry.not_this]
    return [*((name, Meaning(frozenset(of))) for name, of in meanings.items()), *stops]


def _national_spellings(name: str) -> tuple[str, ...]:
    """ "quetiapine" is Quetiapin in German and quetiapina in Spanish and Italian."""
    return (_ENDING.sub("", name), _ENDING.sub("a", name)) if _ENDING.search(name) and name.isalpha() else ()


def _brands(known: Knowledge) -> Iterable[tuple[str, Meaning]]:
    for group in known.brands:
        of = frozenset(group.of)
        for name in (*group.single, *group.also_local):
            yield name, Meaning(of, brand=True)
        for name in group.combination:
            yield name, Meaning(of, brand=True, combination=True)
        for name in group.local:
            yield name, Meaning(of, brand=True, local=True)
        for name in group.multivitamin:
            yield name, Meaning(of, brand=True, combination=True, multivitamin=True)

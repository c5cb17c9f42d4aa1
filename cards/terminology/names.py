"""Drug names in text: which ingredients a display, a text or a brand name speaks of."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from cards.terminology.dose_forms import DoseForms
from cards.terminology.knowledge import Companions, Ingredient, Knowledge
from cards.terminology.parts import Part
from cards.terminology.phrases import Hit, Phrases
from cards.terminology.product import Route
from cards.terminology.strengths import amounts, elemental_iron_mg
from cards.terminology.words import Word, plain, words

_BRACKETS = re.compile(r"\[[^\[\]]*\]")
_DESCRIBED = re.compile(r"\d\s*(?:mg|mcg|microgram|g|ml|unt|unit|meq|%|actuat)")
_NEXT_IN_PACK = re.compile(r"\)\s*/\s*(?=\d)")
# "MG/ML" parts nothing, "mg/paracetamol" does.
_NEXT_INGREDIENT = re.compile(r"[/+&-]\s*(?!(?:ml|mg|hr?|g|actuat|day|hour|l)\b)[a-z]|\band\b|\bwith\b")
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
        described = _BRACKETS.sub(" ", whole) if "[" in whole else whole
        # RxNorm and others put the brand in brackets behind the full description: only the description counts.
        body = described if described is whole or _DESCRIBED.search(described) else whole
        found = words(whole)
        members = _components(body)
        read = [self._component(member, found if member is whole else words(member)) for member in members]
        beside = {hit.meaning for hit in self._beside.find(found)}
        strengths: dict[str, Decimal] = {}
        for component in read:
            strengths = component.strength_mg | strengths
        return Reading(
            parts=tuple(component.part for component in read if component.part.ingredients),
            route=self._forms.of_name(found),
            oral_sign=self._has_oral_sign(whole, found),
            contraceptive="contraceptive" in beside,
            multivitamin="multivitamin" in beside or any(component.multivitamin for component in read),
            elemental_iron_mg=elemental_iron_mg(whole),
            strength_mg=strengths,
        )

    def has_oral_sign(self, text: str) -> bool:
        """Mg without a concentration, "tablet", "PO", "at bedtime" and the like, in a plain text."""
        return self._has_oral_sign(text, words(text))

    def _has_oral_sign(self, text: str, found: Sequence[Word]) -> bool:
        if self._oral_signs.find(found):
            return True
        return "mg" in text and not _MG_PER_VOLUME.search(text) and bool(amounts(text))

    def _component(self, text: str, found: Sequence[Word]) -> "_Component":
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
    """The members of a pack as RxNorm writes it: {21 (A) / 7 (B) } Pack; else the text."""
    start, end = text.find("{"), text.rfind("}")
    return _NEXT_IN_PACK.split(text[start + 1 : end]) if -1 < start < end else [text]


def _strengths(text: str, found: Sequence[Word], hits: Sequence[Hit[Meaning]]) -> dict[str, Decimal]:
    """The amount between a name and the next ingredient; where a lone name has none behind it, one before it."""
    given = amounts(text)
    separators = [match.start() for match in _NEXT_INGREDIENT.finditer(text)] if given else []
    strengths: dict[str, Decimal] = {}
    for hit in hits if given else ():
        if len(hit.meaning.ingredients) != 1 or hit.meaning.combination:
            continue
        (ingredient,) = hit.meaning.ingredients
        end = found[hit.after - 1].end
        place = bisect_left(separators, end)
        limit = separators[place] if place < len(separators) else len(text)
        behind = bisect_left(given, (end,))
        if behind < len(given) and given[behind].start < limit:
            strengths.setdefault(ingredient, given[behind].mg)
        elif len(hits) == 1 and limit == len(text):
            strengths.setdefault(ingredient, given[0].mg)
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

"""Codes that stand for a drug: RxNorm at any level, ATC, SNOMED CT, dm+d and NDC."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from cards.terminology.coded_product import CodedProduct
from cards.terminology.dose_forms import DoseForms
from cards.terminology.index_file import Release
from cards.terminology.knowledge import Ingredient, Knowledge
from cards.terminology.parts import Part
from cards.terminology.product import Route
from cards.terminology.words import plain, words

RXNORM = frozenset({"http://www.nlm.nih.gov/research/umls/rxnorm", "urn:oid:2.16.840.1.113883.6.88"})
_NDC = frozenset({"http://hl7.org/fhir/sid/ndc", "urn:oid:2.16.840.1.113883.6.69"})
_SNOMED = frozenset({"http://snomed.info/sct", "urn:oid:2.16.840.1.113883.6.96", "https://dmd.nhs.uk"})
_ATC = frozenset({"http://www.whocc.no/atc", "urn:oid:2.16.840.1.113883.6.73"})

# Learned from online answers; a site does not meet more products than this.
_MOST_LEARNED = 50_000

_ATC_ROUTES = {"D": Route.TOPICAL, "S01": Route.OPHTHALMIC, "S02": Route.OTIC, "R01": Route.NASAL}
_ATC_GROUPS = (7, 5, 4)


class CodeMeaning(NamedTuple):
    """What a code stands for; no parts: a product without any ingredient of ours. `name` is the release's own."""

    parts: tuple[Part, ...]
    name: str | None = None
    retired: bool = False


class Codes:
    """Looks codes up; built once, then only `learn` adds to it: to `learned`, which several may share."""

    def __init__(
        self,
        known: Knowledge,
        forms: DoseForms,
        release: Release | None,
        learned: dict[int, CodedProduct] | None = None,
    ) -> None:
        self._forms = forms
        self._release = release
        self._ingredients = {int(code): name for code, name in _rxnorm_ingredients(known.ingredients)}
        self._brands = _brand_codes(known)
        self._atc = _atc(known.ingredients)
        self._snomed = {code: name for name, entry in known.ingredients.items() for code in entry.snomed}
        self.learned: dict[int, CodedProduct] = {} if learned is None else learned

    def rxnorm(self, code: str) -> CodeMeaning | None:
        """The product behind an RxCUI: the imported release, then the own tables, then what was learned online."""
        number = rxcui(code)
        if number is None:
            return None
        product = self._release.product(number) if self._release else None
        if product:
            return self._meaning(product)
        if number in self._ingredients:
            return CodeMeaning((Part(frozenset({self._ingredients[number]})),))
        if number in self._brands:
            return CodeMeaning((self._brands[number],))
        return self._meaning(self.learned[number]) if number in self.learned else None

    def other(self, system: str, code: str) -> CodeMeaning | None:
        """The product behind a code of ATC, SNOMED CT, dm+d or NDC."""
        if system in _NDC:
            number = self._release.product_of_ndc(code) if self._release else None
            return self.rxnorm(str(number)) if number else None
        if system in _SNOMED:
            return CodeMeaning((Part(frozenset({self._snomed[code]})),)) if code in self._snomed else None
        part = _by_atc(self._atc, code) if system in _ATC else None
        return CodeMeaning((part,)) if part else None

    def learn(self, code: str, product: CodedProduct) -> None:
        """Keeps the answer of an online terminology for an RxCUI that nothing local knew."""
        number = rxcui(code)
        if number is not None and len(self.learned) < _MOST_LEARNED:
            self.learned[number] = product

    def _meaning(self, product: CodedProduct) -> CodeMeaning:
        parts = (Part(self._names(part.ingredients), self._route(part.form)) for part in product.parts)
        return CodeMeaning(tuple(part for part in parts if part.ingredients), product.name, product.retired)

    def _names(self, numbers: tuple[int, ...]) -> frozenset[str]:
        return frozenset(self._ingredients[number] for number in numbers if number in self._ingredients)

    def _route(self, form: str | None) -> Route:
        return self._forms.of_name(words(plain(form))) if form else Route.UNKNOWN


def rxcui(code: str) -> int | None:
    """The number of an RxCUI, None for what cannot be one."""
    return int(code) if re.fullmatch(r"[0-9]{1,9}", code) else None


def _rxnorm_ingredients(ingredients: Mapping[str, Ingredient]) -> list[tuple[str, str]]:
    return [(code, name) for name, entry in ingredients.items() for code in (*entry.rxnorm, *entry.rxnorm_precise)]


def _brand_codes(known: Knowledge) -> dict[int, Part]:
    return {
        int(code): Part(frozenset(group.of), Route.OTHER_LOCAL if name in group.local else Route.UNKNOWN)
        for group in known.brands
        for code, name in group.rxnorm.items()
    }


def _atc(ingredients: Mapping[str, Ingredient]) -> dict[str, Part]:
    systemic: dict[str, set[str]] = {}
    local: dict[str, set[str]] = {}
    for name, entry in ingredients.items():
        for code in (*entry.atc, *entry.atc_combination):
            systemic.setdefault(code, set()).add(name)
        for code in entry.atc_local:
            local.setdefault(code, set()).add(name)
    return {code: Part(frozenset(names), systemic=True) for code, names in systemic.items()} | {
        code: Part(frozenset(names), _atc_route(code)) for code, names in local.items()
    }


def _atc_route(code: str) -> Route:
    return next((route for start, route in _ATC_ROUTES.items() if code.startswith(start)), Route.OTHER_LOCAL)


def _by_atc(table: Mapping[str, Part], code: str) -> Part | None:
    """The code itself, or the group that the tables hold whole (iron: national lists go below the index)."""
    code = code.strip().upper()
    return next((table[code[:length]] for length in _ATC_GROUPS if code[:length] in table), None)

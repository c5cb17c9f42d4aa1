"""From a naming to a product: codes first, then names, with the reason kept."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from cards.kept import Kept
from cards.schema import Review
from cards.terminology.coded_product import CodedPart, CodedProduct
from cards.terminology.codes import RXNORM, CodeMeaning, Codes
from cards.terminology.dose_forms import DoseForms, first_known
from cards.terminology.index_file import Release, open_release
from cards.terminology.iron import iron_product
from cards.terminology.knowledge import Knowledge, load_knowledge
from cards.terminology.names import Names, Reading
from cards.terminology.parts import Part, join_parts
from cards.terminology.product import Naming, Product, RecognisedBy, Route
from cards.terminology.words import plain

# A CodeableConcept with more codings, or a Medication with more ingredients, is not about one drug.
_MOST_CODINGS = 64
_LONGEST_KEPT = 2000


class _Told(NamedTuple):
    """All that a product is recognised by. Of the dosage only what it says of the route and of an oral form: instructions
    may name a patient, and what was recognised once is kept."""

    naming: Naming
    ordered: Route
    said: Route = Route.UNKNOWN
    oral_sign: bool = False


class _Found(NamedTuple):
    parts: tuple[Part, ...]
    recognised_by: RecognisedBy
    names: tuple[str, ...] = ()
    retired: bool = False


class Outline(NamedTuple):
    """What a name alone tells of a product: of our ingredients those that it may hold, by whatever route."""

    ingredients: frozenset[str]
    unmapped: bool
    naming: Naming


class Terminology:
    """Recognises drugs; built once at start, safe to share between calls.

    `on_unknown` is told each RxCUI that nothing local knows, once as long as the answer is kept.
    """

    def __init__(
        self,
        known: Knowledge,
        release: Release | None = None,
        on_unknown: Callable[[str], None] | None = None,
        learned: dict[int, CodedProduct] | None = None,
    ) -> None:
        self._ingredients = known.ingredients
        self._forms = DoseForms(known.dose_forms)
        self._names = Names(known, self._forms)
        self._codes = Codes(known, self._forms, release, learned)
        self._release = release
        self._on_unknown = on_unknown
        self._markets: dict[str, Terminology] = {}
        self._products: Kept[_Told, Product] = Kept(
            self._recognise, fits=lambda told: _length(told.naming) <= _LONGEST_KEPT
        )
        self._routes: Kept[Naming | None, Route] = Kept(
            self._forms.of_coding, fits=lambda route: _length(route) <= _LONGEST_KEPT
        )
        self.generation = 0
        self.release_version = release.version if release else None
        self.reviews: Mapping[str, Review] = known.reviews

    @property
    def ingredients(self) -> frozenset[str]:
        """Every canonical name."""
        return frozenset(self._ingredients)

    def classes_of(self, ingredient: str) -> tuple[str, ...]:
        """The class of an ingredient, then the others that it also belongs to."""
        entry = self._ingredients[ingredient]
        return (entry.drug_class, *entry.also)

    def recognise(self, naming: Naming, route: Naming | None = None, dosage: str | None = None) -> Product:
        """The product behind a naming; `route` is dosageInstruction.route, `dosage` its free text."""
        ordered = self._routes[route]
        if dosage is None or ordered is Route.ORAL:
            # Whatever the instructions say of a product that is swallowed, they make it neither more nor less so.
            return self._products[_Told(naming, ordered)]
        return self._products[
            _Told(naming, ordered, self._forms.said(dosage), self._names.has_oral_sign(plain(dosage)))
        ]

    def outline(self, naming: Naming) -> Outline:
        """What the name alone tells, at the least cost; the ingredients of `recognise` are always among these."""
        found = self._find(naming, {text: self._names.read(text) for text in _texts(naming)})
        names = frozenset[str]().union(*(part.ingredients for part in found.parts))
        return Outline(names, found.recognised_by is RecognisedBy.NOTHING, naming)

    def in_market(self, folder: Path, market: str) -> "Terminology":
        """The same with the brand names of another market, read on first use: 2 MB; an imported release is shared.

        Raises `KnowledgeError` or ValueError where the knowledge is not as expected.
        """
        if market not in self._markets:
            known = load_knowledge(folder, market)
            self._markets[market] = Terminology(known, self._release, self._on_unknown, self._codes.learned)
        return self._markets[market]

    def learn(
        self, code: str, *, ingredients: Sequence[int], form: str | None, name: str | None, retired: bool
    ) -> None:
        """Keeps what an online terminology says of an RxCUI that nothing local knew; the next call uses it.

        `ingredients` are RxCUIs of ingredients and precise ingredients; without any, the product's own `name` is read.
        """
        parts = (CodedPart(tuple(ingredients), form),) if ingredients else ()
        self._codes.learn(code, CodedProduct(parts, name, retired))
        # Another thread may be reading the names of a market.
        for one in (self, *tuple(self._markets.values())):
            one.forget()

    def forget(self) -> None:
        """Namings that were read before are read anew, here and by whoever keeps something of this `generation`."""
        self._products.clear()
        self.generation += 1

    def _recognise(self, told: _Told) -> Product:
        naming = told.naming
        read = {text: self._names.read(text) for text in _texts(naming)}
        found = self._find(naming, read)
        readings = [*read.values(), *(self._names.read(name) for name in found.names)]
        fallback = first_known([self._forms.of_coding(naming.form), *_routes(readings), told.said])
        whole = join_parts(found.parts, told.ordered, fallback or Route.UNKNOWN, self._ingredients, self._forms)
        strengths = _strengths(readings, whole.ingredients)
        return Product(
            ingredients=whole.ingredients,
            recognised_by=found.recognised_by,
            exposure=whole.exposure,
            route=whole.route,
            oral_sign=whole.route is Route.ORAL or told.oral_sign or any(reading.oral_sign for reading in readings),
            may_be_local=frozenset(name for name in whole.ingredients if self._ingredients[name].also_local),
            iron=iron_product(whole.ingredients, whole.route, whole.exposure, readings, strengths, self._ingredients),
            strength_mg=MappingProxyType(strengths),
            retired=found.retired,
        )

    def _find(self, naming: Naming, read: Mapping[str, Reading]) -> _Found:
        return self._by_code(naming) or _by_name(naming, read)

    def _by_code(self, naming: Naming) -> _Found | None:
        coded = [(system.strip().rstrip("/").lower(), code.strip()) for system, code in _codings(naming)]
        in_rxnorm = [self._rxnorm(code) for system, code in coded if system in RXNORM]
        elsewhere = (self._codes.other(system, code) for system, code in coded if system not in RXNORM)
        return self._level(in_rxnorm, RecognisedBy.RXNORM) or self._level(elsewhere, RecognisedBy.CODE)

    def _rxnorm(self, code: str) -> CodeMeaning | None:
        meaning = self._codes.rxnorm(code)
        if meaning is None and self._on_unknown:
            self._on_unknown(code)
        return meaning

    def _level(self, meanings: Iterable[CodeMeaning | None], level: RecognisedBy) -> _Found | None:
        """All ingredients of the codes of one level; where a release knows no ingredients, those of its own name."""
        known = [meaning for meaning in meanings if meaning is not None]
        if not known:
            return None
        parts = tuple(part for meaning in known for part in meaning.parts)
        names = tuple(meaning.name for meaning in known if meaning.name)
        if not parts:
            parts = tuple(part for name in names for part in self._names.read(name).parts)
        return _Found(parts, level, names, retired=any(meaning.retired for meaning in known))


def load_terminology(
    folder: Path, market: str = "us", index: Path | None = None, on_unknown: Callable[[str], None] | None = None
) -> Terminology:
    """The terminology of `knowledge/ingredients`, with the brand names of `market` and an imported release if any.

    Raises `KnowledgeError` or ValueError where the knowledge is not as expected, `IndexFileError` where the index is.
    """
    return Terminology(load_knowledge(folder, market), open_release(index) if index else None, on_unknown)


def _by_name(naming: Naming, read: Mapping[str, Reading]) -> _Found:
    """The first of displays, text and reference display that names a drug; else the ingredients' own names."""
    parts = _first_named(naming, read) or tuple(
        part for ingredient in naming.ingredients[:_MOST_CODINGS] for part in _first_named(ingredient, read)
    )
    return _Found(parts, RecognisedBy.NAME if parts else RecognisedBy.NOTHING)


def _first_named(naming: Naming, read: Mapping[str, Reading]) -> tuple[Part, ...]:
    return next((read[text].parts for text in _own_texts(naming) if read[text].parts), ())


def _codings(naming: Naming) -> list[tuple[str, str]]:
    codings = [*naming.codings, *(coding for part in naming.ingredients[:_MOST_CODINGS] for coding in part.codings)]
    return [(system, code) for system, code, _display in codings[:_MOST_CODINGS] if system and code]


def _own_texts(naming: Naming) -> list[str]:
    displays = [display for _system, _code, display in naming.codings[:_MOST_CODINGS]]
    return [text for text in (*displays, naming.text, naming.display) if text]


def _texts(naming: Naming) -> list[str]:
    return [*_own_texts(naming), *(text for part in naming.ingredients[:_MOST_CODINGS] for text in _own_texts(part))]


def _routes(readings: Sequence[Reading]) -> list[Route]:
    return [reading.route for reading in readings] + [part.route for reading in readings for part in reading.parts]


def _strengths(readings: Sequence[Reading], names: Sequence[str]) -> dict[str, Decimal]:
    strengths: dict[str, Decimal] = {}
    for reading in readings:
        strengths = {name: reading.strength_mg[name] for name in names if name in reading.strength_mg} | strengths
    return strengths


def _length(naming: Naming | None) -> int:
    return sum(len(text) for text in _texts(naming)) if naming else 0

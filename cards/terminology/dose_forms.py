"""Which way a product enters the body, from codes and from the words of a name, a form or a sig."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cards.terminology import knowledge
from cards.terminology.phrases import Phrases
from cards.terminology.product import Exposure, Naming, Route
from cards.terminology.words import Word, plain, words

# A tablet is not rubbed in or dropped into an eye: beside it these words name the complaint, not the route.
_NOT_WITH_SOLID = frozenset({Route.TOPICAL, Route.NASAL, Route.OPHTHALMIC, Route.OTIC})


class _Sign(NamedTuple):
    route: Route
    kind: str


class DoseForms:
    """Reads routes; built once."""

    def __init__(self, known: knowledge.DoseForms) -> None:
        named = {Route(name): entry for name, entry in known.routes.items()}
        in_names = [
            (phrase, _Sign(route, kind))
            for route, entry in named.items()
            for kind, phrases in (("word", entry.words), ("solid", entry.solid), ("form", entry.forms))
            for phrase in phrases
        ]
        said = [(phrase, _Sign(route, "word")) for route, entry in named.items() for phrase in entry.said]
        self._in_names = Phrases(in_names)
        self._said = Phrases(in_names + said)
        self._codes = {code: route for route, entry in named.items() for code in entry.codes}
        self._systemic = frozenset(Route(name) for name in known.systemic)

    def of_name(self, text: Sequence[Word]) -> Route:
        """The route that a product name or a dose form gives."""
        return _decide([hit.meaning for hit in self._in_names.find(text)])

    def said(self, text: str | None) -> Route:
        """The route that a route field or a dosage instruction gives."""
        if not text:
            return Route.UNKNOWN
        return _decide([hit.meaning for hit in self._said.find(words(plain(text)))])

    def of_coding(self, naming: Naming | None) -> Route:
        """The route of a coded route or dose form: codes first, then displays and text."""
        if naming is None:
            return Route.UNKNOWN
        by_code = (self._codes.get(code or "", Route.UNKNOWN) for _system, code, _display in naming.codings)
        texts = (*(display for _system, _code, display in naming.codings), naming.text)
        return first_known(by_code) or first_known(self.said(text) for text in texts) or Route.UNKNOWN

    def exposure(self, route: Route, *, nasal_is_systemic: bool) -> Exposure:
        """Whether a product of this route acts on the whole body."""
        if route is Route.UNKNOWN:
            return Exposure.UNKNOWN
        if route in self._systemic or (route is Route.NASAL and nasal_is_systemic):
            return Exposure.SYSTEMIC
        return Exposure.LOCAL


def first_known(routes: Iterable[Route]) -> Route | None:
    """The first route that is not unknown."""
    return next((route for route in routes if route is not Route.UNKNOWN), None)


def _decide(signs: Sequence[_Sign]) -> Route:
    if any(sign.route is Route.TRANSDERMAL for sign in signs):
        # "Apply one patch topically": a patch of these drugs is meant for the whole body.
        return Route.TRANSDERMAL
    named = [sign.route for sign in signs if sign.kind == "word"]
    if any(sign.kind == "solid" for sign in signs):
        named = [route for route in named if route not in _NOT_WITH_SOLID] or [Route.ORAL]
    formed = [sign.route for sign in signs if sign.kind == "form"]
    # The form stands at the end of a name; what comes before may belong to the brand.
    return next(reversed(named or formed), Route.UNKNOWN)

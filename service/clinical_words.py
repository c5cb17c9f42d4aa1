"""What a client's registration says of its clinic: own codes of orders and tests, groups to screen. Checked word by word."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cards import Knowledge
from service.registry_file import ClientTable

_MOST_CODES = 100


class BadWord(ValueError):
    """A word that the knowledge does not know; the text says what would be right. `key` is where it stands."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__(text)
        self.key = key


@dataclass(frozen=True, slots=True)
class ClinicalWords:
    """The words of the knowledge: orders that cards suggest, tests that are read, groups that may be screened.

    `meaning` tells what a (system, code) says already: the name of a test, "no result", or None.
    """

    orders: frozenset[str]
    tests: frozenset[str]
    groups: tuple[str, ...]
    meaning: Callable[[str, str], str | None]

    @classmethod
    def of(cls, knowledge: Knowledge) -> "ClinicalWords":
        """As the knowledge has them."""
        groups = knowledge.guidance["screening"].recommendation.lists["groups"]
        return cls(frozenset(knowledge.orders.orders), frozenset(knowledge.labs.tests), groups, knowledge.lab_meaning)


def check_words(table: ClientTable, words: ClinicalWords | None) -> None:
    """Raises `BadWord`. Without `words` only the form is checked."""
    codes = list(_codes(table))
    if len(codes) > _MOST_CODES:
        raise BadWord("local_codes", f"more than {_MOST_CODES} codes would make every search long")
    for number, (test, pair) in enumerate(codes):
        for other, earlier in codes[:number]:
            if earlier == pair:
                raise BadWord(f"local_codes.{test}", f"{'|'.join(pair)!r} stands for {other} already")
    if words is not None:
        _check_names(table, words)
        _check_meanings(codes, words)


def local_codes(table: ClientTable) -> dict[tuple[str, str], str]:
    """(system, code) to the test for which it stands."""
    return {pair: test for test, pair in _codes(table)}


def _codes(table: ClientTable) -> Iterator[tuple[str, tuple[str, str]]]:
    """Each code with its test. The code is what stands behind the last `|`."""
    for test, texts in table.local_codes.items():
        for text in texts:
            system, _, code = (part.strip() for part in text.rpartition("|"))
            if not system or not code:
                raise BadWord(f"local_codes.{test}", f'{text!r}: write "system|code", as the EHR sends both')
            yield test, (system, code)


def _check_names(table: ClientTable, words: ClinicalWords) -> None:
    if unknown := sorted(table.order_codes.keys() - words.orders):
        text = f"no card suggests such an order; known: {', '.join(sorted(words.orders))}"
        raise BadWord(f"order_codes.{unknown[0]}", text)
    if unknown := sorted(table.local_codes.keys() - words.tests):
        raise BadWord(f"local_codes.{unknown[0]}", f"no such test is read; known: {', '.join(sorted(words.tests))}")
    if unknown := sorted(set(table.screening_groups) - set(words.groups)):
        text = f"no group is called {unknown[0]!r}; known: {', '.join(words.groups)}"
        raise BadWord("screening_groups", text)


def _check_meanings(codes: list[tuple[str, tuple[str, str]]], words: ClinicalWords) -> None:
    """A site cannot make a code mean another test, or a result of what is none."""
    for test, pair in codes:
        meaning = words.meaning(*pair)
        if meaning not in (None, test):
            raise BadWord(f"local_codes.{test}", f"{'|'.join(pair)!r} is known already: it means {meaning}")

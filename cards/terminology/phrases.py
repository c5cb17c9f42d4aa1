"""Phrases found in a text as whole words, the longest first, in one pass."""

from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from cards.terminology.words import Word, plain, words

T = TypeVar("T")


class Hit(NamedTuple, Generic[T]):
    """A phrase in a text: what it stands for, the first word and the word after the last."""

    meaning: T
    first: int
    after: int


class Phrases(Generic[T]):
    """A dictionary of phrases; a search costs one look-up per word and phrase length that begins with it."""

    def __init__(self, phrases: Iterable[tuple[str, T]]) -> None:
        self._meanings: dict[tuple[str, ...], T] = {}
        lengths: dict[str, set[int]] = {}
        for phrase, meaning in phrases:
            key = tuple(word.text for word in words(plain(phrase)))
            self._meanings[key] = meaning
            lengths.setdefault(key[0], set()).add(len(key))
        self._lengths = {first: tuple(sorted(found, reverse=True)) for first, found in lengths.items()}

    def find(self, text: Sequence[Word]) -> list[Hit[T]]:
        """Every phrase, from left to right; a word belongs to one phrase at most."""
        hits: list[Hit[T]] = []
        place = 0
        while place < len(text):
            after = self._longest(text, place)
            if after:
                key = tuple(word.text for word in text[place:after])
                hits.append(Hit(self._meanings[key], place, after))
            place = after or place + 1
        return hits

    def _longest(self, text: Sequence[Word], place: int) -> int:
        for length in self._lengths.get(text[place].text, ()):
            after = place + length
            if after <= len(text) and tuple(word.text for word in text[place:after]) in self._meanings:
                return after
        return 0

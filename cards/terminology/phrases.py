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
        free = 0
        for place, word in enumerate(text):
            lengths = self._lengths.get(word.text)
            if lengths and place >= free:
                hit = self._longest(text, place, lengths)
                if hit:
                    hits.append(hit)
                    free = hit.after
        return hits

    def _longest(self, text: Sequence[Word], place: int, lengths: tuple[int, ...]) -> Hit[T] | None:
        for length in lengths:
            after = place + length
            key = tuple(word.text for word in text[place:after])
            if after <= len(text) and key in self._meanings:
                return Hit(self._meanings[key], place, after)
        return None

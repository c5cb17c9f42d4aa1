"""Text as an EHR writes it becomes plain words with their places, bounded whatever is sent."""

import re
import unicodedata
from typing import NamedTuple

# Longer than any product name or sig; the rest of a pasted document is not a drug name.
LONGEST_TEXT = 4000

_WORD = re.compile(r"[a-z]+|\d+(?:[.,]\d+)*")


class Word(NamedTuple):
    """One run of letters or one number, with its place in the plain text."""

    text: str
    start: int
    end: int


def plain(text: str) -> str:
    """Lower case, single spaces, no accents, in the spelling "sulf"; cut at `LONGEST_TEXT`, never within a word."""
    if len(text) > LONGEST_TEXT:
        end = LONGEST_TEXT
        while end and text[end].isalnum():
            end -= 1
        text = text[:end]
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        text = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(text.casefold().replace("sulph", "sulf").split())


def words(text: str) -> list[Word]:
    """The words of a plain text, in order; "25mg" is two words, "Nu-Iron 150" three."""
    return [Word(match[0], match.start(), match.end()) for match in _WORD.finditer(text)]

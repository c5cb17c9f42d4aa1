"""Untrusted text made harmless inside GitHub-Flavoured Markdown, and texts with slots."""

import re
from collections.abc import Mapping
from string import Formatter

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~#&@!$])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_LINKS = re.compile(r"(?i)(https?|ftp)://|\b(www)\.|\b(mailto|xmpp):")
LONGEST = 120
# Numbers, dates and most names: nothing in them is markup or an address.
_HARMLESS = re.compile(r"[0-9A-Za-z][0-9A-Za-z ,.;%/()+-]*(?<! )")


def escaped(text: str) -> str:
    """Text from an EHR as plain inline text: no markup, no HTML, no link of its own, one line, at most `LONGEST` long."""
    if len(text) <= LONGEST and _HARMLESS.fullmatch(text) and "www" not in text.lower():
        return text
    plain = _CONTROL.sub(" ", text).strip()
    if len(plain) > LONGEST:
        plain = plain[: LONGEST - 1].rstrip() + "…"
    marked = _SPECIAL.sub(r"\\\1", plain)
    # GFM turns bare addresses into links; an escaped separator leaves them text.
    return _LINKS.sub(lambda match: match[0].replace(":", "\\:").replace(".", "\\."), marked)


class EscapedValues(dict[str, str]):
    """Values by slot, each escaped when a text first asks for it: most cards have a slot for a few of many."""

    def __init__(self, plain: Mapping[str, str]) -> None:
        super().__init__()
        self._plain = plain

    def __missing__(self, slot: str) -> str:
        value = self[slot] = escaped(self._plain[slot])
        return value


class Sentence:
    """A text with slots, taken apart once."""

    def __init__(self, template: str) -> None:
        self._parts = tuple((text, slot) for text, slot, _, _ in Formatter().parse(template))
        self.slots = frozenset(slot for _, slot in self._parts if slot)
        self._fixed = None if self.slots else one_line("".join(text for text, _ in self._parts))

    def filled(self, values: Mapping[str, str]) -> str:
        """The text as one line, its slots filled as they are. Raises KeyError where a value is missing."""
        if self._fixed is not None:
            return self._fixed
        return one_line("".join([text + values[slot] if slot else text for text, slot in self._parts]))


def one_line(text: str) -> str:
    """The text with one blank wherever it had white space."""
    return " ".join(text.split())

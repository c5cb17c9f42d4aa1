"""Untrusted text made harmless inside GitHub-Flavoured Markdown, and texts with slots."""

import re
from collections.abc import Mapping
from functools import lru_cache
from string import Formatter

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~#&@!$])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_LINKS = re.compile(r"(?i)(https?|ftp)://|\b(www)\.|\b(mailto|xmpp):")
LONGEST = 120
# Numbers, dates and most names: nothing in them is markup or an address.
_HARMLESS = re.compile(r"[0-9A-Za-z][0-9A-Za-z ,.%/()+-]*(?<! )")


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


@lru_cache(maxsize=4096)
def _parts(template: str) -> tuple[tuple[str, str | None], ...]:
    return tuple((text, slot) for text, slot, _, _ in Formatter().parse(template))


def slots_of(template: str) -> frozenset[str]:
    """The names of the slots of a template."""
    return frozenset(slot for _, slot in _parts(template) if slot)


def filled(template: str, values: Mapping[str, str]) -> str:
    """The template with its slots filled as they are. Raises KeyError where a value is missing."""
    return "".join(text + (values[slot] if slot else "") for text, slot in _parts(template))

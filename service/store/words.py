"""Nothing an EHR wrote is kept as it was written: ids become UUIDs, reasons become published codes."""

from collections.abc import Iterable
from hashlib import blake2b
from uuid import UUID, uuid4

from service.feedback import Reason


def opaque_id(text: str) -> UUID:
    """The UUID that was sent, or a digest in the form of a UUID (version 8) of anything else.

    Card, suggestion and hook instance ids are random UUIDs. One that is not may be anything, a patient's number or
    name included, so only its digest is kept: equal ids still meet, and asking for the id in clear still finds it.
    """
    cleaned = text.strip().removeprefix("urn:uuid:")
    if len(cleaned) in (32, 36):
        try:
            return UUID(cleaned)
        except ValueError:
            pass
    return digest(cleaned)


def call_id(hook_instance: str | None) -> UUID:
    """The id of one hook invocation; one that was sent without is an invocation of its own."""
    return opaque_id(hook_instance) if hook_instance else uuid4()


def digest(*parts: str) -> UUID:
    """128 bits over the parts, unambiguous in where a part ends. Marked as version 8, the custom UUIDs of RFC 9562."""
    hashed = blake2b(digest_size=16)
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        hashed.update(len(raw).to_bytes(8, "big") + raw)
    number = int.from_bytes(hashed.digest(), "big")
    number = number & ~(0xF000 << 64) & ~(0xC000 << 48) | (8 << 76) | (0x8000 << 48)
    return UUID(int=number)


class PublishedReasons:
    """The override reasons that the cards offer, recognised by code or by display.

    A reason that is not among them is counted as `other-` and a digest: a site that has its own list can still tell
    them apart, and a name typed in place of a code is not kept.
    """

    def __init__(self, codings: Iterable[tuple[str, str]]) -> None:
        """`codings` are pairs of code and display."""
        self._codes: dict[str, str] = {}
        for code, display in codings:
            self._codes.setdefault(_plain(display), code)
            self._codes[_plain(code)] = code

    def word(self, reason: Reason) -> str:
        """The published code, or `other-…`."""
        given = [text for text in (reason.code, reason.display, reason.title, reason.category) if text]
        for text in given:
            if code := self._codes.get(_plain(text)):
                return code
        return f"other-{digest(_plain(given[0])).hex[:16]}" if given else "other"


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()

"""Members of a resource that stay as they were sent until somebody reads them.

Most resources of a record are never looked at beyond their code, and what nobody reads is never built.
"""

from operator import attrgetter
from typing import Any

import msgspec
from msgspec.structs import force_setattr

from cards.mend import mended

NOTHING_SENT = msgspec.Raw(b"null")
# No bytes at all: the member was not sent.
UNSENT: Any = None


def sent_as(name: str) -> str:
    """The name of a member in JSON: `sent_reason_code` is `reasonCode`, `class_` is `class`."""
    first, *others = name.removeprefix("sent_").rstrip("_").split("_")
    return first + "".join(map(str.capitalize, others))


class Later:
    """One such member: decoded when a reader first asks for it, and what was read is kept in its place unless it `stays`.

    A value of a type that FHIR does not allow is mended where it can be, and the member is named in `harmed`.
    """

    def __init__(self, name: str, shape: object, *, stays: bool = False) -> None:
        self.name, self.slot, self._stays = sent_as(name), f"sent_{name}", stays
        self._shape = shape
        self._decode = msgspec.json.Decoder(shape).decode
        self._sent = attrgetter(self.slot)

    def __get__(self, resource: Any, owner: type | None = None) -> Any:  # noqa: ANN401 - each its own type
        sent = self._sent(resource)
        if sent.__class__ is not msgspec.Raw:
            return sent
        try:
            read = self._decode(sent)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError):
            read = self._mended(resource, sent)
        if not self._stays:
            force_setattr(resource, self.slot, read)
        return read

    def _mended(self, resource: Any, sent: msgspec.Raw) -> object:  # noqa: ANN401 - the resource that holds it
        force_setattr(resource, "harmed", resource.harmed | {self.name})
        return mended(sent, self._shape)

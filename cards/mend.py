"""A JSON value of an odd type: what can be read of it, without the places that are odd."""

import re
from decimal import Decimal
from typing import Any

import msgspec

# Real values have one odd place, not dozens; what needs more repairs than this is not FHIR.
MAX_REPAIRS = 20

_loose = msgspec.json.Decoder(float_hook=Decimal)
_PLACE = re.compile(r"`(\$[^`]*)`$")
_STEP = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)|\[(\d+)\]")


def mended(raw: bytes | msgspec.Raw, shape: Any) -> Any:  # noqa: ANN401 - what the shape says
    """The value as a `shape`, odd places left out; None where nothing can be read of it."""
    try:
        holder = {"value": _loose.decode(raw)}
        for _ in range(MAX_REPAIRS):
            try:
                return msgspec.convert(holder["value"], shape)
            except msgspec.ValidationError as error:
                if not _removed(holder, str(error)):
                    return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError):
        return None
    return None


def _removed(holder: dict[str, Any], complaint: str) -> bool:
    """Remove the value that msgspec complains of; False where that is the whole of it, or has no place."""
    place = _PLACE.search(complaint)
    steps = [name or int(index) for name, index in _STEP.findall(place[1])] if place else []
    if not steps:
        return False
    node = holder["value"]
    for step in steps[:-1]:
        node = node[step]
    del node[steps[-1]]
    return True

"""Bytes of one FHIR resource to a `Resource`, keeping what can be read of an odd one."""

import re
from decimal import Decimal

import msgspec

from cards.fhir import Resource

# Real resources have one odd field, not dozens; a resource that needs more repairs than this is not FHIR.
MAX_REPAIRS = 20

_typed = msgspec.json.Decoder(Resource)
_loose = msgspec.json.Decoder(float_hook=Decimal)
_PLACE = re.compile(r"`(\$[^`]*)`$")
_STEP = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)|\[(\d+)\]")


class Undecodable(ValueError):
    """Not a FHIR resource at all. The text names no value that was sent."""


def decode_resource(raw: bytes | msgspec.Raw) -> Resource:
    """One resource; fields of a type that FHIR does not allow are left out and named in `damaged`.

    Raises `Undecodable` where the bytes are no JSON object, or odd in more than `MAX_REPAIRS` places.
    """
    try:
        return _typed.decode(raw)
    except msgspec.ValidationError:
        return _repaired(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Undecodable("not JSON, or nested too deeply") from error


def _repaired(raw: bytes | msgspec.Raw) -> Resource:
    loose = _loosely(raw)
    damaged: set[str] = set()
    for _ in range(MAX_REPAIRS):
        try:
            resource = msgspec.convert(loose, Resource)
        except msgspec.ValidationError as error:
            damaged.add(_remove(loose, str(error)))
        else:
            return msgspec.structs.replace(resource, damaged=frozenset(damaged))
    raise Undecodable(f"odd in more than {MAX_REPAIRS} places")


def _loosely(raw: bytes | msgspec.Raw) -> dict[str, object]:
    try:
        loose = _loose.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError) as error:
        raise Undecodable("not JSON, or nested too deeply") from error
    if not isinstance(loose, dict):
        raise Undecodable("a resource is a JSON object")
    return loose


def _remove(loose: dict[str, object], complaint: str) -> str:
    """Remove the value that msgspec complains of and return the top-level field in which it stood."""
    place = _PLACE.search(complaint)
    steps = [name or int(index) for name, index in _STEP.findall(place[1])] if place else []
    if not steps:
        raise Undecodable("odd in a place that has no name")
    node: object = loose
    for step in steps[:-1]:
        node = node[step]  # type: ignore[index]  # the path is msgspec's own, of this very object
    del node[steps[-1]]  # type: ignore[attr-defined]
    return str(steps[0])

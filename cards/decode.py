"""Bytes of one FHIR resource to a `Resource`, keeping what can be read of an odd one."""

import msgspec

from cards.fhir import Resource
from cards.mend import mended

_typed = msgspec.json.Decoder(Resource)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
# The members that are read with the resource itself; all others are read, and mended, when somebody asks for them.
_AT_ONCE = {
    field.encode_name: (field.name, field.type)
    for field in msgspec.structs.fields(Resource)
    if field.type is not msgspec.Raw
}


class Undecodable(ValueError):
    """Not a FHIR resource at all. The text names no value that was sent."""


def decode_resource(raw: bytes | msgspec.Raw) -> Resource:
    """One resource; members of a type that FHIR does not allow are left out and named in `harmed`.

    Raises `Undecodable` where the bytes are no JSON object.
    """
    try:
        return _typed.decode(raw)
    except msgspec.ValidationError:
        return _repaired(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Undecodable("not JSON, or nested too deeply") from error


def _repaired(raw: bytes | msgspec.Raw) -> Resource:
    try:
        members = _members.decode(raw)
    except msgspec.ValidationError as error:
        raise Undecodable("a resource is a JSON object") from error
    odd = {name: shape for name, (_, shape) in _AT_ONCE.items() if name in members and not _fits(members[name], shape)}
    even = [b"%b:%b" % (msgspec.json.encode(name), member) for name, member in members.items() if name not in odd]
    resource = _typed.decode(b"{" + b",".join(even) + b"}")
    saved = {_AT_ONCE[name][0]: mended(members[name], shape) for name, shape in odd.items()}
    return msgspec.structs.replace(resource, **saved, harmed=resource.harmed | frozenset(odd))


def _fits(member: msgspec.Raw, shape: object) -> bool:
    try:
        msgspec.json.decode(member, type=shape)
    except msgspec.ValidationError:
        return False
    return True

"""FHIR resources and Bundles from an EHR: in one typed pass, or entry by entry where that fails."""

from typing import TypeVar

import msgspec

from cards import SEARCHSETS, Entry, Need, Resource, Search, Undecodable, decode_resource, in_list

T = TypeVar("T")


class _Lenient(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Unknown members are ignored."""


class _RawEntry(_Lenient, frozen=True):
    full_url: msgspec.Raw = msgspec.Raw()
    resource: msgspec.Raw = msgspec.Raw()
    search: msgspec.Raw = msgspec.Raw()


class _RawBundle(_Lenient, frozen=True):
    resource_type: str | None = None
    type: msgspec.Raw = msgspec.Raw()
    link: msgspec.Raw = msgspec.Raw()
    entry: list[_RawEntry] | None = None


# The greater part of what is sent. Other keys hold little, or several types.
_EXPECTED = {
    Need.CONDITIONS.value: SEARCHSETS["Condition"],
    Need.LABS.value: SEARCHSETS["Observation"],
    Need.FACTS.value: SEARCHSETS["Observation"],
    Need.MEDICATIONS.value: SEARCHSETS["MedicationRequest"],
}
# A value that is neither a resource nor null.
UNUSABLE = Resource(resource_type="?")

_typed_resource = msgspec.json.Decoder(Resource)
_typed_value = msgspec.json.Decoder(Resource | None)
_url = msgspec.json.Decoder(str | None)
_search = msgspec.json.Decoder(Search | None)
_raw_bundle = msgspec.json.Decoder(_RawBundle)


def decode_fhir(body: bytes) -> tuple[Resource, int]:
    """The body of a FHIR answer and how many resources in it could not be read; `UNUSABLE` where it is no resource."""
    try:
        insist_on_utf8(body)
        try:
            return _typed_resource.decode(body), 0
        except msgspec.ValidationError:
            salvage = Salvage()
            return salvage.value(msgspec.Raw(body)) or UNUSABLE, salvage.unreadable
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError):
        return UNUSABLE, 0


def decode_value(sent: msgspec.Raw, key: str = "") -> tuple[Resource | None, int]:
    """A prefetch value (None for null, `UNUSABLE` for what is no resource), and how many resources in it were unreadable.

    `key` tells what it should hold: what holds that and nothing else is decoded into less.
    """
    searchset = _EXPECTED.get(key)
    found = searchset.decode(sent) if searchset else None
    if found is not None:
        return found, 0
    try:
        try:
            return _typed_value.decode(sent), 0
        except msgspec.ValidationError:
            salvage = Salvage()
            return salvage.value(sent), salvage.unreadable
    except (msgspec.DecodeError, RecursionError, ArithmeticError):
        return UNUSABLE, 1


def insist_on_utf8(body: bytes) -> None:
    """Raises UnicodeDecodeError. The decoder looks only at what it builds, and most of a body is never built."""
    if not body.isascii():
        body.decode()


def resources_in(value: Resource | None) -> list[Resource]:
    """The resources of a Bundle, or the one resource itself."""
    if value is None:
        return []
    if value.resource_type == "Bundle" or value.entry is not None:
        return [
            _with_url(resource, url) if (url := entry.full_url) and (not resource.id or url[:4] == "urn:") else resource
            for entry in in_list(value.entry)
            if entry and (resource := entry.resource)
        ]
    return [value]


def _with_url(resource: Resource, full_url: str) -> Resource:
    """Keeps the `fullUrl` where nothing else names the resource, or others name it so (`urn:uuid:…`)."""
    return msgspec.structs.replace(resource, full_url=full_url)


class Salvage:
    """Reads a Bundle entry by entry and counts the resources that cannot be read."""

    def __init__(self) -> None:
        self.unreadable = 0

    def value(self, raw: msgspec.Raw) -> Resource | None:
        """A Bundle entry by entry, or one resource; `UNUSABLE` where it is neither."""
        if bytes(raw) == b"null":
            return None
        try:
            bundle = _raw_bundle.decode(raw)
        except msgspec.ValidationError:
            return self._resource(raw) or UNUSABLE
        if bundle.entry is None:
            return self._resource(raw) or UNUSABLE
        read = [self._entry(entry) for entry in bundle.entry]
        link = self._resource(b'{"link":' + bytes(bundle.link) + b"}") if bytes(bundle.link) else None
        return Resource(
            resource_type=bundle.resource_type,
            entry=[entry for entry in read if entry],
            link=link.link if link else None,
            harmed=frozenset({"entry"}) if None in read else frozenset(),
        )

    def _entry(self, entry: _RawEntry) -> Entry | None:
        resource = self._resource(entry.resource) if bytes(entry.resource) else None
        if resource is None:
            return None
        return Entry(full_url=_or_none(_url, entry.full_url), resource=resource, search=_or_none(_search, entry.search))

    def _resource(self, raw: msgspec.Raw | bytes) -> Resource | None:
        try:
            return decode_resource(raw)
        except Undecodable:
            self.unreadable += 1
            return None


def _or_none(decoder: msgspec.json.Decoder[T], raw: msgspec.Raw) -> T | None:
    try:
        return decoder.decode(raw) if bytes(raw) else None
    except msgspec.ValidationError:
        return None

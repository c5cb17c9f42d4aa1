"""A need becomes a FHIR request: ids and values encoded, so that no value can widen a query or climb a path."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal
from urllib.parse import quote, unquote, urlencode, urljoin, urlsplit, urlunsplit

from cards import ENCOUNTER_TOKEN, PATIENT_TOKEN, Template, relative
from service.addresses import BadAddress, base_url

# Characters with a meaning inside a search value (FHIR search, "Escaping Search Parameters").
_SPECIAL = re.compile(r"([\\,$|])")
_FHIR_ID = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)
_PLAIN = re.compile(r"[!-\[\]-~]{1,8192}", re.ASCII)
_FORM = "application/x-www-form-urlencoded"
# What stands in a path or a query as it is (RFC 3986), and what is encoded already.
_WRITTEN = "%:@!$&'()*+,;=/?"
_PATIENT = quote(PATIENT_TOKEN, safe="")
# A Medication search with more ids than this is split: long URLs are cut off on the way.
_IDS_A_SEARCH = 50


class Unaskable(ValueError):
    """No safe request can be made of it. The text holds no value."""


@dataclass(frozen=True, slots=True)
class Query:
    """One HTTP request to a FHIR server; `form` is the body of a `_search` by POST."""

    url: str
    form: bytes | None = None

    @property
    def method(self) -> Literal["GET", "POST"]:
        """GET, but for a search by POST."""
        return "GET" if self.form is None else "POST"

    @property
    def headers(self) -> dict[str, str]:
        """What the request says of its body."""
        return {"Content-Type": _FORM} if self.form is not None else {}


@dataclass(frozen=True, slots=True)
class Asking:
    """How a server is asked: `base` in normal form without a final slash; `page_size` 0 leaves it to the server."""

    base: str
    by_post: bool = False
    page_size: int = 0

    def of(self, template: Template, patient_id: str, encounter_id: str | None, *, include: str | None = None) -> Query:
        """The request of a template. Raises `Unaskable` where an id cannot stand in a path."""
        if template.reads:
            identity = encounter_id if template.reads == ENCOUNTER_TOKEN else patient_id
            return Query(f"{self.base}/{template.resource_type}/{_segment(identity)}")
        encoded = _encoded(template, include, self.page_size).replace(_PATIENT, _quoted_value(patient_id))
        return self._search(template.resource_type, encoded)

    def medications(self, references: Iterable[str]) -> list[Query]:
        """Searches for the Medications behind references to this server; others are left out."""
        ids = sorted({found for found in map(self._medication_id, references) if found})
        batches = [ids[start : start + _IDS_A_SEARCH] for start in range(0, len(ids), _IDS_A_SEARCH)]
        searches = [_parameters([("_id", ",".join(batch))], self.page_size) for batch in batches]
        return [self._search("Medication", encoded) for encoded in searches]

    def page(self, link: str) -> Query | None:
        """A `next` link of this very server: same origin, at or below the base path; None for any other."""
        try:
            url = urljoin(f"{self.base}/", link) if _PLAIN.fullmatch(link) else ""
            parts = urlsplit(url)
            whole = base_url(f"{parts.scheme}://{parts.netloc}", http_on_loopback=True) + parts.path
        except (BadAddress, ValueError):
            return None
        steps = unquote(parts.path).split("/")
        climbs = "." in steps or ".." in steps or "\\" in unquote(parts.path)
        own = whole == self.base or whole.startswith(f"{self.base}/")
        if not own or climbs or parts.fragment:
            return None
        # What some servers write into their links as it is, such as `|`, others refuse.
        path, query = quote(parts.path, safe=_WRITTEN), quote(parts.query, safe=_WRITTEN)
        return Query(urlunsplit((parts.scheme, parts.netloc, path, query, "")))

    def _search(self, resource_type: str, encoded: str) -> Query:
        if self.by_post:
            return Query(f"{self.base}/{resource_type}/_search", encoded.encode())
        return Query(f"{self.base}/{resource_type}?{encoded}")

    def _medication_id(self, reference: str) -> str | None:
        kind, _, identity = relative(reference).partition("/")
        prefix = reference.partition(f"{kind}/{identity}")[0].rstrip("/")
        is_here = prefix in ("", self.base)
        return identity if kind == "Medication" and is_here and _FHIR_ID.fullmatch(identity) else None


@lru_cache(maxsize=64)
def both(one: Template, other: Template) -> Template:
    """One search that finds what two of the same type find that differ in their codes alone."""
    second = dict(other.parameters)
    joined = tuple((name, f"{value},{second[name]}" if name == "code" else value) for name, value in one.parameters)
    return replace(one, parameters=joined)


def _segment(identity: str | None) -> str:
    if not identity or not identity.strip(".") or "/" in identity or "\\" in identity:
        raise Unaskable("the id cannot stand in a path")
    return quote(identity, safe="")


def _quoted_value(value: str) -> str:
    if _FHIR_ID.fullmatch(value):
        return value
    return quote(_SPECIAL.sub(r"\\\1", value), safe="")


@lru_cache(maxsize=256)
def _encoded(template: Template, include: str | None, page_size: int) -> str:
    """The parameters of a search, the same for every call: the id of the patient is still `_PATIENT`."""
    return _parameters([*template.parameters, *([("_include", include)] if include else [])], page_size)


def _parameters(parameters: list[tuple[str, str]], page_size: int) -> str:
    counted = [*parameters, ("_count", str(page_size))] if page_size else parameters
    return urlencode(counted, quote_via=quote, safe="")

"""A need becomes a FHIR request: ids and values encoded, so that no value can widen a query or climb a path."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, unquote, urlencode, urljoin, urlsplit

from cards import ENCOUNTER_TOKEN, PATIENT_TOKEN, Template, relative
from service.addresses import BadAddress, base_url

# Characters with a meaning inside a search value (FHIR search, "Escaping Search Parameters").
_SPECIAL = re.compile(r"([\\,$|])")
_FHIR_ID = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)
_PLAIN = re.compile(r"[!-\[\]-~]{1,8192}", re.ASCII)
_FORM = "application/x-www-form-urlencoded"
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
        parameters = [(name, _filled(value, patient_id)) for name, value in template.parameters]
        if include:
            parameters.append(("_include", include))
        return self._search(template.resource_type, parameters)

    def medications(self, references: Iterable[str]) -> list[Query]:
        """Searches for the Medications behind references to this server; others are left out."""
        ids = sorted({found for found in map(self._medication_id, references) if found})
        batches = [ids[start : start + _IDS_A_SEARCH] for start in range(0, len(ids), _IDS_A_SEARCH)]
        return [self._search("Medication", [("_id", ",".join(batch))]) for batch in batches]

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
        return Query(url) if own and not climbs and not parts.fragment else None

    def _search(self, resource_type: str, parameters: list[tuple[str, str]]) -> Query:
        counted = [*parameters, ("_count", str(self.page_size))] if self.page_size else parameters
        encoded = urlencode(counted, quote_via=quote, safe="")
        if self.by_post:
            return Query(f"{self.base}/{resource_type}/_search", encoded.encode())
        return Query(f"{self.base}/{resource_type}?{encoded}")

    def _medication_id(self, reference: str) -> str | None:
        kind, _, identity = relative(reference).partition("/")
        prefix = reference.partition(f"{kind}/{identity}")[0].rstrip("/")
        is_here = prefix in ("", self.base)
        return identity if kind == "Medication" and is_here and _FHIR_ID.fullmatch(identity) else None


def _segment(identity: str | None) -> str:
    if not identity or not identity.strip(".") or "/" in identity or "\\" in identity:
        raise Unaskable("the id cannot stand in a path")
    return quote(identity, safe="")


def _filled(value: str, patient_id: str) -> str:
    return value.replace(PATIENT_TOKEN, _SPECIAL.sub(r"\\\1", patient_id))

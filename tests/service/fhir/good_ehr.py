"""A good EHR over respx: one FHIR server with one patient, of which each test spoils one thing."""

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import respx

from cards import Catalogue, Hook, Need, Site
from service.deadline import Deadline
from service.fhir_server import FhirLimits, FhirServers
from service.reach import Reach
from service.registry import TrustedClient
from service.wire import HookRequest, decode_request
from tests.patient_builder import bundle
from tests.service.fhir.over_httpx import OverHttpx

BASE = "https://ehr.example.org/fhir"
TOKEN = "secret-token-of-this-call"
CLIENT = TrustedClient(name="clinic", issuer="https://ehr.example.org", fhir_servers=frozenset({BASE}))
# Loading the certificates anew for each test would take most of its time.
TLS = httpx.create_ssl_context()
TYPES = (
    "Condition",
    "Patient",
    "Observation",
    "MedicationRequest",
    "MedicationStatement",
    "Encounter",
    "ServiceRequest",
    "AllergyIntolerance",
    "Procedure",
    "DeviceUseStatement",
    "Medication",
    "metadata",
)


class GoodEhr:
    """Answers reads and searches of `resources`; `route("Observation")` is the respx route to spoil."""

    def __init__(self, router: respx.MockRouter, resources: Iterable[Mapping[str, Any]] = (), base: str = BASE) -> None:
        self.base = base
        self.resources = [dict(resource) for resource in resources]
        self.router = router
        self.includes: list[str] = []
        self.page_size = 1000
        for kind in TYPES:
            pattern = rf"^{re.escape(base)}/{kind}(/|\?|$)"
            router.route(url__regex=pattern, name=kind).mock(side_effect=self._answer)

    def route(self, kind: str) -> respx.Route:
        return self.router[kind]

    @property
    def asked(self) -> list[str]:
        """Paths of all requests, in order, below the base."""
        return [str(call.request.url).removeprefix(f"{self.base}/") for call in self.router.calls]

    @property
    def kinds(self) -> list[str]:
        return sorted(re.split(r"[/?]", path)[0] for path in self.asked)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = urlsplit(str(request.url)).path.removeprefix(urlsplit(self.base).path + "/")
        kind, _, identity = path.partition("/")
        if kind == "metadata":
            statement = {
                "resourceType": "CapabilityStatement",
                "rest": [{"resource": [{"type": "MedicationRequest", "searchInclude": self.includes}]}],
            }
            return httpx.Response(200, json=statement)
        if identity and identity != "_search":
            found = [one for one in self.resources if one["resourceType"] == kind and one["id"] == identity]
            return httpx.Response(200, json=found[0]) if found else httpx.Response(404, json=NOT_FOUND)
        sent = request.content.decode() if identity else urlsplit(str(request.url)).query
        return httpx.Response(200, json=self._page(kind, sent))

    def _page(self, kind: str, query: str) -> dict[str, Any]:
        wanted = dict(parse_qsl(query))
        found, start = self._matches(kind, wanted), int(wanted.get("_start", 0))
        end = start + self.page_size
        link = [{"relation": "next", "url": f"{self.base}/{kind}?{query}&_start={end}"}] if len(found) > end else []
        return bundle(found[start:end]) | {"link": link}

    def _matches(self, kind: str, wanted: dict[str, str]) -> list[dict[str, Any]]:
        found = [one for one in self.resources if one["resourceType"] == kind]
        if "_id" in wanted:
            found = [one for one in found if one["id"] in wanted["_id"].split(",")]
        if "patient" in wanted:
            found = [one for one in found if f"/{subject(one)}".endswith(f"/Patient/{wanted['patient']}")]
        if "code" in wanted:
            codes = set(wanted["code"].split(","))
            found = [one for one in found if codes & {coding["code"] for coding in one["code"].get("coding", [])}]
        return found


NOT_FOUND = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "not-found"}]}


def subject(resource: Mapping[str, Any]) -> str | None:
    return (resource.get("subject") or resource.get("patient") or {}).get("reference")


def by_fhir(
    body: Mapping[str, Any], *, keep: Iterable[str] = (), server: str = BASE, token: str = TOKEN
) -> dict[str, Any]:
    """The request with FHIR access and no prefetch but the keys in `keep`."""
    kept = {key: value for key, value in body.get("prefetch", {}).items() if key in keep}
    authorization = {"access_token": token, "token_type": "Bearer", "expires_in": 300, "scope": "x", "subject": "y"}
    return {**body, "prefetch": kept, "fhirServer": server, "fhirAuthorization": authorization}


def resources_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All resources of a prefetch, as a server would hold them."""
    found: list[dict[str, Any]] = []
    for value in body["prefetch"].values():
        found.extend(entry["resource"] for entry in value.get("entry", [])) if value["resourceType"] == "Bundle" else (
            found.append(value)
        )
    return found


def decoded(body: Mapping[str, Any]) -> HookRequest:
    return decode_request(json.dumps(body).encode(), Hook(body["hook"]))


@asynccontextmanager
async def fhir_servers(catalogue: Catalogue, factory=None, **limits):
    """The service's way out, over httpx unless told otherwise."""
    made = factory or (lambda _reach: OverHttpx(httpx.AsyncClient(verify=TLS)))
    servers = FhirServers(catalogue.templates, made, FhirLimits(**limits))
    try:
        yield servers
    finally:
        await servers.aclose()


@asynccontextmanager
async def opened(catalogue: Catalogue, body, *, client=CLIENT, seconds: float = 5, factory=None, **limits):
    """The FHIR server of one call."""
    async with fhir_servers(catalogue, factory, **limits) as servers:
        with servers.opened(decoded(body), client, Deadline.after(seconds)) as server:
            yield server


__all__ = [
    "BASE",
    "CLIENT",
    "NOT_FOUND",
    "TOKEN",
    "GoodEhr",
    "Need",
    "Reach",
    "Site",
    "by_fhir",
    "decoded",
    "fhir_servers",
    "opened",
    "resources_of",
]

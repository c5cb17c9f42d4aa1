"""A hook request as plain JSON in which single resources are found, changed, added and taken away."""

from collections.abc import Callable, Iterator
from typing import Any

Resource = dict[str, Any]

# Where resources of a type belong in the prefetch; Observations of both kinds are read from either key.
KEYS = {
    "Condition": "conditions",
    "Observation": "labs",
    "MedicationRequest": "medications",
    "MedicationStatement": "statements",
    "ServiceRequest": "orders",
    "AllergyIntolerance": "allergies",
    "Procedure": "procedures",
    "DeviceUseStatement": "devices",
}
_BUNDLE = "Bundle"


class Chart:
    """Works on the request that it is given. Odd shapes are passed over: the service itself judges them."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request

    @property
    def context(self) -> dict[str, Any]:
        """The `context`, made where it is none."""
        return _object_in(self.request, "context")

    @property
    def prefetch(self) -> dict[str, Any]:
        """The `prefetch`, made where it is none."""
        return _object_in(self.request, "prefetch")

    @property
    def patient_id(self) -> str:
        """The id of the patient, without `Patient/`."""
        return str(self.context.get("patientId") or "").rpartition("/")[2]

    def resources(self, *types: str) -> Iterator[Resource]:
        """The prefetched resources of some types."""
        for value in self.prefetch.values():
            yield from (one for one in in_bundle(value) if one.get("resourceType") in types)

    def drafts(self) -> list[Resource]:
        """The drafted medication orders."""
        drafts = in_bundle(self.context.get("draftOrders"))
        return [one for one in drafts if one.get("resourceType") == "MedicationRequest"]

    def add(self, resource: Resource) -> None:
        """Put a resource of the patient where its type belongs; a failed or absent answer becomes one with this resource."""
        key = KEYS[resource["resourceType"]]
        if not is_bundle(self.prefetch.get(key)):
            self.prefetch[key] = bundle([])
        self.prefetch[key].setdefault("entry", []).append({"resource": resource})
        self.prefetch[key].pop("total", None)

    def remove(self, unwanted: Callable[[Resource], bool]) -> None:
        """Take resources out of the prefetch."""
        for value in self.prefetch.values():
            _without(value, unwanted)

    def add_draft(self, resource: Resource) -> None:
        """One more draft; on order-select it is a selected one."""
        if not is_bundle(self.context.get("draftOrders")):
            self.context["draftOrders"] = bundle([])
        self.context["draftOrders"].setdefault("entry", []).append({"resource": resource})
        if isinstance(self.context.get("selections"), list):
            self.context["selections"].append(f"MedicationRequest/{resource['id']}")

    def remove_drafts(self, unwanted: Callable[[Resource], bool]) -> None:
        """Take drafts away."""
        _without(self.context.get("draftOrders"), unwanted)

    def new_id(self, kind: str) -> str:
        """An id that no resource of the request has."""
        used = {one.get("id") for value in self.prefetch.values() for one in in_bundle(value)}
        used |= {one.get("id") for one in in_bundle(self.context.get("draftOrders"))}
        return next(name for name in (f"{kind}-{number}" for number in range(1, len(used) + 2)) if name not in used)


def request_of(pasted: dict[str, Any]) -> dict[str, Any]:
    """A pasted hook request as it is, or one made of a pasted Bundle or resource: the whole record, nothing left out.

    Access to a FHIR server is taken away: the preview answers from what it is shown, and uses nobody's token.
    """
    if "resourceType" not in pasted:
        return {name: value for name, value in pasted.items() if name not in ("fhirServer", "fhirAuthorization")}
    found = in_bundle(pasted)
    patient = next((one for one in found if one.get("resourceType") == "Patient"), None)
    prefetch: dict[str, Any] = {key: bundle([]) for key in (*KEYS.values(), "facts")}
    prefetch |= {"patient": patient} if patient else {}
    others = [one for one in found if one.get("resourceType") not in KEYS and one is not patient]
    for kind, key in KEYS.items():
        prefetch[key] = bundle([one for one in found if one.get("resourceType") == kind])
    prefetch |= {"others": bundle(others)} if others else {}
    identity = patient.get("id") if patient else None
    context = {"patientId": identity, "userId": "Practitioner/preview"}
    return {"hook": "patient-view", "context": context, "prefetch": prefetch}


def bundle(resources: list[Resource]) -> Resource:
    """A searchset."""
    return {"resourceType": _BUNDLE, "type": "searchset", "entry": [{"resource": one} for one in resources]}


def is_bundle(value: object) -> bool:
    """Whether it is a Bundle with a list of entries, or without entries."""
    return isinstance(value, dict) and value.get("resourceType") == _BUNDLE and isinstance(value.get("entry", []), list)


def in_bundle(value: object) -> list[Resource]:
    """The resources of a Bundle, or the one resource itself."""
    if not isinstance(value, dict):
        return []
    if not is_bundle(value):
        return [value]
    entries = value.get("entry", [])
    found = [entry.get("resource") for entry in entries if isinstance(entry, dict)]
    return [one for one in found if isinstance(one, dict)]


def _without(value: object, unwanted: Callable[[Resource], bool]) -> None:
    if not isinstance(value, dict) or not is_bundle(value) or not any(unwanted(one) for one in in_bundle(value)):
        return
    value["entry"] = [entry for entry in value["entry"] if not _holds(entry, unwanted)]
    value.pop("total", None)


def _holds(entry: object, unwanted: Callable[[Resource], bool]) -> bool:
    resource = entry.get("resource") if isinstance(entry, dict) else None
    return isinstance(resource, dict) and unwanted(resource)


def _object_in(parent: dict[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(parent.get(name), dict):
        parent[name] = {}
    found: dict[str, Any] = parent[name]
    return found

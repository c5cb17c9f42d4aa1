"""Whose resources are these, and which version of each counts?"""

from collections.abc import Iterable, Sequence

from cards.fhir import Resource, subject_of


def is_foreign(resource: Resource, patient_id: str) -> bool:
    """Whether a resource names another patient. One that names nobody, or no Patient, is taken to be the patient's."""
    if resource.resource_type == "Patient":
        return resource.id is not None and resource.id != patient_id
    reference = subject_of(resource)
    if reference is None or "subject" in resource.damaged or "patient" in resource.damaged:
        return False
    path = reference.split("/_history/")[0].rstrip("/")
    kind, _, identity = path.rpartition("/")
    return kind.rpartition("/")[2] == "Patient" and identity != patient_id


def own_of(resources: Sequence[Resource], patient_id: str) -> tuple[Resource, ...]:
    """Those that are not `is_foreign`. Nearly all name the patient in the same plain way, which is looked at first."""
    plain = f"Patient/{patient_id}"
    return tuple(
        one
        for one in resources
        if (one.subject is not None and one.subject.reference == plain and one.resource_type != "Patient")
        or not is_foreign(one, patient_id)
    )


def latest_versions(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """One resource for each `Type/id`: the one updated last; resources without an id are all kept, in a fixed order.

    The same resource may come under two prefetch keys or on two pages; the order in which it came never matters.
    """
    kept: dict[tuple[str, str], Resource] = {}
    nameless: list[Resource] = []
    for resource in resources:
        if not resource.id or not resource.resource_type:
            nameless.append(resource)
            continue
        key = (resource.resource_type, resource.id)
        other = kept.get(key)
        if other is None or (other is not resource and _newer(resource) > _newer(other)):
            kept[key] = resource
    if len(nameless) > 1:
        nameless.sort(key=repr)
    return (*(kept[key] for key in sorted(kept)), *nameless)


def _newer(resource: Resource) -> tuple[str, str, str]:
    meta = resource.meta
    updated, version = (meta.last_updated or "", meta.version_id or "") if meta else ("", "")
    return updated, version, repr(resource)

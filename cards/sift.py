"""Whose resources are these, and which version of each counts?"""

from collections.abc import Iterable, Sequence
from operator import attrgetter

from cards.fhir import Resource, subject_of, wholly_read

_SUBJECT, _TYPE, _ID, _NAME = (
    attrgetter("subject"),
    attrgetter("resource_type"),
    attrgetter("id"),
    attrgetter("resource_type", "id"),
)


def is_foreign(resource: Resource, patient_id: str) -> bool:
    """Whether a resource names another patient. One that names nobody, or no Patient, is taken to be the patient's."""
    if resource.resource_type == "Patient":
        return resource.id is not None and resource.id != patient_id
    reference = subject_of(resource)
    if reference is None or resource.is_harmed("subject", "patient"):
        return False
    path = reference.split("/_history/")[0].rstrip("/")
    kind, _, identity = path.rpartition("/")
    return kind.rpartition("/")[2] == "Patient" and identity != patient_id


def own_of(resources: Sequence[Resource], patient_id: str) -> tuple[Resource, ...]:
    """Those that are not `is_foreign`. Nearly all name the patient in the same plain way, which is looked at first."""
    plain = f"Patient/{patient_id}"
    subjects = set(map(_SUBJECT, resources))
    if all(one is not None and one.reference == plain for one in subjects) and "Patient" not in map(_TYPE, resources):
        return tuple(resources)
    return tuple(one for one in resources if not is_foreign(one, patient_id))


def latest_versions(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """One resource for each `Type/id`: the one updated last; resources without an id are all kept, in a fixed order.

    The same resource may come under two prefetch keys or on two pages; the order in which it came never matters.
    """
    resources = tuple(resources)
    if are_single(resources) and all(map(_TYPE, resources)):
        return tuple(sorted(resources, key=_NAME))
    kept: dict[tuple[str, str], Resource] = {}
    nameless: list[Resource] = []
    for resource in resources:
        if not resource.id or not resource.resource_type:
            nameless.append(resource)
            continue
        key = (resource.resource_type, resource.id)
        other = kept.get(key)
        if other is None or (other is not resource and _is_newer(resource, other)):
            kept[key] = resource
    if len(nameless) > 1:
        nameless.sort(key=_content)
    return (*(kept[key] for key in sorted(kept)), *nameless)


def are_single(resources: Sequence[Resource]) -> bool:
    """Whether each of some resources of one type has an id that no other has, as in nearly every record."""
    ids = set(map(_ID, resources))
    return len(ids) == len(resources) and None not in ids and "" not in ids


def _is_newer(resource: Resource, other: Resource) -> bool:
    one, two = _version(resource), _version(other)
    return one > two or (one == two and _content(resource) > _content(other))


def _version(resource: Resource) -> tuple[str, str]:
    meta = resource.meta
    return (meta.last_updated or "", meta.version_id or "") if meta else ("", "")


def _content(resource: Resource) -> str:
    return repr(wholly_read(resource))

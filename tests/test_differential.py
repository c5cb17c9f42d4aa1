"""The fast decoder against a slow second reading: `fhir.resources` models, member by member, on made-up and odd input."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from fhir.resources.R4B import get_fhir_model_class
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.payloads import patient_view
from cards import Hook, Resource, decode_resource
from cards.fhir import Dosage, concept_sent, wholly_read
from cards.readers.dates import moment
from service.bundles import Salvage, resources_in
from service.wire import decode_request

words = st.text("abcdefgh XYZ0189-.%/äß中", min_size=1, max_size=12).map(lambda text: f"x{text}x")
ids = st.from_regex(r"[A-Za-z0-9\-.]{1,20}", fullmatch=True)
numbers = st.decimals("-9999", "9999", places=2).map(float)
days = st.dates(date(1930, 1, 1), date(2030, 1, 1)).map(date.isoformat)
instants = st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)).map(  # noqa: DTZ001 - the zone is written out
    lambda at: f"{at.replace(microsecond=0).isoformat()}Z"
)
moments = st.one_of(days, instants, st.from_regex(r"(19|20)[0-9]{2}(-(0[1-9]|1[0-2]))?", fullmatch=True))
flags = st.booleans()


def made(required: Mapping[str, Any] | None = None, **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(dict(required or {}), optional=optional)


codings = made(system=st.just("http://loinc.org"), code=ids, display=words, version=ids, userSelected=flags)
concepts = made({"text": words}, coding=st.lists(codings.filter(bool), min_size=1, max_size=3))
references = made({"reference": st.just("Patient/p")}, display=words)
quantities = made({"value": numbers}, unit=words, code=ids, system=st.just("http://unitsofmeasure.org"))
bounded = made({"value": numbers}, comparator=st.sampled_from(["<", ">="]), unit=words)
periods = made({"start": instants})
doses = made({"text": words}, patientInstruction=words, asNeededBoolean=flags, route=concepts)
ranges = made({"low": quantities}, high=quantities, text=words)
meta = made({"versionId": ids}, lastUpdated=instants)
common = {"id": ids, "meta": meta, "language": st.just("en")}


def several(one: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(one, min_size=1, max_size=3)


def typed(kind: str, required: Mapping[str, Any], **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return made({"resourceType": st.just(kind)} | dict(required), **common, **optional)


resources = st.one_of(
    typed(
        "Observation",
        {"status": st.sampled_from(["final", "amended"]), "code": concepts, "subject": references},
        category=several(concepts),
        effectiveDateTime=moments,
        issued=instants,
        valueQuantity=bounded,
        interpretation=several(concepts),
        referenceRange=several(ranges),
        method=concepts,
        specimen=references,
    ),
    typed(
        "Condition",
        {"subject": references},
        code=concepts,
        clinicalStatus=concepts,
        category=several(concepts),
        recordedDate=moments,
        onsetAge=quantities,
    ),
    typed(
        "MedicationRequest",
        {
            "status": st.sampled_from(["active", "stopped"]),
            "intent": st.just("order"),
            "subject": references,
            "medicationCodeableConcept": concepts,
        },
        doNotPerform=flags,
        authoredOn=moments,
        dosageInstruction=several(doses),
        reasonCode=several(concepts),
        priorPrescription=references,
    ),
    typed("Patient", {}, birthDate=days, gender=st.sampled_from(["female", "other"]), deceasedBoolean=flags),
    typed("Procedure", {"status": st.just("completed"), "subject": references}, code=concepts, performedPeriod=periods),
)


def slow(resource: dict[str, Any]) -> Mapping[str, Any]:
    """What the full model reads; it raises on anything that FHIR does not allow."""
    model = get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    read: Mapping[str, Any] = model.model_dump()
    return read


def member(fast: msgspec.Struct, name: str) -> Any:
    """A member of the fast reading; of a dosage the route stays as it was sent."""
    value = getattr(fast, name if isinstance(fast, Dosage) else name.removeprefix("sent_"))
    return concept_sent(bytes(value))[0] if isinstance(value, msgspec.Raw) else value


def agrees(fast: Any, reference: Any) -> bool:
    """Whether the fast reading says the same as the reference, as far as it reads at all."""
    if isinstance(fast, msgspec.Struct):
        names = zip(fast.__struct_fields__, fast.__struct_encode_fields__, strict=True)
        return all(agrees(member(fast, name), reference.get(sent)) for name, sent in names if name != "harmed")
    if isinstance(fast, list):
        return len(fast) == len(reference) and all(map(agrees, fast, reference))
    if isinstance(fast, Decimal):
        return fast == Decimal(str(reference))
    if isinstance(reference, date):
        return _same_time(fast, reference)
    return bool(fast == reference)


def _same_time(fast: Any, reference: date) -> bool:
    read = moment(fast, UTC)
    if read is None:
        return False
    return read.at == reference if isinstance(reference, datetime) else read.first == reference


@given(resources)
@settings(deadline=None)
def test_both_readings_agree(resource: dict[str, Any]) -> None:
    fast = decode_resource(json.dumps(resource).encode())

    assert agrees(fast, slow(resource))


# For each member a value of a type that FHIR does not allow there and the fast decoder does not take.
SPOILT: dict[str, Any] = {
    "code": 7,
    "subject": "Patient/p",
    "clinicalStatus": 3.5,
    "category": [[]],
    "recordedDate": {},
    "issued": 20260101,
    "valueQuantity": [True],
    "referenceRange": "low",
    "interpretation": False,
    "dosageInstruction": 1,
    "authoredOn": [],
    "medicationCodeableConcept": "iron",
    "birthDate": 1970,
    "deceasedBoolean": "yes",
    "performedPeriod": [1],
    "meta": 1,
}


@given(resources, st.sampled_from(sorted(SPOILT)))
@settings(deadline=None)
def test_one_odd_member_costs_itself_alone(resource: dict[str, Any], name: str) -> None:
    spoilt = decode_resource(json.dumps(resource | {name: SPOILT[name]}).encode())
    whole = decode_resource(json.dumps({key: value for key, value in resource.items() if key != name}).encode())

    read = wholly_read(spoilt)

    assert read.harmed == {name}
    assert msgspec.structs.replace(read, harmed=frozenset(), **_without(name)) == wholly_read(whole)


def _without(name: str) -> dict[str, None]:
    fields = dict(zip(Resource.__struct_encode_fields__, Resource.__struct_fields__, strict=True))
    return {fields[name]: None}


@given(st.lists(resources, max_size=5))
@settings(deadline=None)
def test_the_careful_path_reads_a_bundle_as_the_fast_one_does(found: list[dict[str, Any]]) -> None:
    bundle = {"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:1", "resource": one} for one in found]}
    raw = msgspec.Raw(json.dumps(bundle).encode())
    salvage = Salvage()

    careful, fast = salvage.value(raw), decode_resource(raw)

    assert salvage.unreadable == 0
    assert [*map(wholly_read, resources_in(careful))] == [*map(wholly_read, resources_in(fast))]


@pytest.mark.parametrize("rls", [True, False])
def test_an_odd_field_among_300_resources_changes_that_resource_alone(rls: bool) -> None:
    even = decode_request(patient_view(300, rls=rls), Hook.PATIENT_VIEW).prefetch
    odd = decode_request(patient_view(300, rls=rls, odd="Observation"), Hook.PATIENT_VIEW).prefetch
    changed = [
        other
        for key in even
        for one, other in zip(resources_in(even[key]), resources_in(odd[key]), strict=True)
        if wholly_read(one) != wholly_read(other)
    ]

    assert [one.harmed for one in changed] == [{"code"}]

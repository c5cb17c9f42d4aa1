"""Bundles of one type are decoded into less, and nothing that a reader could ask for is lost by it."""

import json
from typing import Any

import msgspec
import pytest
from fhir.resources import get_fhir_model_class
from fhir.resources.R4B import get_fhir_model_class as get_r4b_model_class
from fhir.resources.STU3 import get_fhir_model_class as get_stu3_model_class

from bench.payloads import patient_view
from cards import SEARCHSETS, Hook, Resource
from cards.fhir import wholly_read
from service.bundles import decode_value, resources_in
from service.wire import decode_request

READ = {one.encode_name for one in msgspec.structs.fields(Resource)}
EDITIONS = (get_fhir_model_class, get_r4b_model_class, get_stu3_model_class)


def bundle(*entries: Any, **more: Any) -> msgspec.Raw:
    return msgspec.Raw(json.dumps({"resourceType": "Bundle", "entry": entries} | more).encode())


def one_of(kind: str) -> type[msgspec.Struct]:
    found = SEARCHSETS[kind].decode(bundle({"resource": {"resourceType": kind}}))
    assert found is not None
    return type(resources_in(found)[0])


@pytest.mark.parametrize("kind", SEARCHSETS)
@pytest.mark.parametrize("edition", EDITIONS)
def test_every_member_of_the_type_that_is_read_of_any_type_is_there(kind: str, edition: Any) -> None:
    known = {field.alias or name for name, field in edition(kind).model_fields.items()}
    held = {one.encode_name for one in msgspec.structs.fields(one_of(kind))}

    assert known & READ
    assert known & READ <= held


@pytest.mark.parametrize("key", ["conditions", "labs", "medications"])
def test_the_same_is_read_as_by_the_general_decoder(key: str) -> None:
    sent = decode_request(patient_view(300), Hook.PATIENT_VIEW).prefetch._sent[key]
    less, whole = decode_value(sent, key)[0], decode_value(sent)[0]

    assert type(less) is not type(whole)
    assert [*map(wholly_read, resources_in(less))] == [*map(wholly_read, resources_in(whole))]


@pytest.mark.parametrize(
    "sent",
    [
        bundle(
            {"resource": {"resourceType": "Observation"}}, {"resource": {"resourceType": "Patient", "gender": "male"}}
        ),
        bundle({"resource": {"resourceType": "Observation", "status": 5}}),
        bundle({"fullUrl": "urn:uuid:1"}),
        bundle(None),
        msgspec.Raw(b'{"resourceType":"Observation","id":"1"}'),
        msgspec.Raw(b"null"),
        msgspec.Raw(b"[]"),
    ],
)
def test_whatever_is_no_bundle_of_that_type_alone_is_left_to_the_general_decoder(sent: msgspec.Raw) -> None:
    assert SEARCHSETS["Observation"].decode(sent) is None
    assert decode_value(sent, "labs") == decode_value(sent)


def test_what_the_type_does_not_have_reads_as_not_sent() -> None:
    sent = bundle({"resource": {"resourceType": "Observation", "id": "1", "gender": "male", "ingredient": [{}]}})
    (read,) = resources_in(decode_value(sent, "labs")[0])

    assert (read.id, read.gender, read.ingredient) == ("1", None, None)
    assert not read.is_harmed("ingredient")

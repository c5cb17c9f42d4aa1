"""What an EHR may send under a prefetch key, and what is concluded from it."""

import json

import pytest

from cards import Hook, Need, Standing
from cards.fhir import wholly_read
from service.prefetch import read_prefetch
from service.wire import decode_request
from tests.patient_builder import bundle, outcome

CONDITION = {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}, "code": {"text": "x"}}
OTHERS = CONDITION | {"id": "c2", "subject": {"reference": "Patient/p2"}}
PATIENT = {"resourceType": "Patient", "id": "p1", "birthDate": "1980-01-01"}
NEXT = [
    {"relation": "self", "url": "https://ehr.example.org/fhir/1"},
    {"relation": "next", "url": "https://ehr.example.org/2"},
]
NEEDS = frozenset({Need.CONDITIONS, Need.PATIENT, Need.LABS})


def request(prefetch):
    body = {"hook": "patient-view", "context": {"patientId": "p1", "userId": "Practitioner/d"}} | prefetch
    return decode_request(json.dumps(body).encode(), Hook.PATIENT_VIEW)


def read(**prefetch):
    return read_prefetch(request({"prefetch": prefetch}), NEEDS)


def standing(value, need=Need.CONDITIONS):
    return read(**{need.value: value}).answers[need].standing


def ids(resources):
    return [resource.id for resource in resources]


@pytest.mark.parametrize("sent", [{}, {"prefetch": {}}, {"prefetch": None}, {"prefetch": "?"}, {"prefetch": []}])
def test_nothing_sent_answers_nothing(sent):
    assert read_prefetch(request(sent), NEEDS).answers == {}


def test_null_says_that_nothing_is_there():
    assert standing(None) is Standing.ANSWERED


def test_an_empty_search_says_that_nothing_is_there():
    assert standing(bundle([])) is Standing.ANSWERED


@pytest.mark.parametrize("severity", ["warning", "information"])
def test_an_empty_search_with_a_remark_says_that_nothing_is_there(severity):
    entry = {"resource": outcome(severity), "search": {"mode": "outcome"}}

    assert standing({"resourceType": "Bundle", "type": "searchset", "total": 0, "entry": [entry]}) is Standing.ANSWERED


@pytest.mark.parametrize("severity", ["error", "fatal"])
def test_an_operation_outcome_of_an_error_is_a_failure(severity):
    assert standing(outcome(severity)) is Standing.FAILED


def test_an_operation_outcome_that_says_nothing_is_a_failure():
    assert standing({"resourceType": "OperationOutcome"}) is Standing.FAILED


def test_an_error_among_the_entries_is_a_failure_and_keeps_the_rest():
    found = read(
        conditions={"resourceType": "Bundle", "entry": [{"resource": CONDITION}, {"resource": outcome("error")}]}
    )

    assert found.answers[Need.CONDITIONS].standing is Standing.FAILED
    assert ids(found.answers[Need.CONDITIONS].resources) == ["c1"]


@pytest.mark.parametrize("value", ["text", 7, True, {}, [], {"a": 1}])
def test_what_is_neither_resource_nor_bundle_is_a_failure(value):
    assert standing(value) is Standing.FAILED


def test_a_bare_resource_answers_a_search():
    assert ids(read(conditions=CONDITION).answers[Need.CONDITIONS].resources) == ["c1"]


def test_a_bundle_answers_a_read():
    assert ids(read(patient=bundle([PATIENT])).answers[Need.PATIENT].resources) == ["p1"]


def test_a_bundle_without_type_or_total_is_whole():
    assert standing({"resourceType": "Bundle", "entry": [{"resource": CONDITION}]}) is Standing.ANSWERED


def test_further_pages_leave_the_answer_incomplete():
    found = read(conditions=bundle([CONDITION]) | {"link": NEXT})

    assert found.answers[Need.CONDITIONS].standing is Standing.INCOMPLETE
    assert found.next_pages[Need.CONDITIONS][0] == "https://ehr.example.org/2"


def test_a_self_link_is_no_further_page():
    assert standing(bundle([CONDITION]) | {"link": NEXT[:1]}) is Standing.ANSWERED


def test_another_patients_resource_is_ignored_and_leaves_the_need_open():
    found = read(conditions=bundle([CONDITION, OTHERS]))

    assert found.answers[Need.CONDITIONS].standing is Standing.FOREIGN
    assert ids(found.answers[Need.CONDITIONS].resources) == ["c1"]
    assert found.foreign == 1


def test_the_wrong_patient_is_no_answer():
    assert standing(PATIENT | {"id": "p2"}, Need.PATIENT) is Standing.FOREIGN


def test_other_peoples_keys_are_used_but_answer_no_need():
    found = read(problems=bundle([CONDITION]))

    assert ids(found.bystanders) == ["c1"]
    assert found.answers == {}


def test_other_peoples_keys_are_searched_for_other_patients_too():
    found = read(problems=bundle([CONDITION, OTHERS]))

    assert ids(found.bystanders) == ["c1"]
    assert found.foreign == 1


@pytest.mark.parametrize("key", ["everything", "patient"])
def test_a_bundle_with_the_patient_is_the_whole_record(key):
    found = read(**{key: bundle([PATIENT, CONDITION])})

    assert found.answers[Need.LABS].standing is Standing.ANSWERED


def test_a_patient_whom_a_search_included_makes_no_whole_record():
    value = bundle([CONDITION])
    value["entry"].append({"resource": PATIENT, "search": {"mode": "include"}})

    assert Need.LABS not in read(problems=value).answers


def test_a_patient_whom_a_search_included_makes_no_whole_record_beside_an_odd_field():
    value = bundle([CONDITION | {"recordedDate": 7}])
    value["entry"].append({"resource": PATIENT, "search": {"mode": "include"}})

    assert Need.LABS not in read(problems=value).answers


def test_the_first_page_of_a_record_is_not_the_whole_record():
    assert Need.LABS not in read(everything=bundle([PATIENT, CONDITION]) | {"link": NEXT}).answers


def test_one_oddly_typed_field_costs_only_itself():
    odd = CONDITION | {"id": "c3", "recordedDate": {"odd": True}}
    answer = read(conditions=bundle([CONDITION, odd])).answers[Need.CONDITIONS]

    assert answer.standing is Standing.ANSWERED
    assert [sorted(wholly_read(one).harmed) for one in answer.resources] == [[], ["recordedDate"]]


def test_one_bad_resource_leaves_the_others_and_an_incomplete_answer():
    value = bundle([CONDITION])
    value["entry"].append({"resource": "not a resource"})
    answer = read(conditions=value).answers[Need.CONDITIONS]

    assert answer.standing is Standing.INCOMPLETE
    assert ids(answer.resources) == ["c1"]


def test_a_full_url_names_a_resource_that_has_no_other_name():
    entry = {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Medication", "code": {"text": "x"}}}
    answer = read(conditions={"resourceType": "Bundle", "entry": [entry]}).answers[Need.CONDITIONS]

    assert [one.full_url for one in answer.resources] == ["urn:uuid:1"]


def test_the_same_resource_under_two_keys_is_no_contradiction():
    found = read(conditions=bundle([CONDITION]), problems=bundle([CONDITION]))

    assert found.answers[Need.CONDITIONS].standing is Standing.ANSWERED
    assert found.foreign == 0

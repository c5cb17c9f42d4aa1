"""What fuzzing found once, each by itself."""

import json

import pytest

from tests.conformance.bench import treated
from tests.fuzz.target import Target

# Ten bytes that took two gigabytes to write out, or overflowed at the first sum.
NUMBERS = (
    "1e999999999",
    "1e-999999999",
    "-1e-999999999",
    "0e-999999999",
    "0e999999999",
    '"1e999999999"',
    '"1e-999999999"',
    '"NaN"',
    '"sNaN"',
    '"-Infinity"',
    "9" * 400,
)
# No decoder of ours reads so long an integer: the whole resource is left out.
LONGEST = "9" * 4500


def with_number(number: str, place: int) -> bytes:
    """A request in which a laboratory value is that number."""
    request = treated()
    request["prefetch"]["labs"]["entry"][place]["resource"]["valueQuantity"]["value"] = "here"
    return json.dumps(request).replace('"here"', number).encode()


def topics(answer: bytes) -> list[str]:
    return [card["source"]["topic"]["code"] for card in json.loads(answer)["cards"]]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:14])
def test_a_number_out_of_all_measure_costs_only_itself(target: Target, number: str) -> None:
    assert target.survives(with_number(number, 0)) == 200
    assert topics(target.send(with_number(number, 0))[1]) == ["ironTreatAdult"]  # the saturation says so


@pytest.mark.parametrize("number", [*NUMBERS, LONGEST], ids=lambda number: number[:14])
def test_a_number_out_of_all_measure_is_not_an_answer(target: Target, number: str) -> None:
    request = json.loads(with_number('"here"', 0))
    request["prefetch"]["labs"]["entry"] = request["prefetch"]["labs"]["entry"][:1]
    status, answer = target.send(json.dumps(request).replace('"here"', number).encode())

    assert status == 200
    assert not any("never" in card["summary"] for card in json.loads(answer)["cards"])


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:14])
def test_a_dose_out_of_all_measure_is_no_dose(target: Target, number: str) -> None:
    request = {"hook": "order-sign", "context": {"patientId": "p1", "draftOrders": {"resourceType": "Bundle"}}}
    repeat = {"frequency": "here", "period": "here", "periodUnit": "d"}
    draft = {"resourceType": "MedicationRequest", "id": "d", "status": "draft", "subject": {"reference": "Patient/p1"}}
    draft |= {"medicationCodeableConcept": {"text": "gabapentin 300 mg capsule"}}
    draft |= {
        "dosageInstruction": [
            {"timing": {"repeat": repeat}, "doseAndRate": [{"doseQuantity": {"value": "here", "unit": "mg"}}]}
        ]
    }
    request["context"]["draftOrders"]["entry"] = [{"resource": draft}]
    request["prefetch"] = treated()["prefetch"]

    body = json.dumps(request).replace('"here"', number).encode()
    assert target.survives(body, "/cds-services/rls-order-sign") == 200

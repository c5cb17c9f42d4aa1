"""What a person changes in the form is changed in the request, and nothing else."""

from datetime import date
from typing import Any

import msgspec
import pytest

from cards import Knowledge
from service.errors import BadRequest
from service.pages.changes import changed
from service.pages.chart import Chart, request_of
from service.pages.clinic_words import ClinicWords
from service.pages.form import read_form
from service.pages.samples import request_of as sample
from service.pages.samples import samples
from service.pages.situation import DraftRow, Form, MedicineRow

ON = date(2027, 3, 1)


@pytest.fixture(scope="session")
def words(knowledge: Knowledge) -> ClinicWords:
    return ClinicWords(knowledge)


def of(name: str) -> dict[str, Any]:
    found = sample(name, ON)
    assert found is not None
    return found


def form_of(request: dict[str, Any], words: ClinicWords) -> Form:
    return read_form(Chart(request), words, ON)


@pytest.mark.parametrize("name", list(samples()))
def test_a_form_that_nobody_touched_changes_nothing(words: ClinicWords, name: str) -> None:
    request = of(name)

    assert changed(request, form_of(request, words), words, ON) == request


@pytest.mark.parametrize("name", list(samples()))
def test_what_is_entered_is_what_the_form_shows_next(words: ClinicWords, name: str) -> None:
    wanted = Form(
        hook="order-select",
        age="33",
        ferritin="<5",
        ferritin_on="2027-02-01",
        tsat="12.5",
        tsat_on="2027-02-02",
        pregnant=True,
        weeks="20",
        dialysis=True,
        medicines=(MedicineRow(drug="Ropinirole 2 mg oral tablet", since="2026-01-01"),),
        drafts=(DraftRow(drug="Mirtazapine 15 mg oral tablet", reason="insomnia", dose="15.0 mg", per_day="1"),),
    )

    found = form_of(changed(of(name), wanted, words, ON), words)

    unnamed = tuple(msgspec.structs.replace(row, id="") for row in found.medicines)
    drafts = tuple(msgspec.structs.replace(row, id="") for row in found.drafts)
    assert msgspec.structs.replace(found, medicines=unnamed, drafts=drafts) == wanted


def test_samples_never_age(words: ClinicWords) -> None:
    form = form_of(of("ferritin-62-saturation-18"), words)

    assert (form.age, form.ferritin_on) == ("52", "2027-01-18")


@pytest.mark.parametrize(
    ("field", "text", "place"),
    [
        ("age", "old", "age"),
        ("age", "999", "age"),
        ("ferritin", "62 ng/mL; DROP", "ferritin"),
        ("ferritin_on", "yesterday", "ferritin date"),
        ("tsat", "1e9", "transferrin_saturation"),
        ("weeks", "60", "weeks"),
    ],
)
def test_what_is_no_value_names_its_field(words: ClinicWords, field: str, text: str, place: str) -> None:
    request = of("ferritin-62-saturation-18")
    form = msgspec.structs.replace(form_of(request, words), **{"pregnant": True, field: text})

    with pytest.raises(BadRequest) as refused:
        changed(request, form, words, ON)

    assert refused.value.expression == place


def test_a_result_may_be_entered_where_the_laboratory_could_not_be_read(words: ClinicWords) -> None:
    request = of("labs-could-not-be-read")
    form = msgspec.structs.replace(form_of(request, words), ferritin="40", ferritin_on="2027-02-01")

    labs = changed(request, form, words, ON)["prefetch"]["labs"]

    assert [one["resource"]["valueQuantity"]["value"] for one in labs["entry"]] == [40]


def test_a_pasted_request_loses_its_access_to_a_server() -> None:
    pasted = {"hook": "patient-view", "fhirServer": "https://a.example", "fhirAuthorization": {"access_token": "t"}}

    assert request_of(pasted) == {"hook": "patient-view"}


@pytest.mark.parametrize(
    "odd",
    [
        {"prefetch": []},
        {"prefetch": {"labs": {"resourceType": "Bundle", "entry": [None, 5, {"resource": "x"}]}}},
        {"prefetch": {"labs": {"resourceType": "Bundle", "entry": "x"}}},
        {
            "prefetch": {
                "labs": {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Observation", "code": 5}}]}
            }
        },
        {"context": "x", "prefetch": {"patient": {"resourceType": "Patient", "birthDate": 5}}},
        {
            "context": {
                "draftOrders": {"resourceType": "MedicationRequest", "medicationCodeableConcept": {"coding": "x"}}
            }
        },
    ],
)
def test_odd_requests_can_be_shown_and_changed(words: ClinicWords, odd: dict[str, Any]) -> None:
    form = form_of(odd, words)

    found = changed(odd, msgspec.structs.replace(form, age="40", ferritin="30", pregnant=True), words, ON)

    assert form_of(found, words).age == "40"

"""What the transparency page says of a patient's attributes is what the code does with them."""

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cards import Catalogue, Knowledge
from cards.fhir import Resource
from service.pages.about import TO_BE_FILLED_IN, attributes, citations
from service.settings import Settings
from tests.build_fixtures import FOLDER
from tests.docs.blocks import DOCS

REQUESTS = sorted((FOLDER / "requests").glob("*.json"))
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition"
PEOPLE: dict[str, dict[str, Any]] = {
    "race": {"extension": [{"url": f"{US_CORE}/us-core-race", "extension": [{"url": "text", "valueString": "Black"}]}]},
    "ethnicity": {
        "extension": [
            {"url": f"{US_CORE}/us-core-ethnicity", "extension": [{"url": "text", "valueString": "Hispanic"}]}
        ]
    },
    "language": {"language": "es", "communication": [{"language": {"text": "Spanish"}, "preferred": True}]},
    "gender identity": {
        "extension": [
            {"url": f"{US_CORE}/us-core-genderIdentity", "valueCodeableConcept": {"text": "non-binary"}},
            {"url": f"{US_CORE}/us-core-birthsex", "valueCode": "M"},
        ]
    },
}
# LOINC codes of sexual orientation, gender identity, housing, food, employment, smoking, disability.
OBSERVATIONS = {
    "76690-7": "sexual orientation",
    "76691-5": "gender identity",
    "71802-3": "social determinants",
    "88122-7": "social determinants",
    "67875-5": "social determinants",
    "72166-2": "smoking status",
    "69858-9": "disability status",
}


async def cards_of(request: dict[str, Any], answer: Any) -> str:
    """What the service shows, without what is new in each call."""
    found = await answer(request, request["hook"])
    text = json.dumps(found)
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "uuid", text)


def request_of(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.anyio
@pytest.mark.parametrize("words", PEOPLE, ids=str)
async def test_what_is_not_used_changes_no_card(words: str, answer: Any) -> None:
    for path in REQUESTS:
        plain, told = request_of(path), request_of(path)
        told["prefetch"]["patient"] |= PEOPLE[words]

        assert await cards_of(told, answer) == await cards_of(plain, answer), path.name


@pytest.mark.anyio
async def test_assessments_that_are_not_used_change_no_card(answer: Any) -> None:
    entries = [
        {
            "resource": {
                "resourceType": "Observation",
                "id": f"told-{code}",
                "status": "final",
                "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
                "subject": {"reference": "Patient/PATIENT"},
                "effectiveDateTime": "2026-11-01",
                "valueString": words,
            }
        }
        for code, words in OBSERVATIONS.items()
    ]
    for path in REQUESTS:
        plain, told = request_of(path), request_of(path)
        if "facts" not in told["prefetch"] or told["prefetch"]["facts"].get("resourceType") != "Bundle":
            continue
        own = json.loads(json.dumps(entries).replace("PATIENT", told["context"]["patientId"]))
        told["prefetch"]["facts"].setdefault("entry", []).extend(own)

        assert await cards_of(told, answer) == await cards_of(plain, answer), path.name


def test_those_assessments_are_not_even_asked_for(knowledge: Knowledge) -> None:
    assert OBSERVATIONS.keys() & {*knowledge.fact_codes, *knowledge.lab_codes} == set()


def test_no_value_set_holds_a_social_circumstance(knowledge: Knowledge) -> None:
    codes = [
        code for one in knowledge.value_set_names.values() for code in one.codes if code.system.startswith("ICD-10")
    ]

    assert [code.code for code in codes if re.match(r"Z(5[5-9]|6[0-5])", code.code)] == []


def test_the_fields_for_other_attributes_are_not_even_decoded() -> None:
    fields = {field for field in Resource.__struct_fields__ if not field.startswith("_")}

    assert fields & {"extension", "communication", "language", "address", "name", "marital_status", "photo"} == set()


@pytest.mark.anyio
async def test_sex_changes_the_cards_of_no_fixture(answer: Any) -> None:
    for path in REQUESTS:
        plain, other = request_of(path), request_of(path)
        sex = plain["prefetch"]["patient"].get("gender")
        other["prefetch"]["patient"]["gender"] = "female" if sex == "male" else "male"

        assert await cards_of(other, answer) == await cards_of(plain, answer), path.name


def test_sex_decides_the_limit_of_haemoglobin_alone(catalogue: Catalogue) -> None:
    folder = Path(__file__).parents[2] / "cards"
    reading = [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*.py"))
        if re.search(r"\bpatient\.gender\b", path.read_text(encoding="utf-8"))
    ]

    assert reading == ["readers/iron_indications.py"]


@pytest.mark.anyio
async def test_date_of_birth_is_used(answer: Any) -> None:
    path = FOLDER / "requests" / "patient-view-child-ferritin-45.json"
    plain, grown, infant = request_of(path), request_of(path), request_of(path)
    grown["prefetch"]["patient"]["birthDate"] = "1970-01-01"
    infant["prefetch"]["patient"]["birthDate"] = "2025-06-01"
    unborn = request_of(path)
    del unborn["prefetch"]["patient"]["birthDate"]

    shown = [await cards_of(one, answer) for one in (plain, grown, infant, unborn)]

    assert shown[0] != shown[1]
    assert shown[2:] == ['{"cards": []}', '{"cards": []}']


def test_the_thirteen_attributes_are_answered_in_order(knowledge: Knowledge) -> None:
    found = knowledge.transparency.attributes

    assert [one.id for one in found] == [str(number) for number in range(1, 14)]
    used = {one.name.removeprefix("Use of "): one.used for one in found[4:]}
    assert {name for name, one in used.items() if one == "yes"} == {
        "sex",
        "date of birth",
        "health status assessments data",
    }


def test_only_the_card_that_is_named_can_be_critical(knowledge: Knowledge) -> None:
    rules = Path(__file__).parents[2] / "cards" / "rules"
    critical = [path.stem for path in sorted(rules.glob("*.py")) if "CRITICAL" in path.read_text(encoding="utf-8")]
    in_tables = [
        (stem, name)
        for stem, one in knowledge.guidance.items()
        for name, answer in one.recommendation.answers.items()
        if answer.indicator == "critical"
    ]

    assert (critical, in_tables) == (["iron_order_safety"], [])
    assert "OR-09" in knowledge.transparency.criteria[2].answer


def test_the_four_criteria_are_answered_and_none_is_claimed_to_be_confirmed(knowledge: Knowledge) -> None:
    criteria = knowledge.transparency.criteria

    assert [one.id for one in criteria] == ["1", "2", "3", "4"]
    assert knowledge.reviews["transparency"].status == "draft"


def test_what_the_distributor_knows_is_not_invented(knowledge: Knowledge) -> None:
    developer, funding = attributes(knowledge, Settings.model_construct())[1:3]

    assert TO_BE_FILLED_IN in developer.text
    assert funding.text == f"{TO_BE_FILLED_IN} (RLS_CDS_FUNDING)."


def test_what_the_distributor_fills_in_is_shown(knowledge: Knowledge) -> None:
    settings = Settings.model_construct(distributor="Example {Ltd}", funding="Nobody")

    developer, funding = attributes(knowledge, settings)[1:3]

    assert developer.text.endswith("Distributed by: Example {Ltd}")
    assert funding.text == "Nobody"


def test_the_dates_are_those_of_the_knowledge(knowledge: Knowledge) -> None:
    dates = attributes(knowledge, Settings.model_construct())[3].text

    assert f"released {knowledge.released.isoformat()}" in dates
    assert knowledge.released <= date(2100, 1, 1)
    assert knowledge.version in dates


def test_citations_are_those_of_the_cards(knowledge: Knowledge) -> None:
    labels = {label for label, _, _ in citations(knowledge)}

    assert "AASM 2025" in labels
    assert "General knowledge" not in labels


def test_the_page_says_that_it_is_a_draft() -> None:
    page = (DOCS / "transparency.md").read_text(encoding="utf-8")

    assert "not signed by a clinician" in page

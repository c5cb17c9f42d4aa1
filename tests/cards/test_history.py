"""The patient's iron over time: what a plot is given."""

import asyncio
import json
from datetime import date
from typing import Any

import pytest

from cards import Catalogue, History, Hook, Lab, Site
from service.gather import gather
from service.wire import decode_request
from tests.conftest import ON
from tests.patient_builder import PatientBuilder

RLS = "restless_legs_syndrome"


@pytest.fixture
def history(catalogue: Catalogue) -> Any:
    def read(*, comparator: str | None = None, **patient: Any) -> History:
        request = PatientBuilder(catalogue.knowledge, ON).request("patient-view", patient)
        if comparator:
            request["prefetch"]["labs"]["entry"][0]["resource"]["valueQuantity"]["comparator"] = comparator
        site = Site()
        sent = decode_request(json.dumps(request).encode(), Hook.PATIENT_VIEW)
        return catalogue.history(asyncio.run(gather(sent, catalogue, site, thorough=True)), on=ON, site=site)

    return read


def test_results_stand_in_the_order_of_time(history: Any) -> None:
    labs = [{"test": "ferritin", "value": "60 ng/mL", "on": day} for day in ("2026-10-01", "2024-02-01", "2025-12-24")]

    found = history(conditions=[RLS], labs=labs)

    assert [one.on.year for one in found.results] == [2024, 2025, 2026]


def test_the_result_that_decides_is_marked_and_an_old_one_says_why_not(history: Any) -> None:
    labs = [{"test": "ferritin", "value": "60 ng/mL", "on": day} for day in ("2026-10-01", "2024-02-01")]

    found = history(conditions=[RLS], labs=labs)

    assert [(one.why, one.decides) for one in found.results] == [("old", False), (None, True)]


def test_a_result_under_a_limit_stands_at_the_limit(history: Any) -> None:
    (found,) = history(conditions=[RLS], labs={"ferritin": "<5 ng/mL"}).results

    assert (found.value, found.text) == (5, "<5 ng/mL")


def test_a_result_with_an_unknown_comparator_has_no_place_on_the_axis(history: Any) -> None:
    found = history(comparator="ad", conditions=[RLS], labs={"ferritin": "5 ng/mL"})

    assert found.results == ()


def test_a_computed_saturation_is_drawn(history: Any) -> None:
    labs = [
        {"test": "iron", "value": "60 ug/dL", "specimen": "a"},
        {"test": "tibc", "value": "400 ug/dL", "specimen": "a"},
    ]

    (found,) = history(conditions=[RLS], labs=labs).results

    assert (found.lab, found.text, found.decides) == (Lab.TSAT, "15 %", True)


@pytest.mark.parametrize(
    ("patient", "ferritin"),
    [
        ({"age": 45, "conditions": [RLS]}, [75, 100, 300]),
        ({"age": 7, "conditions": [RLS]}, [50]),
        ({"age": 60, "conditions": [RLS, "end_stage_kidney_disease", "dialysis_status"]}, [75, 200]),
        ({"age": 45, "conditions": []}, []),
    ],
    ids=["adult", "child", "dialysis", "no RLS"],
)
def test_the_thresholds_are_those_of_the_patients_table(history: Any, patient: Any, ferritin: list[int]) -> None:
    found = history(**patient)

    assert [one.limit for one in found.thresholds if one.lab is Lab.FERRITIN] == ferritin


def test_treatments_are_sorted_by_what_they_do(history: Any) -> None:
    medicines = [
        {"drug": "Ferrous sulfate 325 mg oral tablet", "since": "2026-01-05"},
        {"drug": "Ropinirole 2 mg oral tablet", "since": "2026-02-05"},
        {
            "drug": "Diphenhydramine 25 mg oral capsule",
            "since": "2026-03-05",
            "status": "stopped",
            "ended": "2026-06-01",
        },
        {"drug": "Ferric carboxymaltose 50 mg/mL injection", "since": "2026-04-05", "route": "intravenous"},
        {"drug": "Ondansetron 4 mg oral tablet", "since": "2026-05-05"},
    ]

    found = history(conditions=[RLS], medicines=medicines)

    assert {one.names[0]: (one.kind, one.ended) for one in found.courses} == {
        "ferrous sulfate": ("iron", None),
        "ropinirole": ("treats RLS", None),
        "diphenhydramine": ("may worsen RLS", date(2026, 6, 1)),
    }
    assert found.infusions == (date(2026, 4, 5),)

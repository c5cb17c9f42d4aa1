"""Orders with several dosages, and facts without a date: what is read of them, and what is left open."""

import asyncio
import json
from datetime import date
from typing import Any

import pytest

from cards import Catalogue, Evidence, Hook, Knowledge, Site
from cards.facts import Medicine
from cards.readers.medicines import read_medicine
from cards.readers.patient import Reader
from cards.readers.record import record_of
from cards.terminology import Exposure, Route
from service.gather import gather
from service.wire import decode_request
from tests.conftest import ON
from tests.patient_builder import PatientBuilder

RLS = ["restless_legs_syndrome"]
SITE = Site()


def request(knowledge: Knowledge, **patient: Any) -> dict[str, Any]:
    made: dict[str, Any] = PatientBuilder(knowledge, ON).request("patient-view", {"conditions": RLS, **patient})
    return made


def gathered(knowledge: Knowledge, made: dict[str, Any]) -> Evidence:
    sent = decode_request(json.dumps(made).encode(), Hook.PATIENT_VIEW)
    return asyncio.run(gather(sent, Catalogue(knowledge), SITE))


def medicine(knowledge: Knowledge, *dosages: dict[str, Any]) -> Medicine:
    made = request(knowledge, medicines=[{"drug": "Diphenhydramine"}])
    (entry,) = made["prefetch"]["medications"]["entry"]
    entry["resource"]["dosageInstruction"] = [*dosages]
    record = record_of(gathered(knowledge, made))
    (order,) = record.of("MedicationRequest")
    return read_medicine(order, Reader(knowledge, SITE).pharmacy(record))


@pytest.mark.parametrize(("said", "premedication"), [("premedication for infusion", True), ("itching", False)])
def test_what_a_medicine_is_needed_for_is_read(knowledge: Knowledge, said: str, *, premedication: bool) -> None:
    read = medicine(knowledge, {"asNeededCodeableConcept": {"text": said}})

    assert (read.as_needed, read.is_premedication) == (True, premedication)


def test_the_routes_of_all_dosages_are_read_together(knowledge: Knowledge) -> None:
    oral = {"route": {"coding": [{"system": "http://snomed.info/sct", "code": "26643006"}]}}
    unheard_of = {"route": {"text": "by some way"}}

    assert medicine(knowledge, unheard_of).product.exposure is Exposure.UNKNOWN
    assert medicine(knowledge, unheard_of, oral).product.route is Route.ORAL


def test_the_bounds_of_all_dosages_give_the_days(knowledge: Knowledge) -> None:
    def bounded(**period: str) -> dict[str, Any]:
        return {"timing": {"repeat": {"boundsPeriod": period}}}

    read = medicine(
        knowledge, bounded(start="2026-03-01", end="2026-04-01"), bounded(start="2026-02-01"), bounded(end="2026-05-01")
    )

    assert (read.started, read.ended) == (date(2026, 2, 1), date(2026, 5, 1))


def test_coded_weeks_without_a_day_tell_no_trimester(knowledge: Knowledge) -> None:
    def weeks(*, dated: bool) -> int | None:
        made = request(knowledge, conditions=[*RLS, "pregnancy", "gestation_weeks"])
        coded = made["prefetch"]["conditions"]["entry"][-1]["resource"]
        coded["code"] = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "Z3A.20"}]}
        if not dated:
            coded.pop("recordedDate", None)
            coded.pop("onsetDateTime", None)
        pregnancy = Reader(knowledge, SITE).read(gathered(knowledge, made), ON).pregnancy
        assert pregnancy is not None
        return pregnancy.weeks

    assert weeks(dated=True) is not None
    assert weeks(dated=False) is None

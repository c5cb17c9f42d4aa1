"""What a site changes while the service runs, seen by the EHR: cards off, in shadow, other caps, windows, names, codes."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import respx

from cards import Catalogue, Knowledge
from service import audit
from service.app import Parts
from service.deadline import Deadline
from service.routes import Call
from service.store import Change, Database, record, statistics
from tests.conftest import ON
from tests.patient_builder import PatientBuilder
from tests.service.fhir.good_ehr import BASE, GoodEhr, by_fhir, decoded, fhir_servers, resources_of
from tests.service.registered import bearer, client_of, registered_parts, registry_file

pytestmark = pytest.mark.anyio
VIEW, SIGN = "patient-view", "order-sign"
LOW_IRON = {
    "conditions": ["restless_legs_syndrome"],
    "labs": {"ferritin": "60 ng/mL", "transferrin_saturation": "28 %"},
}
UNTESTED = {"conditions": ["restless_legs_syndrome"]}
FOUR_DRUGS = {
    "conditions": ["restless_legs_syndrome"],
    "labs": {"ferritin": "150 ng/mL", "transferrin_saturation": "30 %"},
    "drafts": [
        {"drug": drug, "route": "oral"}
        for drug in (
            "Ropinirole 0.25 mg tablet",
            "Quetiapine 25 mg tablet",
            "Mirtazapine 15 mg",
            "Hydroxyzine 25 mg tablet",
        )
    ],
}


class Hospital:
    """A site whose EHR calls the service with tokens, and whose staff change what it does."""

    def __init__(self, parts: Parts, client: httpx.AsyncClient, builder: PatientBuilder, url: str) -> None:
        self.parts = parts
        self.client = client
        self._builder = builder
        self.url = url

    def choose(self, what: str, value: str | None, client: str | None = None) -> None:
        """As `python -m service site` writes it, and as the service notices it a second later."""
        at = datetime.now(UTC)
        with Database(self.url) as database:
            change = Change(at=at, by="A. Safety", client=client, what=what, value=value, reason="wrong advice")
            record(database, change)
        self.parts._watch.look_at_store()

    async def post(self, hook: str, content: bytes) -> httpx.Response:
        """The answer to a body."""
        path = f"/cds-services/rls-{hook}"
        headers = bearer(path) | {"content-type": "application/json"}
        return await self.client.post(path, content=content, headers=headers)

    async def cards(self, hook: str, patient: dict[str, Any]) -> list[str]:
        """The topics of the cards for a patient."""
        response = await self.post(hook, self.body(hook, patient))
        assert response.status_code == 200, response.text
        return [card["source"]["topic"]["code"] for card in response.json()["cards"]]

    def body(self, hook: str, patient: dict[str, Any]) -> bytes:
        """The request of a patient."""
        return json.dumps(self._builder.request(hook, patient)).encode()

    async def health(self) -> dict[str, Any]:
        """What /health says of the controls."""
        return dict((await self.client.get("/health")).json()["controls"])


Opened = Callable[..., Any]


@pytest.fixture
async def opened(tmp_path: Path, knowledge: Knowledge, empty_store: bytes) -> AsyncIterator[Opened]:
    """Opens a hospital with lines of its registry and settings."""
    used: list[Hospital] = []

    async def open_(*lines: str, **settings: Any) -> Hospital:
        file = tmp_path / "store.db"
        url = f"sqlite:///{file}"
        if not file.exists():
            file.write_bytes(empty_store)
        parts = registered_parts(tmp_path, knowledge, *lines, store_url=url, **settings)
        used.append(Hospital(parts, client_of(parts), PatientBuilder(knowledge, ON), url))
        return used[-1]

    yield open_
    for hospital in used:
        await hospital.client.aclose()
        await hospital.parts.close()


@pytest.fixture
async def hospital(opened: Opened) -> Hospital:
    found: Hospital = await opened()
    return found


@pytest.fixture
def last_line(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], dict[str, Any]]]:
    """The last audit line."""
    audit.configure()
    before, audit.logger.propagate = audit.logger.propagate, True
    caplog.set_level(logging.INFO, logger="rls_cds.audit")
    yield lambda: dict(json.loads([one for one in caplog.records if one.name == "rls_cds.audit"][-1].getMessage()))
    audit.logger.propagate = before


# --- the kill switch -----------------------------------------------------------------------------------------------------


async def test_all_cards_are_off_at_once_and_come_back(hospital: Hospital) -> None:
    before = await hospital.cards(VIEW, LOW_IRON)
    hospital.choose("kill", "on")
    during = await hospital.cards(VIEW, LOW_IRON)
    hospital.choose("kill", None)

    assert (before, during) == (["ironTreatAdult"], [])
    assert await hospital.cards(VIEW, LOW_IRON) == ["ironTreatAdult"]


async def test_one_clients_cards_are_off(hospital: Hospital) -> None:
    hospital.choose("kill", "on", client="ehr")

    assert await hospital.cards(VIEW, LOW_IRON) == []


async def test_another_clients_switch_does_not_matter(hospital: Hospital) -> None:
    hospital.choose("kill", "on", client="other")

    assert await hospital.cards(VIEW, LOW_IRON) == ["ironTreatAdult"]


async def test_the_emergency_file_switches_off_without_a_store(opened: Opened, tmp_path: Path) -> None:
    hospital = await opened(kill_switch_file=tmp_path / "off")
    (tmp_path / "off").touch()
    hospital.parts._watch.look_at_file()

    assert await hospital.cards(VIEW, LOW_IRON) == []
    assert (await hospital.health())["killSwitch"]["file"] is True


@pytest.mark.parametrize("body", [b"", b"{", b'{"hook":"order-sign"}', b"[" * 100_000])
async def test_while_off_no_body_can_make_it_fail(hospital: Hospital, body: bytes) -> None:
    hospital.choose("kill", "on")
    response = await hospital.post(VIEW, body)

    assert (response.status_code, response.json()) == (200, {"cards": []})


async def test_while_off_strangers_are_still_refused(hospital: Hospital) -> None:
    hospital.choose("kill", "on")
    response = await hospital.client.post("/cds-services/rls-patient-view", json={})

    assert response.status_code == 401


async def test_while_off_an_unknown_service_is_still_unknown(hospital: Hospital) -> None:
    hospital.choose("kill", "on")

    assert (await hospital.post("nothing", b"{}")).status_code == 404


async def test_while_off_feedback_is_still_kept(hospital: Hospital) -> None:
    hospital.choose("kill", "on")
    path = "/cds-services/rls-patient-view/feedback"
    entry = {"card": "x", "outcome": "overridden", "outcomeTimestamp": "2026-11-20T12:00:05Z"}
    response = await hospital.client.post(path, json={"feedback": [entry]}, headers=bearer(path))

    assert response.status_code == 200


async def test_the_audit_line_says_that_it_was_off(hospital: Hospital, last_line: Callable[[], dict[str, Any]]) -> None:
    hospital.choose("kill", "on")
    await hospital.cards(VIEW, LOW_IRON)
    line = last_line()

    assert (line["outcome"], line["client"], line["hook"], line["fired"]) == ("switched off", "ehr", VIEW, [])


async def test_the_store_counts_calls_while_off(hospital: Hospital) -> None:
    hospital.choose("kill", "on")
    await hospital.cards(VIEW, LOW_IRON)
    await hospital.parts.close()
    with Database(hospital.url) as database:
        (calls,) = statistics(database, by=()).calls

    assert (calls.switched_off, calls.answered, calls.refused) == (1, 0, 0)


async def test_health_shows_who_is_off_without_a_name(hospital: Hospital) -> None:
    hospital.choose("kill", "on", client="ehr")
    text = json.dumps(told := await hospital.health())

    assert told["killSwitch"] == {"file": False, "all": False, "clients": 1}
    assert told["lastChange"]["what"] == "kill"
    assert [word for word in ("ehr", "Safety", "advice") if word in text] == []


async def test_switched_off_outlives_a_restart_without_the_store(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.store.migrate._TRIES", 1)
    first = await opened()
    first.choose("kill", "on")
    await first.parts.close()
    for file in tmp_path.glob("store.db*"):
        file.rename(tmp_path / "kept.json") if file.suffix == ".json" else file.unlink()
    (tmp_path / "store.db").mkdir()
    again = await opened(controls_copy=tmp_path / "kept.json")

    assert await again.cards(VIEW, LOW_IRON) == []
    assert (await again.health())["source"] == "local copy"


async def test_the_service_itself_notices_a_change(hospital: Hospital) -> None:
    hospital.parts._watch._every = 0.01
    await hospital.parts.open()
    with Database(hospital.url) as database:
        now = datetime.now(UTC)
        record(database, Change(at=now, by="A. Safety", client=None, what="kill", value="on", reason="wrong advice"))
    for _ in range(1000):
        if hospital.parts.controls.of("ehr").killed:
            break
        await asyncio.sleep(0.01)

    assert await hospital.cards(VIEW, LOW_IRON) == []


# --- shadow mode ---------------------------------------------------------------------------------------------------------


async def test_in_shadow_nothing_is_shown_and_all_is_counted(hospital: Hospital) -> None:
    hospital.choose("shadow", "on")
    shown = await hospital.cards(VIEW, LOW_IRON)
    await hospital.parts.close()
    with Database(hospital.url) as database:
        found = statistics(database, by=("topic",))
    (topic,), (calls,) = found.topics, found.calls

    assert shown == []
    assert (topic.topic, topic.shown, topic.would_have_been_shown) == ("ironTreatAdult", 0, 1)
    assert (calls.only_in_shadow, calls.would_have_been_shown_per_100_calls) == (1, 100.0)


async def test_the_audit_line_names_what_is_in_shadow(
    hospital: Hospital, last_line: Callable[[], dict[str, Any]]
) -> None:
    hospital.choose("shadow", "on", client="ehr")
    await hospital.cards(VIEW, LOW_IRON)
    line = last_line()

    assert (line["outcome"], line["shadowed"], line["fired"]) == ("in shadow", ["ironTreatAdult"], [])


async def test_one_card_in_shadow_leaves_its_place_to_others(hospital: Hospital) -> None:
    hospital.choose("card.sedatingAntihistamine", "shadow")

    assert await hospital.cards(SIGN, FOUR_DRUGS) == ["mirtazapine", "antipsychotic"]


# --- cards, caps, windows, info ------------------------------------------------------------------------------------------


async def test_a_single_card_is_off(hospital: Hospital) -> None:
    hospital.choose("card.ironTreatAdult", "off")

    assert await hospital.cards(VIEW, LOW_IRON) == []


async def test_a_cap_is_changed(hospital: Hospital) -> None:
    before = await hospital.cards(SIGN, FOUR_DRUGS)
    hospital.choose("cap.order-sign", "1")

    assert (before, await hospital.cards(SIGN, FOUR_DRUGS)) == (
        ["sedatingAntihistamine", "mirtazapine"],
        ["sedatingAntihistamine"],
    )


async def test_a_window_is_changed(hospital: Hospital) -> None:
    old = {"on": "200 d ago"}
    labs = [{"test": "ferritin", "value": "60 ng/mL"} | old, {"test": "transferrin_saturation", "value": "28 %"} | old]
    patient = LOW_IRON | {"labs": labs}
    before = await hospital.cards(VIEW, patient)
    hospital.choose("window.iron.valid_for", "180")

    assert (before, await hospital.cards(VIEW, patient)) == (["ironTreatAdult"], ["ironStudiesDue"])


async def test_info_cards_at_signing_are_changed(hospital: Hospital) -> None:
    patient = {
        "conditions": ["restless_legs_syndrome", "hospice"],
        "drafts": [{"drug": "Hydroxyzine 25 mg tablet", "route": "oral"}],
    }
    before = await hospital.cards(SIGN, patient)
    hospital.choose("info_at_sign", "on")

    assert (before, await hospital.cards(SIGN, patient)) == ([], ["sedatingAntihistamine"])


async def test_nothing_else_is_built_anew_when_another_client_changes(hospital: Hospital) -> None:
    await hospital.cards(VIEW, LOW_IRON)
    (client,) = hospital.parts.registry.current.clients
    before = hospital.parts.service.sites.of(client)
    hospital.choose("cap.order-sign", "1", client="other")

    assert hospital.parts.service.sites.of(client) is before


# --- market --------------------------------------------------------------------------------------------------------------


async def test_brand_names_of_another_market_are_known_after_a_change(hospital: Hospital, knowledge: Knowledge) -> None:
    patient = {
        "conditions": ["restless_legs_syndrome"],
        "labs": {"ferritin": "150 ng/mL", "transferrin_saturation": "30 %"},
        "drafts": [{"drug": "Stemetil 5mg tablets", "route": "oral"}],
    }
    hospital.choose("market", "us")
    american = await hospital.cards(SIGN, patient)
    hospital.choose("market", "uk")
    british = await hospital.cards(SIGN, patient)
    place = hospital.parts.service.sites.place(hospital.parts.registry.current.clients[0])

    assert (american, british) == ([], ["d2Antiemetic"])
    assert place.catalogue.knowledge.guidance is knowledge.guidance


# --- groups to screen ----------------------------------------------------------------------------------------------------

ON_DIALYSIS = {"conditions": ["end_stage_kidney_disease"]}


async def test_screening_is_switched_on_and_off_while_running(hospital: Hospital) -> None:
    before = await hospital.cards(VIEW, ON_DIALYSIS)
    hospital.choose("screening", "end_stage_kidney_disease")
    during = await hospital.cards(VIEW, ON_DIALYSIS)
    hospital.choose("card.PV-11", "off")

    assert (before, during) == ([], ["screenForRls"])
    assert await hospital.cards(VIEW, ON_DIALYSIS) == []
    assert not hospital.parts.service.sites.of(hospital.parts.registry.current.clients[0]).screening_groups


async def test_screening_is_switched_on_in_the_registry(opened: Opened) -> None:
    hospital = await opened('screening_groups = ["end_stage_kidney_disease"]')

    assert await hospital.cards(VIEW, ON_DIALYSIS) == ["screenForRls"]


async def test_a_change_goes_before_the_registry(opened: Opened) -> None:
    hospital = await opened('screening_groups = ["end_stage_kidney_disease"]')
    hospital.choose("screening", "none")

    assert await hospital.cards(VIEW, ON_DIALYSIS) == []


# --- a site's own codes --------------------------------------------------------------------------------------------------

LAB = "https://lab.example.org/tests"
OWN_CODES = f'local_codes = {{ferritin = ["{LAB}|FERR"], transferrin_saturation = ["{LAB}|TSAT"]}}'


def own(code: str, value: str) -> dict[str, Any]:
    test = {"FERR": "ferritin", "TSAT": "transferrin_saturation"}[code]
    return {"test": test, "code": f"{LAB} {code}", "value": value}


async def test_results_under_own_codes_are_read(opened: Opened) -> None:
    patient = UNTESTED | {"labs": [own("FERR", "60 ng/mL"), own("TSAT", "28 %")]}
    hospital = await opened(OWN_CODES)

    assert await hospital.cards(VIEW, patient) == ["ironTreatAdult"]


async def test_without_the_entry_they_mean_nothing(hospital: Hospital) -> None:
    patient = UNTESTED | {"labs": [own("FERR", "60 ng/mL"), own("TSAT", "28 %")]}

    assert await hospital.cards(VIEW, patient) == ["ironStudiesDue"]


@pytest.mark.parametrize(
    ("ferritin", "cards"),
    [
        ("60 ug/L", ["ironTreatAdult"]),
        ("134.8 pmol/L", ["ironTreatAdult"]),
        ("60 furlongs", ["ironStudiesDue"]),
        ("60", ["ironStudiesDue"]),
    ],
)
async def test_units_are_read_as_for_every_other_code(opened: Opened, ferritin: str, cards: list[str]) -> None:
    hospital = await opened(OWN_CODES)
    patient = UNTESTED | {"labs": [own("FERR", ferritin), own("TSAT", "28 %")]}

    assert await hospital.cards(VIEW, patient) == cards


async def test_discovery_names_own_codes_for_that_client(opened: Opened) -> None:
    hospital = await opened(OWN_CODES)
    services = (await hospital.client.get("/cds-services", headers=bearer("/cds-services"))).json()["services"]
    labs = [one["prefetch"]["labs"] for one in services if "labs" in one["prefetch"]]

    assert [f",{LAB}|FERR,{LAB}|TSAT&" in template for template in labs] == [True] * len(labs)


async def test_for_others_discovery_stays_as_it_is(hospital: Hospital) -> None:
    body = (await hospital.client.get("/cds-services", headers=bearer("/cds-services"))).content

    assert body == hospital.parts.service.discovery_body


async def test_results_under_own_codes_are_searched_for(opened: Opened, knowledge: Knowledge) -> None:
    hospital = await opened(OWN_CODES, f'fhir_servers = ["{BASE}"]')
    sent = by_fhir(json.loads(hospital.body(VIEW, UNTESTED | {"labs": [own("FERR", "60 ng/mL")]})))
    (client,) = hospital.parts.registry.current.clients
    with respx.mock(using="httpx", assert_all_called=False) as router:
        ehr = GoodEhr(router, resources_of(json.loads(hospital.body(VIEW, UNTESTED))))
        async with fhir_servers(Catalogue(knowledge)) as servers:
            service = replace(hospital.parts.service, fhir=servers)
            await service.decide(Call("rls-patient-view", 0.0), decoded(sent), client, Deadline.after(5))
        (asked,) = (path for path in ehr.asked if path.startswith("Observation") and "2276-4" in path)

    assert [quote(token, safe="") in asked for token in (f"{LAB}|FERR", f"{LAB}|TSAT")] == [True, True]


async def test_own_codes_hold_from_a_reload_of_the_registry(hospital: Hospital, tmp_path: Path) -> None:
    patient = UNTESTED | {"labs": [own("FERR", "60 ng/mL"), own("TSAT", "28 %")]}
    before = await hospital.cards(VIEW, patient)
    registry_file(tmp_path, OWN_CODES)
    hospital.parts.reload()

    assert (before, await hospital.cards(VIEW, patient)) == (["ironStudiesDue"], ["ironTreatAdult"])


async def test_own_order_codes_are_known_as_orders(opened: Opened) -> None:
    lines = [
        f'order_codes.{key} = {{system = "{LAB}/orders", code = "{code}", display = "{key}"}}'
        for key, code in (("ferritin", "O1"), ("iron_panel", "O2"))
    ]
    hospital = await opened(*lines)
    request = json.loads(hospital.body(VIEW, UNTESTED))
    request["prefetch"]["orders"]["entry"] = [
        {"resource": ordered(number, code)} for number, code in enumerate(("O1", "O2"))
    ]
    response = await hospital.post(VIEW, json.dumps(request).encode())

    assert response.json() == {"cards": []}


def ordered(number: int, code: str) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "id": f"o{number}",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "authoredOn": ON.isoformat(),
        "code": {"coding": [{"system": f"{LAB}/orders", "code": code}]},
    }

"""What is asked of the EHR, in how many rounds, and what the caller gets when some of it cannot be had."""

import asyncio
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest
import respx

from cards import Answer, Catalogue, Need, Result, Site, Standing
from cards.rule_table import RULES
from service.errors import EvidenceUnavailable, Overloaded
from service.gather import gather
from tests.conftest import ON
from tests.patient_builder import PatientBuilder
from tests.service.fhir.good_ehr import BASE, GoodEhr, by_fhir, decoded, opened, resources_of

pytestmark = pytest.mark.anyio

RLS = {"conditions": ["restless_legs_syndrome"], "labs": {"ferritin": "20 ng/mL"}, "encounter": "outpatient"}
METOCLOPRAMIDE = RLS | {"drafts": [{"drug": "Metoclopramide 10 mg tablet", "route": "oral"}]}
SITE = Site()


@pytest.fixture
def build(knowledge):
    return PatientBuilder(knowledge, ON)


@pytest.fixture
def ehr():
    with respx.mock(using="httpx", assert_all_called=False) as router:
        yield GoodEhr(router)


@pytest.fixture
def gathered(catalogue, ehr):
    """Gathers by FHIR access, but for the prefetch keys in `keep`."""

    async def run(body, *, keep=(), site=SITE, seconds=5, token=None, holding=None):
        ehr.resources += resources_of(body) if holding is None else holding
        sent = by_fhir(body, keep=keep)
        async with opened(catalogue, sent, seconds=seconds) as server:
            return await gather(decoded(sent), catalogue, site, server)

    return run


def decide(catalogue, evidence, site=SITE):
    return catalogue.evaluate(evidence, on=ON, site=site, seed=UUID(int=1))


def referring(draft, reference, **more):
    """The draft with a Medication reference instead of its concept."""
    del draft["medicationCodeableConcept"]
    draft["medicationReference"] = {"reference": reference, **more}


def drafts_of(body):
    return [entry["resource"] for entry in body["context"]["draftOrders"]["entry"]]


def medication(identity, text="Metoclopramide 10 mg tablet"):
    return {"resourceType": "Medication", "id": identity, "code": {"text": text}}


async def test_patient_view_without_rls_is_one_search_in_all(gathered, build, ehr):
    await gathered(build.request("patient-view", {"conditions": []}))

    assert ehr.kinds == ["Condition"]


async def test_patient_view_with_rls_asks_conditions_first_and_then_all_the_rest(gathered, build, ehr, catalogue):
    evidence = await gathered(build.request("patient-view", RLS))

    assert ehr.kinds.count("Condition") == 1
    assert ehr.asked[0].startswith("Condition?")
    assert all(evidence.complete(need) for need in catalogue.needs(evidence.hook) - {Need.DEVICES})


async def test_labs_and_facts_are_one_search(gathered, build, ehr, catalogue):
    evidence = await gathered(build.request("patient-view", RLS))

    assert ehr.kinds.count("Observation") == 1
    assert len(evidence.answer(Need.LABS).resources) == 1
    assert evidence.answer(Need.FACTS) == Answer(Standing.ANSWERED)


async def test_facts_alone_are_asked_where_the_labs_were_sent(gathered, build, ehr, catalogue):
    body = build.request("patient-view", RLS)
    await gathered(body, keep=set(body["prefetch"]) - {"facts"})

    codes = parse_qs(urlsplit(ehr.asked[0]).query)["code"]
    assert codes == [",".join(catalogue.knowledge.fact_codes)]
    assert len(ehr.asked) == 1


async def test_devices_are_asked_for_only_beside_sleep_apnoea(gathered, build, ehr):
    evidence = await gathered(build.request("patient-view", RLS))

    assert "DeviceUseStatement" not in ehr.kinds
    assert Need.DEVICES not in evidence.answers


async def test_beside_sleep_apnoea_devices_are_asked_for(gathered, build, ehr):
    conditions = [*RLS["conditions"], "obstructive_sleep_apnoea"]
    evidence = await gathered(build.request("patient-view", RLS | {"conditions": conditions}))

    assert evidence.complete(Need.DEVICES)


async def test_devices_are_asked_for_where_another_rule_looks_at_them_always(knowledge, build, ehr):
    tied = next(rule for rule in RULES if rule.only_with)
    both = Catalogue(knowledge, [tied, replace(tied, stem="iron", only_with=())])
    body = build.request("patient-view", RLS)
    ehr.resources += resources_of(body)
    sent = by_fhir(body)
    async with opened(both, sent) as server:
        evidence = await gather(decoded(sent), both, SITE, server)

    assert evidence.complete(Need.DEVICES)


async def test_a_card_does_not_miss_devices_that_cannot_matter(gathered, build, ehr, catalogue):
    drinks = RLS | {"conditions": [*RLS["conditions"], "alcohol_use_disorder"]}
    decision = decide(catalogue, await gathered(build.request("patient-view", drinks)))

    factors = [one for one in decision.outcomes if one.topic == "contributingFactors"]
    assert [(one.result, one.unread) for one in factors] == [(Result.FIRED, frozenset())]


async def test_nothing_is_asked_twice(gathered, build, ehr):
    await gathered(build.request("patient-view", RLS))

    assert len(ehr.asked) == len(set(ehr.asked))


async def test_an_order_hook_without_a_relevant_draft_asks_nothing(gathered, build, ehr):
    await gathered(build.request("order-sign", RLS | {"drafts": [{"drug": "Amoxicillin 500 mg capsule"}]}))

    assert ehr.asked == []


async def test_a_relevant_draft_of_a_patient_without_rls_is_one_search(gathered, build, ehr):
    await gathered(build.request("order-sign", {"drafts": [{"drug": "Metoclopramide 10 mg tablet"}]}))

    assert ehr.kinds == ["Condition"]


async def test_prefetched_needs_are_not_asked_again(gathered, build, ehr):
    body = build.request("patient-view", RLS)
    await gathered(body, keep=set(body["prefetch"]) - {"labs"})

    assert ehr.kinds == ["Observation"]


async def test_a_failed_prefetch_value_is_replaced_by_a_search(gathered, build, ehr):
    body = build.request("patient-view", RLS)
    ehr.resources += resources_of(body)
    body["prefetch"]["labs"] = {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}
    evidence = await gathered(body, keep=body["prefetch"], holding=[])

    assert evidence.complete(Need.LABS)
    assert ehr.kinds == ["Observation"]


async def test_a_prefetched_null_means_nothing_there_and_is_not_asked_again(gathered, build, ehr):
    body = build.request("patient-view", RLS)
    body["prefetch"]["labs"] = None
    evidence = await gathered(body, keep=body["prefetch"], holding=[])

    assert evidence.complete(Need.LABS)
    assert ehr.asked == []


async def test_a_search_that_fails_takes_nothing_away_from_what_was_sent(gathered, build, ehr):
    body = build.request("patient-view", RLS)
    body["prefetch"]["labs"]["link"] = [{"relation": "next", "url": "https://elsewhere.example.org/fhir?page=2"}]
    ehr.route("Observation").respond(403)
    evidence = await gathered(body, keep=body["prefetch"], holding=[])

    assert [one.resource_type for one in evidence.answer(Need.LABS).resources] == ["Observation"]
    assert not evidence.complete(Need.LABS)


async def test_without_conditions_from_anywhere_nothing_can_be_said(gathered, build, ehr):
    ehr.route("Condition").respond(403)

    with pytest.raises(EvidenceUnavailable, match=r"'conditions'.*403"):
        await gathered(build.request("patient-view", RLS))


async def test_conditions_that_only_the_deadline_kept_away_may_be_asked_for_again(gathered, build, ehr):
    ehr.route("Condition").mock(side_effect=never)

    with pytest.raises(Overloaded, match="deadline"):
        await gathered(build.request("patient-view", RLS), seconds=0.05)


async def test_another_need_that_the_deadline_kept_away_leaves_the_rest(gathered, build, ehr):
    ehr.route("Observation").mock(side_effect=never)
    evidence = await gathered(build.request("patient-view", RLS), seconds=1)

    assert evidence.answer(Need.LABS).standing is Standing.FAILED
    assert evidence.complete(Need.PATIENT)


async def never(_request):
    await asyncio.Event().wait()


async def test_a_patient_who_cannot_be_read_starves_the_rules_and_is_no_412(gathered, build, ehr, catalogue):
    ehr.route("Patient").respond(404)
    decision = decide(catalogue, await gathered(build.request("patient-view", RLS)))

    assert decision.standings[Need.PATIENT] is Standing.FAILED
    assert decision.cards == ()
    assert not decision.could_look


@pytest.mark.parametrize("status", [401, 403, 404, 410, 429, 500, 503])
async def test_labs_that_failed_to_load_never_become_untested(gathered, build, ehr, catalogue, status):
    ehr.route("Observation").respond(status)
    decision = decide(catalogue, await gathered(build.request("patient-view", RLS)))

    assert "ironStudiesDue" not in {card.source.topic.code for card in decision.cards if card.source.topic}
    assert decision.standings[Need.LABS] is Standing.FAILED


# Medications behind references


async def test_a_draft_whose_medication_is_not_here_is_looked_up_beside_the_conditions(gathered, build, ehr, catalogue):
    body = build.request("order-sign", METOCLOPRAMIDE)
    referring(drafts_of(body)[0], "Medication/m1")
    ehr.resources.append(medication("m1"))
    evidence = await gathered(body)

    assert {path.partition("?")[0] for path in ehr.asked[:2]} == {"Condition", "Medication"}
    assert decide(catalogue, evidence).cards


async def test_a_draft_that_turns_out_harmless_ends_there(gathered, build, ehr):
    body = build.request("order-sign", METOCLOPRAMIDE)
    referring(drafts_of(body)[0], "Medication/m1")
    ehr.resources.append(medication("m1", "Amoxicillin 500 mg capsule"))
    await gathered(body)

    assert ehr.kinds == ["Condition", "Medication"]


async def test_conditions_without_rls_spare_the_lookup_of_a_draft(gathered, build, ehr):
    body = build.request("order-sign", {"drafts": [{"drug": "x"}]})
    referring(drafts_of(body)[0], "Medication/m1")
    await gathered(body, keep={"conditions"})

    assert ehr.asked == []


async def test_an_unselected_draft_is_not_looked_up(gathered, build, ehr):
    body = build.request("order-select", RLS | {"drafts": [{"drug": "x", "selected": False}]})
    referring(drafts_of(body)[0], "Medication/m1")
    await gathered(body)

    assert ehr.asked == []


async def test_a_draft_named_by_display_alone_needs_no_lookup(gathered, build, ehr, catalogue):
    body = build.request("order-sign", METOCLOPRAMIDE)
    referring(drafts_of(body)[0], "Medication/m1", display="Metoclopramide 10 mg tablet")
    evidence = await gathered(body)

    assert "Medication" not in ehr.kinds
    assert decide(catalogue, evidence).cards


async def test_a_draft_whose_medication_cannot_be_had_says_nothing_and_is_no_412(gathered, build, ehr, catalogue):
    body = build.request("order-sign", METOCLOPRAMIDE)
    referring(drafts_of(body)[0], "Medication/gone")
    decision = decide(catalogue, await gathered(body))

    assert decision.cards == ()


async def test_without_fhir_access_an_unknown_draft_is_no_412(build, catalogue):
    body = build.request("order-sign", METOCLOPRAMIDE)
    referring(drafts_of(body)[0], "Medication/m1")
    evidence = await gather(decoded(body | {"prefetch": {}}), catalogue, SITE)

    assert decide(catalogue, evidence).cards == ()


@pytest.mark.parametrize(
    "reference",
    ["Medication/m1", "Medication/m1/_history/3", f"{BASE}/Medication/m1", f"{BASE}/Medication/m1/_history/3"],
)
async def test_medications_on_record_come_as_one_search(gathered, build, ehr, reference):
    body = build.request("patient-view", RLS | {"medicines": [{"drug": "a"}, {"drug": "b"}, {"drug": "c"}]})
    records = [entry["resource"] for entry in body["prefetch"]["medications"]["entry"]]
    for record, target in zip(records, (reference, "Medication/m2", "Medication/m2"), strict=True):
        referring(record, target)
    ehr.resources += [medication("m1"), medication("m2")]
    evidence = await gathered(body)

    asked = [path for path in ehr.asked if path.startswith("Medication?")]
    assert [path.split("&")[0] for path in asked] == ["Medication?_id=m1%2Cm2"]
    assert {one.id for one in evidence.bystanders} == {"m1", "m2"}


async def test_prefetched_orders_have_their_medications_looked_up_with_the_rest(gathered, build, ehr):
    body = build.request("patient-view", RLS | {"medicines": [{"drug": "a"}]})
    referring(body["prefetch"]["medications"]["entry"][0]["resource"], "Medication/m1")
    await gathered(body, keep={"conditions", "patient", "medications"})

    assert ehr.kinds.count("Medication") == 1


async def test_a_medication_of_another_server_is_not_asked_for(gathered, build, ehr):
    body = build.request("patient-view", RLS | {"medicines": [{"drug": "a"}]})
    referring(
        body["prefetch"]["medications"]["entry"][0]["resource"], "https://elsewhere.example.org/fhir/Medication/m1"
    )
    await gathered(body)

    assert "Medication" not in ehr.kinds


async def test_contained_medications_need_no_request(gathered, build, ehr, catalogue):
    body = build.request("order-sign", METOCLOPRAMIDE)
    draft = drafts_of(body)[0]
    referring(draft, "#m")
    draft["contained"] = [medication("m")]
    evidence = await gathered(body)

    assert "Medication" not in ehr.kinds
    assert decide(catalogue, evidence).cards


@pytest.mark.parametrize(
    "reference", ["Medication/m1", f"{BASE}/Medication/m1", "Medication/m1/_history/2", "urn:uuid:77"]
)
async def test_a_medication_among_the_draft_orders_needs_no_request(gathered, build, ehr, catalogue, reference):
    body = build.request("order-sign", METOCLOPRAMIDE)
    referring(drafts_of(body)[0], reference)
    entry = {"resource": medication("m1")}
    if reference.startswith("urn:"):
        entry["fullUrl"] = reference
        del entry["resource"]["id"]
    body["context"]["draftOrders"]["entry"].append(entry)
    evidence = await gathered(body)

    assert "Medication" not in ehr.kinds
    assert decide(catalogue, evidence).cards


async def test_the_ingredients_of_a_medication_name_the_drug(gathered, build, ehr, catalogue):
    body = build.request("order-sign", METOCLOPRAMIDE)
    referring(drafts_of(body)[0], "Medication/m1")
    inner = {"resourceType": "Substance", "id": "s", "code": {"text": "Metoclopramide"}}
    ehr.resources.append(
        {
            "resourceType": "Medication",
            "id": "m1",
            "contained": [inner],
            "ingredient": [{"itemReference": {"reference": "#s"}}],
        }
    )

    assert decide(catalogue, await gathered(body)).cards


async def test_a_medication_that_is_here_and_unknown_is_not_asked_for(gathered, build, ehr):
    body = build.request("order-sign", RLS | {"drafts": ["x"]})
    referring(drafts_of(body)[0], "Medication/m1")
    body["context"]["draftOrders"]["entry"].append({"resource": medication("m1", "Something that nobody knows")})
    await gathered(body)

    assert ehr.asked == []


async def test_statements_stand_beside_orders(gathered, build, ehr):
    evidence = await gathered(build.request("patient-view", RLS | {"statements": [{"drug": "Ferrous sulfate 325 mg"}]}))

    assert [one.resource_type for one in evidence.answer(Need.STATEMENTS).resources] == ["MedicationStatement"]


async def test_a_server_that_offers_it_is_asked_to_include_medications(catalogue, build, ehr):
    body = build.request("patient-view", RLS | {"medicines": [{"drug": "a"}]})
    referring(body["prefetch"]["medications"]["entry"][0]["resource"], "Medication/m1")
    ehr.resources += [*resources_of(body), medication("m1")]
    ehr.includes = ["MedicationRequest:medication"]
    sent = by_fhir(body)
    async with opened(catalogue, sent) as server:
        await gather(decoded(sent), catalogue, SITE, server)
        await server._capabilities.settled()
        await gather(decoded(sent), catalogue, SITE, server)

    search = [path for path in ehr.asked if path.startswith("MedicationRequest?")][-1]
    assert "_include=MedicationRequest%3Amedication" in search


async def test_the_capabilities_are_asked_without_the_token(catalogue, build, ehr):
    body = build.request("patient-view", RLS | {"medicines": [{"drug": "a"}]})
    referring(body["prefetch"]["medications"]["entry"][0]["resource"], "Medication/m1")
    ehr.resources += resources_of(body)
    sent = by_fhir(body)
    async with opened(catalogue, sent) as server:
        await gather(decoded(sent), catalogue, SITE, server)
        await server._capabilities.settled()

    assert "authorization" not in ehr.route("metadata").calls.last.request.headers


async def test_no_capabilities_are_asked_where_no_medication_was_missing(catalogue, build, ehr):
    body = build.request("patient-view", RLS)
    ehr.resources += resources_of(body)
    sent = by_fhir(body)
    async with opened(catalogue, sent) as server:
        await gather(decoded(sent), catalogue, SITE, server)
        await server._capabilities.settled()

    assert "metadata" not in ehr.kinds


async def test_what_no_decoder_could_read_is_counted(gathered, build, ehr):
    ehr.route("Procedure").respond(json={"resourceType": "Bundle", "entry": [{"resource": 7}]})
    evidence = await gathered(build.request("patient-view", RLS))

    assert evidence.unreadable == 1
    assert not evidence.complete(Need.PROCEDURES)


async def test_resources_of_another_patient_make_their_need_foreign(gathered, build, ehr):
    body = build.request("patient-view", RLS)
    stray = {
        "resourceType": "Observation",
        "id": "x",
        "status": "final",
        "code": {"coding": [{"code": "2276-4"}]},
        "subject": {"reference": "Patient/p1"},
    }
    ehr.route("Observation").mock(
        return_value=httpx.Response(
            200,
            json={"resourceType": "Bundle", "entry": [{"resource": stray | {"subject": {"reference": "Patient/p2"}}}]},
        )
    )
    evidence = await gathered(body)

    assert evidence.answer(Need.LABS).standing is Standing.FOREIGN
    assert evidence.answer(Need.LABS).resources == ()
    assert evidence.foreign >= 1


# What is never decoded


@pytest.mark.parametrize("key", ["problems", "labs"])
async def test_rls_that_came_under_another_key_is_seen(build, catalogue, key):
    body = build.request("patient-view", RLS)
    prefetch = body["prefetch"]
    prefetch[key] = {
        "resourceType": "Bundle",
        "entry": [*prefetch["labs"]["entry"], *prefetch["conditions"]["entry"]],
    }
    prefetch["conditions"] = None
    evidence = await gather(decoded(body), catalogue, SITE)

    assert [one.source.topic.code for one in decide(catalogue, evidence).cards] == ["ironTreatAdult"]


async def test_without_rls_the_rest_stands_as_not_looked_at(build, catalogue):
    body = build.request("patient-view", RLS | {"conditions": ["iron_loss"]})
    evidence = await gather(decoded(body), catalogue, SITE)

    assert evidence.answers[Need.LABS].standing is Standing.UNREAD
    assert evidence.complete(Need.CONDITIONS)


async def test_a_thorough_look_reads_what_cannot_matter_too(build, catalogue):
    body = build.request("patient-view", RLS | {"conditions": ["iron_loss"]})
    evidence = await gather(decoded(body), catalogue, SITE, thorough=True)

    assert evidence.complete(Need.LABS)


async def test_a_harmless_order_needs_nothing_of_what_was_sent(build, catalogue):
    body = build.request("order-sign", RLS | {"drafts": [{"drug": "Amoxicillin 500 mg capsule", "route": "oral"}]})
    body["prefetch"]["conditions"] = {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}
    evidence = await gather(decoded(body), catalogue, SITE)

    assert {answer.standing for answer in evidence.answers.values()} == {Standing.UNREAD}
    assert decide(catalogue, evidence).cards == ()

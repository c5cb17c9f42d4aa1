"""A FHIR server's bad days, one at a time: what each of them becomes for the rooms behind."""

import asyncio
import gzip
import json
from dataclasses import replace

import aiohttp
import httpx
import pytest
import respx

from cards import Answer, Need, Standing
from cards.fhir import wholly_read
from service.ehr import Wish
from service.fhir_client import DEADLINE_PASSED
from tests.conftest import ON
from tests.patient_builder import PatientBuilder, bundle, outcome
from tests.service.fhir.good_ehr import BASE, CLIENT, TOKEN, GoodEhr, by_fhir, opened, resources_of

pytestmark = pytest.mark.anyio

PATIENT = {
    "conditions": ["restless_legs_syndrome"],
    "labs": {"ferritin": "20 ng/mL", "transferrin_saturation": "18 %"},
    "encounter": "outpatient",
}
LABS, CONDITIONS = Need.LABS, Need.CONDITIONS


@pytest.fixture
def body(knowledge):
    return PatientBuilder(knowledge, ON).request("patient-view", PATIENT)


@pytest.fixture
def ehr(body):
    with respx.mock(using="httpx", assert_all_called=False) as router:
        yield GoodEhr(router, resources_of(body))


@pytest.fixture
def fetched(catalogue, body, ehr):
    """Fetches one need and gives its Answer."""

    async def run(need=LABS, *, client=CLIENT, seconds=5, next_pages=None, context=None, **limits) -> Answer:
        sent = by_fhir(body)
        sent["context"] = sent["context"] | (context or {})
        async with opened(catalogue, sent, client=client, seconds=seconds, **limits) as server:
            found = await server.fetch(Wish(frozenset({need}), next_pages=next_pages or {}))
        return found.answers[need]

    return run


def ids(answer):
    return [resource.id for resource in answer.resources]


def observation(identity, **more):
    return {
        "resourceType": "Observation",
        "id": identity,
        "subject": {"reference": "Patient/p1"},
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2276-4"}]},
    } | more


def page(*identities, link=None):
    found = bundle([observation(identity) for identity in identities])
    return found | ({"link": [{"relation": "next", "url": link}]} if link else {})


def in_turn(*answers):
    """One answer after the other; an exception is raised."""
    return [one if isinstance(one, Exception | httpx.Response) else httpx.Response(200, json=one) for one in answers]


async def test_a_good_server_answers(fetched):
    answer = await fetched()

    assert answer.standing is Standing.ANSWERED
    assert ids(answer) == ["labs-1", "labs-2"]


async def test_an_empty_search_is_an_answer(fetched, ehr):
    ehr.route("Observation").respond(json={"resourceType": "Bundle", "type": "searchset"})

    assert await fetched() == Answer(Standing.ANSWERED)


async def test_an_empty_search_with_a_warning_is_an_answer(fetched, ehr):
    ehr.route("Observation").respond(json=bundle([]) | {"entry": [{"resource": outcome("warning")}]})

    assert (await fetched()).standing is Standing.ANSWERED


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 405, 410, 418])
async def test_a_lasting_refusal_is_a_failure_and_is_not_tried_again(fetched, ehr, status):
    ehr.route("Observation").respond(status, headers={"Location": "https://elsewhere.example.org/"})

    assert await fetched() == Answer(Standing.FAILED, why=f"the FHIR server answered {status}")
    assert len(ehr.asked) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_a_passing_refusal_is_tried_once_more(fetched, ehr, status):
    ehr.route("Observation").mock(side_effect=in_turn(httpx.Response(status), page("o1")))

    assert ids(await fetched()) == ["o1"]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_a_refusal_that_does_not_pass_is_a_failure(fetched, ehr, status):
    ehr.route("Observation").respond(status)

    assert await fetched() == Answer(Standing.FAILED, why=f"the FHIR server answered {status}")
    assert len(ehr.asked) == 2


@pytest.mark.parametrize("after", ["0", "Sat, 21 Nov 2026 10:00:00 GMT", "Sat, 21 Nov 2026 09:00:00 GMT", "soon", "-1"])
async def test_a_time_to_wait_that_fits_is_respected(fetched, ehr, after):
    refusal = httpx.Response(429, headers={"Retry-After": after, "Date": "Sat, 21 Nov 2026 10:00:00 GMT"})
    ehr.route("Observation").mock(side_effect=in_turn(refusal, page("o1")))

    assert ids(await fetched()) == ["o1"]


@pytest.mark.parametrize("after", ["60", "9" * 400, "Sat, 21 Nov 2026 10:01:00 GMT"])
async def test_a_time_to_wait_that_does_not_fit_ends_it(fetched, ehr, after):
    ehr.route("Observation").respond(429, headers={"Retry-After": after, "Date": "Sat, 21 Nov 2026 10:00:00 GMT"})

    assert await fetched() == Answer(Standing.FAILED, why="the FHIR server answered 429")
    assert len(ehr.asked) == 1


@pytest.mark.parametrize(
    "fault",
    [
        aiohttp.ClientConnectionError,
        aiohttp.ConnectionTimeoutError,
        aiohttp.ServerDisconnectedError,
        aiohttp.ClientPayloadError,
        ConnectionResetError,
    ],
)
async def test_a_broken_connection_is_tried_once_more(fetched, ehr, fault):
    ehr.route("Observation").mock(side_effect=in_turn(fault("p1 and more"), page("o1")))

    assert ids(await fetched()) == ["o1"]


@pytest.mark.parametrize(
    "fault",
    [aiohttp.ClientConnectionError, aiohttp.ConnectionTimeoutError, aiohttp.ClientPayloadError, OSError, RuntimeError],
)
async def test_a_connection_that_stays_broken_is_a_failure_without_patient_data(fetched, ehr, fault):
    ehr.route("Observation").mock(side_effect=fault(f"{BASE}/Observation?patient=p1"))
    answer = await fetched()

    assert answer.standing is Standing.FAILED
    assert answer.why == f"the FHIR server could not be reached ({fault.__name__})"


async def test_the_deadline_is_a_failure_with_a_name(fetched, ehr):
    async def never(_request):
        await asyncio.Event().wait()

    ehr.route("Observation").mock(side_effect=never)
    answer = await fetched(seconds=0.05)

    assert answer.standing is Standing.FAILED
    assert "deadline" in answer.why


@pytest.mark.parametrize(
    "content", [b"<html>Log in</html>", b"", b"{", b"[]", b"null", b'"text"', b'{"login": true}', b"\xff\xfe"]
)
async def test_what_is_no_fhir_is_a_failure(fetched, ehr, content):
    ehr.route("Observation").respond(200, content=content, headers={"Content-Type": "application/json"})

    assert (await fetched()).standing is Standing.FAILED


@pytest.mark.parametrize(
    "kind", ["text/html; charset=utf-8", "text/plain", "application/fhir+xml", "application/octet-stream"]
)
async def test_another_content_type_is_a_failure(fetched, ehr, kind):
    ehr.route("Observation").respond(200, json=page("o1"), headers={"Content-Type": kind})

    assert (await fetched()).why == "the FHIR server answered with something that is not JSON"


@pytest.mark.parametrize("kind", ["application/fhir+json; charset=UTF-8", "application/json", "APPLICATION/JSON+FHIR"])
async def test_json_has_several_names(fetched, ehr, kind):
    ehr.route("Observation").respond(200, json=page("o1"), headers={"Content-Type": kind})

    assert (await fetched()).standing is Standing.ANSWERED


@pytest.mark.parametrize("severity", ["error", "fatal", "warning", "information"])
async def test_an_operation_outcome_instead_of_a_bundle_is_a_failure(fetched, ehr, severity):
    ehr.route("Observation").respond(200, json=outcome(severity))

    assert (await fetched()).standing is Standing.FAILED


async def test_an_error_among_the_entries_is_a_failure(fetched, ehr):
    ehr.route("Observation").respond(200, json=bundle([]) | {"entry": [{"resource": outcome("error")}]})

    assert (await fetched()).standing is Standing.FAILED


async def test_a_bare_resource_is_no_answer_to_our_own_search(fetched, ehr):
    ehr.route("Observation").respond(200, json=observation("o1"))

    assert await fetched() == Answer(Standing.FAILED, why="not a Bundle")


@pytest.mark.parametrize("status", [404, 410])
async def test_a_patient_who_is_not_there_is_a_failure(fetched, ehr, status):
    ehr.route("Patient").respond(status)

    assert (await fetched(Need.PATIENT)).standing is Standing.FAILED


async def test_a_read_that_gives_another_type_is_a_failure(fetched, ehr):
    ehr.route("Patient").respond(200, json=observation("p1"))

    assert await fetched(Need.PATIENT) == Answer(Standing.FAILED, why="not a Patient")


async def test_a_read_that_gives_another_patient_is_no_answer(fetched, ehr):
    ehr.route("Patient").respond(200, json={"resourceType": "Patient", "id": "p2"})

    assert (await fetched(Need.PATIENT)).standing is Standing.FOREIGN


async def test_one_oddly_typed_field_costs_only_itself(fetched, ehr):
    odd = bundle([observation("o1", issued={"odd": True}), observation("o2")])
    ehr.route("Observation").respond(200, json=odd)
    answer = await fetched()

    assert answer.standing is Standing.ANSWERED
    assert [sorted(wholly_read(one).harmed) for one in answer.resources] == [["issued"], []]


async def test_one_bad_resource_leaves_the_others_and_an_incomplete_answer(fetched, ehr):
    ehr.route("Observation").respond(
        200, json=bundle([observation("o1")]) | {"entry": [{"resource": 7}, {"resource": observation("o1")}]}
    )
    answer = await fetched()

    assert answer.standing is Standing.INCOMPLETE
    assert ids(answer) == ["o1"]


async def test_bad_resources_are_counted(catalogue, body, ehr):
    ehr.route("Observation").respond(
        200, json={"resourceType": "Bundle", "entry": [{"resource": 7}, {"resource": "x"}]}
    )
    async with opened(catalogue, by_fhir(body)) as server:
        found = await server.fetch(Wish(frozenset({LABS})))

    assert found.unreadable == 2


async def test_deep_nesting_is_a_failure(fetched, ehr):
    deep = b'{"resourceType":"Bundle","entry":[{"resource":' + b'{"contained":[' * 5000 + b"]}" * 5000 + b"}]}"
    ehr.route("Observation").respond(200, content=deep, headers={"Content-Type": "application/json"})

    assert (await fetched()).standing is Standing.FAILED


async def test_included_and_repeated_resources_do_no_harm(fetched, ehr):
    extra = {"resource": {"resourceType": "Practitioner", "id": "d"}, "search": {"mode": "include"}}
    ehr.route("Observation").respond(200, json=page("o1", "o1") | {"entry": [*page("o1", "o1")["entry"], extra]})

    assert (await fetched()).standing is Standing.ANSWERED


# Pages


async def test_pages_are_followed_without_a_total(fetched, ehr):
    first, second = page("o1", link=f"{BASE}?_getpages=1"), page("o2")
    del first["total"], second["total"]
    ehr.route("Observation").respond(json=first)
    ehr.router.get(f"{BASE}?_getpages=1").respond(json=second)
    answer = await fetched()

    assert answer.standing is Standing.ANSWERED
    assert ids(answer) == ["o1", "o2"]


@pytest.mark.parametrize(
    "link", ["Observation?page=2", "/fhir/Observation?page=2", "https://EHR.example.org:443/fhir/Observation?page=2"]
)
async def test_a_next_link_may_be_written_in_several_ways(fetched, ehr, link):
    ehr.route("Observation").mock(side_effect=in_turn(page("o1", link=link), page("o2")))

    assert ids(await fetched()) == ["o1", "o2"]


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example.org/fhir/Observation?page=2",
        "https://ehr.example.org.evil.example/fhir/Observation",
        "https://ehr.example.org:8443/fhir/Observation",
        "http://ehr.example.org/fhir/Observation",
        "https://user@ehr.example.org/fhir/Observation",
        "https://ehr.example.org@elsewhere.example.org/fhir/Observation",
        "https://ehr.example.org/other/Observation",
        "https://ehr.example.org/fhirs/Observation",
        "https://ehr.example.org/fhir/../other",
        "https://ehr.example.org/fhir/%2e%2e/other",
        "https://ehr.example.org/fhir/..%2fother",
        "https://ehr.example.org/fhir/..%5cother",
        "https://ehr.example.org\\@elsewhere.example.org/fhir/Observation",
        "https://ehr.example.org/fhir/Observation#x",
        "//elsewhere.example.org/fhir/Observation",
        "file:///etc/passwd",
        "https://[::1/fhir",
        "https://ehr.example.org:99999/fhir/Observation",
        "https://ehr.example.org/fhir/Observation?a=\r\nHost: x",
    ],
)
async def test_a_next_link_to_elsewhere_is_not_followed(fetched, ehr, link):
    ehr.route("Observation").respond(json=page("o1", link=link))
    answer = await fetched()

    assert answer.standing is Standing.INCOMPLETE
    assert ids(answer) == ["o1"]
    assert len(ehr.router.calls) == 1


async def test_pages_without_end_are_not_read_without_end(fetched, ehr):
    count = iter(range(100))

    def endless(_request):
        return httpx.Response(200, json=page("o", link=f"Observation?{next(count)}"))

    ehr.route("Observation").mock(side_effect=endless)
    answer = await fetched(max_pages=3)

    assert answer.standing is Standing.INCOMPLETE
    assert len(ehr.asked) == 3


async def test_pages_in_a_circle_end(fetched, ehr):
    ehr.route("Observation").respond(json=page("o1", link=f"{BASE}/Observation?page=2"))

    assert (await fetched()).standing is Standing.INCOMPLETE
    assert len(ehr.asked) == 2


async def test_a_page_that_fails_leaves_the_ones_before(fetched, ehr):
    ehr.route("Observation").mock(
        side_effect=in_turn(page("o1", link=f"{BASE}/Observation?page=2"), httpx.Response(404))
    )
    answer = await fetched()

    assert answer.standing is Standing.INCOMPLETE
    assert answer.why == "the FHIR server answered 404"
    assert ids(answer) == ["o1"]


async def test_all_pages_together_are_bounded_in_bytes(fetched, ehr):
    size = len(json.dumps(page("o1", link=f"{BASE}/Observation?page=2")))
    ehr.route("Observation").mock(side_effect=in_turn(page("o1", link=f"{BASE}/Observation?page=2"), page("o2")))

    assert (await fetched(max_bytes=size + 100)).standing is Standing.INCOMPLETE


async def test_an_answer_may_be_as_large_as_the_limit_and_not_larger(fetched, ehr):
    sent = httpx.Response(200, json=page("o1"))
    ehr.route("Observation").mock(return_value=sent)

    assert (await fetched(max_bytes=len(sent.content))).standing is Standing.ANSWERED
    assert (await fetched(max_bytes=len(sent.content) - 1)).standing is Standing.FAILED


async def test_the_pages_after_a_prefetched_one_are_read(fetched, ehr):
    ehr.route("Observation").respond(json=page("o2"))
    first = Answer(Standing.ANSWERED)
    answer = await fetched(next_pages={LABS: (f"{BASE}/Observation?page=2", first)})

    assert answer.standing is Standing.ANSWERED
    assert ehr.asked == ["Observation?page=2"]


@pytest.mark.parametrize("status", [400, 404, 410, 503])
async def test_a_prefetched_link_that_has_expired_is_replaced_by_the_question_itself(fetched, ehr, status):
    def answer(request):
        return httpx.Response(status) if "page=2" in str(request.url) else httpx.Response(200, json=page("o1", "o2"))

    ehr.route("Observation").mock(side_effect=answer)

    assert ids(await fetched(next_pages={LABS: (f"{BASE}/Observation?page=2", Answer(Standing.ANSWERED))})) == [
        "o1",
        "o2",
    ]


async def test_a_prefetched_link_to_elsewhere_is_replaced_by_the_question_itself(fetched, ehr):
    await fetched(next_pages={LABS: ("https://elsewhere.example.org/2", Answer(Standing.ANSWERED))})

    assert ehr.asked[0].startswith("Observation?patient=p1&code=")


# Labs and facts together

OBSERVATIONS = frozenset({LABS, Need.FACTS})


@pytest.fixture
def observed(catalogue, body, ehr):
    """Fetches labs and facts and gives both Answers."""

    async def run(*, seconds=5, next_pages=None, **limits) -> tuple[Answer, Answer]:
        async with opened(catalogue, by_fhir(body), seconds=seconds, **limits) as server:
            found = await server.fetch(Wish(OBSERVATIONS, next_pages=next_pages or {}))
        return found.answers[LABS], found.answers[Need.FACTS]

    return run


def by_question(catalogue, labs, facts, both):
    """The answer to each of the three questions that may be asked of Observations."""
    lab, fact = catalogue.knowledge.lab_codes[0], catalogue.knowledge.fact_codes[0]

    def answer(request):
        query = str(request.url)
        found = both if lab in query and fact in query else labs if lab in query else facts
        return found if isinstance(found, httpx.Response) else httpx.Response(200, json=found)

    return answer


async def test_labs_and_facts_are_asked_for_together(observed, ehr):
    labs, facts = await observed()

    assert len(ehr.asked) == 1
    assert ids(labs) == ["labs-1", "labs-2"]
    assert facts == Answer(Standing.ANSWERED)


@pytest.mark.parametrize("status", [400, 403, 414, 500])
async def test_a_refusal_to_answer_both_together_loses_neither(observed, ehr, catalogue, status):
    answer = by_question(catalogue, page("o1"), page("o2"), httpx.Response(status))
    ehr.route("Observation").mock(side_effect=answer)
    labs, facts = await observed()

    assert (labs.standing, ids(labs)) == (Standing.ANSWERED, ["o1"])
    assert (facts.standing, ids(facts)) == (Standing.ANSWERED, ["o2"])


async def test_many_weights_keep_no_lab_away(observed, ehr, catalogue):
    more = f"{BASE}/Observation?patient=p1&code={catalogue.knowledge.fact_codes[0]}&page=2"
    answer = by_question(catalogue, page("o1"), page("w1", link=more), page("w1", link=f"{BASE}/Observation?page=2"))
    ehr.route("Observation").mock(side_effect=answer)
    labs, facts = await observed(max_pages=2)

    assert (labs.standing, ids(labs)) == (Standing.ANSWERED, ["o1"])
    # What was found together is not lost where a question alone does not come to its end.
    assert (facts.standing, ids(facts)) == (Standing.INCOMPLETE, ["w1", "w1", "w1"])


async def test_too_many_bytes_together_are_asked_for_one_by_one(observed, ehr, catalogue):
    large = bundle([observation("w1", note=[{"text": "x" * 5000}])])
    ehr.route("Observation").mock(side_effect=by_question(catalogue, page("o1"), large, large))
    labs, facts = await observed(max_bytes=2000)

    assert labs.standing is Standing.ANSWERED
    assert facts.standing is Standing.FAILED


async def test_a_resource_of_another_patient_among_the_facts_leaves_the_labs(observed, ehr, catalogue):
    stray = bundle([observation("x", subject={"reference": "Patient/p2"})])
    ehr.route("Observation").mock(side_effect=by_question(catalogue, page("o1"), stray, stray))
    labs, facts = await observed()

    assert labs.standing is Standing.ANSWERED
    assert facts.standing is Standing.FOREIGN


async def test_after_the_deadline_neither_is_asked_again(observed, ehr):
    async def never(_request):
        await asyncio.Event().wait()

    ehr.route("Observation").mock(side_effect=never)
    answers = await observed(seconds=0.05)

    assert {answer.standing for answer in answers} == {Standing.FAILED}
    assert len(ehr.router.calls) <= 1


async def test_questions_asked_alone_end_with_the_deadline_too(observed, ehr, catalogue):
    async def never(_request):
        await asyncio.Event().wait()

    lab, fact = catalogue.knowledge.lab_codes[0], catalogue.knowledge.fact_codes[0]

    async def answer(request):
        both = lab in str(request.url) and fact in str(request.url)
        return httpx.Response(400) if both else await never(request)

    ehr.route("Observation").mock(side_effect=answer)
    answers = await observed(seconds=0.1)

    assert {(answer.standing, "deadline" in answer.why) for answer in answers} == {(Standing.FAILED, True)}


async def test_pages_read_before_the_deadline_stay(fetched, ehr):
    async def answer(request):
        if "page=2" in str(request.url):
            await asyncio.Event().wait()
        return httpx.Response(200, json=page("o1", link=f"{BASE}/Observation?page=2"))

    ehr.route("Observation").mock(side_effect=answer)
    found = await fetched(seconds=0.1)

    assert (found.standing, ids(found)) == (Standing.INCOMPLETE, ["o1"])
    assert "deadline" in found.why


async def test_a_deadline_that_has_passed_lets_nothing_be_had(catalogue, body, ehr):
    async def never(_request):
        await asyncio.Event().wait()

    for kind in ("Condition", "Observation", "Medication"):
        ehr.route(kind).mock(side_effect=never)
    async with opened(catalogue, by_fhir(body), seconds=-1) as server:
        found = await server.fetch(Wish(OBSERVATIONS | {CONDITIONS}, frozenset({"Medication/m1"})))

    assert {need: answer.why for need, answer in found.answers.items()} == dict.fromkeys(
        OBSERVATIONS | {CONDITIONS}, DEADLINE_PASSED
    )


async def test_a_call_that_is_given_up_is_given_up_at_once(catalogue, body, ehr):
    async def never(_request):
        await asyncio.Event().wait()

    ehr.route("Observation").mock(side_effect=never)
    async with opened(catalogue, by_fhir(body)) as server:
        call = asyncio.create_task(server.fetch(Wish(OBSERVATIONS)))
        await asyncio.sleep(0.05)
        call.cancel()

        with pytest.raises(asyncio.CancelledError):
            await call


async def test_pages_after_prefetched_labs_are_not_mixed_with_facts(observed, ehr, catalogue):
    link = f"{BASE}/Observation?page=2"
    ehr.route("Observation").mock(side_effect=by_question(catalogue, page("o1"), page("o2"), page("o3")))
    _, facts = await observed(next_pages={LABS: (link, Answer(Standing.ANSWERED))})

    assert sorted(len(path) for path in ehr.asked)[0] == len("Observation?page=2")
    assert len(ehr.asked) == 2
    assert ids(facts) == ["o2"]


# Questions


async def test_a_next_link_is_encoded_where_its_server_left_that_out(fetched, ehr):
    link = f"{BASE}/Observation?code=http://loinc.org|2276-4&_getpages={{a}}&x=%7C"
    ehr.route("Observation").mock(side_effect=in_turn(page("o1", link=link), page("o2")))

    assert ids(await fetched()) == ["o1", "o2"]
    assert ehr.asked[1] == "Observation?code=http://loinc.org%7C2276-4&_getpages=%7Ba%7D&x=%7C"


async def test_a_search_is_the_published_template_with_a_page_size(fetched, ehr, catalogue):
    await fetched(CONDITIONS, page_size=50)

    assert ehr.asked == ["Condition?patient=p1&_count=50"]


async def test_the_page_size_may_be_left_to_the_server(fetched, ehr):
    await fetched(CONDITIONS, page_size=0)

    assert ehr.asked == ["Condition?patient=p1"]


async def test_a_client_may_be_searched_by_post(fetched, ehr):
    answer = await fetched(client=replace(CLIENT, search="post"), page_size=0)
    request = ehr.router.calls.last.request

    assert (request.method, str(request.url)) == ("POST", f"{BASE}/Observation/_search")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.content.startswith(b"patient=p1&code=")
    assert ids(answer) == ["labs-1", "labs-2"]


async def test_reads_stay_gets_where_searches_are_posts(fetched, ehr):
    await fetched(Need.PATIENT, client=replace(CLIENT, search="post"))

    assert ehr.router.calls.last.request.method == "GET"


@pytest.mark.parametrize(
    ("identity", "sent"),
    [
        ("p&_include=*", "p%26_include%3D%2A"),
        ("p#x", "p%23x"),
        ("p?x=1", "p%3Fx%3D1"),
        ("p+1 2", "p%2B1%202"),
        ("p%26x", "p%2526x"),
        ("p,q", "p%5C%2Cq"),
        ("p|q$r\\s", "p%5C%7Cq%5C%24r%5C%5Cs"),
        ("pé", "p%C3%A9"),
    ],
)
async def test_no_id_widens_a_query(fetched, ehr, identity, sent):
    await fetched(CONDITIONS, page_size=0, context={"patientId": identity})

    assert ehr.router.calls.last.request.url.query == f"patient={sent}".encode()


@pytest.mark.parametrize("identity", [".", "..", "a/..", "x\\..\\y", "..\\"])
async def test_no_id_climbs_a_path(fetched, ehr, identity):
    answer = await fetched(Need.PATIENT, context={"patientId": identity})

    assert answer.standing is Standing.FAILED
    assert ehr.asked == []


@pytest.mark.parametrize(
    ("identity", "sent"), [("p?_include=*", "p%3F_include%3D%2A"), ("p#x", "p%23x"), ("p;a", "p%3Ba")]
)
async def test_an_id_stays_one_step_of_the_path(fetched, ehr, identity, sent):
    await fetched(Need.PATIENT, context={"patientId": identity})

    assert ehr.router.calls.last.request.url.raw_path.decode() == f"/fhir/Patient/{sent}"


# Whom may be asked


@pytest.mark.parametrize(
    "server",
    [
        None,
        "",
        "https://elsewhere.example.org/fhir",
        "https://ehr.example.org",
        "https://ehr.example.org/fhir/tenant",
        "https://ehr.example.org/FHIR",
        "https://ehr.example.org/fhir/../other",
        "https://ehr.example.org/fhir?x",
        "https://user@ehr.example.org/fhir",
        "https://ehr.example.org:8443/fhir",
        "http://ehr.example.org/fhir",
        "http://127.0.0.1/fhir",
        "http://169.254.169.254/fhir",
    ],
)
async def test_only_servers_on_the_list_are_asked(catalogue, body, ehr, server):
    async with opened(catalogue, by_fhir(body, server=server)) as found:
        assert found is None


@pytest.mark.parametrize("server", [BASE, f"{BASE}/", "https://EHR.example.org:443/fhir"])
async def test_a_server_may_be_written_in_several_ways(catalogue, body, ehr, server):
    async with opened(catalogue, by_fhir(body, server=server)) as found:
        assert found is not None


@pytest.mark.parametrize("token", ["a b", "a\r\nHost: x", "é", "a" * 20000])
async def test_what_cannot_be_a_token_is_sent_nowhere(catalogue, body, ehr, token):
    async with opened(catalogue, by_fhir(body, token=token)) as found:
        assert found is None


async def test_a_server_that_needs_no_token_is_asked_without_one(catalogue, body, ehr):
    sent = by_fhir(body)
    del sent["fhirAuthorization"]
    async with opened(catalogue, sent) as server:
        await server.fetch(Wish(frozenset({CONDITIONS})))

    assert "authorization" not in ehr.router.calls.last.request.headers


async def test_every_request_carries_the_token_in_its_header_only(catalogue, body, ehr):
    async with opened(catalogue, by_fhir(body)) as server:
        await server.fetch(Wish(frozenset({CONDITIONS, LABS, Need.PATIENT}), frozenset({"Medication/m1"})))
    requests = [call.request for call in ehr.router.calls if "metadata" not in str(call.request.url)]

    assert {request.headers["authorization"] for request in requests} == {f"Bearer {TOKEN}"}
    assert not any(TOKEN in str(request.url) or TOKEN in request.content.decode() for request in requests)


async def test_after_the_answer_nothing_can_be_asked(catalogue, body, ehr):
    async with opened(catalogue, by_fhir(body)) as server:
        pass
    found = await server.fetch(Wish(frozenset({CONDITIONS})))

    assert found.answers == {}
    assert ehr.asked == []


async def test_many_medications_are_split_into_searches_of_a_bearable_length(catalogue, body, ehr):
    ehr.resources += [{"resourceType": "Medication", "id": f"m{number}"} for number in range(120)]
    async with opened(catalogue, by_fhir(body)) as server:
        found = await server.fetch(Wish(frozenset(), frozenset(f"Medication/m{number}" for number in range(120))))

    assert len(found.medications) == 120
    assert ehr.kinds.count("Medication") == 3


async def test_gzip_is_unpacked(fetched, ehr):
    content = gzip.compress(json.dumps(page("o1")).encode())
    ehr.route("Observation").respond(
        200, content=content, headers={"Content-Encoding": "gzip", "Content-Type": "application/fhir+json"}
    )

    assert ids(await fetched()) == ["o1"]


async def test_a_compression_that_was_not_asked_for_is_a_failure(fetched, ehr):
    headers = {"Content-Encoding": "zstd", "Content-Type": "application/fhir+json"}
    ehr.route("Observation").mock(return_value=httpx.Response(200, headers=headers, stream=httpx.ByteStream(b"x")))

    assert (await fetched()).standing is Standing.FAILED

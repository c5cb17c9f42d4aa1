"""What really goes over the wire: a recording server on this machine, and production's own connections."""

import asyncio
import gc
import logging
import socket
import ssl
import tracemalloc
from contextlib import aclosing
from ipaddress import ip_address

import pytest
from aiohttp.abc import AbstractResolver

from cards import Need, Standing
from service.deadline import Deadline
from service.ehr import Wish
from service.fhir_client import FhirClient, NoAnswer
from service.fhir_network import CheckedResolver, open_client
from service.fhir_queries import Query
from service.reach import Reach, permits, permits_host
from service.registry import TrustedClient
from tests.conftest import ON
from tests.patient_builder import PatientBuilder, bundle
from tests.service.fhir.good_ehr import TLS, TOKEN, by_fhir, opened
from tests.service.fhir.loopback import Heard, Loopback, http, zipped

pytestmark = pytest.mark.anyio

DEVELOPER = TrustedClient(name="development", issuer="", any_loopback_server=True)
CONDITION = {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}, "code": {"text": "x"}}
FOUND = bundle([CONDITION])
ASK = Wish(frozenset({Need.CONDITIONS}))


def production(reach):
    return open_client(reach, connections=20, tls=TLS)


def named(*addresses, reach=Reach.LOOPBACK):
    """Production's connections where every name has these addresses."""
    return open_client(reach, connections=5, tls=TLS, resolver=lambda: Names(addresses))


@pytest.fixture
async def server():
    async with Loopback(always(http(FOUND))).running() as running:
        yield running


@pytest.fixture
async def elsewhere():
    async with Loopback(always(http(FOUND))).running() as running:
        yield running


@pytest.fixture
def body(knowledge):
    return PatientBuilder(knowledge, ON).request("patient-view", {})


@pytest.fixture
def asked(catalogue, body, server):
    """Fetches the Conditions over the wire and gives their Answer."""

    async def run(*, patient="p1", client=DEVELOPER, seconds=5, wish=ASK, **limits):
        sent = by_fhir(body | {"context": {"patientId": patient, "userId": "Practitioner/d"}}, server=server.base)
        async with opened(catalogue, sent, client=client, seconds=seconds, factory=production, **limits) as found:
            return (await found.fetch(wish)).answers[Need.CONDITIONS]

    return run


def always(answer):
    async def give(_heard: Heard):
        return answer

    return give


def in_turn(*answers):
    rest = list(answers)

    async def give(_heard: Heard):
        return rest.pop(0) if len(rest) > 1 else rest[0]

    return give


async def test_a_search_over_the_wire(asked, server):
    answer = await asked()

    assert answer.standing is Standing.ANSWERED
    assert server.targets == ["/fhir/Condition?patient=p1&_count=200"]
    assert server.heard[0].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("patient", "sent"),
    [
        ("p&_include=*", "patient=p%26_include%3D%2A"),
        ("p#x", "patient=p%23x"),
        ("p%26_x=1", "patient=p%2526_x%3D1"),
        ("p+1", "patient=p%2B1"),
        ("p;x=1", "patient=p%3Bx%3D1"),
    ],
)
async def test_no_id_widens_a_query_on_the_wire(asked, server, patient, sent):
    await asked(patient=patient, page_size=0)

    assert server.targets == [f"/fhir/Condition?{sent}"]


async def test_connections_are_kept_between_calls(catalogue, body, server):
    async with opened(catalogue, by_fhir(body, server=server.base), client=DEVELOPER, factory=production) as found:
        for _ in range(10):
            await found.fetch(ASK)

    assert (len(server.heard), server.connections) == (10, 1)


async def test_no_cookie_is_kept(server):
    server.answer = always(http(FOUND, Set_Cookie="session=p1-was-here; Path=/"))
    # By name: some cookie jars take none from a bare address, whatever they are told.
    query = Query(f"http://ehr.example.org:{server.port}/fhir/Condition")
    async with aclosing(named("127.0.0.1")) as pool:
        client = FhirClient(pool, Deadline.after(5), TOKEN)
        await client.ask(query, 10_000)
        await client.ask(query, 10_000)
        kept = list(pool.session.cookie_jar)

    assert not any("cookie" in heard.headers for heard in server.heard)
    assert kept == []


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
async def test_a_redirect_takes_nothing_elsewhere(asked, server, elsewhere, status):
    server.answer = always(http(b"", status, Location=f"{elsewhere.base}/Condition?patient=p1"))

    assert (await asked()).standing is Standing.FAILED
    assert elsewhere.heard == []


async def test_a_next_link_takes_nothing_elsewhere(asked, server, elsewhere):
    server.answer = always(http(FOUND | {"link": [{"relation": "next", "url": f"{elsewhere.base}/Condition?page=2"}]}))

    assert (await asked()).standing is Standing.INCOMPLETE
    assert elsewhere.connections == 0


async def test_a_proxy_of_the_environment_gets_nothing(asked, server, elsewhere, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{elsewhere.port}")
    monkeypatch.setenv("no_proxy", "")

    assert (await asked()).standing is Standing.ANSWERED
    assert elsewhere.connections == 0


async def test_token_and_ids_stay_out_of_the_log_whatever_happens(asked, server, caplog):
    caplog.set_level(logging.DEBUG)
    for answer in (http(FOUND), http(b"", "503 No"), http(b"<p1>", kind="text/html"), b"nonsense\r\n\r\n", None):
        server.answer = always(answer)
        await asked(patient="patient-4711")

    assert not [record for record in caplog.records if TOKEN in record.getMessage() or "4711" in record.getMessage()]


async def test_the_token_is_dropped_after_the_answer(catalogue, body, server):
    token = "token-that-nobody-else-has-4711"
    sent = by_fhir(body, server=server.base, token=token)
    async with opened(catalogue, sent, client=DEVELOPER, factory=production) as found:
        await found.fetch(ASK)
    del sent["fhirAuthorization"]
    server.heard.clear()
    gc.collect()
    holders = [one for one in gc.get_objects() if isinstance(one, FhirClient) and one.token == token]

    assert holders == []


async def test_gzip_is_unpacked(asked, server):
    server.answer = always(zipped(FOUND))

    assert (await asked()).standing is Standing.ANSWERED
    assert server.heard[0].headers["accept-encoding"] == "gzip"


async def test_a_gzip_bomb_is_given_up_when_it_has_grown_too_large(asked, server):
    server.answer = always(zipped(b" " * 50_000_000))
    await asked(max_bytes=100_000)
    tracemalloc.start()
    answer = await asked(max_bytes=100_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert answer.why == "the FHIR server's answer is larger than is read here"
    assert peak < 5_000_000


async def test_what_is_called_gzip_and_is_not_is_a_failure(asked, server):
    server.answer = always(http(FOUND, Content_Encoding="gzip"))

    assert (await asked()).standing is Standing.FAILED


async def test_gzip_that_was_cut_off_is_a_failure(asked, server):
    whole = zipped(FOUND).partition(b"\r\n\r\n")[2]
    server.answer = always(http(whole[:-20], Content_Encoding="gzip"))

    assert (await asked()).why == "the FHIR server's answer was cut off"


async def test_a_connection_cut_before_the_answer_is_tried_once_more(asked, server):
    server.answer = in_turn(None, http(FOUND))

    assert (await asked()).standing is Standing.ANSWERED


async def test_a_connection_cut_inside_the_answer_is_tried_once_more(asked, server):
    cut_off = http(FOUND)[:-30]
    asked_once = []

    async def give(_heard):
        asked_once.append(1)
        return cut_off if len(asked_once) == 1 else http(FOUND)

    server.answer = give
    server_closes_after(server, cut_off)

    assert (await asked()).standing is Standing.ANSWERED


def server_closes_after(server, answer):
    """The server ends the connection after this very answer."""
    give = server.answer

    async def then_close(heard):
        found = await give(heard)
        if found == answer:
            writer = next(iter(server._open))
            writer.write(found)
            await writer.drain()
            return None
        return found

    server.answer = then_close


async def test_a_server_that_never_answers_ends_with_the_deadline(asked, server):
    async def never(_heard):
        await asyncio.Event().wait()

    server.answer = never

    assert "deadline" in (await asked(seconds=0.1)).why


async def test_nobody_listening_is_a_failure(asked, server):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        server.port = unused.getsockname()[1]
        answer = await asked()

    assert answer.standing is Standing.FAILED


@pytest.mark.parametrize(
    "raw", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", b"HTTP/1.1 999999 ?\r\n\r\n"]
)
async def test_what_is_no_http_is_a_failure(asked, server, raw):
    server.answer = always(raw)

    assert (await asked(seconds=1)).standing is Standing.FAILED


async def test_plain_text_where_tls_was_expected_is_a_failure(server):
    async with aclosing(open_client(Reach.LOOPBACK, connections=2, tls=TLS)) as pool:
        client = FhirClient(pool, Deadline.after(2), TOKEN)

        with pytest.raises(NoAnswer):
            await client.ask(Query(f"https://127.0.0.1:{server.port}/fhir/Condition"), 1000)

    assert server.heard == []


async def test_a_registered_client_does_not_reach_this_machine(catalogue, body, server):
    client = TrustedClient(name="clinic", issuer="x", fhir_servers=frozenset({server.base}))
    async with opened(catalogue, by_fhir(body, server=server.base), client=client, factory=production) as found:
        assert found is None


async def test_a_registered_client_may_be_allowed_private_addresses(asked, server):
    client = TrustedClient(
        name="clinic", issuer="x", fhir_servers=frozenset({server.base}), allow_private_addresses=True
    )

    assert (await asked(client=client)).standing is Standing.ANSWERED


class Names(AbstractResolver):
    """Says of every name that it has these addresses, one list after the other."""

    def __init__(self, *answers):
        self.answers = list(answers)

    async def resolve(self, host, port=0, family=socket.AF_INET):  # noqa: ARG002 - the order of the interface
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            {"hostname": host, "host": address, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            for address in addresses
        ]

    async def close(self):
        pass


async def test_a_public_name_with_a_private_address_is_not_connected_to(server):
    async with aclosing(named("127.0.0.1", reach=Reach.PUBLIC)) as pool:
        client = FhirClient(pool, Deadline.after(2), TOKEN)

        with pytest.raises(NoAnswer, match="could not be reached"):
            await client.ask(Query(f"http://ehr.example.org:{server.port}/fhir/Condition"), 1000)

    assert server.connections == 0


async def test_a_name_that_changes_its_address_gains_nothing(server):
    names = Names(["93.184.215.14"], ["127.0.0.1"])
    checked = CheckedResolver(Reach.PUBLIC, names)

    assert [one["host"] for one in await checked.resolve("ehr.example.org", 443)] == ["93.184.215.14"]
    with pytest.raises(OSError, match="no address"):
        await checked.resolve("ehr.example.org", 443)


async def test_of_several_addresses_only_the_permitted_are_used(server):
    async with aclosing(named("10.0.0.1", "127.0.0.1")) as pool:
        client = FhirClient(pool, Deadline.after(2), TOKEN)
        await client.ask(Query(f"http://ehr.example.org:{server.port}/fhir/Condition"), 10_000)

    assert server.connections == 1


PUBLIC = ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"]
PRIVATE = ["10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd12::1", "::ffff:10.0.0.1", "64:ff9b::a00:1"]
HERE = ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]
NEVER = [
    "169.254.169.254",
    "fe80::1",
    "224.0.0.1",
    "ff02::1",
    "0.0.0.0",  # noqa: S104
    "::",
    "255.255.255.255",
    "240.0.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
    "2002:a9fe:a9fe::1",
]
CASES = [
    *((reach, address, reach is not Reach.LOOPBACK) for reach in Reach for address in PUBLIC),
    *((reach, address, reach is Reach.PRIVATE) for reach in Reach for address in PRIVATE),
    *((reach, address, reach is not Reach.PUBLIC) for reach in Reach for address in HERE),
    *((reach, address, False) for reach in Reach for address in NEVER),
]


@pytest.mark.parametrize(("reach", "address", "expected"), CASES)
def test_which_addresses_may_be_connected_to(reach, address, expected):
    assert permits(reach, ip_address(address)) is expected


@pytest.mark.parametrize(
    ("host", "expected"), [("ehr.example.org", True), ("93.184.215.14", True), ("127.0.0.1", False)]
)
def test_a_name_is_judged_when_it_is_resolved_and_an_address_at_once(host, expected):
    assert permits_host(Reach.PUBLIC, host) is expected


def test_certificates_are_checked():
    assert TLS.verify_mode is ssl.CERT_REQUIRED
    assert TLS.check_hostname

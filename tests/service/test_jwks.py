"""Public keys are fetched once, refreshed when needed, and never at the pleasure of a stranger."""

import asyncio
import gzip
import json

import httpx
import pytest
import respx
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from service.jwks import JwkSets, JwksLimits

URL = "https://ehr.example.org/jwks.json"
LIMITS = JwksLimits(max_bytes=2000, seconds=0.2, pause_s=30, fresh_s=600, stale_s=3600)
KEY = ec.generate_private_key(ec.SECP384R1())

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


def key_set(*kids):
    return {"keys": [ECAlgorithm.to_jwk(KEY.public_key(), as_dict=True) | {"kid": kid} for kid in kids]}


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ehr():
    with respx.mock(assert_all_called=False) as router:
        router.get(URL, name="keys").respond(json=key_set("one"))
        yield router


@pytest.fixture
async def sets(clock, ehr):
    async with httpx.AsyncClient(follow_redirects=True) as http:
        made = JwkSets(lambda: http, limits=LIMITS, clock=clock)
        yield made
        await made.aclose()


async def settled():
    """Let refreshes that run behind the call come to their end."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_key_is_fetched_and_kept(sets, ehr):
    for _ in range(3):
        await sets.key(URL, "one", "ES384")

    assert ehr["keys"].call_count == 1


async def test_the_key_found_verifies(sets):
    key = await sets.key(URL, "one", "ES384")
    signature = ECAlgorithm(ECAlgorithm.SHA384).sign(b"text", KEY)

    assert key.verifies(b"text", signature)
    assert not key.verifies(b"other", signature)


async def test_preloading_spares_the_first_call_the_fetch(sets, ehr):
    await sets.preload([URL])

    assert sets.has(URL)
    assert ehr["keys"].call_count == 1


async def test_an_unknown_key_id_refreshes_the_set(sets, ehr, clock):
    await sets.preload([URL])
    ehr["keys"].respond(json=key_set("one", "two"))
    clock.now += 30

    assert await sets.key(URL, "two", "ES384") is not None


async def test_many_unknown_key_ids_cause_one_fetch_per_pause(sets, ehr, clock):
    await sets.preload([URL])
    clock.now += 30
    for number in range(100):
        await sets.key(URL, f"made-up-{number}", "ES384")

    assert ehr["keys"].call_count == 2


async def test_calls_at_once_share_one_fetch(sets, ehr):
    found = await asyncio.gather(*(sets.key(URL, "one", "ES384") for _ in range(20)))

    assert None not in found
    assert ehr["keys"].call_count == 1


async def test_a_caller_who_hangs_up_does_not_end_the_fetch_for_others(sets, ehr):
    answer = asyncio.Event()

    async def slowly(request):
        await answer.wait()
        return httpx.Response(200, json=key_set("one"))

    ehr["keys"].mock(side_effect=slowly)
    impatient = asyncio.create_task(sets.key(URL, "one", "ES384"))
    patient = asyncio.create_task(sets.key(URL, "one", "ES384"))
    await settled()
    impatient.cancel()
    answer.set()

    assert await patient is not None


async def test_an_old_set_still_serves_while_it_is_refreshed(sets, ehr, clock):
    await sets.preload([URL])
    ehr["keys"].respond(json=key_set("two"))
    clock.now += 601
    served = await sets.key(URL, "one", "ES384")
    await settled()

    assert served is not None
    assert await sets.key(URL, "one", "ES384") is None


async def test_a_set_that_cannot_be_refreshed_is_kept(sets, ehr, clock):
    await sets.preload([URL])
    ehr["keys"].respond(503)
    clock.now += 3600
    await sets.key(URL, "unknown", "ES384")

    assert await sets.key(URL, "one", "ES384") is not None


async def test_a_set_is_not_kept_for_ever(sets, ehr, clock):
    await sets.preload([URL])
    ehr["keys"].respond(503)
    clock.now += 3601

    assert await sets.key(URL, "one", "ES384") is None


async def test_an_empty_set_withdraws_every_key(sets, ehr, clock):
    await sets.preload([URL])
    ehr["keys"].respond(json={"keys": []})
    clock.now += 601
    await sets.key(URL, "one", "ES384")
    await settled()

    assert await sets.key(URL, "one", "ES384") is None


async def test_a_redirect_is_not_followed(sets, ehr):
    ehr["keys"].respond(302, headers={"Location": "https://evil.example/jwks.json"})
    elsewhere = ehr.get("https://evil.example/jwks.json").respond(json=key_set("one"))

    assert await sets.key(URL, "one", "ES384") is None
    assert elsewhere.call_count == 0


async def test_a_huge_set_is_refused(sets, ehr):
    ehr["keys"].respond(json=key_set("one") | {"padding": "x" * 2000})

    assert await sets.key(URL, "one", "ES384") is None


async def test_reading_a_huge_set_ends_at_the_limit(sets, ehr):
    read = []

    async def endless():
        while True:
            read.append(1)
            yield b" " * 500

    ehr["keys"].mock(side_effect=lambda _: httpx.Response(200, content=endless()))
    await sets.key(URL, "one", "ES384")

    assert len(read) == 5


async def test_a_compressed_set_is_refused(sets, ehr):
    packed = gzip.compress(json.dumps(key_set("one")).encode())
    ehr["keys"].respond(content=packed, headers={"Content-Encoding": "gzip"})

    assert await sets.key(URL, "one", "ES384") is None


async def test_a_set_that_does_not_arrive_in_time_is_given_up(sets, ehr):
    async def never(request):
        await asyncio.Event().wait()

    ehr["keys"].mock(side_effect=never)

    assert await sets.key(URL, "one", "ES384") is None


@pytest.mark.parametrize("fault", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError, OSError])
async def test_a_broken_connection_leaves_the_key_unknown(sets, ehr, fault):
    ehr["keys"].mock(side_effect=fault("broken"))

    assert await sets.key(URL, "one", "ES384") is None


@pytest.mark.parametrize(
    "body", [b"", b"<html>Log in</html>", b"[]", b'{"keys":{}}', b'{"keys":[1]}', b"[" * 1900, b"\xff"]
)
async def test_a_document_that_is_no_key_set_leaves_the_key_unknown(sets, ehr, body):
    ehr["keys"].respond(content=body)

    assert await sets.key(URL, "one", "ES384") is None


async def test_a_failed_refresh_is_logged_with_its_reason(sets, ehr, caplog):
    ehr["keys"].respond(503)
    await sets.key(URL, "one", "ES384")

    assert caplog.messages == [f"JWK Set {URL} was not refreshed: status 503"]


async def test_an_unusable_key_is_logged(sets, ehr, caplog):
    published = key_set("one")
    published["keys"].append(ECAlgorithm.to_jwk(KEY, as_dict=True) | {"kid": "leaked"})
    ehr["keys"].respond(json=published)
    await sets.key(URL, "one", "ES384")

    assert "key 2: it holds private" in caplog.text
    assert published["keys"][1]["d"] not in caplog.text


async def test_closing_ends_a_fetch_under_way(sets, ehr):
    async def never(request):
        await asyncio.Event().wait()

    ehr["keys"].mock(side_effect=never)
    waiting = asyncio.create_task(sets.key(URL, "one", "ES384"))
    await settled()
    await sets.aclose()

    with pytest.raises(asyncio.CancelledError):
        await waiting

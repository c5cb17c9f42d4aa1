"""One request, one client and all callers together are bounded."""

import asyncio

import pytest

from service.errors import BadRequest, Overloaded, TooLarge, UnsupportedMediaType
from service.limits import ConcurrencyGate, RateLimit, TooManyCalls, check_headers, read_body


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Caller:
    """Sends these pieces of a body one after the other, and then nothing more."""

    def __init__(self, *pieces, complete=True):
        self.pieces = list(pieces)
        self.complete = complete
        self.asked = 0

    async def __call__(self):
        self.asked += 1
        if not self.pieces:
            await asyncio.Event().wait()
        body = self.pieces.pop(0)
        if body is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": body, "more_body": bool(self.pieces) or not self.complete}


@pytest.mark.anyio
async def test_a_body_in_one_piece_is_read():
    assert await read_body(Caller(b"abc"), 3) == b"abc"


@pytest.mark.anyio
async def test_a_body_in_many_pieces_is_read():
    assert await read_body(Caller(b"a", b"", b"bc"), 3) == b"abc"


@pytest.mark.anyio
async def test_a_request_without_a_body_has_an_empty_one():
    assert await read_body(Caller(b""), 3) == b""


@pytest.mark.anyio
@pytest.mark.parametrize("pieces", [[b"abcd"], [b"abc", b"d"]])
async def test_a_body_one_byte_too_long_is_refused(pieces):
    with pytest.raises(TooLarge):
        await read_body(Caller(*pieces), 3)


@pytest.mark.anyio
async def test_reading_ends_at_the_limit():
    caller = Caller(*[b"x" * 100] * 1000)

    with pytest.raises(TooLarge):
        await read_body(caller, 250)
    assert caller.asked == 3


@pytest.mark.anyio
async def test_a_body_that_stops_arriving_is_given_up():
    with pytest.raises(BadRequest, match=r"within 0\.05 s"):
        await read_body(Caller(b"a", complete=False), 3, seconds=0.05)


@pytest.mark.anyio
async def test_a_trickle_does_not_renew_the_deadline():
    async def trickle():
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    with pytest.raises(BadRequest, match="did not arrive"):
        await read_body(trickle, 1000, seconds=0.1)


@pytest.mark.anyio
async def test_a_caller_who_hangs_up_is_noticed():
    with pytest.raises(BadRequest, match="hung up"):
        await read_body(Caller(b"a", None), 3)


def test_ordinary_headers_pass():
    check_headers(
        [(b"content-type", b"application/json"), (b"content-length", b"10"), (b"content-encoding", b"identity")]
    )


@pytest.mark.parametrize("coding", [b"gzip", b"GZIP", b"deflate", b"br", b"gzip, identity"])
def test_a_compressed_body_is_refused(coding):
    with pytest.raises(UnsupportedMediaType):
        check_headers([(b"content-encoding", coding)])


def test_a_body_declared_too_long_is_refused_unread():
    with pytest.raises(TooLarge):
        check_headers([(b"content-length", b"101")], max_body_bytes=100)


def test_a_body_declared_as_long_as_allowed_passes():
    check_headers([(b"content-length", b"100")], max_body_bytes=100)


@pytest.mark.parametrize("length", [b"-1", b"x", b"", b"1e9", "²".encode("latin-1")])
def test_a_length_that_is_no_number_decides_nothing(length):
    check_headers([(b"content-length", length)])


def test_an_absurd_length_is_refused():
    with pytest.raises(TooLarge):
        check_headers([(b"content-length", b"9" * 5000)], max_bytes=10_000)


def test_headers_that_are_too_long_are_refused():
    with pytest.raises(BadRequest, match="more than 32768 bytes"):
        check_headers([(b"x-%d" % number, b"y" * 1000) for number in range(33)])


def test_calls_up_to_the_limit_are_let_in():
    gate = ConcurrencyGate(2)
    with gate, gate:
        active = gate.active

    assert active == 2


def test_one_call_more_is_refused_at_once():
    gate = ConcurrencyGate(1)

    with gate, pytest.raises(Overloaded):
        gate.__enter__()


def test_a_refused_call_takes_no_place():
    gate = ConcurrencyGate(1)
    with gate, pytest.raises(Overloaded):
        gate.__enter__()

    assert gate.active == 0


def test_a_call_that_fails_gives_its_place_back():
    gate = ConcurrencyGate(1)
    with pytest.raises(ValueError, match="fault"), gate:
        raise ValueError("fault")

    assert gate.active == 0


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def rate(clock):
    limit = RateLimit(per_second=2, burst=3, clock=clock)
    for _ in range(3):
        limit.spend("ehr")
    return limit


def test_calls_beyond_the_burst_are_refused(rate):
    with pytest.raises(TooManyCalls) as refused:
        rate.spend("ehr")

    assert refused.value.retry_after_s == 1


def test_a_refused_call_counts_as_overload():
    assert issubclass(TooManyCalls, Overloaded)


def test_calls_pass_again_as_time_goes_by(rate, clock):
    clock.now = 0.5
    rate.spend("ehr")

    with pytest.raises(TooManyCalls):
        rate.spend("ehr")


def test_refused_calls_do_not_delay_the_next_one(rate, clock):
    for _ in range(10):
        with pytest.raises(TooManyCalls):
            rate.spend("ehr")
    clock.now = 0.5

    rate.spend("ehr")

    with pytest.raises(TooManyCalls):
        rate.spend("ehr")


def test_rest_earns_no_more_than_a_burst(rate, clock):
    clock.now = 3600
    for _ in range(3):
        rate.spend("ehr")

    with pytest.raises(TooManyCalls):
        rate.spend("ehr")


def test_one_client_does_not_spend_the_calls_of_another(rate):
    rate.spend("other")

    with pytest.raises(TooManyCalls):
        rate.spend("ehr")


def test_a_clock_that_goes_back_takes_nothing_away(rate, clock):
    clock.now = 1
    rate.spend("ehr")
    clock.now = 0
    rate.spend("ehr")

    with pytest.raises(TooManyCalls):
        rate.spend("ehr")

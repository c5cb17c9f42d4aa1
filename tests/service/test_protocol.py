"""A request head ends a connection when it is too large or too slow, before any code of the service runs."""

import asyncio
from contextlib import suppress

import pytest
import uvicorn

from service import protocol

pytestmark = pytest.mark.anyio
REQUEST = b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
CHUNKED = b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def application(scope, receive, send):
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def port():
    config = uvicorn.Config(
        application, port=0, http=protocol.BoundedHttpProtocol, lifespan="off", log_level="critical", ws="none"
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn offers no event
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await running


class Wire:
    """A raw connection to the service."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, port):
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def rest(self):
        """Everything until the service closes the connection."""
        try:
            return await asyncio.wait_for(self.reader.read(), 5)
        except ConnectionResetError:
            return b""

    async def answer(self):
        return await asyncio.wait_for(self.reader.readuntil(b"ok"), 5)

    async def flood(self, piece):
        """Send until the service hangs up, at most a hundred pieces; how many it took."""
        for number in range(100):
            try:
                await self.send(piece)
            except ConnectionError:
                return number
            await asyncio.sleep(0.001)
        return 100


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(protocol, "MAX_HEAD_SECONDS", 0.1)


@pytest.fixture
async def wire(port):
    made = await Wire.to(port)
    yield made
    made.writer.close()
    with suppress(ConnectionError):
        await made.writer.wait_closed()


async def test_an_ordinary_request_is_answered(wire):
    await wire.send(REQUEST)

    assert (await wire.answer()).startswith(b"HTTP/1.1 200")


async def test_one_connection_serves_many_requests(wire):
    answers = []
    for _ in range(3):
        await wire.send(REQUEST)
        answers.append(await wire.answer())

    assert len(answers) == 3


async def test_a_request_that_comes_byte_by_byte_is_answered(wire):
    for byte in REQUEST:
        await wire.send(bytes([byte]))

    assert (await wire.answer()).startswith(b"HTTP/1.1 200")


async def test_a_large_body_is_no_large_head(wire):
    await wire.send(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000)

    assert (await wire.answer()).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "start", [b"GET /", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\nX"], ids=["path", "value", "name"]
)
async def test_an_endless_head_ends_the_connection(wire, start):
    await wire.send(start)

    assert await wire.flood(b"x" * 16_384) < 20


async def test_endless_headers_are_refused_by_name(wire):
    await wire.send(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 11_000)

    assert (await wire.rest()).startswith(b"HTTP/1.1 431 ")


async def test_endless_trailers_end_the_connection(wire):
    await wire.send(CHUNKED)

    assert await wire.flood(b"X: " + b"y" * 16_384 + b"\r\n") < 20


async def test_a_head_that_is_never_completed_ends_the_connection(impatient, wire):
    await wire.send(b"GET / HTTP/1.1\r\nX: ")

    assert await wire.rest() == b""


async def test_a_connection_that_says_nothing_is_ended(impatient, wire):
    assert await wire.rest() == b""


async def test_a_slow_second_head_ends_the_connection_too(impatient, wire):
    await wire.send(REQUEST)
    await wire.answer()
    await wire.send(b"GET /")

    assert await wire.rest() == b""

"""The most that any service in Python can answer that reads FHIR as ours does: the typed pass over a body, and nothing else.

`python -m bench.floor PORT`. No framework, no rules, no card, no audit line.
"""

import sys
from typing import Any

import msgspec
import uvicorn

from cards import Resource


class _Body(msgspec.Struct):
    prefetch: dict[str, Resource] = {}


_decoder = msgspec.json.Decoder(_Body)
_HEAD = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"12")],
}


async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401, ARG001 - ASGI's own types say no more
    """Read the body, decode it, answer without cards."""
    pieces, more = [], True
    while more:
        message = await receive()
        pieces.append(message["body"])
        more = message.get("more_body", False)
    _decoder.decode(b"".join(pieces))
    await send(_HEAD)
    await send({"type": "http.response.body", "body": b'{"cards":[]}'})


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        log_level="warning",
        access_log=False,
    )

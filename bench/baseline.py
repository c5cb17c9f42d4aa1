"""The yardstick: a bare FastAPI application that reads the body and parses it, and nothing else.

`python -m bench.baseline PORT`
"""

import sys
from typing import Annotated

import orjson
import uvicorn
from fastapi import FastAPI, Path, Request, Response

app = FastAPI()


@app.post("/cds-services/{service_id}")
async def call(service_id: Annotated[str, Path()], request: Request) -> Response:  # noqa: ARG001 - part of the route
    """What any JSON service has to do before it can begin to think."""
    orjson.loads(await request.body())
    return Response(b'{"cards":[]}', media_type="application/json")


if __name__ == "__main__":
    port = int(sys.argv[1])
    uvicorn.run(
        app, host="127.0.0.1", port=port, loop="uvloop", http="httptools", log_level="warning", access_log=False
    )

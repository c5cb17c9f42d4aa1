"""Requests that Schemathesis makes up from the OpenAPI description: what fits it, and what does not."""

import json
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode

from service.openapi import description
from tests.fuzz.target import Target
from tests.fuzz.test_fuzz import tried
from tests.service.registered import Parts, client_of

SCHEMA = schemathesis.openapi.from_dict(description())
ENDPOINTS = [
    ("/cds-services/{service}", "POST"),
    ("/cds-services/{service}/feedback", "POST"),
    ("/cds-services", "GET"),
]


def sent(target: Target, case: Any) -> None:
    """The case, as far as it can be sent at all."""
    parameters = case.path_parameters or {}
    path = case.path.replace("{service}", str(parameters.get("service", "x")))
    body = case.body if isinstance(case.body, bytes) else json.dumps(case.body, default=str).encode()
    target.survives(body, path, method=case.method, **{"content-type": case.media_type or "application/json"})


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), ENDPOINTS[:2])
def test_made_up_requests(
    target: Target, cases: int, chance_seed: int, path: str, method: str, mode: GenerationMode
) -> None:
    strategy: st.SearchStrategy[Any] = SCHEMA[path][method].as_strategy(generation_mode=mode)

    tried(strategy, lambda case: sent(target, case), cases * 2 // 100 // 4, chance_seed)


def test_the_description_names_every_endpoint_of_the_specification() -> None:
    assert {(path, method.upper()) for path, verbs in description()["paths"].items() for method in verbs} >= set(
        ENDPOINTS
    )


@pytest.mark.anyio
async def test_the_description_is_served_in_development(parts: Parts) -> None:
    async with client_of(parts) as client:
        response: httpx.Response = await client.get("/openapi.json", headers={"host": "localhost"})

    assert response.json() == json.loads(json.dumps(description()))

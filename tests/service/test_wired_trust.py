"""Trust through the whole application: a registry file, keys made here, real tokens; 401, 403, browsers, limits."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from cards import Knowledge
from service.app import Parts
from service.posture import UnsafeStart
from service.registry_file import RegistryError
from service.settings import Settings
from tests.conformance.bench import draft, treated
from tests.service.registered import (
    CALL,
    DISCOVERY,
    EPIC_KID,
    FEEDBACK,
    JKU,
    JWKS,
    PUBLIC,
    RSA_KEY,
    STRANGERS_KEY,
    bearer,
    client_of,
    registered_parts,
    registry_file,
)

pytestmark = pytest.mark.anyio
SELECT = CALL.replace("patient-view", "order-select")
Started = Callable[..., Any]


@pytest.fixture
async def started(tmp_path: Path, knowledge: Knowledge) -> AsyncIterator[Started]:
    """Starts the service with lines of the registry and settings; gives a client of it."""
    async with AsyncExitStack() as stack:

        async def start(*lines: str, keys: str = "", **settings: Any) -> httpx.AsyncClient:
            parts = registered_parts(tmp_path, knowledge, *lines, keys=keys, **settings)
            stack.push_async_callback(parts.close)
            client = await stack.enter_async_context(client_of(parts))
            client.parts = parts  # type: ignore[attr-defined]
            return client

        yield start


@pytest.mark.parametrize("alg", ["ES384", "RS384"])
async def test_a_signed_call_is_answered_with_a_card(started: Started, alg: str) -> None:
    client = await started()

    response = await client.post(CALL, json=treated(), headers=bearer(CALL, alg))

    assert (response.status_code, len(response.json()["cards"])) == (200, 1)


async def test_epics_token_is_taken_with_the_audience_that_was_typed_in(started: Started) -> None:
    client = await started('audiences = ["https://example.com/savecdshooksrequest"]', 'profile = "epic"')
    now = int(time.time())
    epic = {"aud": "https://example.com/savecdshooksrequest", "sub": "client", "nbf": now - 300, "exp": now + 900}

    response = await client.post(CALL, json=treated(), headers=bearer(CALL, "RS384", header={"kid": EPIC_KID}, **epic))

    assert response.status_code == 200


async def test_epics_client_gets_orders_in_its_own_code_systems(started: Started) -> None:
    client = await started('profile = "epic"')
    response = await client.post(SELECT, json=draft(), headers=bearer(SELECT))

    actions = [one["actions"] for card in response.json()["cards"] for one in card.get("suggestions", [])]
    assert actions
    assert {len(one) for one in actions} == {1}


async def test_the_clients_own_order_codes_are_used(started: Started) -> None:
    own = ("[client.order_codes.oral_iron]", 'system = "urn:own"', 'code = "4711"', 'display = "Iron"')
    client = await started(*own)
    response = await client.post(CALL, json=treated(), headers=bearer(CALL))

    assert '"4711"' in response.text


@pytest.mark.parametrize(
    ("method", "path"), [("GET", DISCOVERY), ("POST", CALL), ("POST", FEEDBACK), ("POST", "/cds-services/other")]
)
async def test_without_a_token_every_endpoint_is_a_bare_401(started: Started, method: str, path: str) -> None:
    response = await (await started()).request(method, path, json={})

    assert (response.status_code, response.content) == (401, b"")
    assert response.headers["www-authenticate"] == "Bearer"


async def test_a_body_is_not_looked_at_before_the_token(started: Started) -> None:
    client = await started(max_body_bytes=2048)

    answers = [await client.post(CALL, content=body) for body in (b"{", b"[" * 1000, b'{"hook":"patient-view"}')]
    assert {answer.status_code for answer in answers} == {401}


async def test_health_needs_no_token(started: Started) -> None:
    response = await (await started()).get("/health")

    assert (response.status_code, response.json()["posture"]) == (200, "registered")


@pytest.mark.parametrize(
    "spoilt",
    [
        {"aud": PUBLIC + FEEDBACK},
        {"aud": "http://inside.test" + CALL},
        {"iss": "https://else.example"},
        {"key": STRANGERS_KEY},
        {"exp": 1, "iat": 0},
        {"header": {"kid": "other"}},
        {"header": {"jku": "https://else.example/jwks.json"}},
        {"alg": "RS256", "key": RSA_KEY, "header": {"kid": "rsa"}},
        {"jti": ""},
    ],
    ids="-".join,
)
async def test_one_spoilt_claim_is_a_401(started: Started, spoilt: dict[str, Any]) -> None:
    response = await (await started()).post(CALL, json=treated(), headers=bearer(CALL, **spoilt))

    assert (response.status_code, response.content) == (401, b"")


async def test_a_host_header_does_not_make_an_audience(started: Started) -> None:
    headers = bearer(CALL, aud="https://evil.example" + CALL) | {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
    }

    assert (await (await started()).post(CALL, json=treated(), headers=headers)).status_code == 401


async def test_a_token_is_used_once(started: Started) -> None:
    client, headers = await started(), bearer(CALL)

    assert [(await client.post(CALL, json=treated(), headers=headers)).status_code for _ in range(2)] == [200, 401]


async def test_keys_are_fetched_from_the_registered_address(started: Started) -> None:
    client = await started(keys=f'jku = "{JKU}"')
    with respx.mock() as ehr:
        asked = ehr.get(JKU).respond(json=JWKS)
        found = [(await client.get(DISCOVERY, headers=bearer(DISCOVERY))).status_code for _ in range(3)]

        assert found == [200] * 3
        assert asked.call_count == 1


async def test_keys_that_cannot_be_fetched_are_a_401(started: Started) -> None:
    client = await started(keys=f'jku = "{JKU}"')
    with respx.mock() as ehr:
        ehr.get(JKU).respond(503)
        response = await client.get(DISCOVERY, headers=bearer(DISCOVERY))

    assert response.status_code == 401


async def test_another_tenant_is_a_403_with_an_outcome(started: Started) -> None:
    client = await started('tenants = ["north"]')
    answers = [
        await client.post(CALL, json=treated(), headers=bearer(CALL, tenant=one)) for one in ("north", "south", None)
    ]

    assert [answer.status_code for answer in answers] == [200, 403, 403]
    assert answers[1].json()["issue"][0]["code"] == "forbidden"
    assert "south" not in answers[1].text


async def test_another_service_is_a_403(started: Started) -> None:
    client = await started('services = ["rls-order-sign"]')

    assert (await client.post(CALL, json=treated(), headers=bearer(CALL))).status_code == 403


async def test_a_client_that_calls_too_often_gets_503_and_is_told_when(started: Started) -> None:
    client = await started(rate_per_second=0.01, rate_burst=2)
    answers = [await client.get(DISCOVERY, headers=bearer(DISCOVERY)) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 503]
    assert 90 <= int(answers[2].headers["retry-after"]) <= 101


async def test_one_call_too_many_at_once_is_a_503(started: Started) -> None:
    client = await started(max_calls=1)
    with client.parts.service.door.place():
        answers = [await client.post(CALL, json=treated(), headers=bearer(CALL)), await client.get("/health")]

    assert [answer.status_code for answer in answers] == [503, 200]
    assert answers[0].headers["retry-after"]


async def test_a_reload_lets_a_client_go_without_a_restart(started: Started, tmp_path: Path) -> None:
    client = await started()
    before = await client.get(DISCOVERY, headers=bearer(DISCOVERY))
    registry = tmp_path / "clients.toml"
    registry.write_text(registry.read_text().replace("ehr.example.org", "new.example.org"))
    client.parts.reload()

    after = await client.get(DISCOVERY, headers=bearer(DISCOVERY))
    assert (before.status_code, after.status_code) == (200, 401)


async def test_a_faulty_reload_changes_nothing(started: Started, tmp_path: Path) -> None:
    client = await started()
    (tmp_path / "clients.toml").write_text("[[client]]\nname = 5\n")
    client.parts.reload()

    assert (await client.get(DISCOVERY, headers=bearer(DISCOVERY))).status_code == 200


@pytest.mark.parametrize(("path", "asked"), [(DISCOVERY, "authorization"), (FEEDBACK, "authorization,content-type")])
async def test_a_preflight_needs_no_token(started: Started, path: str, asked: str) -> None:
    client = await started('origins = ["https://sandbox.cds-hooks.org"]')
    headers = {"Origin": "https://sandbox.cds-hooks.org", "Access-Control-Request-Headers": asked}
    answer = await client.options(path, headers=headers | {"Access-Control-Request-Method": "POST"})

    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, headers["Origin"])


async def test_another_origin_is_granted_nothing_in_production(started: Started) -> None:
    client = await started('origins = ["https://sandbox.cds-hooks.org"]')
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = await client.options(CALL, headers=headers)

    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


async def test_any_origin_may_call_in_development(http: httpx.AsyncClient) -> None:
    response = await http.post(CALL, json=treated(), headers={"Origin": "https://sandbox.cds-hooks.org"})

    assert response.headers["access-control-allow-origin"] == "https://sandbox.cds-hooks.org"


def test_a_registry_with_a_fault_stops_the_start(tmp_path: Path, knowledge: Knowledge) -> None:
    settings = Settings(
        client_registry=registry_file(tmp_path, 'color = "red"'), allow_draft_knowledge=True, store_url="off"
    )

    with pytest.raises(RegistryError, match=r"clients\.toml, line 5"):
        Parts(settings, knowledge=knowledge)


def test_draft_knowledge_is_not_served_in_production_by_accident(tmp_path: Path, knowledge: Knowledge) -> None:
    settings = Settings(client_registry=registry_file(tmp_path), store_url="off")

    with pytest.raises(UnsafeStart, match="RLS_CDS_ALLOW_DRAFT_KNOWLEDGE"):
        Parts(settings, knowledge=knowledge)


def test_without_a_registry_no_other_bind_than_loopback(knowledge: Knowledge) -> None:
    with pytest.raises(UnsafeStart, match="RLS_CDS_ALLOW_OPEN"):
        Parts(Settings(host="0.0.0.0", store_url="off"), knowledge=knowledge)  # noqa: S104 - refused, that is the point


async def test_the_description_of_the_endpoints_is_not_served_in_production(started: Started) -> None:
    assert (await (await started()).get("/openapi.json")).status_code == 404

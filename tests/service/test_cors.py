"""Browser pages of allowed origins may call; preflights need no token."""

import httpx
import pytest

from service.cors import Cors

ALLOWED = "https://sandbox.cds-hooks.org"
CALL = "/cds-services/rls-patient-view"

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def refusing(scope, receive, send):
    """An application to which nobody has shown a token."""
    headers = [(b"www-authenticate", b"Bearer"), (b"vary", b"accept")]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def browser(may_call=lambda origin: origin == ALLOWED, **options):
    transport = httpx.ASGITransport(app=Cors(refusing, may_call, **options))
    return httpx.AsyncClient(transport=transport, base_url="https://cds.example.org")


async def preflight(path, asked, method="POST", origin=ALLOWED, page=None, **more):
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": asked,
    } | more
    async with page or browser() as client:
        return await client.options(path, headers=headers)


@pytest.mark.parametrize(
    ("path", "method", "asked"),
    [
        ("/cds-services", "GET", "authorization"),
        (CALL, "POST", "authorization,content-type"),
        (CALL + "/feedback", "POST", "authorization,content-type"),
    ],
)
async def test_the_preflights_of_the_public_sandbox_are_granted(path, method, asked):
    answer = await preflight(path, asked, method)

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == ALLOWED
    assert set(answer.headers["access-control-allow-methods"].split(", ")) == {"GET", "POST"}
    assert set(answer.headers["access-control-allow-headers"].split(", ")) == {"authorization", "content-type"}


@pytest.mark.parametrize("asked", ["Authorization, Content-Type", "", "content-type", " authorization ,"])
async def test_the_headers_asked_for_may_be_written_in_any_way(asked):
    assert (await preflight(CALL, asked)).status_code == 204


@pytest.mark.parametrize(
    "spoilt",
    [
        {"origin": "https://evil.example"},
        {"origin": ALLOWED + ".evil.example"},
        {"origin": "null"},
        {"origin": "*"},
        {"method": "DELETE"},
        {"method": "post"},
        {"asked": "authorization,x-other"},
    ],
)
async def test_any_other_preflight_is_refused_without_a_grant(spoilt):
    answer = await preflight(**({"path": CALL, "asked": "authorization"} | spoilt))

    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


async def test_credentials_of_the_browser_are_never_allowed():
    answer = await preflight(CALL, "authorization")

    assert "access-control-allow-credentials" not in answer.headers


async def test_the_page_can_read_an_answer_even_when_it_is_a_refusal():
    async with browser() as client:
        answer = await client.post(CALL, headers={"Origin": ALLOWED})

    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == ALLOWED
    assert answer.headers.get_list("vary") == ["accept", "origin"]


async def test_a_page_of_another_origin_cannot_read_the_answer():
    async with browser() as client:
        answer = await client.post(CALL, headers={"Origin": "https://evil.example"})

    assert "access-control-allow-origin" not in answer.headers


async def test_an_answer_that_may_be_cached_says_that_it_depends_on_the_origin():
    async with browser() as client:
        answer = await client.get("/cds-services")

    assert "origin" in answer.headers.get_list("vary")


async def test_a_call_from_no_browser_passes_untouched():
    async with browser() as client:
        answer = await client.post(CALL)

    assert answer.headers.get_list("vary") == ["accept"]


async def test_an_options_request_that_is_no_preflight_reaches_the_application():
    async with browser() as client:
        answer = await client.options(CALL, headers={"Origin": ALLOWED})

    assert answer.status_code == 401


@pytest.mark.parametrize("origin", ["https://anywhere.example", "http://localhost:3000", "null"])
async def test_in_development_any_page_may_call(origin):
    answer = await preflight(CALL, "authorization,content-type", origin=origin, page=browser(lambda _: True))

    assert answer.headers["access-control-allow-origin"] == origin


async def test_in_development_a_public_page_may_call_this_machine():
    page = browser(lambda _: True, from_public_pages=True)
    answer = await preflight(CALL, "", page=page, **{"Access-Control-Request-Private-Network": "true"})

    assert answer.headers["access-control-allow-private-network"] == "true"


async def test_in_production_a_public_page_is_not_led_into_a_private_network():
    answer = await preflight(CALL, "", **{"Access-Control-Request-Private-Network": "true"})

    assert "access-control-allow-private-network" not in answer.headers


async def test_origins_can_change_while_the_service_runs():
    origins = set()
    page = browser(lambda origin: origin in origins)
    origins.add(ALLOWED)

    assert (await preflight(CALL, "", page=page)).status_code == 204


async def test_what_is_not_http_passes_through():
    seen = []

    async def application(scope, receive, send):
        seen.append(scope["type"])

    await Cors(application, lambda _: True)({"type": "lifespan"}, None, None)

    assert seen == ["lifespan"]

"""A service below a path: found with and without it, and tokens name the address with it."""

from pathlib import Path

import httpx
import pytest

from cards import Knowledge
from service.app import Parts, create_app
from service.base_path import BasePath
from service.settings import Settings
from tests.conftest import NOW
from tests.service.registered import DISCOVERY, PUBLIC, client_of, registered_parts, token

pytestmark = pytest.mark.anyio
BELOW = PUBLIC + "/hospital/rls"


@pytest.fixture
def parts(knowledge: Knowledge, tmp_path: Path) -> Parts:
    return registered_parts(tmp_path, knowledge, public_url=BELOW)


@pytest.mark.parametrize("asked", [DISCOVERY, "/hospital/rls" + DISCOVERY])
async def test_with_or_without_the_path_a_token_names_the_public_address(parts: Parts, asked: str) -> None:
    named = token(DISCOVERY, aud=BELOW + DISCOVERY)
    async with client_of(parts) as client:
        response = await client.get(asked, headers={"Authorization": f"Bearer {named}"})

    assert response.status_code == 200


@pytest.mark.parametrize("audience", [PUBLIC + DISCOVERY, BELOW + "/hospital/rls" + DISCOVERY])
async def test_a_token_for_another_path_is_refused(parts: Parts, audience: str) -> None:
    named = token(DISCOVERY, aud=audience)
    async with client_of(parts) as client:
        response = await client.get("/hospital/rls" + DISCOVERY, headers={"Authorization": f"Bearer {named}"})

    assert response.status_code == 401


@pytest.mark.parametrize("path", ["/hospital", "/hospital/rlsx/cds-services", "/hospital/rls/hospital/rls/health"])
async def test_no_other_path_is_taken_for_it(parts: Parts, path: str) -> None:
    async with client_of(parts) as client:
        response = await client.get(path)

    assert response.status_code == 404


@pytest.mark.parametrize("path", ["/health/live", "/hospital/rls/health/live"])
async def test_probes_are_answered_both_ways(parts: Parts, path: str) -> None:
    async with client_of(parts) as client:
        response = await client.get(path)

    assert response.status_code == 200


async def test_a_path_alone_is_enough_without_a_public_address(knowledge: Knowledge) -> None:
    parts = Parts(Settings(store_url="off", base_path="/rls"), now=lambda: NOW, knowledge=knowledge)
    transport = httpx.ASGITransport(app=create_app(parts=parts))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        response = await client.get("/rls" + DISCOVERY)

    assert response.status_code == 200


async def test_without_a_path_nothing_stands_before_the_application(knowledge: Knowledge) -> None:
    parts = Parts(Settings(store_url="off"), now=lambda: NOW, knowledge=knowledge)

    assert not isinstance(create_app(parts=parts), BasePath)


@pytest.mark.parametrize(
    ("asked", "raw", "left"),
    [
        ("/rls/a b", b"/rls/a%20b", ("/a b", b"/a%20b")),
        ("/rls", b"/rls", ("/", b"/")),
        ("/rlsx", b"/rlsx", ("/rlsx", b"/rlsx")),
    ],
)
async def test_the_path_is_taken_off_as_it_was_sent_too(asked: str, raw: bytes, left: tuple[str, bytes]) -> None:
    seen = []

    async def app(scope, receive, send) -> None:
        seen.append((scope["path"], scope["raw_path"]))

    await BasePath(app, "/rls")({"type": "http", "path": asked, "raw_path": raw}, None, None)

    assert seen == [left]

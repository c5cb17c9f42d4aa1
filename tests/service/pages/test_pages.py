"""What holds for all pages without a browser: who sees them, their headers, what they load, what they keep."""

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from cards import Knowledge
from service.app import Parts, create_app
from service.pages import Pages
from service.pages.frame import CONTENT_POLICY
from service.posture import Posture
from service.registry import Registry
from service.registry_file import RegistryError
from service.settings import Settings
from tests.build_fixtures import FOLDER
from tests.conftest import NOW

pytestmark = pytest.mark.anyio
PATHS = ("/", "/cards", "/cards/OR-01", "/insight", "/api", "/about", "/static/pages.css", "/static/preview.js")


def paths(parts: Parts, posture: Posture) -> set[str]:
    return {route.path for route in Pages(parts.service, parts.operators, posture).routes}


@pytest.mark.parametrize("path", PATHS)
async def test_every_page_comes_with_a_strict_policy(operator: httpx.AsyncClient, path: str) -> None:
    response = await operator.get(path)

    assert response.status_code == 200
    assert response.headers["content-security-policy"] == CONTENT_POLICY
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", PATHS)
async def test_no_page_is_there_for_a_stranger(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path)).status_code == 404


async def test_another_sites_page_may_not_post_feedback(operator: httpx.AsyncClient) -> None:
    response = await operator.post(
        "/preview/feedback",
        json={"service": "rls-patient-view", "feedback": []},
        headers={"sec-fetch-site": "cross-site"},
    )

    assert response.status_code == 403


@pytest.mark.parametrize(
    ("wanted", "posture", "there"),
    [
        (None, Posture.DEVELOPMENT, True),
        (None, Posture.REGISTERED, False),
        (None, Posture.OPEN, False),
        (True, Posture.REGISTERED, True),
        (False, Posture.DEVELOPMENT, False),
    ],
)
async def test_the_preview_is_off_in_production_unless_enabled(
    knowledge: Knowledge, wanted: bool | None, posture: Posture, there: bool
) -> None:
    parts = Parts(Settings(store_url="off", preview=wanted), now=lambda: NOW, knowledge=knowledge)

    found = paths(parts, posture)

    assert ({"/", "/preview/answer", "/preview/feedback"} <= found) is there
    assert "/insight" in found


def test_nothing_of_the_pages_is_loaded_before_a_page_is_asked_for() -> None:
    program = (
        "import sys; from service.app import create_app; from service.settings import Settings; "
        "create_app(Settings(store_url='off')); "
        "print(sorted({'jinja2', 'markdown_it', 'matplotlib', 'numpy'} & set(sys.modules)))"
    )

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"


@pytest.mark.parametrize("posture", ["with", "without"])
async def test_links_stay_under_the_base_path(knowledge: Knowledge, posture: str) -> None:
    settings = Settings(store_url="off", base_path="/rls" if posture == "with" else "")
    parts = Parts(settings, now=lambda: NOW, knowledge=knowledge)
    transport = httpx.ASGITransport(app=create_app(parts=parts), client=("127.0.0.1", 50000))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
        page = (await client.get(f"{settings.base_path}/cards")).text

    assert f'href="{settings.base_path}/cards/ironTreatAdult"' in page
    assert f'href="{settings.base_path}/static/pages.css' in page


async def test_each_card_has_a_page(operator: httpx.AsyncClient, knowledge: Knowledge) -> None:
    for topic, stem in knowledge.card_home.items():
        page = await operator.get(f"/cards/{topic}")
        assert page.status_code == 200
        assert knowledge.guidance[stem].recommendation.cards[topic].id in page.text


async def test_a_card_that_is_none_is_404(operator: httpx.AsyncClient) -> None:
    assert (await operator.get("/cards/none")).status_code == 404


async def test_a_style_sheet_is_kept_only_under_its_version(operator: httpx.AsyncClient) -> None:
    page = (await operator.get("/cards")).text
    address = page.partition('stylesheet" href="')[2].partition('"')[0]

    named, unnamed = await operator.get(address), await operator.get("/static/pages.css")

    assert "immutable" in named.headers["cache-control"]
    assert unnamed.headers["cache-control"] == "private, no-cache"


async def test_static_files_are_ours_alone(operator: httpx.AsyncClient) -> None:
    for name in ("..%2Fframe.py", "frame.py", "%2Fetc%2Fpasswd"):
        assert (await operator.get(f"/static/{name}")).status_code == 404


CANARY = "Zebrowski-4711"


@pytest.fixture
def pasted() -> dict[str, Any]:
    request = json.loads(
        (FOLDER / "requests" / "patient-view-ferritin-62-saturation-18.json").read_text(encoding="utf-8")
    )
    text = json.dumps(request).replace("p1", CANARY)
    return dict(json.loads(text)) | {"hookInstance": CANARY, "fhirServer": f"https://{CANARY}.example"}


async def test_nothing_pasted_is_stored_or_logged(
    operator: httpx.AsyncClient,
    pasted: dict[str, Any],
    store: Path,
    kept_parts: Parts,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = await operator.post("/preview/answer", json={"pasted": pasted, "instance": str(uuid4())})
    await operator.post("/preview/timeline", json={"pasted": pasted})
    await kept_parts.close()

    assert CANARY in answer.text
    assert CANARY not in caplog.text
    assert [file.name for file in store.parent.iterdir() if CANARY.encode() in file.read_bytes()] == []


async def test_access_to_a_fhir_server_is_never_used(operator: httpx.AsyncClient, pasted: dict[str, Any]) -> None:
    # Without the conditions a call would ask the FHIR server; the preview says that it cannot look.
    pasted["prefetch"].pop("conditions")

    answer = await operator.post("/preview/answer", json={"pasted": pasted})

    assert "412" in answer.text
    assert f"https://{CANARY}.example" not in answer.text


async def test_what_the_page_would_not_send_is_refused_without_an_echo(operator: httpx.AsyncClient) -> None:
    for body in (b"{", b"[]", json.dumps({"form": {"age": {CANARY: 1}}}).encode(), b"\xff"):
        response = await operator.post("/preview/answer", content=body)

        assert response.status_code == 400
        assert CANARY not in response.text


async def test_a_fault_in_a_page_is_told_without_its_input(
    operator: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def faulty(*_: object) -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr("service.pages.preview.every_card", faulty)

    response = await operator.get("/")

    assert response.status_code == 500
    assert CANARY not in response.text + caplog.text


async def test_feedback_of_the_preview_is_kept_under_its_own_name(
    operator: httpx.AsyncClient, kept_parts: Parts
) -> None:
    entry = {"card": str(uuid4()), "outcome": "overridden", "outcomeTimestamp": "2026-11-20T12:00:00Z"}

    response = await operator.post("/preview/feedback", json={"service": "rls-patient-view", "feedback": [entry]})

    database = kept_parts.service.journal.database
    assert response.status_code == 200
    assert database is not None
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT client FROM feedback").scalars().all() == ["preview"]


async def test_without_a_store_feedback_is_refused_and_insight_says_so(parts: Parts) -> None:
    transport = httpx.ASGITransport(app=create_app(parts=parts), client=("127.0.0.1", 50000))
    entry = {"card": str(uuid4()), "outcome": "overridden", "outcomeTimestamp": "2026-11-20T12:00:00Z"}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
        refused = await client.post("/preview/feedback", json={"service": "rls-patient-view", "feedback": [entry]})
        insight = await client.get("/insight")
        export = await client.get("/insight/cards.csv")

    assert (refused.status_code, export.status_code) == (503, 404)
    assert "No store is configured" in insight.text


async def test_the_interface_page_names_every_endpoint(operator: httpx.AsyncClient) -> None:
    described = (await operator.get("/openapi.json")).json()
    page = (await operator.get("/api")).text

    assert [path for path in described["paths"] if path not in page] == []


async def test_a_record_nested_too_deeply_is_told(operator: httpx.AsyncClient) -> None:
    for depth in (300, 900, 100_000):
        body = b'{"pasted": {"hook": "patient-view", "prefetch": ' + b'{"a":' * depth + b"1" + b"}" * depth + b"}}"
        response = await operator.post("/preview/answer", content=body)

        assert response.status_code in (200, 400, 413)


def test_no_client_may_have_the_name_of_the_preview(tmp_path: Path) -> None:
    file = tmp_path / "clients.toml"
    file.write_text('[[client]]\nname = "preview"\nissuer = "https://a.example"\njku = "https://a.example/jwks"\n')

    with pytest.raises(RegistryError, match="answers of the preview"):
        Registry.load(file)


@pytest.mark.parametrize("killed", [True, False])
async def test_the_preview_says_when_all_cards_are_off(
    operator: httpx.AsyncClient, kept_parts: Parts, killed: bool
) -> None:
    kept_parts.service.controls.put(file=killed)

    page = (await operator.get("/")).text

    assert ("All cards are switched off now" in page) is killed
    assert "meets the RLS iron-treatment threshold" in page

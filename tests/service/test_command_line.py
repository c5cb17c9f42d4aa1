"""The commands: try, check-config, serve; what they print and how they end."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from cards import KnowledgeError
from service.__main__ import main
from service.app import Parts
from service.posture import UnsafeStart
from service.settings import Settings
from tests.build_fixtures import FOLDER

ROOT = Path(__file__).parent.parent.parent
REQUESTS = FOLDER / "requests"
WIDE = {"COLUMNS": "300"}
EVERYWHERE = "0.0.0.0"  # noqa: S104 - what the service refuses to bind to


def tried(name: str, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["try", str(REQUESTS / f"{name}.json"), "--on", "2026-11-20", *options], env=WIDE)
    return result.exit_code, re.sub(r"[\s│]+", " ", result.output)


def test_try_shows_a_card_as_a_prescriber_sees_it() -> None:
    code, shown = tried("order-select-hydroxyzine-for-itch")

    assert code == 0
    for words in (
        "WARNING",
        "Hydroxyzine is a sedating antihistamine",
        "[ Remove hydroxyzine ]",
        "Tolerated before",
        "AASM 2025",
    ):
        assert words in shown


def test_explain_lists_every_rule_and_the_evidence() -> None:
    code, shown = tried("patient-view-ferritin-62-saturation-18", "--explain")

    assert code == 0
    for words in (
        "iron fired",
        "screening silent",
        "Screening is off",
        "Observation/labs-1 (2026-10-09)",
        "labs answered",
    ):
        assert words in shown


def test_explain_names_what_was_starved() -> None:
    _, shown = tried("patient-view-labs-could-not-be-read", "--explain")

    assert "No cards" in shown
    assert "iron starved not answered: labs" in shown


def test_explain_names_what_was_withheld_by_the_cap(tmp_path: Path) -> None:
    _, shown = tried("order-sign-diphenhydramine-before-iron", "--explain")

    assert "Another card already names the product" in shown


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("{", 1, "refused: "),
        ('{"hook":"other-hook","context":{"patientId":"p"}}', 1, "refused: "),
        ('{"hook":"patient-view","context":{"patientId":"p"}}', 3, "412 - nothing can be said"),
    ],
)
def test_try_ends_with_a_code_that_says_why(tmp_path: Path, body: str, code: int, words: str) -> None:
    path = tmp_path / "request.json"
    path.write_text(body, encoding="utf-8")

    result = CliRunner().invoke(main, ["try", str(path)])

    assert (result.exit_code, words in result.output) == (code, True)


def test_check_config_hides_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLS_CDS_STORE_URL", "postgresql://user:hidden@db/cds")

    result = CliRunner().invoke(main, ["check-config"])

    assert "RLS_CDS_STORE_URL=postgresql://user:***@db/cds" in result.output
    assert "hidden" not in result.output


@pytest.mark.parametrize(("name", "value"), [("PORT", "99999"), ("TIMEZONE", "Mars/Base"), ("MARKET", "xx")])
def test_a_wrong_setting_is_one_sentence_that_names_it(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"RLS_CDS_{name}", value)

    result = CliRunner().invoke(main, ["check-config"])

    assert result.exit_code == 1
    assert result.output.startswith(f"Error: RLS_CDS_{name}: ")


def test_an_open_service_refuses_to_start() -> None:
    with pytest.raises(UnsafeStart, match="RLS_CDS_CLIENT_REGISTRY"):
        Parts(Settings(host=EVERYWHERE, store_url="off"))


def test_draft_knowledge_needs_a_word_in_production() -> None:
    with pytest.raises(UnsafeStart, match="RLS_CDS_ALLOW_DRAFT_KNOWLEDGE"):
        Parts(Settings(host=EVERYWHERE, store_url="off", allow_open=True))


def test_serve_tells_what_keeps_it_from_starting(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KnowledgeError("iron.yaml:3: odd")

    monkeypatch.setattr("service.app.load_knowledge", broken)

    result = CliRunner().invoke(main, ["serve"])

    assert (result.exit_code, result.output) == (1, "Error: iron.yaml:3: odd\n")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_serve_prints_where_it_is_answers_and_stops_at_a_signal(tmp_path: Path) -> None:
    port = free_port()
    environment = {**os.environ, "RLS_CDS_STORE_URL": f"sqlite:///{tmp_path / 'x.sqlite'}", "RLS_CDS_PORT": str(port)}
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "serve"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        first = process.stdout.readline() if process.stdout else ""
        body = _when_up(port)

        process.send_signal(signal.SIGTERM)
        process.wait(15)
    finally:
        process.kill()
        process.communicate()

    assert first == f"Discovery: http://127.0.0.1:{port}/cds-services\n"
    assert body["store"] == "ok"


def _when_up(port: int) -> dict[str, str]:
    for _ in range(100):
        try:
            return dict(httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).json())
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the service did not come up")

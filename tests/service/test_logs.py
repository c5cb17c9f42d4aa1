"""Warnings and errors on standard error: one JSON object a line where a collector reads, and never what was sent."""

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from service import logs
from service.settings import Settings
from tests.service.registered import registry_file
from tests.service.running import started

REGISTERED = {"client_registry": Path("clients.toml"), "allow_draft_knowledge": True}


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    """The root logger, put back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def written(capsys: pytest.CaptureFixture[str], **settings: object) -> list[str]:
    logs.configure(Settings(**settings))  # type: ignore[arg-type]
    logging.getLogger("rls_cds").warning("a store named %s\nis away", "north")
    return capsys.readouterr().err.splitlines()


def test_json_in_production(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = written(capsys, **REGISTERED)

    told = json.loads(line)
    assert (told["level"], told["logger"], told["message"]) == ("warning", "rls_cds", "a store named north\nis away")
    assert told["time"].endswith("+00:00")


def test_text_in_development(capsys: pytest.CaptureFixture[str]) -> None:
    assert written(capsys)[0] == "WARNING: a store named north"


@pytest.mark.parametrize(("wanted", "first"), [("json", "{"), ("text", "W")])
def test_the_setting_decides(capsys: pytest.CaptureFixture[str], wanted: str, first: str) -> None:
    assert written(capsys, log_format=wanted, **REGISTERED)[0][0] == first
    assert written(capsys, log_format=wanted)[0][0] == first


@pytest.mark.parametrize("wanted", ["json", "text"])
def test_an_error_is_named_by_type_and_place_without_its_text(capsys: pytest.CaptureFixture[str], wanted: str) -> None:
    logs.configure(Settings(log_format=wanted))
    try:
        int("zqxname")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")

    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError at test_an_error_is_named" in line
    assert "zqx" not in line


@pytest.mark.parametrize("wanted", ["json", "text"])
def test_of_a_librarys_message_only_the_first_line(capsys: pytest.CaptureFixture[str], wanted: str) -> None:
    logs.configure(Settings(log_format=wanted))

    async def lost() -> None:
        asyncio.get_running_loop().call_exception_handler({"message": "lost", "exception": ValueError("zqxname")})

    asyncio.run(lost())

    (line,) = capsys.readouterr().err.splitlines()
    assert "lost" in line
    assert "zqx" not in line


def test_a_running_service_writes_json(tmp_path: Path) -> None:
    # The JWK Set of its client cannot be had.
    registry = registry_file(tmp_path, keys='jku = "https://ehr.invalid/jwks.json"')
    with started(
        tmp_path, client_registry=registry, public_url="https://cds.example.org", allow_draft_knowledge=1
    ) as one:
        one.end()
        lines = [line for line in one.said().splitlines() if line.startswith("{")]

    told = [json.loads(line) for line in lines]
    assert [line["level"] for line in told if "ehr.invalid" in line.get("message", "")] == ["warning"]

"""Nothing that names a patient, no token and no JWT reaches a log, an error body or a file, whatever is sent.

A real server with a store is sent every fixture, ordinary and hostile; everything that is private in them is replaced by
words that can be found again.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.build_fixtures import FOLDER
from tests.service.registered import CALL, DISCOVERY, FEEDBACK, bearer, registry_file

REQUESTS = sorted((FOLDER / "requests").glob("*.json"))
NAME, NUMBER, BORN, TOKEN, COMMENT = "zqxname", "zqxnumber", "1931-07-13", "zqxtoken", "zqxcomment"
# The second half of every JWT made here is a signature; its claims hold this word.
SUBJECT = "zqxsubject"
MARKS = ("zqx", BORN, "19310713")


def marked(value: Any, key: str = "") -> Any:
    """The request with its ids, references, dates of birth and displays replaced, and with names added."""
    if isinstance(value, list):
        return [marked(one, key) for one in value]
    if isinstance(value, dict):
        made = {name: marked(inner, name) for name, inner in value.items()}
        if made.get("resourceType") == "Patient":
            made |= {"name": [{"family": NAME, "given": [NAME]}], "identifier": [{"value": NUMBER}], "birthDate": BORN}
            made |= {"telecom": [{"value": f"{NAME}@example.org"}], "address": [{"text": NAME}]}
        if "resourceType" in made:
            made["text"] = {"div": f"<div>{NAME} {NUMBER} {BORN}</div>"}
        return made
    if not isinstance(value, str):
        return value
    if key == "reference" or key == "userId":
        return f"{value.partition('/')[0]}/{NUMBER}{value.partition('/')[2]}"
    if key in ("id", "patientId", "encounterId"):
        return NUMBER + value
    return value


def ordinary() -> Iterator[tuple[str, bytes]]:
    """Every fixture as an EHR would send it."""
    for path in REQUESTS:
        body = marked(json.loads(path.read_text(encoding="utf-8")))
        body["context"]["selections"] = [
            f"MedicationRequest/{NUMBER}{one.partition('/')[2]}" for one in body["context"].get("selections", [])
        ]
        body |= {"fhirServer": f"https://{NAME}.example/r4", "fhirAuthorization": {"access_token": TOKEN}}
        yield f"/cds-services/rls-{body['hook']}", json.dumps(body).encode()


def hostile() -> Iterator[tuple[str, bytes]]:
    """Every fixture with something wrong, each in another way."""
    for number, (path, body) in enumerate(ordinary()):
        request = json.loads(body)
        yield path, body[: len(body) // 2]
        yield path, body.replace(b'"resourceType"', f'"{NAME}"'.encode(), 3)
        yield path, json.dumps(request | {"hook": NAME}).encode()
        yield path, json.dumps(request | {"hookInstance": f"{NAME}\n{NUMBER}"}).encode()
        yield path, json.dumps(request | {"context": {"patientId": [NAME]}}).encode()
        yield path, json.dumps(request | {"context": {NAME: NUMBER}, NAME: NAME}).encode()
        yield path, json.dumps(request | {"prefetch": {NAME: request["prefetch"], "patient": NAME}}).encode()
        key = sorted(request["prefetch"])[number % len(request["prefetch"])]
        request["prefetch"][key] = {
            "resourceType": "OperationOutcome",
            "issue": [{"severity": "error", "diagnostics": NAME}],
        }
        yield path, json.dumps(request).encode()
        yield path + NAME, body
        yield f"{path}?patient={NUMBER}&name={NAME}", body


def feedback() -> Iterator[bytes]:
    """Feedback with private words in every place, some of it malformed."""
    entry = {"card": NUMBER, "outcome": "overridden", "outcomeTimestamp": "2026-11-20T12:00:00Z", NAME: NAME}
    reason = {"reason": {"code": NUMBER, "system": NAME, "display": NAME}, "userComment": f"{COMMENT} {NAME} {BORN}"}
    yield json.dumps({"feedback": [entry | {"overrideReason": reason}]}).encode()
    yield json.dumps({"feedback": [entry | {"outcome": "accepted", "acceptedSuggestions": [{"id": NUMBER}]}]}).encode()
    for wrong in (
        {"outcome": NAME},
        {"outcomeTimestamp": BORN + NAME},
        {"card": {NAME: NAME}},
        {"overrideReason": NAME},
    ):
        yield json.dumps({"feedback": [entry | wrong]}).encode()
    yield f'{{"feedback": [{NAME}'.encode()


@dataclass
class Spilled:
    """What came out of the service: its answers, what it wrote to its terminal, its files."""

    sent: int = 0
    cards: int = 0
    errors: list[str] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)
    jwts: list[str] = field(default_factory=list)
    written: str = ""
    files: dict[str, bytes] = field(default_factory=dict)

    def keep(self, response: httpx.Response) -> None:
        self.sent += 1
        self.statuses.add(response.status_code)
        if response.status_code != 200:
            self.errors.append(f"{response.text} {dict(response.headers)}")
        elif b'"summary"' in response.content:
            self.cards += 1

    def token(self, path: str, **claims: Any) -> dict[str, str]:
        headers = bearer(path.partition("?")[0], sub=SUBJECT, **claims)
        self.jwts.append(headers["Authorization"].partition(" ")[2])
        return headers


@pytest.fixture(scope="module")
def spilled(tmp_path_factory: pytest.TempPathFactory) -> Spilled:
    """One server, everything sent to it, and then ended, with its files read before and after."""
    folder = tmp_path_factory.mktemp("store")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "PORT": str(port),
        "CLIENT_REGISTRY": str(registry_file(tmp_path_factory.mktemp("registry"))),
        "PUBLIC_URL": "https://cds.example.org",
        "ALLOW_DRAFT_KNOWLEDGE": "1",
        "STORE_URL": f"sqlite:///{folder}/store.sqlite",
        "RATE_PER_SECOND": "100000",
        "RATE_BURST": "100000",
    }
    environment = os.environ | {f"RLS_CDS_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "service", "serve"]
    out = folder.parent / f"{folder.name}.log"
    with out.open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=FOLDER.parents[1])
        found = Spilled()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
                _await(client)
                _send_everything(client, found)
                _await_store(folder)
                found.files |= {f"{path.name} in use": path.read_bytes() for path in folder.iterdir()}
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(20)
    found.files |= {path.name: path.read_bytes() for path in folder.iterdir()}
    found.written = out.read_text(encoding="utf-8")
    return found


def _await(client: httpx.Client) -> None:
    for _ in range(600):
        try:
            client.get("/health").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the service did not start")


def _send_everything(client: httpx.Client, found: Spilled) -> None:
    json_ = {"content-type": "application/json"}
    for path, body in (*ordinary(), *hostile()):
        found.keep(client.post(path, content=body, headers=json_ | found.token(path)))
    for body in feedback():
        found.keep(client.post(FEEDBACK, content=body, headers=json_ | found.token(FEEDBACK)))
    for spoilt in (
        {"aud": NAME},
        {"iss": f"https://{NAME}.example/{NUMBER} {NAME}"},
        {"exp": 1},
        {"jti": ""},
        {"tenant": NAME},
    ):
        found.keep(client.get(DISCOVERY, headers=found.token(DISCOVERY, **spoilt)))
    used = found.token(DISCOVERY)
    for _ in range(2):
        found.keep(client.get(DISCOVERY, headers=used))
    strange = {"Content-Type": NAME, "User-Agent": NAME, "X-Request-Id": NUMBER, "Cookie": NAME, "Referer": NAME}
    found.keep(client.post(CALL, content=NAME.encode(), headers=strange | found.token(CALL)))
    found.keep(client.post(CALL, content=NAME.encode(), headers={"Authorization": f"Bearer {TOKEN}.{NAME}.{NUMBER}"}))
    found.keep(client.request(NAME.upper(), f"/{NAME}/{uuid4()}", headers={"Origin": f"https://{NAME}.example"}))


def _await_store(folder: Path) -> None:
    """Until the background writer has had its turn."""
    for _ in range(100):
        if b"rls-patient-view" in b"".join(path.read_bytes() for path in folder.iterdir()):
            break
        time.sleep(0.05)
    time.sleep(0.5)


def traces(text: str | bytes) -> list[str]:
    """The private words in it."""
    held = text if isinstance(text, bytes) else text.encode()
    lower = held.lower()
    return [mark for mark in MARKS if mark.encode() in lower]


def test_everything_was_sent_and_some_of_it_answered_with_cards(spilled: Spilled) -> None:
    assert spilled.sent > 300
    assert spilled.cards > 20
    assert {200, 400, 401, 404, 412, 415} <= spilled.statuses <= {200, 400, 401, 404, 405, 412, 415}


def test_the_private_words_can_be_found() -> None:
    assert all(traces(body) for _, body in ordinary())


def test_no_error_body_or_header_holds_anything_private(spilled: Spilled) -> None:
    assert len(spilled.errors) > 100
    assert [text for text in spilled.errors if traces(text)] == []


def test_nothing_private_is_written_to_the_log(spilled: Spilled) -> None:
    assert spilled.written.count('"service":"rls-') > 250
    assert [line for line in spilled.written.splitlines() if traces(line)] == []


def test_no_part_of_a_jwt_is_written_anywhere(spilled: Spilled) -> None:
    parts = {part for jwt in spilled.jwts for part in jwt.split(".")[1:]}
    everywhere = spilled.written + "".join(spilled.errors)
    stored = b"".join(spilled.files.values())

    assert len(parts) > 300
    assert [part for part in parts if part in everywhere or part.encode() in stored] == []


def test_nothing_private_is_in_a_file_of_the_store(spilled: Spilled) -> None:
    assert {"store.sqlite", "store.sqlite in use", "store.sqlite-wal in use"} <= set(spilled.files)
    assert b"rls-patient-view" in spilled.files["store.sqlite"]
    assert [name for name, held in spilled.files.items() if traces(held)] == []


def test_every_line_of_the_log_is_one_json_object_or_a_warning_of_ours(spilled: Spilled) -> None:
    lines = [json.loads(line) for line in spilled.written.splitlines() if line.startswith("{")]
    calls = [line for line in lines if "service" in line]
    warnings = [line for line in lines if "service" not in line]

    assert all("time" in line for line in lines)
    assert len(calls) == spilled.sent - 1  # the path that is nobody's has no line
    assert [line["message"] for line in warnings] == ["Invalid HTTP request received."]

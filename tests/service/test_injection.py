"""Text from an EHR stays text: in Markdown, HTML, FHIR URLs, the log, a terminal and SQL."""

import json
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx
import pytest
from click.testing import CliRunner
from markdown_it import MarkdownIt

from cards import Knowledge
from service import audit
from service.__main__ import main
from service.app import Parts
from service.settings import Settings
from tests.conformance.bench import HOOKS, Bench, draft, fixture, members, treated
from tests.conftest import NOW
from tests.service.registered import FEEDBACK, client_of

pytestmark = pytest.mark.anyio
MARKDOWN = (
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "<!-- x -->",
    "</ul></p><h1>x</h1>",
    "&lt;b&gt;&#60;script&#62;",
    "[x](javascript:alert(1))",
    "![x](http://evil.example/p.png)",
    "[x]: http://evil.example 'y'",
    "<http://evil.example>",
    "https://evil.example/a www.evil.example mailto:a@evil.example a@evil.example",
    "**bold** __bold__ *em* _em_ ~~gone~~ `code`",
    "\n\n# heading\n\n- item\n\n---\n\n> quote\n\n```\nfence\n```\n\n| a | b |\n|---|---|\n| c | d |",
    "\r\n    indented code",
    "\\<b>\\\\<b>\\[x](y)",
    "$$x$$ {{context.patientId}} {name} %s",
    "\u202egnp.exe\u200b\u2066\ufeff",
    "1. one\n2. two",
    "+ plus\n* star",
)
TERMINAL = "\x1b[2J\x1b]0;owned\x07\x9b31m\x08\x08\r\x00\u202e\u2066[red]x[bold]"
# What the Markdown of our own texts becomes.
OWN_TAGS = {"p", "ul", "li", "strong"}


class Tags(HTMLParser):
    """The elements and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(f"{tag}@{name}" for name, _ in attributes)}

    def handle_comment(self, data: str) -> None:  # noqa: ARG002 - the parser passes it by name
        self.found.add("comment")


def rendered(markdown: str) -> str:
    """As a client renders it that lets HTML through, as the public sandbox does."""
    return str(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown))


def poisoned(request: dict[str, Any], text: str) -> dict[str, Any]:
    """The request with the text behind every display, text, unit and id that a person or a system may have typed."""

    def visit(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: visit(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [visit(one, key) for one in value]
        if isinstance(value, str) and key in ("display", "text", "unit"):
            return f"{value} {text}"
        return value

    return dict(visit(request))


def poisoned_ids(request: dict[str, Any], text: str) -> dict[str, Any]:
    """The request with the text in the id of every resource but the Patient's, and in the ids of the context."""
    changed = json.loads(json.dumps(request))
    for _, value in members(changed):
        if isinstance(value, dict) and "resourceType" in value and "id" in value and value["resourceType"] != "Patient":
            value["id"] += text
    context = changed["context"]
    context["selections"] = [f"{one}{text}" for one in context.get("selections", [])]
    context["userId"] = f"Practitioner/1{text}"
    return dict(changed)


@pytest.fixture(scope="session")
async def bench(knowledge: Knowledge, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("bench"), knowledge)
    yield made
    await made.close()


REQUESTS = (
    "patient-view-ferritin-62-saturation-18",
    "patient-view-untreated-sleep-apnoea",
    "patient-view-quetiapine-fourteen-months",
    "patient-view-ropinirole-two-years",
    "order-select-hydroxyzine-for-itch",
    "order-select-sertraline-for-depression",
    "order-sign-gabapentin-900-on-dialysis",
    "order-sign-metoclopramide-for-nausea",
    "order-sign-quetiapine-for-sleep",
)


@pytest.mark.parametrize("text", MARKDOWN, ids=range(len(MARKDOWN)))
@pytest.mark.parametrize("poison", [poisoned, poisoned_ids])
async def test_no_element_but_our_own_reaches_a_page(
    bench: Bench, text: str, poison: Callable[[dict[str, Any], str], dict[str, Any]]
) -> None:
    found = [card for name in REQUESTS for card in await bench.cards(poison(fixture(name), text))]

    assert len(found) >= 5
    for card in found:
        assert Tags(rendered(card["detail"])).found <= OWN_TAGS


@pytest.mark.parametrize("text", MARKDOWN, ids=range(len(MARKDOWN)))
async def test_what_a_client_shows_as_plain_text_holds_nothing_of_the_ehrs(bench: Bench, text: str) -> None:
    found = [card for name in REQUESTS for card in await bench.cards(poisoned(fixture(name), text))]
    plain = [card["summary"] for card in found]
    for card in found:
        for suggestion in card.get("suggestions", []):
            plain += [suggestion["label"], *(action["description"] for action in suggestion["actions"])]
        plain += [link["url"] for link in card.get("links", [])]

    assert plain
    assert not any(text.strip() in one or "evil" in one or "<" in one for one in plain)


@pytest.mark.parametrize(
    "address", ["https://evil.example", "www.evil.example", "mailto:a@evil.example", "ftp://evil.example"]
)
async def test_no_address_becomes_a_link_by_itself(bench: Bench, address: str) -> None:
    request = treated()
    for entry in request["prefetch"]["labs"]["entry"]:
        entry["resource"]["valueQuantity"]["unit"] = address
    request["prefetch"]["labs"]["entry"] = (
        request["prefetch"]["labs"]["entry"][:1] + treated()["prefetch"]["labs"]["entry"][1:]
    )

    for card in await bench.cards(request):
        assert address not in card["detail"]


async def test_a_hostile_unit_is_shown_and_escaped(bench: Bench) -> None:
    request = treated()
    ferritin, _saturation = request["prefetch"]["labs"]["entry"]
    ferritin["resource"]["valueQuantity"]["unit"] = "<b>x</b>"
    request["prefetch"]["labs"]["entry"] = [ferritin]
    (card,) = await bench.cards(request)

    assert "\\<b\\>x" in card["detail"]
    assert "&lt;b&gt;x" in rendered(card["detail"])


# --- URLs --------------------------------------------------------------------------------------------------------------

HOSTILE_IDS = (
    "p1?_revinclude=*",
    "p1&patient=p2",
    "p1#x",
    "p1%2F..%2Fmetadata",
    "..",
    "p1;x=y",
    "p1 HTTP/1.1\r\nX-Injected: 1",
    "p1\x00",
    "p1,p2",
    "p1|x",
    "$everything",
    "p1\\..\\x",
    "é\u202e",
)


@pytest.mark.parametrize("identity", HOSTILE_IDS, ids=range(len(HOSTILE_IDS)))
async def test_an_id_never_widens_or_climbs_in_a_fhir_url(bench: Bench, identity: str) -> None:
    request = json.loads(
        json.dumps(treated()).replace(
            "Patient/p1", f"Patient/{identity}".encode("unicode_escape").decode().replace("\\", "\\\\")
        )
    )
    request["context"] |= {"patientId": identity, "encounterId": identity}
    async with bench.with_ehr(request) as (response, ehr):
        pass

    # Some servers and some clients' ids: what cannot stand in a URL is asked for by nobody.
    assert response.status_code in (200, 412)
    for heard in ehr.heard:
        path, query = urlsplit(heard.target)[2:4]
        assert len(path.split("/")) <= 4
        assert ".." not in unquote(path).split("/")
        assert {name for name, _ in parse_qsl(query)} <= {"patient", "code", "_sort", "_count", "_id", "_include"}
        assert "x-injected" not in heard.headers


# --- the log -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ['\n{"forged":1}', "\r\nFORGED", "\x1b[2J", '","forged":"1', "\u2028x", "%s%n"])
async def test_a_log_line_cannot_be_forged(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    audit.configure()
    audit.logger.propagate = True
    caplog.set_level(logging.DEBUG)
    request = poisoned_ids(poisoned(treated(), text), text) | {"hookInstance": f"x{text}", f"k{text}": text}
    await http.post("/cds-services/rls-patient-view", json=request)
    await http.post("/cds-services/rls-patient-view", json=request | {"hook": text})
    await http.post(httpx.URL("http://cds.test").join("/cds-services/%0a%1b" + "x"), json=request)
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("rls_cds")]

    assert {json.loads(line)["status"] for line in lines} == {200, 400, 404}
    assert all(line.isprintable() and "forged" not in line.lower() and "%s" not in line for line in lines)


# --- a terminal --------------------------------------------------------------------------------------------------------


@pytest.fixture
def loaded_once(knowledge: Knowledge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.attempt.load_knowledge", lambda **_: knowledge)


def tried(file: Path, request: dict[str, Any] | str) -> Any:
    file.write_text(request if isinstance(request, str) else json.dumps(request))
    return CliRunner().invoke(
        main, ["try", str(file), "--on", NOW.date().isoformat(), "--explain"], env={"NO_COLOR": "1", "COLUMNS": "400"}
    )


def uncontrolled(output: str) -> list[str]:
    return [sign for sign in output if sign != "\n" and not sign.isprintable()]


@pytest.mark.usefixtures("loaded_once")
@pytest.mark.parametrize("name", REQUESTS)
def test_ids_with_control_sequences_do_nothing_in_a_terminal(tmp_path: Path, name: str) -> None:
    result = tried(tmp_path / "request.json", poisoned_ids(fixture(name), TERMINAL))

    assert result.exit_code == 0, result.output
    assert "owned" in result.output.replace("\n", "")
    assert uncontrolled(result.output) == []


@pytest.mark.usefixtures("loaded_once")
@pytest.mark.parametrize("name", REQUESTS)
def test_texts_with_control_sequences_do_nothing_in_a_terminal(tmp_path: Path, name: str) -> None:
    request = poisoned(fixture(name), TERMINAL)
    request["prefetch"][TERMINAL] = {"resourceType": TERMINAL, "id": TERMINAL}
    result = tried(tmp_path / "request.json", request)

    assert result.exit_code == 0, result.output
    assert uncontrolled(result.output) == []


@pytest.mark.usefixtures("loaded_once")
@pytest.mark.parametrize(
    "body", ["{", '{"hook": "\\u001b[2J"}', '{"hook":"patient-view","context":{"patientId":"\\u001b[2J"}}']
)
def test_a_refusal_in_a_terminal_repeats_nothing(tmp_path: Path, body: str) -> None:
    result = tried(tmp_path / "request.json", body)

    assert result.exit_code in (1, 3)
    assert uncontrolled(result.output) == []


# --- SQL ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE feedback; --", '" OR 1=1', "x'); DELETE FROM issued; --", "\x00", "%s ? :a"]
)
async def test_sql_in_feedback_is_a_value(tmp_path: Path, knowledge: Knowledge, text: str) -> None:
    store = tmp_path / "store.sqlite"
    parts = Parts(Settings(store_url=f"sqlite:///{store}", keep_comments=True), now=lambda: NOW, knowledge=knowledge)
    reason = {"reason": {"code": text, "system": text, "display": text}, "userComment": text}
    entry = {
        "card": text + "x",
        "outcome": "overridden",
        "outcomeTimestamp": "2026-11-20T12:00:00Z",
        "overrideReason": reason,
    }
    accepted = {
        "card": text + "y",
        "outcome": "accepted",
        "outcomeTimestamp": "2026-11-20T12:00:00Z",
        "acceptedSuggestions": [{"id": text}],
    }
    async with client_of(parts) as client:
        response = await client.post(FEEDBACK, json={"feedback": [entry, accepted]})
        await client.post("/cds-services/rls-patient-view", json=treated() | {"hookInstance": text})
    await parts.close()

    assert response.status_code == 200
    with sqlite3.connect(store) as rows:
        assert rows.execute("select count(*) from feedback").fetchone() == (2,)
        assert rows.execute("select count(*) from issued").fetchone() == (1,)


def test_every_hook_is_among_the_requests() -> None:
    assert {next(hook for hook in HOOKS if name.startswith(hook)) for name in REQUESTS} == set(HOOKS)
    assert draft()["hook"] == "order-select"

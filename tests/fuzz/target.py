"""The whole application under fire, driven without a socket, and what must hold of every answer it gives."""

import asyncio
import json
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx

from cards import Knowledge
from service.app import Parts, create_app
from service.fhir_server import FhirLimits, FhirServers
from service.settings import Settings
from tests.conftest import NOW
from tests.service.fhir.over_httpx import OverHttpx

PATIENT_VIEW = "/cds-services/rls-patient-view"
# What a request may be answered with: 500 only ever means a fault of ours.
ALLOWED = frozenset({200, 400, 404, 405, 412, 413, 415, 503})
# A case takes a few milliseconds; these only find what would not end. Computing is counted apart from waiting, because a
# machine that stands still for a while is no fault of the service.
CPU_SECONDS = 10.0
SECONDS = 300.0
_HTML = re.compile(r"(?<!\\)<[a-zA-Z/!?]")
_INDICATORS = ("info", "warning", "critical")


class Broken(AssertionError):
    """An answer that must not be."""


class Target:
    """One application in development, without a store; `seen` counts answers."""

    def __init__(
        self, knowledge: Knowledge, ehr: Callable[[httpx.Request], httpx.Response] | None = None, **settings: Any
    ) -> None:
        """`ehr` answers for every FHIR server of this machine."""
        self._parts = Parts(Settings(**{"store_url": "off"} | settings), now=lambda: NOW, knowledge=knowledge)
        if ehr:
            servers = FhirServers(
                self._parts.service.catalogue.templates,
                lambda _reach: OverHttpx(httpx.AsyncClient(transport=httpx.MockTransport(ehr))),
                FhirLimits(max_pages=5),
            )
            self._parts.service = replace(self._parts.service, fhir=servers)
        self._app = create_app(parts=self._parts)
        self._loop = asyncio.new_event_loop()
        self._audit = _LastLine()
        self._log = logging.getLogger("rls_cds.audit")
        # A hundred thousand lines would only fill the memory of whoever captures them.
        self._before = (self._log.handlers[:], self._log.propagate)
        self._log.handlers[:], self._log.propagate = [self._audit], False
        self.seen: Counter[str] = Counter()

    def send(self, body: bytes, path: str = PATIENT_VIEW, method: str = "POST", **headers: str) -> tuple[int, bytes]:
        """(status, body) of one request."""
        sent = {"content-type": "application/json", **headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode("utf-8", "replace"),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), value.encode("utf-8", "replace")) for name, value in sent.items()],
            "client": ("127.0.0.1", 5),
            "server": ("127.0.0.1", 8000),
        }
        answer: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            answer.append(message)

        self._loop.run_until_complete(self._app(scope, receive, send))
        return answer[0]["status"], b"".join(one.get("body", b"") for one in answer[1:])

    def survives(self, body: bytes, path: str = PATIENT_VIEW, **more: Any) -> int:
        """Send it and check all that must hold; the status. Raises `Broken`."""
        started, computed = time.monotonic(), time.process_time()
        status, answer = self.send(body, path, **more)
        if time.process_time() - computed > CPU_SECONDS or time.monotonic() - started > SECONDS:
            raise Broken(f"took more than {CPU_SECONDS} s of computing or {SECONDS} s in all")
        if status not in ALLOWED:
            raise Broken(f"status {status}: {answer[:500]!r} {self._audit.line.get('reason')}")
        if self._audit.line.get("failed"):
            raise Broken(f"rules failed: {self._audit.line['failed']}")
        check_answer(status, answer, feedback=path.endswith("/feedback"))
        self.seen[f"{status} with cards" if b'"summary"' in answer else str(status)] += 1
        return status

    def close(self) -> None:
        """Close what was opened."""
        self._log.handlers[:], self._log.propagate = self._before
        self._loop.run_until_complete(self._parts.close())
        self._loop.close()


class _LastLine(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.line: dict[str, Any] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self.line = json.loads(record.getMessage())


def check_answer(status: int, answer: bytes, *, feedback: bool = False) -> None:
    """An answer is a strict CDS Hooks response, an OperationOutcome, or (feedback taken) empty."""
    if status == 200 and feedback:
        _insist(not answer, "an empty body")
        return
    body = json.loads(answer)
    if status == 200:
        _insist(set(body) <= {"cards", "services"}, "cards alone")
        for card in body.get("cards", []):
            _check_card(card)
        return
    _insist(body["resourceType"] == "OperationOutcome" and len(answer) < 2000, "a short OperationOutcome")


def _check_card(card: dict[str, Any]) -> None:
    _insist(not list(empties(card)), f"nothing empty: {list(empties(card))}")
    UUID(card["uuid"])
    _insist(len(card["summary"]) < 140, "a summary under 140 characters")
    _insist("\n" not in card["summary"], "a summary of one line")
    _insist(card["indicator"] in _INDICATORS, "an indicator")
    _insist(bool(card["source"]["label"]), "a source")
    _insist(len(card["detail"]) < 20_000, "a detail that can be read")
    _insist(not _HTML.search(card["detail"]), "no HTML in the detail")
    _insist(("suggestions" in card) == ("selectionBehavior" in card), "a selectionBehavior with suggestions")
    for suggestion in card.get("suggestions", []):
        _check_suggestion(suggestion)


def _check_suggestion(suggestion: dict[str, Any]) -> None:
    UUID(suggestion["uuid"])
    _insist(bool(suggestion["label"]), "a label")
    _insist(len(suggestion["actions"]) == 1, "one action")
    action = suggestion["actions"][0]
    _insist(bool(action["description"]), "a description")
    wanted = {"create": "resource", "delete": "resourceId"}[action["type"]]
    _insist(set(action) == {"type", "description", wanted}, f"{wanted} and nothing else")


def empties(value: Any, place: str = "$") -> Iterator[str]:
    """The places of null and of empty texts, arrays and objects."""
    if value is None or value in ("", [], {}):
        yield place
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in inside:
        yield from empties(inner, f"{place}.{name}")


def _insist(holds: bool, what: str) -> None:
    if not holds:
        raise Broken(f"an answer needs {what}")

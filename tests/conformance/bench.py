"""The running service on the bench: open with a store, and registered with a client; both over ASGI."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from cards import Knowledge
from service.app import Parts, create_app
from service.settings import Settings
from tests.build_fixtures import FOLDER
from tests.conftest import NOW
from tests.service.fhir.good_ehr import by_fhir, resources_of
from tests.service.fhir.loopback import Loopback, http
from tests.service.registered import client_of, registered_parts

HOOKS = ("patient-view", "order-select", "order-sign")
JSON = {"content-type": "application/json"}
TOKEN = "token-of-one-call"


def fixture(name: str) -> dict[str, Any]:
    """A hook request of the project's own fixtures."""
    return dict(json.loads((FOLDER / "requests" / f"{name}.json").read_text(encoding="utf-8")))


def treated() -> dict[str, Any]:
    """A patient for whom there is a card with suggestions."""
    return fixture("patient-view-ferritin-62-saturation-18")


def draft() -> dict[str, Any]:
    """A draft for which there is a card."""
    return fixture("order-select-hydroxyzine-for-itch")


class Bench:
    """`open` answers anybody on this machine, `registered` only its client; `answers` holds all fixtures answered."""

    def __init__(self, folder: Path, knowledge: Knowledge) -> None:
        self.folder = folder
        self.knowledge = knowledge
        self.store = folder / "store.sqlite"
        self._parts = Parts(Settings(store_url=f"sqlite:///{self.store}"), now=lambda: NOW, knowledge=knowledge)
        self._registered = registered_parts(folder, knowledge, 'origins = ["https://sandbox.example.org"]')
        self.open = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=create_app(parts=self._parts)), base_url="http://cds.test"
        )
        self.registered = client_of(self._registered)
        self._answers: list[dict[str, Any]] = []

    async def services(self) -> list[dict[str, Any]]:
        """What discovery lists."""
        return list((await self.open.get("/cds-services")).json()["services"])

    async def post(self, request: dict[str, Any] | bytes, hook: str = "", **headers: str) -> httpx.Response:
        """One call of the open service of a hook (that of the request, unless said otherwise)."""
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        name = hook or (request["hook"] if isinstance(request, dict) else "patient-view")
        return await self.open.post(f"/cds-services/rls-{name}", content=body, headers={**JSON, **headers})

    async def cards(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """The cards of a call that must succeed."""
        response = await self.post(request)
        assert response.status_code == 200, response.text
        return list(response.json()["cards"])

    async def topics(self, request: dict[str, Any]) -> list[str]:
        """The topics of those cards."""
        return [card["source"]["topic"]["code"] for card in await self.cards(request)]

    async def feedback(self, entries: Any) -> httpx.Response:
        """One feedback POST with these entries."""
        return await self.open.post("/cds-services/rls-patient-view/feedback", json={"feedback": entries})

    async def answers(self) -> list[dict[str, Any]]:
        """The bodies of the answers to all fixtures, asked once."""
        if not self._answers:
            paths = sorted((FOLDER / "requests").glob("*.json"))
            responses = [await self.post(json.loads(path.read_text(encoding="utf-8"))) for path in paths]
            assert {response.status_code for response in responses} == {200}
            self._answers = [response.json() for response in responses]
        return self._answers

    async def all_cards(self) -> list[dict[str, Any]]:
        """Every card of every fixture; there are some."""
        found = [card for answer in await self.answers() for card in answer["cards"]]
        assert found
        return found

    async def all_suggestions(self) -> list[dict[str, Any]]:
        """Every suggestion of every card; there are some."""
        found = [one for card in await self.all_cards() for one in card.get("suggestions", [])]
        assert found
        return found

    async def all_actions(self) -> list[dict[str, Any]]:
        """Every action of every suggestion."""
        return [action for one in await self.all_suggestions() for action in one["actions"]]

    async def all_links(self) -> list[dict[str, Any]]:
        """Every link of every card; there are some."""
        found = [link for card in await self.all_cards() for link in card.get("links", [])]
        assert found
        return found

    @asynccontextmanager
    async def with_ehr(
        self, request: dict[str, Any], *, keep: tuple[str, ...] = (), silent: bool = False, **settings: Any
    ) -> AsyncIterator[tuple[httpx.Response, Loopback]]:
        """The answer to a request whose data (but for the keys kept) lie with a FHIR server, and that server."""
        held = resources_of(request)

        async def answer(heard: Any) -> bytes | None:
            if silent:
                return None
            kind, _, query = heard.target.removeprefix("/fhir/").partition("?")
            found = [one for one in held if one["resourceType"] == kind.partition("/")[0]]
            if not query and not found:
                return http({}, "404 Not Found")
            return http(
                {"resourceType": "Bundle", "entry": [{"resource": one} for one in found]} if query else found[0]
            )

        parts = Parts(Settings(store_url="off", **settings), now=lambda: NOW, knowledge=self.knowledge)
        async with Loopback(answer).running() as ehr, client_of(parts) as client:
            body = by_fhir(request, keep=keep, server=ehr.base, token=TOKEN)
            yield await client.post(f"/cds-services/rls-{request['hook']}", json=body), ehr
            await parts.close()

    async def close(self) -> None:
        """Close what was opened, the store last."""
        await self.open.aclose()
        await self.registered.aclose()
        await self._parts.close()
        await self._registered.close()


def members(value: Any, place: str = "$") -> Iterator[tuple[str, Any]]:
    """Every member of a JSON value, at any depth, with its place."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in inside:
        yield f"{place}.{name}", inner
        yield from members(inner, f"{place}.{name}")

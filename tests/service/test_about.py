"""GET /about: what the software is, its sources, its use of a patient's attributes, and whether it is a device."""

from collections.abc import AsyncIterator, Callable
from html.parser import HTMLParser

import httpx
import pytest

import service
from cards import Knowledge
from service.app import Parts, create_app
from service.settings import Settings
from tests.conftest import NOW

Ask = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def ask(knowledge: Knowledge) -> AsyncIterator[Ask]:
    """A browser on the machine itself, against a service with these settings."""
    open_clients: list[httpx.AsyncClient] = []

    def client(**settings: str) -> httpx.AsyncClient:
        parts = Parts(Settings(store_url="off", **settings), now=lambda: NOW, knowledge=knowledge)  # type: ignore[arg-type]
        transport = httpx.ASGITransport(app=create_app(parts=parts), client=("127.0.0.1", 50000))
        open_clients.append(httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000"))
        return open_clients[-1]

    yield client
    for one in open_clients:
        await one.aclose()


class Words(HTMLParser):
    """The text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.append(data)


async def about(client: httpx.AsyncClient) -> str:
    response = await client.get("/about")
    assert response.status_code == 200
    parser = Words()
    parser.feed(response.text)
    return " ".join(" ".join(parser.words).split())


@pytest.mark.anyio
async def test_it_names_versions_dates_and_status(ask: Ask, knowledge: Knowledge) -> None:
    text = await about(ask())

    assert f"Software {service.__version__}" in text
    assert f"knowledge {knowledge.version}+{knowledge.digest}, released {knowledge.released.isoformat()}" in text
    assert "draft: no clinician has signed it" in text


@pytest.mark.anyio
async def test_it_answers_every_attribute_and_every_criterion(ask: Ask, knowledge: Knowledge) -> None:
    text = await about(ask())

    assert [one.name for one in knowledge.transparency.attributes if one.name not in text] == []
    assert [one.asks for one in knowledge.transparency.criteria if " ".join(one.asks.split()) not in text] == []


@pytest.mark.anyio
async def test_it_says_what_the_distributor_has_to_fill_in(ask: Ask) -> None:
    text = await about(ask())

    assert text.count("To be filled in by the distributor") == 4


@pytest.mark.anyio
async def test_what_the_distributor_filled_in_is_shown_and_escaped(ask: Ask) -> None:
    client = ask(distributor="Example <b>Ltd</b>", funding="Own means", incident_contact="safety@example.org")

    text = await about(client)

    assert text.count("Example <b>Ltd</b>") == 2
    assert "Own means" in text
    assert "safety@example.org" in text
    assert "To be filled in" not in text


@pytest.mark.anyio
async def test_it_links_to_nothing_but_sources(ask: Ask, knowledge: Knowledge) -> None:
    class Links(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag == "a":
                found.append(dict(attrs).get("href") or "")

    found: list[str] = []
    Links().feed((await ask().get("/about")).text)

    urls = {source.url for source in knowledge.sources.values()}
    assert any(link in urls for link in found)
    assert [link for link in found if link.startswith("http") and link not in urls] == []


@pytest.mark.anyio
async def test_a_stranger_does_not_see_it(http: httpx.AsyncClient) -> None:
    assert (await http.get("/about")).status_code == 404

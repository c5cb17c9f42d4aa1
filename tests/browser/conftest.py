"""A real service on loopback with a filled store, and Debian's Chromium: one of each for all browser tests."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

from cards import load_knowledge
from service.store import Database, upgrade
from tests.made_up_feedback import fill

ROOT = Path(__file__).parents[2]
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 20_000


def chromium() -> str:
    """The machine's own browser; with CI=true it must be there."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        text = "no Chromium on this machine: the pages were not tested in a browser"
        if os.environ.get("CI") == "true":
            pytest.fail(text)
        pytest.skip(text)
    return found


@pytest.fixture(scope="package")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the service answers."""
    chromium()
    folder = tmp_path_factory.mktemp("pages")
    store = f"sqlite:///{folder / 'feedback.sqlite'}"
    upgrade(store)
    with Database(store) as database:
        fill(database, load_knowledge(), datetime.now(UTC).date(), weeks=10)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RLS_CDS_")}
    environment = kept | {"RLS_CDS_STORE_URL": store, "RLS_CDS_PORT": str(port)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "service", "serve"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        try:
            yield _answering(f"http://127.0.0.1:{port}", process, folder / "log")
        finally:
            process.terminate()
            process.wait(20)


def _answering(address: str, process: "subprocess.Popen[bytes]", log: Path) -> str:
    for _ in range(240):
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(f"{address}/health").status_code == 200:
                return address
        except httpx.TransportError:
            time.sleep(0.25)
    raise AssertionError("the service did not answer")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        yield opened
        opened.close()


Opened = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Opened]:
    """Opens a path in a fresh context. At the end of every test: no word on the console, no request to another host."""
    words: list[str] = []
    strangers: list[str] = []
    contexts = []

    def watch(request: Request) -> None:
        if not request.url.startswith((f"{address}/", "data:", "blob:")):
            strangers.append(request.url)

    def opened(path: str = "/", *, scheme: str = "light", width: int = 1440, height: int = 900) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, base_url=address, locale="en-US"
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: words.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: words.append(f"error: {error}"))
        page.on("request", watch)
        page.goto(path)
        if page.locator("#situation").count():
            settled(page)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert words == []
    assert strangers == []


@pytest.fixture
def preview(open_page: Opened) -> Page:
    """The preview with its first patient answered."""
    return open_page("/")


def settled(page: Page) -> None:
    """Wait until the answer belongs to what the form says."""
    page.locator("body[data-ready]:not([data-busy])").wait_for()


def plotted(page: Page) -> None:
    """Wait until the plot belongs to what the form says."""
    page.locator("body[data-plotted]").wait_for()


def pick(page: Page, patient: str) -> None:
    """Choose a synthetic patient and wait for its answer."""
    with page.expect_response("**/preview/answer"):
        page.get_by_label("Synthetic patient").select_option(patient)
    settled(page)


def enter(page: Page, label: str, text: str) -> None:
    """Write into a field of the form and wait for the answer."""
    with page.expect_response("**/preview/answer"):
        page.get_by_label(label, exact=True).fill(text)
    settled(page)


def rules(page: Page) -> list[str]:
    """The ids of the cards that are shown, in their order, by the answer's own JSON."""
    shown: list[str] = page.evaluate(
        """() => JSON.parse(document.querySelector('#json-answer pre').textContent).cards
              .map((card) => card.extension['org.rls-cds.card'].rule)"""
    )
    return shown

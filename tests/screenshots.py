"""Makes the pictures of the main pages for README and documentation: `make screenshots`, light and dark, one fixed day.

The service runs in this process on loopback, with a store of made-up answers that is thrown away.
"""

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from cards import load_knowledge
from service.app import Parts, create_app
from service.settings import Settings
from service.store import Database, upgrade
from tests.browser.conftest import ARGUMENTS, chromium, pick, plotted, settled
from tests.made_up_feedback import fill

OUT = Path(__file__).parents[1] / "docs" / "images"
NOW = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)
PORT = 8490
WIDTH = 1440


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The service with its clock at `NOW`."""
    store = f"sqlite:///{folder / 'feedback.sqlite'}"
    knowledge = load_knowledge()
    upgrade(store)
    with Database(store) as database:
        fill(database, knowledge, NOW.date())
    settings = Settings(store_url=store, port=PORT, host="127.0.0.1")
    app = create_app(parts=Parts(settings, now=lambda: NOW, knowledge=knowledge))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=PORT, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.1)
    yield f"http://127.0.0.1:{PORT}"
    server.should_exit = True
    thread.join()


def preview(page: Page) -> None:
    """A woman with three years of iron studies, and two cards."""
    page.goto("/")
    settled(page)
    plotted(page)


def order(page: Page) -> None:
    """An order about to be signed, and the card overridden."""
    page.goto("/")
    settled(page)
    pick(page, "metoclopramide-for-nausea")
    plotted(page)
    page.get_by_label("Do not follow, because").first.select_option(index=1)
    page.get_by_role("button", name="Override").first.click()
    page.locator(".answered").wait_for()


def card(page: Page) -> None:
    """One card with its decision table."""
    page.goto("/cards/ironTreatAdult")


def insight(page: Page) -> None:
    """Half a year of answers."""
    page.goto("/insight?since=2026-05-25&until=2026-11-20")
    page.wait_for_load_state("networkidle")


def versions(page: Page) -> None:
    """Two knowledge versions beside each other."""
    insight(page)
    found = page.get_by_label("Knowledge version", exact=True).locator("option").all_text_contents()[1:3]
    page.goto(f"/insight?since=2026-05-25&until=2026-11-20&version={found[0]}&against={found[1]}".replace("+", "%2B"))
    page.wait_for_load_state("networkidle")


def about(page: Page) -> None:
    """What it is and on what it rests."""
    page.goto("/about")


# name: (what to show, height in pixels, the whole page instead)
PICTURES: dict[str, tuple[Callable[[Page], None], int]] = {
    "preview": (preview, 1180),
    "order": (order, 1330),
    "card": (card, 1000),
    "insight": (insight, 1290),
    "versions": (versions, 1500),
    "about": (about, 900),
}


def take(browser: Browser, address: str, name: str, scheme: str) -> None:
    """One picture of one page."""
    show, height = PICTURES[name]
    context = browser.new_context(
        viewport={"width": WIDTH, "height": height},
        color_scheme=scheme,
        base_url=address,
        locale="en-GB",
        reduced_motion="reduce",
    )
    context.set_default_timeout(60_000)
    page = context.new_page()
    show(page)
    path = OUT / f"{name}-{scheme}.png"
    page.screenshot(path=path)
    # The pages have few colours: a palette shows the same at a third of the size.
    Image.open(path).convert("RGB").quantize(192, dither=Image.Dither.NONE).save(path, optimize=True)
    context.close()


def main() -> None:
    """All pictures, or those whose names are given."""
    wanted = sys.argv[1:] or list(PICTURES)
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        for name in wanted:
            for scheme in ("light", "dark"):
                take(browser, address, name, scheme)
        browser.close()


if __name__ == "__main__":
    main()

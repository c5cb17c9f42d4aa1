"""What holds for every page: no accessibility fault, room on a tablet, reachable by keyboard, nothing from elsewhere."""

from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opened, pick, plotted

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
PAGES = ("/", "/cards", "/cards/ironTreatAdult", "/cards/d2Antiemetic", "/insight", "/api", "/about")
SERIOUS = frozenset({"serious", "critical"})


def faults(page: Page) -> list[tuple[str, Any]]:
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE)
    # Motion is over before colours are looked at.
    page.evaluate("Promise.all(document.getAnimations().map((one) => one.finished))")
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found if one["impact"] in SERIOUS]


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_no_serious_fault_in_light_and_dark(open_page: Opened, path: str) -> None:
    page = open_page(path)
    light = faults(page)
    page.emulate_media(color_scheme="dark")

    assert (light, faults(page)) == ([], [])


def test_axe_finds_no_serious_fault_in_a_preview_with_everything_open(open_page: Opened) -> None:
    page = open_page("/")
    pick(page, "metoclopramide-for-nausea")
    plotted(page)
    page.get_by_role("button", name="Accept").first.click()
    page.locator(".answered").wait_for()
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    page.get_by_role("button", name="Paste a patient").click()
    light = faults(page)
    page.emulate_media(color_scheme="dark")

    assert (light, faults(page)) == ([], [])


@pytest.mark.parametrize("path", PAGES)
def test_no_page_scrolls_sideways_on_a_tablet_or_phone(open_page: Opened, path: str) -> None:
    page = open_page(path)
    too_wide = []
    for width in (1024, 768, 360):
        page.set_viewport_size({"width": width, "height": 1024})
        if page.evaluate("document.documentElement.scrollWidth") > width:
            too_wide.append(width)

    assert too_wide == []


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_one_heading_of_its_own_and_says_where_it_is(open_page: Opened, path: str) -> None:
    page = open_page(path)

    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    assert page.get_by_role("navigation", name="Pages").locator("[aria-current=page]").count() == 1


def test_the_keyboard_reaches_the_content_and_every_page(open_page: Opened) -> None:
    page = open_page("/cards")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("Iron studies due")


def test_clicking_alone_answers_why_not_the_other_card(open_page: Opened) -> None:
    page = open_page("/")
    pick(page, "ferritin-62-saturation-18")
    expect(page.locator(".card h3")).to_contain_text("meets the RLS iron-treatment threshold")
    other = page.locator(".silences li").filter(has_text="Ferritin 75 to 100")
    expect(other).to_contain_text("The same question is answered by “Iron treatment threshold met”.")
    other.get_by_role("link", name="Ferritin 75 to 100").click()

    # The decision table of the card says from where on it would have spoken.
    row = page.locator("table.grid").first.get_by_role("row").filter(has_text="up to 100 ng/mL")
    expect(row.locator(".this")).to_contain_text("Ferritin 75 to 100")


def test_the_page_of_a_card_has_all_its_parts(open_page: Opened) -> None:
    page = open_page("/cards/PV-02")

    titles = page.get_by_role("heading", level=2).all_text_contents()
    assert [title.split(" cells")[0].split(" words")[0].split(" each")[0] for title in titles] == [
        "Trigger",
        "Decision table",
        "Wording",
        "Evidence",
        "Sources",
        "Vignettes",
    ]


def test_a_card_page_leads_to_a_patient_who_shows_it(open_page: Opened) -> None:
    page = open_page("/cards/sedatingAntihistamine")
    page.get_by_role("link", name="Try it: hydroxyzine for itch").click()

    expect(page.locator(".card")).to_contain_text("hydroxyzine")

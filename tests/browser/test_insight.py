"""Insight in a real browser, over half a season of made-up answers."""

import csv
import io
import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Opened


def glance(page: Page, name: str) -> str:
    return page.locator(".glance .panel").filter(has_text=name).locator("dd").first.text_content() or ""


def number(text: str) -> int:
    return int(re.sub(r"\D", "", text))


def test_clicking_alone_answers_what_prescribers_did_last_month(open_page: Opened) -> None:
    page = open_page("/")
    page.get_by_role("link", name="Insight", exact=True).click()
    page.get_by_role("link", name="Last month").click()

    assert number(glance(page, "Cards shown")) > 100
    assert glance(page, "Accepted").endswith("%")
    row = page.locator("#table-cards").get_by_role("row").filter(has_text="Mirtazapine")
    expect(row.get_by_role("cell").first).to_have_text(re.compile(r"^\d+$"))
    expect(page.locator("#table-reasons")).to_contain_text("Benefit outweighs the risk")


def test_the_plots_are_drawn(open_page: Opened) -> None:
    page = open_page("/insight")
    page.wait_for_load_state("networkidle")

    widths = page.locator("img.plot").evaluate_all("images => images.map((image) => image.naturalWidth)")
    assert len(widths) == 3
    assert min(widths) > 300


def test_filters_narrow_the_figures(open_page: Opened) -> None:
    page = open_page("/insight")
    everything = number(glance(page, "Cards shown"))
    with page.expect_navigation():
        page.get_by_label("Client", exact=True).select_option("city-clinic")
    one_client = number(glance(page, "Cards shown"))
    with page.expect_navigation():
        page.get_by_label("Hook", exact=True).select_option("order-sign")
    one_hook = number(glance(page, "Cards shown"))
    with page.expect_navigation():
        page.get_by_label("Card", exact=True).select_option(label="Sedating antihistamine")

    assert everything > one_client > one_hook > number(glance(page, "Cards shown")) > 0


def test_a_span_of_days_narrows_the_figures(open_page: Opened) -> None:
    page = open_page("/insight")
    everything = number(glance(page, "Calls answered"))
    page.get_by_role("link", name="7 days").click()

    assert 0 < number(glance(page, "Calls answered")) < everything


def test_two_knowledge_versions_stand_beside_each_other(open_page: Opened) -> None:
    page = open_page("/insight")
    versions = page.get_by_label("beside version", exact=True).locator("option").all_text_contents()[1:3]
    with page.expect_navigation():
        page.get_by_label("Knowledge version", exact=True).select_option(versions[0])
    with page.expect_navigation():
        page.get_by_label("beside version", exact=True).select_option(versions[1])

    heads = page.locator("#table-versions thead th").all_text_contents()
    assert [head for head in heads if head.startswith("shown")] == [
        f"shown ({one.partition('+')[0]}+{one.partition('+')[2][:5]})" for one in versions
    ]
    expect(page.locator("#versions-title")).to_be_visible()


def test_what_the_site_changed_is_marked_and_listed(open_page: Opened) -> None:
    page = open_page("/insight")

    expect(page.locator("#table-changes")).to_contain_text("cap.patient-view")


def test_a_table_is_exported(open_page: Opened) -> None:
    page = open_page("/insight")
    with page.expect_download() as download:
        page.locator("section", has=page.locator("#table-cards")).get_by_role("link", name="Export as CSV").click()

    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text(encoding="utf-8"))))
    assert sum(int(row["shown"]) for row in rows) == number(glance(page, "Cards shown"))


def test_no_data_is_said_plainly(open_page: Opened) -> None:
    page = open_page("/insight?since=2020-01-01&until=2020-02-01")

    expect(page.get_by_role("status")).to_contain_text("There is no data for these filters.")


def test_what_was_tried_in_the_preview_never_mixes_with_real_clients(open_page: Opened) -> None:
    page = open_page("/insight?since=2000-01-01")
    everything = number(glance(page, "Calls answered"))
    open_page("/")
    # What was issued is written in the background, within a second.
    page.wait_for_timeout(1200)
    page.reload()

    assert number(glance(page, "Calls answered")) == everything

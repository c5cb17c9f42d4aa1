"""The preview in a real browser: each line of what it promises."""

import json
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opened, enter, pick, plotted, rules, settled
from tests.build_fixtures import FOLDER


def request_of(name: str) -> dict[str, Any]:
    return dict(json.loads((FOLDER / "requests" / f"{name}.json").read_text(encoding="utf-8")))


def paste(page: Page, what: object) -> None:
    page.get_by_role("button", name="Paste a patient").click()
    page.get_by_label("JSON", exact=True).fill(json.dumps(what))
    with page.expect_response("**/preview/answer"):
        page.get_by_role("button", name="Use this patient").click()
    settled(page)


@pytest.mark.parametrize(
    ("patient", "rule"),
    [
        ("ferritin-62-saturation-18", "PV-02"),
        ("hydroxyzine-for-itch", "OR-02"),
        ("metoclopramide-for-nausea", "OR-01"),
    ],
    ids=["patient-view", "order-select", "order-sign"],
)
def test_a_fixture_patient_is_picked_on_each_hook(preview: Page, patient: str, rule: str) -> None:
    pick(preview, patient)

    assert rules(preview)[0] == rule


def test_a_bundle_is_pasted(preview: Page) -> None:
    bundle = json.loads((FOLDER / "patients" / "saturation-50-do-not-start.json").read_text(encoding="utf-8"))

    paste(preview, bundle)

    assert rules(preview) == ["PV-07"]


def test_a_hook_request_is_pasted(preview: Page) -> None:
    paste(preview, request_of("order-sign-intravenous-iron-with-haemochromatosis"))

    assert rules(preview) == ["OR-09"]
    expect(preview.locator(".card.critical")).to_contain_text("Critical")


def test_what_is_no_json_is_told_in_the_dialog(preview: Page) -> None:
    preview.get_by_role("button", name="Paste a patient").click()
    preview.get_by_label("JSON", exact=True).fill("{")
    preview.get_by_role("button", name="Use this patient").click()

    expect(preview.locator("#paste-trouble")).to_have_text("This is not JSON.")


def test_a_pasted_patient_is_neither_in_the_address_nor_in_the_browsers_stores(preview: Page) -> None:
    paste(preview, request_of("patient-view-iron-never-tested"))

    assert "#" not in preview.url
    assert preview.evaluate("localStorage.length + sessionStorage.length") == 0
    assert preview.context.cookies() == []


@pytest.mark.parametrize(
    ("patient", "label", "text", "rule"),
    [
        ("ferritin-88-intravenous-only", "Ferritin ng/mL", "70", "PV-02"),
        ("ferritin-88-intravenous-only", "Ferritin ng/mL", "", "PV-01"),
        ("ferritin-88-intravenous-only", "Ferritin drawn on", "2020-01-01", "PV-01"),
        ("ferritin-88-intravenous-only", "Transferrin saturation in %", "12", "PV-02"),
        ("ferritin-88-intravenous-only", "Transferrin saturation drawn on", "2020-01-01", "PV-01"),
        ("child-ferritin-45", "Age in years", "40", "PV-02"),
        ("ferritin-62-saturation-18", "Weeks pregnant", "20", "PV-06"),
    ],
)
def test_the_cards_follow_a_field(preview: Page, patient: str, label: str, text: str, rule: str) -> None:
    pick(preview, patient)

    enter(preview, label, text)

    assert rules(preview)[0] == rule


def test_the_cards_follow_pregnancy_and_dialysis(preview: Page) -> None:
    pick(preview, "ferritin-62-saturation-18")
    with preview.expect_response("**/preview/answer"):
        preview.get_by_label("Pregnant", exact=True).check()
    settled(preview)
    pregnant = rules(preview)
    with preview.expect_response("**/preview/answer"):
        preview.get_by_label("Pregnant", exact=True).uncheck()
        preview.get_by_label("On dialysis").check()
    settled(preview)

    assert (pregnant[0], rules(preview)[0]) == ("PV-06", "PV-05")


def test_the_cards_follow_an_active_medicine(preview: Page) -> None:
    pick(preview, "saturation-50-do-not-start")
    preview.get_by_role("button", name="Add a medicine").click()
    enter(preview, "Medicine", "Quetiapine 300 mg oral tablet")

    assert "PV-09" in rules(preview)


def test_the_cards_follow_the_drafted_order_and_the_hook(preview: Page) -> None:
    pick(preview, "metoclopramide-for-nausea")
    enter(preview, "Drafted drug", "Mirtazapine 15 mg oral tablet")
    changed = rules(preview)
    with preview.expect_response("**/preview/answer"):
        preview.get_by_label("opens the chart").check()
    settled(preview)

    assert (changed, rules(preview)) == (["OR-03"], [])


def test_an_impossible_value_is_told_and_the_answer_stays(preview: Page) -> None:
    before = rules(preview)
    preview.get_by_label("Ferritin ng/mL").fill("a lot")

    expect(preview.locator("#trouble")).to_have_text("ferritin: a number such as 62 or <5")
    assert rules(preview) == before


def test_a_card_is_drawn_with_all_its_parts(preview: Page) -> None:
    pick(preview, "ferritin-62-saturation-18")
    card = preview.locator(".card")

    expect(card.locator(".pill")).to_have_text("Warning")
    expect(card.get_by_role("heading", level=3)).to_contain_text("RLS with ferritin 62 ng/mL, TSAT 18 %")
    expect(card.locator(".detail strong").first).to_have_text("What was seen")
    expect(card.locator(".detail li").first).to_contain_text("Ferritin: 62 ng/mL")
    assert card.get_by_role("button", name="Accept").count() == 3
    expect(card.get_by_label("Do not follow, because").locator("option").first).to_have_text(
        "Iron already managed elsewhere"
    )
    expect(card.get_by_role("link", name="IRLSSG 2018")).to_have_attribute(
        "href", "https://pubmed.ncbi.nlm.nih.gov/29425576/"
    )


def test_the_whole_loop_from_a_patient_to_insight(open_page: Opened) -> None:
    page = open_page("/")
    pick(page, "mirtazapine-new")
    page.get_by_label("Do not follow, because").select_option(label="Tolerated before")
    page.get_by_role("button", name="Override").click()
    expect(page.locator(".answered")).to_contain_text("Overridden: Tolerated before. Kept in the store.")
    pick(page, "ferritin-62-saturation-18")
    page.get_by_role("button", name="Accept").first.click()
    expect(page.locator(".answered")).to_contain_text("Accepted: Draft oral iron. Kept in the store.")
    # What was issued is written in the background, within a second.
    page.wait_for_timeout(1200)
    page.get_by_role("link", name="See it in Insight").click()

    numbers = page.locator("#table-cards")
    row = numbers.get_by_role("row").filter(
        has=page.get_by_role("link", name="Iron treatment threshold met", exact=True)
    )
    assert int(row.get_by_role("cell").nth(1).text_content() or 0) >= 1
    expect(page.locator("#table-reasons")).to_contain_text("Tolerated before")
    expect(page.get_by_label("Client")).to_have_value("preview")


def test_the_json_stands_beside(preview: Page) -> None:
    pick(preview, "metoclopramide-for-nausea")
    preview.get_by_text("What the EHR sends").click()
    sent = json.loads(preview.locator("#json-request pre").text_content() or "")
    preview.get_by_text("What it gets back").click()
    answered = json.loads(preview.locator("#json-answer pre").text_content() or "")

    assert sent["hook"] == "order-sign"
    assert answered["cards"][0]["summary"] == preview.locator(".card h3").first.text_content()


def test_the_request_beside_gets_the_same_cards_from_the_service_itself(preview: Page, address: str) -> None:
    pick(preview, "hydroxyzine-for-itch")
    sent = preview.locator("#json-request pre").text_content() or ""
    shown = preview.locator(".card h3").all_text_contents()

    answered = httpx.post(
        f"{address}/cds-services/rls-order-select", content=sent, headers={"content-type": "application/json"}
    )

    assert [card["summary"] for card in answered.json()["cards"]] == shown


def test_every_other_card_has_its_reason(preview: Page) -> None:
    pick(preview, "ferritin-62-saturation-18")
    preview.get_by_text("Cards that speak at another moment").click()
    reasons = preview.locator(".silences li").all()

    assert preview.locator(".silences a").count() == 24 - 1
    assert [one for one in reasons if len(one.locator(".why").text_content() or "") < 20] == []


def test_results_are_plotted_against_the_thresholds_with_therapy(preview: Page) -> None:
    pick(preview, "three-years-of-iron")
    plotted(preview)
    plot = preview.locator("#timeline img")

    told = plot.get_attribute("alt") or ""
    assert "thresholds at 75 ng/mL, 100 ng/mL, 300 ng/mL" in told
    assert "Iron infusions:" in told
    assert "ropinirole (treats RLS)" in told
    assert plot.evaluate("image => image.complete && image.naturalWidth > 300")


def test_the_plot_is_a_table_too(preview: Page) -> None:
    pick(preview, "three-years-of-iron")
    plotted(preview)
    preview.get_by_text("The same as a table").click()

    expect(preview.locator("#timeline tbody tr").first).to_contain_text("decides")


def test_the_thresholds_are_those_of_the_patient(preview: Page) -> None:
    pick(preview, "child-ferritin-45")
    plotted(preview)

    assert "thresholds at 50 ng/mL." in (preview.locator("#timeline img").get_attribute("alt") or "")


def test_a_link_holds_the_situation_in_its_fragment(open_page: Opened) -> None:
    page = open_page("/")
    pick(page, "metoclopramide-for-nausea")
    enter(page, "Drafted drug", "Quetiapine 25 mg oral tablet")
    path, _, fragment = page.url.partition("#")

    again = open_page(f"/#{fragment}")

    assert path.endswith("/")
    assert rules(again) == ["OR-04"]
    expect(again.get_by_label("Drafted drug")).to_have_value("Quetiapine 25 mg oral tablet")


def test_no_address_that_the_browser_asks_for_holds_the_situation(open_page: Opened) -> None:
    page = open_page("/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    enter(page, "Age in years", "71")

    assert [
        url for url in asked if "71" in url.partition("://")[2].partition("/")[2] and not url.startswith("data:")
    ] == []


def test_a_broken_link_is_told(open_page: Opened) -> None:
    page = open_page("/#s=nothing")

    expect(page.locator("#trouble")).to_have_text("The link holds no situation that this page understands.")


HOSTILE = (
    "<img src=x onerror=alert(1)> [a](javascript:alert(2)) ![p](https://evil.example/p.png) Hydroxyzine 25 mg tablet"
)


def test_hostile_text_in_a_drug_name_does_nothing(preview: Page) -> None:
    pick(preview, "hydroxyzine-for-itch")

    enter(preview, "Drafted drug", HOSTILE)

    assert rules(preview) == ["OR-02"]
    assert preview.locator("#answer img:not(.plot), #answer script").count() == 0
    targets = preview.locator("#answer a").evaluate_all("links => links.map((link) => link.protocol)")
    assert set(targets) <= {"http:", "https:"}


def test_hostile_text_in_a_pasted_record_does_nothing(preview: Page) -> None:
    request = request_of("patient-view-quetiapine-fourteen-months")
    for entry in request["prefetch"]["medications"]["entry"]:
        entry["resource"]["medicationCodeableConcept"]["text"] = f"Quetiapine {HOSTILE}"
    request["prefetch"]["labs"]["entry"][0]["resource"]["valueQuantity"]["unit"] = "<script>alert(3)</script>"

    paste(preview, request)

    assert preview.locator("#answer img:not(.plot), #answer script").count() == 0


def test_keyboard_alone_picks_a_patient_accepts_and_overrides(preview: Page) -> None:
    preview.get_by_label("Synthetic patient").focus()
    with preview.expect_response("**/preview/answer"):
        preview.keyboard.type("Ferritin 62")
        preview.keyboard.press("Tab")
    settled(preview)

    reached: list[str] = []
    for _ in range(60):
        preview.keyboard.press("Tab")
        name = preview.evaluate(
            "document.activeElement.className + ' ' + document.activeElement.textContent.trim().slice(0, 20)"
        )
        reached.append(name)
        if name.startswith("accept"):
            preview.keyboard.press("Enter")
            break

    expect(preview.locator(".answered")).to_contain_text("Accepted: Draft oral iron.")

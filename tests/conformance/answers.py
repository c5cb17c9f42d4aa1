"""Sections 2.7 to 2.9: status, cards, suggestions, actions, links."""

import re
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from tests.conformance.bench import Bench, fixture, members, treated
from tests.conformance.calls import not_to_be_had
from tests.conformance.walk import cannot_apply, row

ABSOLUTE = re.compile(r"https://[^\s<>\"]+")


@row("RESP-1", "200, and cards is an array, for every fixture")
async def success(bench: Bench) -> None:
    assert all(isinstance(answer["cards"], list) for answer in await bench.answers())


@row("RESP-2", "a patient without restless legs syndrome")
async def no_guidance(bench: Bench) -> None:
    response = await bench.post(fixture("patient-view-no-restless-legs"))

    assert (response.status_code, response.json()) == (200, {"cards": []})


row("RESP-3", "as PRE-10")(not_to_be_had)


@row("RESP-4", "the errors in use are 400, 401, 403, 404, 405, 412, 413, 415, 431, 503; 500 only for a fault of ours")
async def other_statuses(bench: Bench) -> None:
    assert (await bench.open.get("/nothing")).status_code == 404


@row("RESP-5", "400, 404, 405, 412, 413 and 415 carry a valid OperationOutcome (401 is bare: JWT-15)")
async def outcomes(bench: Bench) -> None:
    from fhir.resources.R4B.operationoutcome import OperationOutcome

    request = treated()
    del request["prefetch"]["conditions"]
    answers = [
        await bench.post(b"{"),
        await bench.post(treated(), "other"),
        await bench.open.get("/cds-services/rls-patient-view"),
        await bench.post(request),
        await bench.post(b" " * (10 * 1024 * 1024 + 1)),
        await bench.post(b"{}", **{"content-type": "text/plain"}),
    ]

    assert [answer.status_code for answer in answers] == [400, 404, 405, 412, 413, 415]
    for answer in answers:
        assert answer.headers["content-type"] == "application/fhir+json"
        assert OperationOutcome.model_validate(answer.json()).issue[0].severity == "error"


@row("RESP-6", "no answer has systemActions")
async def no_system_actions(bench: Bench) -> None:
    assert all(set(answer) == {"cards"} for answer in await bench.answers())


cannot_apply("RESP-7", "informative; one service here merges and caps its own cards")


@row("CARD-1", "UUIDs, and all different, over all fixtures")
async def card_uuids(bench: Bench) -> None:
    found = [UUID(card["uuid"]) for card in await bench.all_cards()]

    assert len(found) == len(set(found))


@row("CARD-2", "one line, 1 to 139 characters")
async def summaries(bench: Bench) -> None:
    for card in await bench.all_cards():
        assert 0 < len(card["summary"]) < 140
        assert "\n" not in card["summary"]


@row("CARD-3", "headings, lists and text; no HTML, no image, no link in it")
async def details(bench: Bench) -> None:
    from markdown_it import MarkdownIt

    for card in await bench.all_cards():
        kinds = {token.type for token in _flat(MarkdownIt("gfm-like", {"linkify": False}).parse(card["detail"]))}
        assert not kinds & {"html_block", "html_inline", "image", "link_open", "code_block", "fence"}
        assert not re.search(r"(?i)https?://|www\.|mailto:", card["detail"])


def _flat(found: Any) -> Any:
    for one in found or ():
        yield one
        yield from _flat(one.children)


@row("CARD-4", "one of the three")
async def indicators(bench: Bench) -> None:
    assert {card["indicator"] for card in await bench.all_cards()} <= {"info", "warning", "critical"}


@row("CARD-5", "one source, which the detail names too")
async def sources(bench: Bench) -> None:
    for card in await bench.all_cards():
        assert "Source: " in card["detail"]
        assert isinstance(card["source"], dict)


@row("CARD-6", "an array, or left out")
async def suggestions(bench: Bench) -> None:
    assert all(isinstance(card.get("suggestions", []), list) for card in await bench.all_cards())


@row("CARD-7", "any, on cards with suggestions and on no other")
async def selection_behaviour(bench: Bench) -> None:
    for card in await bench.all_cards():
        assert card.get("selectionBehavior") == ("any" if "suggestions" in card else None)


@row("CARD-8", "each has code, system and display")
async def override_reasons(bench: Bench) -> None:
    for card in await bench.all_cards():
        assert card["overrideReasons"]
        assert all(reason["code"] and reason["system"] and reason["display"] for reason in card["overrideReasons"])


@row("CARD-9", "an array, or left out")
async def links(bench: Bench) -> None:
    assert all(isinstance(card.get("links", []), list) for card in await bench.all_cards())


@row("CARD-10", "one member, of one reverse-domain name")
async def card_extension(bench: Bench) -> None:
    assert {name for card in await bench.all_cards() for name in card["extension"]} == {"org.rls-cds.card"}


@row("SRC-1", "a label on each")
async def source_labels(bench: Bench) -> None:
    assert all(card["source"]["label"].strip() for card in await bench.all_cards())


@row("SRC-2", "https, or left out")
async def source_urls(bench: Bench) -> None:
    found = [card["source"]["url"] for card in await bench.all_cards() if "url" in card["source"]]

    assert found
    assert all(ABSOLUTE.fullmatch(url) for url in found)


@row("SRC-3", "no icon is sent")
async def no_icons(bench: Bench) -> None:
    assert not any("icon" in card["source"] for card in await bench.all_cards())


@row("SRC-4", "a code of letters and digits, at most 100, of a system that does not depend on the host")
async def topics(bench: Bench) -> None:
    for card in await bench.all_cards():
        assert re.fullmatch(r"[A-Za-z0-9]{1,100}", card["source"]["topic"]["code"])
        assert card["source"]["topic"]["system"] == "urn:rls-cds:topic"


@row("SUG-1", "a label on each")
async def labels(bench: Bench) -> None:
    assert all(one["label"].strip() for one in await bench.all_suggestions())


@row("SUG-2", "UUIDs, and all different")
async def suggestion_uuids(bench: Bench) -> None:
    found = [UUID(one["uuid"]) for one in await bench.all_suggestions()]

    assert len(found) == len(set(found))


@row("SUG-3", "isRecommended is not sent")
async def recommended(bench: Bench) -> None:
    assert not any("isRecommended" in one for one in await bench.all_suggestions())


@row("SUG-4", "exactly one action: what EHRs in use accept")
async def one_action(bench: Bench) -> None:
    assert {len(one["actions"]) for one in await bench.all_suggestions()} == {1}


@row("SUG-5", "as DOC-2")
async def no_action_selection(bench: Bench) -> None:
    assert not any("actionSelectionBehavior" in one for one in await bench.all_suggestions())


@row("ACT-1", "create or delete; update is not used")
async def action_types(bench: Bench) -> None:
    assert {action["type"] for action in await bench.all_actions()} == {"create", "delete"}


@row("ACT-2", "a description on each")
async def action_descriptions(bench: Bench) -> None:
    assert all(action["description"].strip() for action in await bench.all_actions())


@row("ACT-3", "create carries a draft order for the patient, and no id of a resource")
async def creations(bench: Bench) -> None:
    for action in await bench.all_actions():
        if action["type"] == "create":
            assert (action["resource"]["status"], action["resource"]["intent"]) == ("draft", "order")
            assert not {"id", "resourceId"} & (set(action["resource"]) | set(action))


cannot_apply("ACT-4", "update is never sent (ACT-1)")


@row("ACT-5", "delete carries resourceId as Type/id, and no resource")
async def deletions(bench: Bench) -> None:
    for action in await bench.all_actions():
        if action["type"] == "delete":
            assert re.fullmatch(r"MedicationRequest/[A-Za-z0-9\-.]{1,64}", action["resourceId"])
            assert "resource" not in action


cannot_apply("SYS-1", "no system actions are sent (RESP-6)")
cannot_apply("SYS-2", "no system actions are sent (RESP-6)")
cannot_apply("SYS-3", "no system actions are sent (RESP-6)")


@row("LINK-1", "a label on each")
async def link_labels(bench: Bench) -> None:
    assert all(link["label"].strip() for link in await bench.all_links())


@row("LINK-2", "https URLs with a host")
async def link_urls(bench: Bench) -> None:
    assert all(ABSOLUTE.fullmatch(link["url"]) and urlsplit(link["url"]).hostname for link in await bench.all_links())


@row("LINK-3", "absolute")
async def link_types(bench: Bench) -> None:
    assert {link["type"] for link in await bench.all_links()} == {"absolute"}


@row("LINK-4", "no appContext")
async def no_app_context(bench: Bench) -> None:
    assert not any("appContext" in link for link in await bench.all_links())


@row("LINK-5", "no autolaunchable")
async def nothing_launches(bench: Bench) -> None:
    assert not any("autolaunchable" in link for link in await bench.all_links())


@row("COD-1", "whatever in a card has a code has its system, too")
async def codings(bench: Bench) -> None:
    found = [value for card in await bench.all_cards() for _, value in members(card) if isinstance(value, dict)]
    coded = [value for value in found if isinstance(value.get("code"), str)]

    assert coded
    assert all(value["system"] for value in coded)

"""The history leaves as CSV or JSON, joined to what the card was; the shapes of all editions come out again."""

import csv
import io
import json
from datetime import timedelta

import pytest

from service.feedback import parse_feedback
from service.store import export_rows, write_export

AT = "2026-03-04T12:00:30Z"
REASON = {"code": "patient-refuses", "system": "http://example.org", "display": "Patient refuses"}
EPIC = "com.epic.cdshooks.feedback.overrideReason."

ACCEPTED = {"outcome": "accepted", "outcomeTimestamp": AT}
OVERRIDDEN = {"outcome": "overridden", "outcomeTimestamp": AT}
SHAPES = {
    "accepted": (ACCEPTED, "accepted", ()),
    "1.1": (OVERRIDDEN | {"overrideReason": {"reason": REASON}}, "overridden", ("patient-refuses",)),
    "2.0, comment": (
        OVERRIDDEN | {"overrideReason": {"reason": REASON, "userComment": "no"}},
        "overridden",
        ("patient-refuses",),
    ),
    "3.0, no reason": (OVERRIDDEN, "overridden", ()),
    "Epic, plural": (
        OVERRIDDEN | {"overrideReasons": [{"reason": REASON}, {"reason": {"code": "not-now"}}]},
        "overridden",
        ("not-now", "patient-refuses"),
    ),
    "Epic, extension": (
        OVERRIDDEN | {"overrideReasons": [{"extension": {f"{EPIC}reasonDisplay": "Not now"}}]},
        "overridden",
        ("not-now",),
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_comes_out_again(site, words, shape):
    sent, outcome, reasons = SHAPES[shape]
    suggestions = [words.card_id("x")] if outcome == "accepted" else []
    chosen = {"acceptedSuggestions": [{"id": one} for one in suggestions]} if suggestions else {}
    site.issue(words.call("a", suggestions=("x", "y")))
    site.send(*parse_feedback(json.dumps({"feedback": [{"card": words.card_id("a"), **sent, **chosen}]}).encode()))
    (row,) = export_rows(site.database)

    assert (str(row.card), row.outcome, row.reasons) == (words.card_id("a"), outcome, reasons)
    assert [str(one) for one in row.accepted_suggestions] == suggestions
    assert [str(one) for one in row.offered_suggestions] == [words.card_id("x"), words.card_id("y")]


def test_a_card_id_that_is_no_uuid_meets_its_card(site, words):
    card = words.call("a").cards[0]
    issued = words.call("a")
    site.issue(
        type(issued)(
            **{n: getattr(issued, n) for n in issued.__struct_fields__}
            | {"cards": (type(card)("123456", "iron", "PV-01", "info"),)}
        )
    )
    site.send(*parse_feedback(json.dumps({"feedback": {**OVERRIDDEN, "card": "123456"}}).encode()))
    (row,) = export_rows(site.database)

    assert (row.topic, row.rule) == ("iron", "PV-01")


def test_a_row_says_what_the_card_was(site, words):
    site.issue(words.call("a", instance="one"))
    site.send(words.answer("a"))
    (row,) = export_rows(site.database)

    assert (row.topic, row.rule, row.indicator, row.knowledge_version, row.hook, row.client) == (
        "iron", "PV-01", "warning", "1.0", "patient-view", "north",
    )  # fmt: skip
    assert (str(row.hook_instance), row.issued_at, row.outcome_at) == (
        words.card_id("one"), words.noon, words.noon + timedelta(seconds=30),
    )  # fmt: skip


def test_an_unknown_card_is_a_row_too(site, words):
    site.send(words.answer("a"))
    (row,) = export_rows(site.database)

    assert (row.topic, row.issued_at, row.counts) == (None, None, True)


def test_since_and_until_are_times_of_arrival(site, words):
    site.send(words.answer("a"))
    (row,) = export_rows(site.database)

    assert [
        len(list(export_rows(site.database, **span)))
        for span in (
            {"since": row.arrived_at},
            {"since": row.arrived_at + timedelta(seconds=1)},
            {"until": row.arrived_at},
            {"until": row.arrived_at + timedelta(seconds=1)},
        )
    ] == [1, 0, 0, 1]


def test_csv(site, words):
    site.send(words.answer("a", "overridden", reasons=("not-now", "patient-refuses")))
    out = io.StringIO()
    written = write_export(site.database, out, "csv")
    (row,) = csv.DictReader(io.StringIO(out.getvalue()))

    assert (written, row["card"], row["reasons"], row["topic"], row["counts"]) == (
        1, words.card_id("a"), "not-now patient-refuses", "", "true",
    )  # fmt: skip


def test_json(site, words):
    site.send(words.answer("a"), words.answer("b"))
    out = io.StringIO()
    written = write_export(site.database, out, "json")

    assert [row["card"] for row in json.loads(out.getvalue())] == [words.card_id("a"), words.card_id("b")]
    assert written == 2


def test_an_empty_store_is_valid_json(site):
    out = io.StringIO()
    write_export(site.database, out, "json")

    assert json.loads(out.getvalue()) == []


def test_comments_are_left_out_unless_asked_for(site, words):
    site.keep_comments = True
    site.send(words.answer("a", "overridden", comment="Erika"))
    out = io.StringIO()
    write_export(site.database, out, "csv")

    assert "Erika" not in out.getvalue()


def test_a_spreadsheet_runs_no_comment(site, words):
    site.keep_comments = True
    site.send(words.answer("a", "overridden", comment='=HYPERLINK("http://example.org")'))
    out = io.StringIO()
    write_export(site.database, out, "csv", comments=True)
    (row,) = csv.DictReader(io.StringIO(out.getvalue()))

    assert row["comment"].startswith("'=")

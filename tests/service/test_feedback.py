"""The body of a feedback POST: what is taken, what it becomes, what is refused and where."""

import json
from datetime import UTC, datetime

import pytest

from service.errors import BadRequest
from service.feedback import FeedbackEntry, Reason, parse_feedback

CARD = "4e0a3a1e-3283-4575-ab82-028d55fe2719"
CHOSEN = "e56e1945-20b3-4393-8503-a1a20fd73152"
AT = datetime(2026, 3, 4, 12, 30, 15, tzinfo=UTC)
TIMESTAMP = "2026-03-04T12:30:15Z"
SYSTEM = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"

ACCEPTED = {
    "card": CARD,
    "outcome": "accepted",
    "acceptedSuggestions": [{"id": CHOSEN}],
    "outcomeTimestamp": TIMESTAMP,
}
OVERRIDDEN = {
    "card": CARD,
    "outcome": "overridden",
    "overrideReason": {
        "reason": {"code": "patient-refuses", "system": SYSTEM, "display": "Patient refuses"},
        "userComment": "has tried it before",
    },
    "outcomeTimestamp": TIMESTAMP,
}


def parse(*entries, **more):
    return parse_feedback(json.dumps({"feedback": list(entries), **more}).encode())


def without(entry, name):
    return {key: value for key, value in entry.items() if key != name}


def test_an_acceptance_with_its_suggestions():
    (entry,) = parse(ACCEPTED)

    assert entry == FeedbackEntry(card=CARD, outcome="accepted", at=AT, suggestions=(CHOSEN,))


def test_an_override_with_reason_and_comment():
    (entry,) = parse(OVERRIDDEN)

    assert entry == FeedbackEntry(
        card=CARD,
        outcome="overridden",
        at=AT,
        reasons=(Reason(code="patient-refuses", system=SYSTEM, display="Patient refuses"),),
        comment="has tried it before",
    )


def test_an_override_without_a_reason():
    (entry,) = parse(without(OVERRIDDEN, "overrideReason"))

    assert entry == FeedbackEntry(card=CARD, outcome="overridden", at=AT)


def test_a_comment_without_a_reason():
    (entry,) = parse(OVERRIDDEN | {"overrideReason": {"userComment": "no"}})

    assert (entry.reasons, entry.comment) == ((), "no")


def test_epic_sends_the_reasons_in_the_plural():
    (entry,) = parse(
        without(OVERRIDDEN, "overrideReason")
        | {
            "card": "123456",
            "overrideReasons": [
                {
                    "reason": {"code": "1", "system": "https://example.org/ reasons", "display": "No"},
                    "userComment": "a",
                },
                {"reason": {"code": "2"}, "userComment": "b"},
            ],
        }
    )

    assert entry == FeedbackEntry(
        card="123456",
        outcome="overridden",
        at=AT,
        reasons=(Reason(code="1", system="https://example.org/ reasons", display="No"), Reason(code="2")),
        comment="a\nb",
    )


EPIC = {
    "com.epic.cdshooks.feedback.overrideReason.reasonCategory": "5",
    "com.epic.cdshooks.feedback.overrideReason.reasonDisplay": "Not now",
    "com.epic.cdshooks.feedback.overrideReason.reasonTitle": "Later",
}


@pytest.mark.parametrize(
    "where",
    [
        {"overrideReasons": [{"extension": EPIC}]},
        {"overrideReason": {"extension": EPIC}},
        {"overrideReasons": [{"reason": {"extension": EPIC}}]},
        {"extension": EPIC},
    ],
)
def test_epic_may_give_the_reason_in_extension_members(where):
    (entry,) = parse(without(OVERRIDDEN, "overrideReason") | where)

    assert entry.reasons == (Reason(display="Not now", category="5", title="Later"),)


def test_a_batch_keeps_its_order():
    cards = [entry.card for entry in parse(ACCEPTED | {"card": "b"}, OVERRIDDEN | {"card": "a"}, ACCEPTED)]

    assert cards == ["b", "a", CARD]


def test_no_entries_are_no_mistake():
    assert parse() == ()


def test_one_entry_may_stand_for_an_array():
    assert len(parse_feedback(json.dumps({"feedback": ACCEPTED}).encode())) == 1


@pytest.mark.parametrize("chosen", [{"id": CHOSEN}, [CHOSEN], [{"id": CHOSEN}, {"id": CHOSEN}]])
def test_suggestions_in_other_shapes(chosen):
    (entry,) = parse(ACCEPTED | {"acceptedSuggestions": chosen})

    assert entry.suggestions == (CHOSEN,)


def test_unknown_members_and_extensions_are_passed_over():
    (entry,) = parse(ACCEPTED | {"note": {"x": [1]}, "extension": {"org.example": {}}}, extension={"a": 1}, other=None)

    assert entry.card == CARD


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-04T12:30:15.000Z",
        "2026-03-04T12:30:15.0000000Z",
        "2026-03-04t12:30:15z",
        "2026-03-04T13:30:15+01:00",
        "2026-03-04T12:30:15",
    ],
)
def test_times_are_read_as_utc(text):
    (entry,) = parse(ACCEPTED | {"outcomeTimestamp": text})

    assert entry.at == AT


def test_a_number_for_a_card():
    (entry,) = parse(ACCEPTED | {"card": 123456})

    assert entry.card == "123456"


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        (without(ACCEPTED, "card"), "feedback[1].card"),
        (ACCEPTED | {"card": ""}, "feedback[1].card"),
        (ACCEPTED | {"card": None}, "feedback[1].card"),
        (ACCEPTED | {"card": {"id": CARD}}, "feedback[1].card"),
        (without(ACCEPTED, "outcome"), "feedback[1].outcome"),
        (ACCEPTED | {"outcome": "ignored"}, "feedback[1].outcome"),
        (without(ACCEPTED, "outcomeTimestamp"), "feedback[1].outcomeTimestamp"),
        (ACCEPTED | {"outcomeTimestamp": "yesterday"}, "feedback[1].outcomeTimestamp"),
        (ACCEPTED | {"outcomeTimestamp": "2026-03-04"}, "feedback[1].outcomeTimestamp"),
        (ACCEPTED | {"outcomeTimestamp": "0001-01-01T00:00:00+14:00"}, "feedback[1].outcomeTimestamp"),
        (ACCEPTED | {"outcomeTimestamp": 1772627415}, "feedback[1].outcomeTimestamp"),
        (without(ACCEPTED, "acceptedSuggestions"), "feedback[1].acceptedSuggestions"),
        (ACCEPTED | {"acceptedSuggestions": [{}]}, "feedback[1].acceptedSuggestions[0].id"),
        (OVERRIDDEN | {"overrideReason": {"userComment": 5}}, "feedback[1].overrideReason.userComment"),
        (OVERRIDDEN | {"overrideReasons": [{"reason": 5}]}, "feedback[1].overrideReasons[0].reason"),
        ("text", "feedback[1]"),
    ],
)
def test_a_malformed_entry_is_named(entry, place):
    with pytest.raises(BadRequest) as refused:
        parse(ACCEPTED, entry)

    assert refused.value.expression == place


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"feedback": null}', b'{"feedback": 1}', b"\xff", b"[" * 100_000]
)
def test_a_body_that_is_none(body):
    with pytest.raises(BadRequest) as refused:
        parse_feedback(body)

    assert refused.value.expression == "feedback"


@pytest.mark.parametrize("name", ["card", "outcome", "outcomeTimestamp", "acceptedSuggestions", "overrideReason"])
def test_a_refusal_repeats_nothing_that_was_sent(name):
    with pytest.raises(BadRequest) as refused:
        parse(OVERRIDDEN | {name: [["Erika Mustermann"]], "Erika Mustermann": 1})

    assert "Mustermann" not in f"{refused.value} {refused.value.expression}"


def test_too_many_entries_at_once():
    with pytest.raises(BadRequest, match="at most"):
        parse(*[OVERRIDDEN] * 10_001)


def test_a_comment_does_not_show_in_a_traceback():
    (entry,) = parse(OVERRIDDEN)

    assert "before" not in repr(entry)


def test_a_nul_character_is_taken_out_of_a_comment():
    (entry,) = parse(OVERRIDDEN | {"overrideReason": {"userComment": "a\0b"}})

    assert entry.comment == "ab"

"""What would have been shown: counted once a showing, beside what was shown and never with it."""

from datetime import date, timedelta

import msgspec
import pytest

from service.store import CallOutcome, IssuedCard, Removed, erase, retain, statistics

LATER = timedelta(days=30)
WEEK = date(2026, 3, 2)


@pytest.fixture
def shadowed(words):
    """A call whose cards were all in shadow, or beside some that were shown."""

    def call(*hidden, shown=(), **more):
        made = words.call(*shown, **{"instance": str((hidden, shown))} | more)
        cards = tuple(
            IssuedCard(words.card_id(name), name.partition(":")[2] or "iron", "PV-01", "warning") for name in hidden
        )
        outcome = CallOutcome.CARDS if shown else CallOutcome.SHADOW
        return msgspec.structs.replace(made, shadowed=cards, outcome=outcome)

    return call


def rows(site, words, *by, **more):
    found = statistics(site.database, by=by, now=words.noon + LATER, **more)
    return found.topics, found.calls


def test_a_card_in_shadow_is_counted_apart_from_those_shown(site, words, shadowed):
    site.issue(shadowed("a:iron", shown=("b:review",)))
    topics, _ = rows(site, words, "topic")

    assert [(row.topic, row.shown, row.ignored, row.pending, row.would_have_been_shown) for row in topics] == [
        ("iron", 0, 0, 0, 1),
        ("review", 1, 1, 0, 0),
    ]


def test_it_is_counted_once_in_an_instance(site, words, shadowed):
    site.issue(shadowed("a", instance="one"), shadowed("b", instance="one"))
    site.issue(shadowed("c", instance="one"), shadowed("d", instance="two"))
    ((topic,), _) = rows(site, words)

    assert topic.would_have_been_shown == 2


def test_the_burden_is_for_100_answered_calls_of_the_same_week_hook_and_client(site, words, shadowed):
    site.issue(shadowed("a", instance="one"), words.call(), words.call(at=words.noon + timedelta(seconds=1)))
    site.issue(words.call(at=words.noon + timedelta(seconds=2)), words.call(client="south"))
    topics, calls = rows(site, words, "week", "topic", "hook", "client")
    (topic,) = topics
    north, south = calls

    assert (topic.week, topic.client, topic.would_have_been_shown_per_100_calls) == (WEEK, "north", 25.0)
    assert (north.would_have_been_shown_per_100_calls, south.would_have_been_shown_per_100_calls) == (25.0, 0.0)


def test_what_was_shown_is_also_told_per_100_calls(site, words):
    site.issue(words.call("a"), words.call())
    ((topic,), _) = rows(site, words, "topic")

    assert (topic.shown_per_100_calls, topic.would_have_been_shown_per_100_calls) == (50.0, 0.0)


def test_calls_that_would_have_had_a_card_are_known(site, words, shadowed):
    site.issue(shadowed("a", instance="one"), words.call())
    _, (call,) = rows(site, words)

    assert (call.answered, call.without_card, call.only_in_shadow) == (2, 2, 1)


def test_calls_while_switched_off_are_in_no_share(site, words):
    site.issue(words.call("a"), words.call(outcome=CallOutcome.SWITCHED_OFF))
    _, (call,) = rows(site, words)

    assert (call.answered, call.switched_off, call.shown_per_100_calls) == (1, 1, 100.0)


def test_a_span_of_days_holds_for_shadow_too(site, words, shadowed):
    site.issue(shadowed("a", instance="one"), shadowed("b", instance="two", at=words.noon + timedelta(days=8)))
    ((topic,), _) = rows(site, words, until=date(2026, 3, 5))

    assert topic.would_have_been_shown == 1


def test_versions_are_told_apart(site, words, shadowed):
    site.issue(shadowed("a", instance="one"), shadowed("b", instance="two", version="2.0"))
    topics, _ = rows(site, words, "knowledge_version")

    assert [(row.knowledge_version, row.would_have_been_shown) for row in topics] == [("1.0", 1), ("2.0", 1)]


def test_rows_go_with_age_and_counts_stay(site, words, shadowed):
    site.issue(shadowed("a", instance="one"))
    gone = retain(site.database, days=5, now=words.noon + LATER)
    ((topic,), _) = rows(site, words)

    assert (gone, topic.would_have_been_shown) == (Removed(issued=1, feedback=0), 1)


def test_an_erased_instance_is_not_counted_any_more(site, words, shadowed):
    site.issue(shadowed("a", instance="one"), shadowed("b", instance="two"))
    gone = erase(site.database, hook_instance=words.card_id("one"))
    ((topic,), _) = rows(site, words)

    assert (gone, topic.would_have_been_shown) == (Removed(issued=1, feedback=0), 1)


def test_an_erased_card_is_not_counted_any_more(site, words, shadowed):
    site.issue(shadowed("a", instance="one"), shadowed("b", instance="two"))
    erase(site.database, card=words.card_id("a"))
    ((topic,), _) = rows(site, words)

    assert topic.would_have_been_shown == 1

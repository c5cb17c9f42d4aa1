"""How cards fared: shown once, last state counts, ignored only after a time."""

from datetime import date, timedelta

import pytest

from service.store import CallOutcome, statistics
from service.store.roll_ups import rounded

LATER = timedelta(days=30)


def total(site, words, **more):
    (row,) = statistics(site.database, by=(), now=words.noon + LATER, **more).topics
    return row


def test_a_topic_is_shown_once_in_an_instance(site, words):
    site.issue(words.call("a", "b", instance="one"), words.call("c", instance="one"), words.call("d", instance="two"))

    assert total(site, words).shown == 2


def test_two_topics_in_an_instance_are_two(site, words):
    site.issue(words.call("a:iron", "b:opioid"))

    assert [(row.topic, row.shown) for row in statistics(site.database, by=("topic",)).topics] == [
        ("iron", 1),
        ("opioid", 1),
    ]


def test_a_call_repeated_past_midnight_is_shown_once_on_the_first_day(site, words):
    before, after = words.noon + timedelta(hours=11, minutes=59), words.noon + timedelta(hours=12, minutes=1)
    site.issue(words.call("a", instance="one", at=before))
    site.issue(words.call("b", instance="one", at=after))
    site.send(words.answer("b", after=timedelta(hours=12, minutes=2)))

    row = total(site, words, until=date(2026, 3, 4))

    assert (row.shown, row.accepted, row.median_seconds) == (1, 1, 180.0)


def test_the_last_state_counts(site, words):
    site.issue(words.call("a"))
    site.send(words.answer("a"))
    site.send(words.answer("a", "overridden", after=timedelta(minutes=5), reasons=("not-now",)))
    row = total(site, words)

    assert (row.accepted, row.overridden, row.reasons) == (0, 1, {"not-now": 1})


def test_the_last_state_is_last_by_its_own_time_not_by_arrival(site, words):
    site.issue(words.call("a"))
    site.send(words.answer("a", after=timedelta(minutes=5)))
    site.send(words.answer("a", "overridden", after=timedelta(minutes=1), reasons=("not-now",)))
    row = total(site, words)

    assert (row.accepted, row.overridden, row.reasons) == (1, 0, {})


def test_at_the_same_time_the_last_to_arrive_counts(site, words):
    site.issue(words.call("a"))
    site.send(words.answer("a"), words.answer("a", "overridden"))

    assert total(site, words).overridden == 1


def test_an_answer_to_any_card_of_the_topic_answers_it(site, words):
    site.issue(words.call("a", "b"))
    site.send(words.answer("b", "overridden"))
    row = total(site, words)

    assert (row.shown, row.overridden, row.ignored) == (1, 1, 0)


def test_roll_ups_follow_later_feedback(site, words):
    site.issue(words.call("a"))
    before = total(site, words).accepted
    site.send(words.answer("a"))

    assert (before, total(site, words).accepted) == (0, 1)


def test_feedback_may_come_before_its_card_is_written(site, words):
    site.send(words.answer("a"))
    site.issue(words.call("a"))

    assert total(site, words).accepted == 1


def test_feedback_of_another_client_does_not_count(site, words):
    site.issue(words.call("a"))
    site.send(words.answer("a"), client="south")
    row = total(site, words)

    assert (row.accepted, row.ignored) == (0, 1)


def test_several_reasons_each_count(site, words):
    site.issue(words.call("a"), words.call("b"))
    site.send(words.answer("a", "overridden", reasons=("not-now", "patient-refuses")))
    site.send(words.answer("b", "overridden", reasons=("not-now",)))

    assert total(site, words).reasons == {"not-now": 2, "patient-refuses": 1}


@pytest.mark.parametrize(
    ("hours", "ignored", "pending"),
    [(0, 0, 1), (23, 0, 1), (24, 1, 0), (25, 1, 0), (36, 1, 0), (36.1, 1, 0), (240, 1, 0)],
)
def test_a_card_is_ignored_only_after_a_time(site, words, hours, ignored, pending):
    site.issue(words.call("a"))
    now = words.noon + timedelta(hours=hours)
    (row,) = statistics(site.database, ignored_after=timedelta(days=1), now=now).topics

    assert (row.ignored, row.pending) == (ignored, pending)


def test_on_the_day_of_the_limit_each_card_is_looked_at(site, words):
    site.issue(*(words.call(f"c{hour}", at=words.noon + timedelta(hours=hour)) for hour in (-3, -2, -1, 1)))
    site.send(words.answer("c-3", after=timedelta(0)))
    (row,) = statistics(site.database, ignored_after=timedelta(hours=1), now=words.noon + timedelta(hours=1)).topics

    assert (row.shown, row.accepted, row.ignored, row.pending) == (4, 1, 2, 1)


def test_a_late_answer_is_an_answer(site, words):
    site.issue(words.call("a"))
    site.send(words.answer("a", after=timedelta(days=20)))

    assert total(site, words).accepted == 1


@pytest.mark.parametrize(("seconds", "median"), [([10, 20, 90], 20.0), ([10, 20], 15.0), ([5], 5.0), ([7, 7, 9], 7.0)])
def test_the_median_time_to_answer(site, words, seconds, median):
    for number, after in enumerate(seconds):
        site.issue(words.call(f"c{number}"))
        site.send(words.answer(f"c{number}", after=timedelta(seconds=after)))

    assert total(site, words).median_seconds == median


def test_the_first_answer_is_the_time_to_answer(site, words):
    site.issue(words.call("a"))
    site.send(words.answer("a", after=timedelta(seconds=40)), words.answer("a", "overridden", after=timedelta(hours=2)))

    assert total(site, words).median_seconds == 40.0


def test_nobody_answered(site, words):
    site.issue(words.call("a"))

    assert total(site, words).median_seconds is None


def test_a_clock_that_runs_ahead_counts_as_at_once(site, words):
    site.issue(words.call("a"))
    site.send(words.answer("a", after=timedelta(seconds=-90)))

    assert total(site, words).median_seconds == 0.0


@pytest.mark.parametrize(("seconds", "kept"), [(0, 0), (999, 999), (1004, 1000), (1005, 1010), (98_765, 98_800)])
def test_long_times_are_kept_to_three_digits(seconds, kept):
    assert rounded(seconds) == kept


def test_every_dimension_is_a_row(site, words):
    site.issue(
        words.call("a"),
        words.call("b", client="south"),
        words.call("c", hook="order-sign"),
        words.call("d", version="1.1"),
        words.call("e:opioid"),
        words.call("f", at=words.noon + timedelta(days=7)),
    )
    rows = statistics(site.database).topics

    assert [(str(row.week), row.topic, row.hook, row.client, row.knowledge_version, row.shown) for row in rows] == [
        ("2026-03-02", "iron", "order-sign", "north", "1.0", 1),
        ("2026-03-02", "iron", "patient-view", "north", "1.0", 1),
        ("2026-03-02", "iron", "patient-view", "north", "1.1", 1),
        ("2026-03-02", "iron", "patient-view", "south", "1.0", 1),
        ("2026-03-02", "opioid", "patient-view", "north", "1.0", 1),
        ("2026-03-09", "iron", "patient-view", "north", "1.0", 1),
    ]


def test_days_of_one_week_are_one_row(site, words):
    site.issue(*(words.call(f"c{day}", at=words.noon + timedelta(days=day)) for day in range(-2, 5)))

    assert [(row.week, row.shown) for row in statistics(site.database).topics] == [(date(2026, 3, 2), 7)]


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        ({"topic": "iron"}, 2),
        ({"client": "south"}, 1),
        ({"hook": "order-sign"}, 1),
        ({"since": date(2026, 3, 5)}, 1),
        ({"until": date(2026, 3, 4)}, 2),
    ],
)
def test_choosing(site, words, chosen, shown):
    tomorrow = words.noon + timedelta(days=1)
    site.issue(words.call("a"), words.call("b", client="south"), words.call("c:opioid", hook="order-sign", at=tomorrow))

    assert total(site, words, **chosen).shown == shown


def test_alert_burden_and_the_share_without_a_card(site, words):
    site.issue(words.call("a:iron", "b:opioid"), words.call("c"))
    site.issue(*(words.call(outcome=CallOutcome.NO_CARD) for _ in range(5)), words.call(outcome=CallOutcome.STARVED))
    site.issue(words.call(outcome=CallOutcome.REFUSED), words.call(outcome=CallOutcome.FAILED))
    (row,) = statistics(site.database).calls

    assert (row.answered, row.shown, row.shown_per_100_calls, row.share_without_card) == (8, 3, 37.5, 0.75)
    assert (row.without_card, row.starved, row.refused, row.failed) == (6, 1, 1, 1)


def test_only_refused_calls_have_no_burden(site, words):
    site.issue(words.call(outcome=CallOutcome.REFUSED))
    (row,) = statistics(site.database).calls

    assert (row.shown_per_100_calls, row.share_without_card) == (None, None)


def test_an_empty_store(site):
    found = statistics(site.database)

    assert (found.topics, found.calls) == ((), ())

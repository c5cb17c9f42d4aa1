"""Forgetting: by age, and one card or hook instance on request."""

from datetime import timedelta
from pathlib import Path

import pytest

from service.feedback import FeedbackEntry
from service.store import Removed, erase, export_rows, retain, statistics

LATER = timedelta(days=100)


def shown(site, words):
    return [(row.shown, row.accepted) for row in statistics(site.database, by=(), now=words.noon + LATER).topics]


@pytest.fixture
def used(site, words):
    site.keep_comments = True
    site.issue(words.call("a", instance="one"), words.call("b", instance="two"))
    site.send(words.answer("a", comment="Erika"), words.answer("b", comment="Max"))
    return site


def retain_from_arrival(site, days, **more):
    """Feedback arrives now, whatever its timestamp says: count from there."""
    arrived = [row.arrived_at for row in export_rows(site.database)]
    return retain(site.database, days=days, now=max(arrived) + timedelta(days=10), **more)


def test_what_is_old_goes(used):
    assert retain_from_arrival(used, 5) == Removed(issued=2, feedback=2)


def test_what_is_young_stays(used):
    retain_from_arrival(used, 20)

    assert len(list(export_rows(used.database))) == 2


def test_counts_outlive_their_rows(used, words):
    retain_from_arrival(used, 5)

    assert shown(used, words) == [(2, 2)]


def test_late_feedback_does_not_undo_counts_whose_rows_are_gone(used, words):
    retain_from_arrival(used, 5)
    used.send(words.answer("a", "overridden", after=timedelta(days=2)))

    assert shown(used, words) == [(2, 2)]


def test_more_rows_than_go_at_once(site, words):
    site.issue(*(words.call(f"c{number}") for number in range(4100)))

    assert retain(site.database, days=1, now=words.noon + LATER).issued == 4100


def test_comments_may_go_earlier(used):
    removed = retain_from_arrival(used, 20, comment_days=5)

    assert (removed.feedback, removed.comments) == (0, 2)
    assert [row.comment for row in export_rows(used.database, comments=True)] == [None, None]


def test_a_card_is_erased(used, words):
    assert erase(used.database, card=words.card_id("a")) == Removed(issued=1, feedback=1)


def test_statistics_forget_an_erased_card(used, words):
    before = shown(used, words)
    erase(used.database, card=words.card_id("a"))

    assert (before, shown(used, words)) == ([(2, 2)], [(1, 1)])


def test_a_hook_instance_is_erased(used, words):
    erase(used.database, hook_instance=words.card_id("two"))

    assert [row.comment for row in export_rows(used.database, comments=True)] == ["Erika"]


def test_feedback_on_an_unknown_card_is_erased(site, words):
    site.send(FeedbackEntry(card="MRN 123456", outcome="overridden", at=words.noon))

    assert erase(site.database, card="MRN 123456") == Removed(issued=0, feedback=1)


@pytest.mark.parametrize("named", [{}, {"card": "a", "hook_instance": "b"}])
def test_one_thing_is_erased_at_a_time(site, named):
    with pytest.raises(ValueError, match="either"):
        erase(site.database, **named)


# PostgreSQL keeps freed bytes until they are used again; the docstring of `erase` says so.
@pytest.mark.parametrize("kind", ["sqlite"])
def test_an_erased_comment_is_gone_from_the_files(used, words, tmp_path):
    erase(used.database, card=words.card_id("a"))
    kept = b"".join(path.read_bytes() for path in Path(tmp_path).rglob("*") if path.is_file())

    assert (b"Erika" in kept, b"Max" in kept) == (False, True)

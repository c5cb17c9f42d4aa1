"""Feedback is kept once, in order, and only acknowledged from the disk."""

import asyncio
from datetime import timedelta

import pytest

from service.store import Database, FeedbackWriter, PublishedReasons, StoreUnavailable, Written, export_rows
from service.store.database import StoreConflict


def test_new_feedback(site, words):
    site.issue(words.call("a"), words.call("b"))

    assert site.send(words.answer("a"), words.answer("b")) == Written(new=2, repeated=0, unknown=0)


def test_feedback_on_a_card_that_is_not_known_is_taken(site, words):
    assert site.send(words.answer("a")) == Written(new=1, repeated=0, unknown=1)


def test_another_clients_card_is_not_known(site, words):
    site.issue(words.call("a", client="north"))

    assert site.send(words.answer("a"), client="south").unknown == 1


def test_a_repeat_changes_nothing(site, words):
    site.send(words.answer("a"))

    assert site.send(words.answer("a")) == Written(new=0, repeated=1, unknown=1)


def test_a_repeat_in_the_same_batch_is_kept_once(site, words):
    assert site.send(words.answer("a"), words.answer("a")).new == 1


def test_the_order_of_suggestions_makes_no_difference(site, words):
    site.send(words.answer("a", suggestions=("x", "y")))

    assert site.send(words.answer("a", suggestions=("y", "x"))).new == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"after": timedelta(seconds=31)},
        {"suggestions": ("x",)},
        {"outcome": "overridden"},
        {"outcome": "overridden", "reasons": ("not-now",)},
    ],
)
def test_a_change_is_new(site, words, changed):
    site.send(words.answer("a"))

    assert site.send(words.answer("a", **changed)).new == 1


def test_another_client_may_report_the_same(site, words):
    site.send(words.answer("a"), client="north")

    assert site.send(words.answer("a"), client="south").new == 1


def test_the_history_stays(site, words):
    site.issue(words.call("a", suggestions=("x", "y")))
    site.send(words.answer("a", suggestions=("x",)))
    site.send(words.answer("a", "overridden", after=timedelta(minutes=2), reasons=("not-now",)))
    site.send(words.answer("a", suggestions=("y",), after=timedelta(minutes=3)))

    assert [(row.outcome, row.counts) for row in export_rows(site.database)] == [
        ("accepted", False),
        ("overridden", False),
        ("accepted", True),
    ]


def test_an_empty_batch_writes_nothing(site):
    assert site.send() == Written(new=0, repeated=0, unknown=0)


def test_more_cards_than_one_statement_takes(site, words):
    site.issue(*(words.call(f"c{n}") for n in range(1200)))

    assert site.send(*(words.answer(f"c{n}") for n in range(1200))) == Written(new=1200, repeated=0, unknown=0)


def test_a_comment_is_not_kept_unless_turned_on(site, words):
    site.send(words.answer("a", "overridden", comment="Erika said no"))
    (row,) = export_rows(site.database, comments=True)

    assert row.comment is None


def test_a_comment_is_kept_where_turned_on(site, words):
    site.keep_comments = True
    site.send(words.answer("a", "overridden", comment="Erika said no"))
    (row,) = export_rows(site.database, comments=True)

    assert row.comment == "Erika said no"


@pytest.mark.anyio
async def test_the_event_loop_goes_on_meanwhile(url, database, words):
    writer = FeedbackWriter(database, PublishedReasons([]))
    with Database(url) as other, other.writing(durable=False) as connection:
        if not other.is_sqlite:
            connection.exec_driver_sql("LOCK TABLE feedback")
        writing = asyncio.create_task(writer.write([words.answer("a")], client="north", service="rls"))
        for _ in range(10):
            await asyncio.sleep(0.01)
        went_on = not writing.done()

    assert (went_on, (await writing).new) == (True, 1)


def test_a_transaction_undone_for_another_is_done_again(database, words, monkeypatch):
    writer = FeedbackWriter(database, PublishedReasons([]))
    write, conflicts = writer._write, [StoreConflict("in the way")]

    def conflict_once(*arguments):
        if conflicts:
            raise conflicts.pop()
        return write(*arguments)

    monkeypatch.setattr(writer, "_write", conflict_once)

    assert writer.write_now([words.answer("a")], "north", "rls").new == 1


@pytest.mark.parametrize(("durable", "sqlite", "postgresql"), [(True, 2, "on"), (False, 1, "off")])
def test_durable_means_waiting_for_the_disk(database, durable, sqlite, postgresql):
    with database.writing(durable=durable) as connection:
        asked = "PRAGMA synchronous" if database.is_sqlite else "SHOW synchronous_commit"
        answered = connection.exec_driver_sql(asked).scalar()

    assert answered == (sqlite if database.is_sqlite else postgresql)


def test_nothing_is_acknowledged_when_the_database_is_away(words):
    with Database("postgresql://store@127.0.0.1:1/name") as database:
        writer = FeedbackWriter(database, PublishedReasons([]))

        with pytest.raises(StoreUnavailable):
            writer.write_now([words.answer("a")], "north", "rls")


def test_an_error_repeats_nothing_of_the_entry(database, words):
    with database.writing(durable=True) as connection:
        connection.exec_driver_sql("DROP TABLE feedback")
    writer = FeedbackWriter(database, PublishedReasons([]), keep_comments=True)

    with pytest.raises(Exception) as failed:  # noqa: PT011 - which error depends on the database
        writer.write_now([words.answer("a", comment="Erika said no")], "north", "rls")

    assert "Erika" not in str(failed.value) + repr(failed.value.__cause__)

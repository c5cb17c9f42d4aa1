"""What was issued is written in the background: offering never waits, never raises, and drops are counted."""

import logging
import time
from contextlib import contextmanager

import pytest
from sqlalchemy import func, select

from service.store import AnsweredCall, CallOutcome, Database, IssuedCard, IssuedWriter
from service.store.schema import calls, issued, stale_day


@pytest.fixture
def writer(database):
    writer = IssuedWriter(database, pause_seconds=0.01)
    writer.start()
    yield writer
    writer.close()


def count(database, table):
    with database.reading() as connection:
        return connection.scalar(select(func.count()).select_from(table))


@contextmanager
def locked(url):
    """Another process holds the only writer's place."""
    with Database(url) as other, other.writing(durable=False):
        yield


@pytest.mark.anyio
async def test_a_flush_writes_everything_offered(writer, database, words):
    for number in range(1000):
        writer.offer(words.call(f"c{number}"))
    await writer.flush()

    assert (count(database, issued), writer.written, writer.dropped, writer.queued) == (1000, 1000, 0, 0)


def test_calls_are_counted_by_day_hook_client_and_outcome(writer, database, words):
    for outcome in (CallOutcome.NO_CARD, CallOutcome.NO_CARD, CallOutcome.STARVED):
        writer.offer(words.call(outcome=outcome))
    writer.offer(words.call("a"))
    writer.close()
    with database.reading() as connection:
        rows = connection.execute(select(calls.c.outcome, calls.c.calls).order_by(calls.c.outcome)).all()

    assert [tuple(row) for row in rows] == [("cards", 1), ("no_card", 2), ("starved", 1)]


def test_a_full_queue_drops_and_counts(database, words):
    writer = IssuedWriter(database, capacity=2)  # not started: nothing empties it
    taken = [writer.offer(words.call(f"c{number}")) for number in range(5)]

    assert (taken, writer.dropped) == ([True, True, False, False, False], 3)


def test_a_locked_database_holds_nobody_up(tmp_path, words):
    """Without a limit on the time of `offer`, this test would hang."""
    from service.store import upgrade

    url = f"sqlite:///{tmp_path}/store.db"
    upgrade(url)
    with Database(url) as database:
        writer = IssuedWriter(database, capacity=10, pause_seconds=0.01)
        writer.start()
        with locked(url):
            taken = [writer.offer(words.call(f"c{number}")) for number in range(300)]
        writer.close()

        assert taken.count(False) == writer.dropped > 0
        assert count(database, issued) == taken.count(True)


def test_a_closed_writer_drops(writer, words):
    writer.close()

    assert not writer.offer(words.call("a"))


def test_a_database_that_is_away_is_given_up_at_the_end(words, caplog):
    with Database("postgresql://store@127.0.0.1:1/name") as database:
        writer = IssuedWriter(database, pause_seconds=0.01)
        writer.start()
        writer.offer(words.call("a"))
        dropped = writer.close(timeout_seconds=0.2)

    assert dropped == 1


def test_a_database_that_comes_back_gets_everything(database, words, monkeypatch):
    from service.store import StoreUnavailable, issued_writer

    write, failures = issued_writer.write_calls, [StoreUnavailable("away")]

    def fail_once(*arguments):
        if failures:
            raise failures.pop()
        write(*arguments)

    monkeypatch.setattr(issued_writer, "write_calls", fail_once)
    monkeypatch.setattr(issued_writer, "_RETRY_SECONDS", 0.01)
    writer = IssuedWriter(database, pause_seconds=0.01)
    writer.start()
    writer.offer(words.call("a"))
    writer.close()

    assert (count(database, issued), writer.dropped, failures) == (1, 0, [])


@pytest.mark.parametrize("spoilt", [{"hook": None}, {"at": None}, {"cards": (IssuedCard("x", None, "r", "info"),)}])
def test_one_bad_call_does_not_take_the_others_with_it(writer, database, words, caplog, spoilt):
    good = words.call("a")
    bad = {name: getattr(good, name) for name in AnsweredCall.__struct_fields__} | spoilt
    writer.offer(AnsweredCall(**bad))
    writer.offer(good)
    writer.close()

    assert (count(database, issued), writer.dropped) == (1, 1)


def test_the_log_says_how_many_and_nothing_else(database, words, caplog):
    writer = IssuedWriter(database, capacity=1)
    writer.offer(words.call("a"))
    writer.offer(words.call("b"))
    with caplog.at_level(logging.WARNING):
        writer.close()

    assert caplog.messages == ["calls not written to the store: 2"]


def test_a_card_offered_twice_is_written_once(writer, database, words):
    writer.offer(words.call("a"))
    writer.offer(words.call("a"))
    writer.close()

    assert count(database, issued) == 1


def test_roll_ups_are_made_in_the_background(database, words):
    writer = IssuedWriter(database, pause_seconds=0.01, refresh_seconds=0.01)
    writer.start()
    writer.offer(words.call("a"))
    for _ in range(500):
        if writer.written and not count(database, stale_day):
            break
        time.sleep(0.02)
    writer.close()

    assert (writer.written, count(database, stale_day)) == (1, 0)


def test_closing_ends_the_thread(writer):
    writer.close()

    assert not writer._thread.is_alive()

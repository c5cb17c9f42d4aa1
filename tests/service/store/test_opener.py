"""A store that is not there is tried again until it is; calls that were answered meanwhile are written."""

import threading
from datetime import UTC, datetime

import anyio
import pytest

from service.feedback import FeedbackEntry
from service.journal import Journal
from service.store import Database, Opener, StoreUnavailable, statistics

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Opened(threading.Event):
    """Counts how often it is told."""

    def __init__(self):
        super().__init__()
        self.times = 0

    def __call__(self):
        self.times += 1
        self.set()


@pytest.fixture
def in_the_way(tmp_path):
    """A file where the folder of the store should be."""
    obstacle = tmp_path / "var"
    obstacle.write_text("no folder")
    return obstacle


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch):
    monkeypatch.setattr("service.store.migrate._TRIES", 1)
    monkeypatch.setattr("service.store.opener.FIRST_WAIT_SECONDS", 0.01)


def test_a_store_that_is_there_is_opened_at_once(empty_url):
    opened = Opened()
    Opener(empty_url, opened).open()

    assert opened.times == 1


def test_one_that_comes_later_is_opened_then(in_the_way):
    opened = Opened()
    opener = Opener(f"sqlite:///{in_the_way}/store.db", opened, first_wait=0.01)
    opener.open()
    before = opened.times
    in_the_way.unlink()

    assert (before, opened.wait(10), opened.times) == (0, True, 1)


def test_a_postgresql_that_starts_later_is_opened_then(own_postgres):
    url = own_postgres.new_database("later")
    own_postgres.stop()
    opened = Opened()
    Opener(url, opened, first_wait=0.05).open()
    before = opened.times
    own_postgres.start()

    assert (before, opened.wait(60)) == (0, True)


def test_nothing_is_opened_after_the_end(in_the_way):
    opened = Opened()
    opener = Opener(f"sqlite:///{in_the_way}/store.db", opened, first_wait=0.2)
    opener.open()
    opener.close()
    in_the_way.unlink()
    opener._thread.join(10)

    assert opened.times == 0


def test_a_migration_that_fails_is_tried_again(empty_url, monkeypatch, caplog):
    once = iter([ValueError("a migration of tomorrow")])

    def upgrade(url):
        for problem in once:
            raise problem

    monkeypatch.setattr("service.store.opener.upgrade", upgrade)
    opened = Opened()
    Opener(empty_url, opened, first_wait=0.01).open()

    assert opened.wait(10)
    assert "could not be brought up to date: ValueError" in caplog.text


async def until(holds):
    for _ in range(1000):
        if holds():
            return
        await anyio.sleep(0.01)
    raise AssertionError("it never came about")


@pytest.mark.anyio
async def test_the_journal_writes_what_was_answered_while_the_store_was_away(catalogue, in_the_way):
    url = f"sqlite:///{in_the_way}/store.db"
    journal = Journal(catalogue, url, keep_comments=False)
    answered = {"at": NOW, "client": "north", "hook": "patient-view", "hook_instance": None, "failed": False}
    journal.answered(**answered, decision=None)
    entry = FeedbackEntry(card="x", outcome="accepted", at=NOW, suggestions=(), reasons=(), comment=None)
    with pytest.raises(StoreUnavailable):
        await journal.feedback([entry], client="north", service="rls-patient-view")
    before = (journal.state, journal.database, journal.queued)
    in_the_way.unlink()
    await until(lambda: journal.state == "ok")
    await journal.feedback([entry], client="north", service="rls-patient-view")
    await journal.close()
    with Database(url) as database:
        (calls,) = statistics(database, by=()).calls

    assert before == ("unavailable", None, 1)
    assert (calls.refused, journal.dropped) == (1, 0)

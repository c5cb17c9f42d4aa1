"""Two processes on one database agree: nothing twice, nothing lost, one result."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select

from service.store import Database, statistics
from service.store.schema import feedback, stale_day

PROGRAM = Path(__file__).parent / "at_once.py"
CARDS = 150


@pytest.fixture
def tokens_taken(url):
    """Both processes at once; how many tokens each took as the first."""
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    started = [
        subprocess.Popen(
            [sys.executable, str(PROGRAM), url, str(me)], env=environment, stdout=subprocess.PIPE, text=True
        )
        for me in (0, 1)
    ]
    return [int(process.communicate()[0]) for process in started]


def test_feedback_sent_to_both_is_kept_once(tokens_taken, database):
    with database.reading() as connection:
        kept = connection.scalar(select(func.count()).select_from(feedback))

    assert kept == CARDS + CARDS // 3


def test_a_token_is_taken_by_one(tokens_taken):
    assert (sum(tokens_taken), min(tokens_taken) >= 0) == (CARDS, True)


def test_both_add_up_to_one_result(tokens_taken, url):
    with Database(url) as first, Database(url) as second:
        results = [statistics(database, by=()) for database in (first, second)]
    (row,) = results[0].topics

    assert results[0] == results[1]
    assert (row.shown, row.accepted, row.overridden, row.reasons) == (CARDS, 100, 50, {"not-now": 50})
    assert results[0].calls[0].answered == CARDS


def test_the_result_is_that_of_adding_up_from_nothing(tokens_taken, database):
    before = statistics(database)
    with database.writing(durable=False) as connection:
        connection.execute(stale_day.insert().from_select(["day"], select(func.distinct(_shown_on()))))

    assert statistics(database) == before


def _shown_on():
    from service.store.schema import issued

    return issued.c.shown_on

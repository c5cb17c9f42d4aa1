"""kill -9 under load: every acknowledged feedback is there afterwards."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from service.store import Database, statistics, upgrade
from service.store.schema import feedback

PROGRAM = Path(__file__).parent / "under_load.py"
ENOUGH = 200


@contextmanager
def under_load(url):
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, str(PROGRAM), url]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def acknowledged(process, end):
    """Lines until there are enough, then `end` it in the middle and take what it still said; a torn line is none."""
    cards = [process.stdout.readline() for _ in range(ENOUGH)]
    end()
    cards += process.stdout.readlines()
    return {UUID(line.strip()) for line in cards if line.endswith("\n")}


def kept(database):
    with database.reading() as connection:
        return set(connection.scalars(select(feedback.c.card)))


@pytest.mark.parametrize("round_", range(3))
def test_a_killed_process_loses_nothing_acknowledged(url, round_):
    with under_load(url) as process:
        cards = acknowledged(process, process.kill)
    with Database(url) as database:
        missing = cards - kept(database)

    assert (missing, len(cards) >= ENOUGH) == (set(), True)


def test_a_killed_process_leaves_a_store_that_works(url):
    with under_load(url) as process:
        acknowledged(process, process.kill)
    upgrade(url)
    with Database(url) as database:
        (row,) = statistics(database, by=()).topics
        count = len(kept(database))

    assert 0 < row.shown == row.accepted + row.ignored + row.pending
    assert 0 < row.accepted <= count


def test_a_crashed_server_loses_nothing_acknowledged(own_postgres):
    url = own_postgres.new_database("store")
    upgrade(url)

    def crash():
        own_postgres.stop("immediate")

    with under_load(url) as process:
        cards = acknowledged(process, crash)
    own_postgres.start()
    with Database(url) as database:
        missing = cards - kept(database)

    assert (missing, len(cards) >= ENOUGH) == (set(), True)

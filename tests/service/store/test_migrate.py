"""The schema comes up from nothing and from its first form, also when two processes start at once."""

import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from service.store import Database, StoreRefused, StoreUnavailable, export_rows, statistics, upgrade
from service.store.schema import metadata
from service.store.times import milliseconds

INSTANCE = UUID(int=1)


def test_the_migrations_lead_to_the_schema(empty_url):
    upgrade(empty_url)
    with Database(empty_url) as database, database.reading() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)

    assert differences == []


def test_upgrading_again_changes_nothing(url, site, words):
    site.issue(words.call("a"))

    upgrade(url)

    assert statistics(site.database).topics[0].shown == 1


@pytest.fixture
def first_schema(empty_url, words):
    """A store of the first schema: one topic shown twice in one instance, on either side of midnight, and accepted."""
    upgrade(empty_url, "0001")
    midnight = words.noon + timedelta(hours=12)
    with Database(empty_url) as database, database.writing(durable=True) as connection:
        for card, at in ((2, midnight - timedelta(seconds=20)), (3, midnight + timedelta(seconds=20))):
            connection.execute(
                text(
                    "INSERT INTO issued (card, client, hook, hook_instance, topic, rule, indicator, knowledge_version,"
                    " suggestions, issued_ms) VALUES (:card, 'north', 'patient-view', :instance, 'iron', 'PV-01',"
                    " 'warning', '1.0', '[]', :at)"
                ),
                {"card": UUID(int=card).hex, "instance": INSTANCE.hex, "at": milliseconds(at)},
            )
        connection.execute(
            text(
                "INSERT INTO feedback (key, client, service, card, outcome, outcome_ms, arrived_ms, suggestions,"
                " reasons) VALUES (:key, 'north', 'rls', :card, 'accepted', :at, :at, '[]', '[]')"
            ),
            {"key": UUID(int=9).hex, "card": UUID(int=3).hex, "at": milliseconds(midnight) + 40_000},
        )
    return empty_url


def test_the_first_schema_keeps_its_feedback(first_schema):
    upgrade(first_schema)
    with Database(first_schema) as database:
        rows = list(export_rows(database))

    assert [(row.card, row.topic, row.outcome, row.hook_instance) for row in rows] == [
        (UUID(int=3), "iron", "accepted", INSTANCE)
    ]


def test_the_first_schema_gets_its_roll_ups(first_schema):
    upgrade(first_schema)
    with Database(first_schema) as database:
        (row,) = statistics(database).topics

    assert (row.week, row.shown, row.accepted, row.median_seconds) == (date(2026, 3, 2), 1, 1, 60.0)


def test_several_processes_start_at_once(empty_url):
    program = "import sys; from service.store import upgrade; upgrade(sys.argv[1])"
    command = [sys.executable, "-c", program, empty_url]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, cwd=Path.cwd()) for _ in range(4)]
    said = [process.communicate()[1].decode() for process in started]

    assert ([process.returncode for process in started], said) == ([0] * 4, [""] * 4)


def test_sqlite_writes_ahead(tmp_path):
    upgrade(f"sqlite:///{tmp_path}/store.db")
    with Database(f"sqlite:///{tmp_path}/store.db") as database, database.reading() as connection:
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()

    assert mode == "wal"


def test_nobody_else_may_read_the_file(tmp_path):
    upgrade(f"sqlite:///{tmp_path}/store.db")

    assert (tmp_path / "store.db").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("url", ["sqlite://", "mysql://host/name", "not a url", "sqlite:///:memory:"])
def test_a_url_that_will_not_do(url):
    with pytest.raises(StoreRefused):
        Database(url)


def test_a_server_that_is_away_is_named_without_its_password():
    with pytest.raises(StoreUnavailable) as refused:
        upgrade("postgresql://store:secret@127.0.0.1:1/name")

    assert "secret" not in str(refused.value)

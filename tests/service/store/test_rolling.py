"""Two versions of the service on one store: each migration only adds, and the older version goes on."""

import itertools
import threading
from typing import Any
from uuid import UUID, uuid4

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, Table, inspect, text

from service.store import Database, statistics, upgrade
from service.store.migrate import known_revisions
from service.store.steps import configured

# The schema of the first release. What came before it was never installed anywhere.
FIRST_RELEASED = "0002"
SCRIPTS = list(reversed(list(ScriptDirectory.from_config(configured(None)).walk_revisions())))


def test_the_names_of_the_files_tell_all_schemas() -> None:
    assert known_revisions() == {script.revision for script in SCRIPTS}


REVISIONS = [script.revision for script in SCRIPTS]
STEPS = list(itertools.pairwise(REVISIONS[REVISIONS.index(FIRST_RELEASED) :]))


def schema(url: str) -> dict[str, dict[str, Any]]:
    """Columns, unique rules and the like of every table."""
    with Database(url) as database, database.reading() as connection:
        seen = inspect(connection)
        return {
            table: {
                "columns": {
                    column["name"]: column | {"type": str(column["type"])} for column in seen.get_columns(table)
                },
                "key": seen.get_pk_constraint(table)["constrained_columns"],
                "unique": sorted(
                    [tuple(one["column_names"]) for one in seen.get_unique_constraints(table)]
                    + [tuple(one["column_names"]) for one in seen.get_indexes(table) if one["unique"]]
                ),
                "checks": len(seen.get_check_constraints(table)),
                "foreign": len(seen.get_foreign_keys(table)),
            }
            for table in seen.get_table_names()
        }


def takes_nothing(column: dict[str, Any]) -> bool:
    return bool(column["nullable"] or column["default"] is not None or column.get("identity"))


def offences(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> list[str]:
    """What a version that writes as `before` says could stumble over."""
    found = [f"{table} is gone" for table in before.keys() - after.keys()]
    for table in before.keys() & after.keys():
        was, now = before[table], after[table]
        found += [
            f"{table}: its {rule} changed" for rule in ("key", "unique", "checks", "foreign") if was[rule] != now[rule]
        ]
        for name, column in now["columns"].items():
            if name not in was["columns"]:
                found += [] if takes_nothing(column) else [f"{table}.{name} must be filled"]
            elif was["columns"][name]["type"] != column["type"]:
                found.append(f"{table}.{name} has another type")
            elif takes_nothing(was["columns"][name]) and not takes_nothing(column):
                found.append(f"{table}.{name} must be filled now")
        found += [f"{table}.{name} is gone" for name in was["columns"].keys() - now["columns"].keys()]
    return found


@pytest.mark.parametrize(("older", "newer"), STEPS)
def test_a_migration_only_adds(older: str, newer: str, empty_url: str) -> None:
    upgrade(empty_url, older)
    before = schema(empty_url)

    upgrade(empty_url, newer)

    assert offences(before, schema(empty_url)) == []


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE calls ADD COLUMN must INTEGER NOT NULL",
        "ALTER TABLE calls RENAME COLUMN calls TO number",
        "DROP TABLE calls",
        "CREATE UNIQUE INDEX one_only ON issued (topic)",
    ],
)
def test_a_migration_that_takes_away_would_be_seen(change: str, postgres: Any) -> None:
    url = postgres.new_database(f"offence_{uuid4().hex}")
    upgrade(url)
    before = schema(url)
    with Database(url) as database, database.writing(durable=True) as connection:
        connection.execute(text(change))

    assert offences(before, schema(url)) != []


def sample(table: Table, number: int) -> dict[str, Any]:
    """A row as the older version would write it: every column that it must fill."""
    row: dict[str, Any] = {}
    for column in table.columns:
        if column.nullable or (column.primary_key and column.autoincrement is True) or column.name == "id":
            continue
        # SQLite keeps a UUID as text of this length.
        kind = UUID if getattr(column.type, "length", None) == 32 else column.type.python_type
        new = uuid4() if column.type.python_type is UUID else uuid4().hex
        row[column.name] = {int: number, str: "[]", UUID: new, bytes: b"\x80"}[kind]
    return row


class OlderVersion:
    """Writes to every table that it knows, over and over, until it is told to stop."""

    def __init__(self, url: str) -> None:
        self.written, self.faults = 0, list[str]()
        self._database = Database(url)
        self._stop = threading.Event()
        known = MetaData()
        with self._database.reading() as connection:
            known.reflect(connection)
        self._tables = [table for table in known.sorted_tables if table.name not in ("alembic_version", "sealed")]
        self._thread = threading.Thread(target=self._write)

    def _write(self) -> None:
        while not self._stop.is_set():
            try:
                with self._database.writing(durable=False) as connection:
                    for table in self._tables:
                        connection.execute(table.insert().values(sample(table, self.written)))
                self.written += 1
            except Exception as fault:  # noqa: BLE001 - whatever it is, the test shows it
                self.faults.append(str(fault))
                return

    def __enter__(self) -> "OlderVersion":
        self._thread.start()
        return self

    def wait_for(self, more: int) -> None:
        goal = self.written + more
        while self.written < goal and not self.faults:
            self._stop.wait(0.005)

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._database.close()


def test_the_older_version_writes_before_during_and_after_a_migration(empty_url: str) -> None:
    upgrade(empty_url, FIRST_RELEASED)

    with OlderVersion(empty_url) as older:
        older.wait_for(5)
        upgrade(empty_url)
        older.wait_for(5)

    assert older.faults == []
    assert older.written >= 10


@pytest.fixture
def newer_schema(url: str) -> str:
    """The store after a migration that this version has never heard of."""
    with Database(url) as database, database.writing(durable=True) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("ALTER TABLE issued ADD COLUMN from_later TEXT DEFAULT 'x'"))
        connection.execute(text("ALTER TABLE feedback ADD COLUMN from_later TEXT"))
        connection.execute(text("CREATE TABLE from_later (id INTEGER PRIMARY KEY)"))
    return url


def test_a_version_that_starts_on_a_newer_schema_leaves_it_alone(newer_schema: str) -> None:
    before = schema(newer_schema)

    upgrade(newer_schema)

    assert schema(newer_schema) == before


def test_a_version_goes_on_with_a_newer_schema(newer_schema: str, site: Any, words: Any) -> None:
    upgrade(newer_schema)

    site.issue(words.call("a"))
    site.send(words.answer("a"))

    (row,) = statistics(site.database).topics
    assert (row.shown, row.accepted) == (1, 1)


def test_two_knowledge_versions_are_told_apart(site: Any, words: Any) -> None:
    site.issue(words.call("old", version="1.0"), words.call("new", version="1.1"))
    site.send(words.answer("old"), words.answer("new", "overridden"))

    rows = statistics(site.database, by=("knowledge_version",)).topics

    assert [(row.knowledge_version, row.accepted, row.overridden) for row in rows] == [("1.0", 1, 0), ("1.1", 0, 1)]

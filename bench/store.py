"""How the store bears ten million events: writing, roll-ups, statistics.

`python bench/store.py [--url …] [--events …]`

Eight of ten events are cards, two are feedback, over one year, 12 topics, 3 hooks, 8 clients and 4 knowledge versions.
Without `--url` a SQLite file in a temporary folder is used; a PostgreSQL database given by `--url` must be empty.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import quantiles
from typing import Any

import psycopg
from sqlalchemy import insert

from service.feedback import FeedbackEntry
from service.store import (
    AnsweredCall,
    CallOutcome,
    Database,
    FeedbackWriter,
    IssuedCard,
    IssuedWriter,
    JtiStore,
    PublishedReasons,
    export_rows,
    refresh,
    statistics,
    upgrade,
)
from service.store.issued_writer import write_calls
from service.store.schema import calls, stale_day
from service.store.times import DAY_MS, day_number

DAYS = 365
FIRST = day_number(date(2025, 1, 1))
TOPICS = [f"topic-{number}" for number in range(12)]
HOOKS = ["patient-view", "order-select", "order-sign"]
CLIENTS = [f"client-{number}" for number in range(8)]
ISSUED = [
    *("card", "client", "hook", "hook_instance", "topic", "rule"),
    *("indicator", "knowledge_version", "suggestions", "issued_ms", "shown_on"),
]
FEEDBACK = ["key", "client", "service", "card", "outcome", "outcome_ms", "arrived_ms", "suggestions", "reasons"]
Row = tuple[Any, ...]

random = Random(7)


def an_id() -> str:
    """A random uuid as SQLite keeps it; PostgreSQL reads it too."""
    return f"{random.getrandbits(128):032x}"


def a_day(day: int, cards: int) -> tuple[list[Row], list[Row]]:
    """Cards of one day, one in four of them answered, one answer in twenty changed later."""
    issued: list[Row] = []
    answers: list[Row] = []
    for _ in range(cards):
        card, at, client = an_id(), day * DAY_MS + random.randrange(DAY_MS), random.choice(CLIENTS)
        version = f"1.{(day - FIRST) // 92}"
        issued.append(
            (card, client, random.choice(HOOKS), an_id(), random.choice(TOPICS), "R", "info", version, "[]", at, day)
        )
        if random.random() < 0.238:
            answers.append(an_answer(card, client, at))
            if random.random() < 0.05:
                answers.append(an_answer(card, client, at + 3_600_000))
    return issued, answers


def an_answer(card: str, client: str, at: int) -> Row:
    """Half are accepted; the others carry one of nine reasons."""
    accepted = random.random() < 0.5
    when = at + int(random.lognormvariate(3.5, 1.2) * 1000)
    outcome, reasons = ("accepted", "[]") if accepted else ("overridden", f'["reason-{random.randrange(9)}"]')
    return (an_id(), client, "rls", card, outcome, when, when, "[]", reasons)


def load(database: Database, events: int) -> None:
    """Fill the tables by the fastest way each database has; not part of what is measured."""
    days = (a_day(FIRST + day, events * 8 // 10 // DAYS) for day in range(DAYS))
    load_sqlite(database, days) if database.is_sqlite else load_postgresql(database, days)
    counted = [
        {"day": FIRST + day, "hook": hook, "client": client, "outcome": outcome, "calls": 900}
        for day in range(DAYS)
        for hook in HOOKS
        for client in CLIENTS
        for outcome in ("cards", "no_card", "starved")
    ]
    with database.writing(durable=False) as connection:
        connection.execute(insert(calls), counted)
        connection.execute(insert(stale_day), [{"day": FIRST + day} for day in range(DAYS)])


def load_sqlite(database: Database, days: Iterator[tuple[list[Row], list[Row]]]) -> None:
    """One transaction a day."""
    with database.outside_transaction() as connection:
        raw: Any = connection.connection.dbapi_connection
        raw.execute("PRAGMA synchronous=OFF")
        raw.execute("PRAGMA cache_size=-2000000")
        for issued, answers in days:
            raw.execute("BEGIN")
            for table, columns, rows in (("issued", ISSUED, issued), ("feedback", FEEDBACK, answers)):
                marks = ", ".join("?" * len(columns))
                raw.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)  # noqa: S608
            raw.execute("COMMIT")
        raw.execute("ANALYZE")


def load_postgresql(database: Database, days: Iterator[tuple[list[Row], list[Row]]]) -> None:
    """COPY."""
    plain = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection, connection.cursor() as cursor:
        for issued, answers in days:
            for table, columns, rows in (("issued", ISSUED, issued), ("feedback", FEEDBACK, answers)):
                with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN".encode()) as copy:
                    for row in rows:
                        copy.write_row(row)
        cursor.execute("VACUUM ANALYZE")


def timed(what: str, work: Callable[[], object]) -> None:
    """Print how long a piece of work took, once."""
    began = time.perf_counter()
    work()
    print(f"{what:58} {time.perf_counter() - began:10.3f} s", flush=True)


def repeated(what: str, work: Callable[[int], object], times: int) -> None:
    """Print median and 99th percentile of many."""
    took = []
    for number in range(times):
        began = time.perf_counter()
        work(number)
        took.append((time.perf_counter() - began) * 1000)
    cuts = quantiles(took, n=100)
    print(f"{what:58} {cuts[49]:10.3f} ms median {cuts[98]:10.3f} ms p99", flush=True)


def a_call(cards: int) -> AnsweredCall:
    """A call of now with new cards."""
    shown = tuple(IssuedCard(an_id(), random.choice(TOPICS), "R", "info") for _ in range(cards))
    return AnsweredCall(
        at=datetime.now(UTC),
        client=random.choice(CLIENTS),
        hook=HOOKS[0],
        outcome=CallOutcome.CARDS,
        hook_instance=an_id(),
        knowledge_version="2",
        cards=shown,
    )


def measure(database: Database) -> None:
    """Everything that is measured, in the order of a store's life."""
    end = datetime(2026, 1, 10, tzinfo=UTC)
    timed(f"roll-ups of {DAYS} days from nothing", lambda: refresh(database))
    timed("stats: every dimension, one year", lambda: statistics(database, now=end))
    timed("stats: by week and topic, one year", lambda: statistics(database, by=("week", "topic"), now=end))
    span = {"since": date(2025, 10, 1), "until": date(2025, 12, 31)}
    timed("stats: every dimension, one quarter", lambda: statistics(database, now=end, **span))
    mark_all = [{"day": FIRST + DAYS - 1}]
    with database.writing(durable=False) as connection:
        connection.execute(insert(stale_day), mark_all)
    timed("stats: one day changed since", lambda: statistics(database, now=end))
    writer = FeedbackWriter(database, PublishedReasons([]))
    now = datetime.now(UTC)
    entries = [FeedbackEntry(card=an_id(), outcome="accepted", at=now) for _ in range(300)]
    repeated("feedback: one entry, durable", lambda n: writer.write_now([entries[n]], "client-1", "rls"), 300)
    batches = [[a_call(1) for _ in range(200)] for _ in range(30)]
    repeated("issued: a batch of 200 calls", lambda n: write_calls(database, batches[n]), 30)
    tokens = JtiStore(database)
    repeated("jti: one token", lambda n: tokens.first_use_now("https://ehr", str(n), 4e9, 1e9), 1000)
    offered = IssuedWriter(database, capacity=20_000)
    some = [a_call(1) for _ in range(10_000)]
    timed("offer: ten thousand calls", lambda: [offered.offer(one) for one in some])
    since = datetime(2025, 12, 31, tzinfo=UTC)
    timed(
        "export: one day", lambda: sum(1 for _ in export_rows(database, since=since, until=since + timedelta(days=1)))
    )
    timed("export: everything", lambda: sum(1 for _ in export_rows(database)))


def main() -> None:
    """Load, then measure."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--url")
    arguments.add_argument("--events", type=int, default=10_000_000)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = chosen.url or f"sqlite:///{folder}/store.db"
        upgrade(url)
        with Database(url) as database:
            print(f"{database.url.get_backend_name()}, {chosen.events} events")
            timed("loading (not measured)", lambda: load(database, chosen.events))
            if database.is_sqlite:
                print(f"file: {Path(str(database.url.database)).stat().st_size / 1e9:.2f} GB")
            measure(database)


if __name__ == "__main__":
    sys.exit(main())

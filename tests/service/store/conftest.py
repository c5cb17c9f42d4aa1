"""Both databases for real: a SQLite file, and a PostgreSQL of the machine's own, started on loopback."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid5

import pytest
from sqlalchemy import create_engine

from service.feedback import FeedbackEntry, Reason
from service.store import AnsweredCall, CallOutcome, Database, FeedbackWriter, IssuedCard, PublishedReasons, upgrade
from service.store.issued_writer import write_calls

NAMES = UUID("0b3f1c52-5f0e-4b6e-9a55-0d6f2f4f6a01")
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)  # a Wednesday


class Postgres:
    """A cluster in a folder of its own."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        # Not below pytest's own folder, which an unprivileged user may not enter.
        self._folder = Path(tempfile.mkdtemp(prefix="store-postgres-"))
        self._as_user = _unprivileged()
        if self._as_user:
            shutil.chown(self._folder, self._as_user)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._run("initdb", "--username=store", "--auth=trust", "--encoding=UTF8", "--no-sync", "-D", self._data)

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _run(self, program: str, *arguments: str) -> None:
        become = ["setpriv", f"--reuid={self._as_user}", f"--regid={_group_of(self._as_user)}", "--clear-groups"]
        command = [*(become if self._as_user else []), str(self._programs / program), *arguments]
        with tempfile.TemporaryFile() as said:
            ended = subprocess.run(command, stdout=said, stderr=said, cwd="/", check=False)
            said.seek(0)
            assert ended.returncode == 0, f"{program}: {said.read().decode()}"

    def start(self) -> None:
        set_to = {"listen_addresses": "127.0.0.1", "unix_socket_directories": self._folder, "max_wal_size": "64MB"}
        options = " ".join([f"-p {self.port}", *(f"-c {name}={value}" for name, value in set_to.items())])
        self._run("pg_ctl", "start", "-w", "-D", self._data, "-o", options, "-l", str(self._folder / "log"))

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "stop", "-w", "-D", self._data, "-m", mode)

    def new_database(self, name: str, template: str = "template1") -> str:
        self._outside(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def drop_database(self, name: str) -> None:
        self._outside(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _outside(self, statement: str) -> None:
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://store@127.0.0.1:{self.port}/{name}"

    def files(self) -> Iterator[Path]:
        return (path for path in self._folder.rglob("*") if path.is_file())

    def remove(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self._folder, ignore_errors=True)


def _unprivileged() -> str | None:
    """PostgreSQL will not run as root."""
    if os.geteuid() != 0:
        return None
    known = {user.pw_name for user in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _group_of(user: str | None) -> int:
    return pwd.getpwnam(user).pw_gid if user else 0


def _programs() -> Path | None:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if program := shutil.which("initdb"):
        folders.append(Path(program).parent)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


def _new_postgres() -> Postgres:
    programs = _programs()
    if programs is None:
        reason = "NO POSTGRESQL ON THIS MACHINE: the store was not tested on it (install the package postgresql)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    cluster = Postgres(programs)
    cluster.start()
    return cluster


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    cluster = _new_postgres()
    yield cluster
    cluster.remove()


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A cluster that a test may crash."""
    cluster = _new_postgres()
    yield cluster
    cluster.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def empty_url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database that nobody has migrated."""
    if kind == "sqlite":
        yield f"sqlite:///{tmp_path}/data/store.db"
        return
    name = f"t{uuid5(NAMES, request.node.nodeid).hex}"
    cluster = request.getfixturevalue("postgres")
    yield cluster.new_database(name)
    cluster.drop_database(name)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("migrated") / "store.db"
    upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_name(postgres: Postgres) -> str:
    upgrade(postgres.new_database("migrated"))
    return "migrated"


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with the newest schema and nothing in it: a copy, for migrating each would take the longest."""
    if kind == "sqlite":
        (tmp_path / "data").mkdir()
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "data" / "store.db")
        yield f"sqlite:///{tmp_path}/data/store.db"
        return
    name = f"t{uuid5(NAMES, request.node.nodeid).hex}"
    cluster = request.getfixturevalue("postgres")
    yield cluster.new_database(name, request.getfixturevalue("migrated_name"))
    cluster.drop_database(name)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    with Database(url) as opened:
        yield opened


def card_id(name: str) -> str:
    """A random-looking uuid that a test can name."""
    return str(uuid5(NAMES, name))


def call(
    *cards: str,
    at: datetime = NOON,
    instance: str | None = None,
    topic: str = "iron",
    hook: str = "patient-view",
    client: str = "north",
    version: str = "1.0",
    outcome: CallOutcome | None = None,
    suggestions: tuple[str, ...] = (),
) -> AnsweredCall:
    """A call; a card is named `name` or `name:topic`."""
    named = [(name.partition(":")[0], name.partition(":")[2] or topic) for name in cards]
    return AnsweredCall(
        at=at,
        client=client,
        hook=hook,
        outcome=outcome or (CallOutcome.CARDS if cards else CallOutcome.NO_CARD),
        hook_instance=card_id(instance or f"instance of {cards or at}"),
        knowledge_version=version,
        cards=tuple(
            IssuedCard(card_id(name), about, "PV-01", "warning", tuple(card_id(one) for one in suggestions))
            for name, about in named
        ),
    )


def answer(
    card: str,
    outcome: str = "accepted",
    *,
    after: timedelta = timedelta(seconds=30),
    suggestions: tuple[str, ...] = (),
    reasons: tuple[str, ...] = (),
    comment: str | None = None,
) -> FeedbackEntry:
    return FeedbackEntry(
        card=card_id(card),
        outcome=outcome,
        at=NOON + after,
        suggestions=tuple(card_id(one) for one in suggestions),
        reasons=tuple(Reason(code=code) for code in reasons),
        comment=comment,
    )


@dataclass
class Site:
    """A store in use: `issue` calls, then `send` feedback."""

    database: Database
    reasons: PublishedReasons = field(
        default_factory=lambda: PublishedReasons([("patient-refuses", "Patient refuses"), ("not-now", "Not now")])
    )
    keep_comments: bool = False

    def issue(self, *calls: AnsweredCall) -> None:
        write_calls(self.database, calls)

    def send(self, *entries: FeedbackEntry, client: str = "north"):
        writer = FeedbackWriter(self.database, self.reasons, keep_comments=self.keep_comments)
        return writer.write_now(entries, client, "rls-patient-view")


@pytest.fixture
def site(database: Database) -> Site:
    return Site(database)


@pytest.fixture
def words() -> Callable[..., object]:
    """The words in which these tests speak of calls and answers."""
    return _Words


class _Words:
    call = staticmethod(call)
    answer = staticmethod(answer)
    card_id = staticmethod(card_id)
    noon = NOON

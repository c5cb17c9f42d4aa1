"""A SQLite store is copied while it is used, and comes back whole; anything else is refused with a reason."""

import shutil
import sqlite3
import stat
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from service.__main__ import main
from service.store import Database, StoreRefused, StoreUnavailable, backup, export_rows, restore, statistics


@pytest.fixture
def kind() -> str:
    return "sqlite"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copies" / "store.backup"


@pytest.fixture
def elsewhere(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/new-host/store.sqlite"


@pytest.fixture(autouse=True)
def folder_of_copies(tmp_path: Path) -> None:
    (tmp_path / "copies").mkdir()


def cards_in(url: str) -> list[str]:
    with Database(url) as database:
        return [str(row.card) for row in export_rows(database)]


def test_what_was_issued_and_answered_comes_back(url, site, words, copy, elsewhere):
    site.issue(words.call("a", "b"))
    site.send(words.answer("a"))

    backup(url, copy)
    restore(copy, elsewhere)

    with Database(elsewhere) as database:
        assert statistics(database).topics[0].accepted == 1
    assert cards_in(elsewhere) == [words.card_id("a")]


def test_what_came_after_the_copy_is_not_in_it(url, site, words, copy, elsewhere):
    site.issue(words.call("a"))
    site.send(words.answer("a"))
    backup(url, copy)
    site.issue(words.call("b"))
    site.send(words.answer("b"))

    restore(copy, elsewhere)

    assert cards_in(elsewhere) == [words.card_id("a")]


def test_writing_goes_on_while_a_copy_is_made(url, site, words, copy):
    site.issue(words.call("first"))
    stop, written = threading.Event(), []

    def write() -> None:
        while not stop.is_set():
            site.issue(words.call(f"card-{len(written)}"))
            written.append(1)

    writer = threading.Thread(target=write)
    writer.start()
    while len(written) < 5:
        stop.wait(0.01)
    backup(url, copy)
    seen = len(written)
    while len(written) < seen + 5:
        stop.wait(0.01)
    stop.set()
    writer.join()

    with sqlite3.connect(copy) as opened:
        assert opened.execute("SELECT count(*) FROM issued").fetchone()[0] >= 6
    opened.close()


def test_only_its_owner_can_read_a_copy(url, site, copy):
    backup(url, copy)

    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


def test_a_copy_is_one_file(url, site, copy):
    backup(url, copy)

    assert [file.name for file in copy.parent.iterdir()] == [copy.name]


def test_no_file_is_overwritten_by_a_copy(url, site, copy):
    copy.write_text("precious")

    with pytest.raises(StoreRefused, match="is there already"):
        backup(url, copy)
    assert copy.read_text() == "precious"


def test_no_store_is_overwritten_unasked(url, site, words, copy):
    site.issue(words.call("a"))
    site.send(words.answer("a"))
    backup(url, copy)

    with pytest.raises(StoreRefused, match="--replace"):
        restore(copy, url)


def test_a_store_is_put_back_where_that_is_said(url, site, words, copy):
    backup(url, copy)
    site.issue(words.call("a"))
    site.send(words.answer("a"))

    restore(copy, url, replace=True)

    assert cards_in(url) == []


def test_a_store_in_use_is_not_replaced(url, site, copy, monkeypatch):
    monkeypatch.setattr("service.store.copies.BUSY_SECONDS", 0.05)
    backup(url, copy)

    with site.database.writing(durable=True), pytest.raises(StoreUnavailable, match="end the service first"):
        restore(copy, url, replace=True)


def test_a_copy_of_an_older_version_is_brought_up(tmp_path, words, elsewhere, copy):
    from service.store import upgrade

    old = f"sqlite:///{tmp_path}/old.sqlite"
    upgrade(old, "0002")
    backup(old, copy)

    restore(copy, elsewhere)

    with Database(elsewhere) as database, database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM site_change")).scalar() == 0


def test_a_copy_of_a_newer_version_is_refused(url, site, copy, elsewhere):
    backup(url, copy)
    with sqlite3.connect(copy) as opened:
        opened.execute("UPDATE alembic_version SET version_num = '9999'")
    opened.close()

    with pytest.raises(StoreRefused, match="newer version"):
        restore(copy, elsewhere)


@pytest.mark.parametrize("content", [b"", b"not a database", None, "half"])
def test_what_is_no_sound_copy_is_refused(content, url, site, words, copy, elsewhere):
    if content == "half":
        site.issue(*(words.call(f"card-{number}") for number in range(50)))
        backup(url, copy)
        copy.write_bytes(copy.read_bytes()[: copy.stat().st_size // 2])
    elif content is not None:
        copy.write_bytes(content)

    with pytest.raises(StoreRefused):
        restore(copy, elsewhere)
    assert not Path(elsewhere.removeprefix("sqlite:///")).exists()


def test_a_store_that_is_not_there_is_not_copied(copy, elsewhere):
    with pytest.raises(StoreRefused, match="there is no store"):
        backup(elsewhere, copy)
    assert not copy.exists()


def test_postgresql_is_left_to_its_own_tools(copy):
    with pytest.raises(StoreRefused, match="pg_dump and pg_restore"):
        backup("postgresql://db/cds", copy)


def test_the_commands_do_the_same(url, site, words, copy, elsewhere):
    site.issue(words.call("a"))
    site.send(words.answer("a"))

    made = CliRunner().invoke(main, ["store", "backup", str(copy), "--store", url])
    back = CliRunner().invoke(main, ["store", "restore", str(copy), "--store", elsewhere])

    assert (made.exit_code, back.exit_code) == (0, 0), made.output + back.output
    assert made.output == f"{copy}: {copy.stat().st_size} bytes\n"
    assert cards_in(elsewhere) == [words.card_id("a")]


def test_the_commands_tell_what_is_wrong(copy, elsewhere):
    result = CliRunner().invoke(main, ["store", "backup", str(copy), "--store", elsewhere])

    assert (result.exit_code, "Error: there is no store" in result.output) == (1, True)


def test_a_store_can_be_migrated_ahead_of_the_service(elsewhere):
    result = CliRunner().invoke(main, ["store", "migrate", "--store", elsewhere])

    assert result.exit_code == 0
    with Database(elsewhere) as database:
        assert statistics(database).topics == ()


def test_the_folder_of_the_copy_must_be_there(url, site, tmp_path):
    result = CliRunner().invoke(main, ["store", "backup", str(tmp_path / "none" / "x"), "--store", url])

    assert (result.exit_code, "Error:" in result.output) == (1, True)


def test_a_full_disk_leaves_no_half_copy(url, site, copy, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("service.store.copies._to_disk", full)

    with pytest.raises(OSError, match="No space left"):
        backup(url, copy)
    assert list(copy.parent.iterdir()) == []


def test_a_copy_can_lie_beside_the_store(url, site, tmp_path):
    file = Path(url.removeprefix("sqlite:///"))

    backup(url, file.with_suffix(".copy"))

    shutil.rmtree(tmp_path / "copies")
    assert file.with_suffix(".copy").is_file()

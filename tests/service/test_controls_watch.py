"""Controls follow the store and the emergency file, and outlive the store."""

import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.adjustable import Adjustable
from service.controls import Controls, InForce, Source
from service.controls_copy import ControlsCopy
from service.controls_watch import ControlsWatch, watched
from service.store import Change, Database, changes, record

Started = Callable[..., tuple[Controls, ControlsWatch]]


@dataclass
class Kept:
    """The journal, as far as it is asked; `database` None: not reached."""

    database: Database | None


@pytest.fixture
def database(tmp_path: Path, empty_store: bytes) -> Iterator[Database]:
    (tmp_path / "store.db").write_bytes(empty_store)
    with Database(f"sqlite:///{tmp_path}/store.db") as opened:
        yield opened


@pytest.fixture
def kept(database: Database) -> Kept:
    return Kept(database)


@pytest.fixture
def copy(database: Database) -> ControlsCopy:
    return ControlsCopy.of(None, database)


@pytest.fixture
def started(adjustable: Adjustable, kept: Kept, copy: ControlsCopy, tmp_path: Path) -> Started:
    """The controls as a process has them at its start."""

    def start(prepared: Callable[[str], object] = lambda _market: None, **given: Any) -> tuple[Controls, ControlsWatch]:
        told = {"file": tmp_path / "switched-off", "silent_when_unknown": False, "copy": copy} | given
        return watched(adjustable, kept, told.pop("copy"), prepared=prepared, **told)

    return start


def choose(database: Database, what: str, value: str | None, client: str | None = None) -> None:
    now = datetime.now(UTC)
    record(database, Change(at=now, by="A. Safety", client=client, what=what, value=value, reason="wrong advice"))


def test_what_is_in_the_store_holds_from_the_start(started: Started, database: Database) -> None:
    choose(database, "kill", "on")
    controls, _ = started()

    assert controls.of("north").killed == "kill switch"


def test_a_change_holds_from_the_next_look(started: Started, database: Database) -> None:
    controls, watch = started()
    before = controls.of("north").killed
    choose(database, "kill", "on")
    watch.look_at_store()
    during = controls.of("north").killed
    choose(database, "kill", None)
    watch.look_at_store()

    assert (before, during, controls.of("north").killed) == (None, "kill switch", None)


def test_a_look_at_an_unchanged_store_replaces_nothing(started: Started, database: Database) -> None:
    choose(database, "cap.order-sign", "1")
    controls, watch = started()
    before = controls.of("north")
    watch.look_at_store()

    assert controls.of("north") is before


def test_a_row_of_another_hand_never_stops_the_others(started: Started, database: Database) -> None:
    choose(database, "window.iron.valid_for", "-5")
    choose(database, "\x00", "\x00")
    choose(database, "cap.order-sign", "1")
    controls, _ = started()

    assert controls.of("north").caps == {"order-sign": 1}
    assert len(controls.summary()["warnings"]) == 2


def test_when_the_store_is_lost_the_last_controls_hold(started: Started, database: Database, tmp_path: Path) -> None:
    choose(database, "kill", "on", client="north")
    controls, watch = started()
    lose(database, tmp_path)
    watch.look_at_store()

    assert controls.of("north").killed == "kill switch"
    assert "read last" in controls.summary()["warnings"][0]


def test_when_the_store_comes_back_it_is_read_again(started: Started, database: Database, kept: Kept) -> None:
    kept.database = None
    controls, watch = started()
    choose(database, "kill", "on")
    kept.database = database
    watch.look_at_store()

    assert (controls.known, controls.of("north").killed) == (True, "kill switch")
    assert "warnings" not in controls.summary()


def lose(database: Database, folder: Path) -> None:
    database.close()
    for file in folder.glob("store.db*"):
        file.unlink()
    (folder / "store.db").mkdir()


# --- the local copy ------------------------------------------------------------------------------------------------------


def test_a_start_without_the_store_takes_the_local_copy(started: Started, database: Database, kept: Kept) -> None:
    choose(database, "kill", "on")
    started()
    kept.database = None
    controls, _ = started()

    assert controls.of("north").killed == "kill switch"
    assert controls.summary()["source"] == "local copy"


def test_the_copy_names_no_person_and_no_reason(started: Started, database: Database, tmp_path: Path) -> None:
    choose(database, "kill", "on")
    started()
    text = (tmp_path / "store.db.controls.json").read_text()

    assert "kill" in text
    assert "Safety" not in text
    assert "advice" not in text


def test_nobody_else_may_read_or_change_the_copy(started: Started, tmp_path: Path) -> None:
    started()

    assert stat.S_IMODE((tmp_path / "store.db.controls.json").stat().st_mode) == 0o600


def test_without_store_and_copy_nothing_is_known(started: Started, kept: Kept) -> None:
    kept.database = None
    controls, _ = started()

    assert (controls.known, controls.of("north").killed) == (False, None)
    assert "not reached since the start" in controls.summary()["warnings"][0]


def test_a_site_may_rather_show_nothing_then(started: Started, kept: Kept) -> None:
    kept.database = None
    controls, _ = started(silent_when_unknown=True)

    assert controls.of("north").killed == "controls unknown"


@pytest.mark.parametrize("spoilt", [b"", b"{", b"[]", b'{"store":1}', b"[" * 100_000])
def test_a_copy_that_cannot_be_read_is_none(started: Started, kept: Kept, tmp_path: Path, spoilt: bytes) -> None:
    (tmp_path / "store.db.controls.json").write_bytes(spoilt)
    kept.database = None

    assert started()[0].summary()["source"] == "unknown"


def test_the_copy_of_another_store_is_none_of_ours(started: Started, kept: Kept, database: Database) -> None:
    choose(database, "kill", "on")
    started()
    with Database("postgresql://store:secret@127.0.0.1:1/name") as elsewhere:
        other = ControlsCopy.of(Path(str(database.url.database) + ".controls.json"), elsewhere)
    kept.database = None

    assert started(copy=other)[0].summary()["source"] == "unknown"


def test_a_copy_that_cannot_be_written_is_told_and_costs_nothing(
    started: Started, database: Database, tmp_path: Path
) -> None:
    choose(database, "kill", "on")
    (tmp_path / "file").write_text("no folder")
    controls, _ = started(copy=ControlsCopy.of(tmp_path / "file" / "copy.json", database))

    assert controls.of("north").killed == "kill switch"
    assert "the local copy of the controls cannot be written" in controls.summary()["warnings"][0]


def test_a_copy_that_cannot_be_put_in_place_leaves_nothing_behind(database: Database, tmp_path: Path) -> None:
    (tmp_path / "folder" / "in-the-way").mkdir(parents=True)
    copy = ControlsCopy.of(tmp_path / "folder", database)

    assert not copy.write([], datetime.now(UTC))
    assert [path.name for path in tmp_path.glob("folder.*")] == []


def test_with_postgresql_the_copy_lies_under_var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Database("postgresql://store:secret@127.0.0.1:1/name") as elsewhere:
        ControlsCopy.of(None, elsewhere).write([], datetime.now(UTC))
    (written,) = (tmp_path / "var").glob("controls-*.json")

    assert "secret" not in written.read_text()


# --- a store that lost changes -------------------------------------------------------------------------------------------


def replace_store(database: Database, tmp_path: Path, empty_store: bytes) -> None:
    database.close()
    for file in tmp_path.glob("store.db-*"):
        file.unlink()
    (tmp_path / "store.db").write_bytes(empty_store)


def test_an_empty_store_in_place_of_the_old_one_switches_nothing_on_again(
    started: Started, database: Database, tmp_path: Path, empty_store: bytes
) -> None:
    choose(database, "kill", "on")
    controls, watch = started()
    replace_store(database, tmp_path, empty_store)
    watch.look_at_store()

    assert controls.of("north").killed == "kill switch"
    assert "the store was replaced" in controls.summary()["warnings"][0]


def test_not_after_restarts_either(started: Started, database: Database, tmp_path: Path, empty_store: bytes) -> None:
    choose(database, "kill", "on")
    started()
    replace_store(database, tmp_path, empty_store)
    started()
    again, _ = started()

    assert again.of("north").killed == "kill switch"


def test_what_is_chosen_in_the_new_store_holds(
    started: Started, database: Database, tmp_path: Path, empty_store: bytes
) -> None:
    choose(database, "kill", "on")
    choose(database, "cap.order-sign", "1")
    controls, watch = started()
    replace_store(database, tmp_path, empty_store)
    watch.look_at_store()
    choose(database, "kill", None)
    watch.look_at_store()

    assert controls.of("north") == InForce(caps={"order-sign": 1})


def test_a_store_that_only_grew_is_no_reason_to_warn(started: Started, database: Database) -> None:
    choose(database, "kill", "on")
    started()
    choose(database, "kill", None)

    assert "warnings" not in started()[0].summary()


# --- the emergency file --------------------------------------------------------------------------------------------------


def test_the_file_is_noticed_and_so_is_its_end(started: Started, tmp_path: Path) -> None:
    controls, watch = started()
    file = tmp_path / "switched-off"
    file.touch()
    watch.look_at_file()
    during = controls.of("north").killed
    file.unlink()
    watch.look_at_file()

    assert (during, controls.of("north").killed) == ("kill switch file", None)


def test_a_file_that_is_there_at_start_holds_from_the_start(started: Started, tmp_path: Path) -> None:
    (tmp_path / "switched-off").touch()

    assert started()[0].of("north").killed == "kill switch file"


def test_a_folder_of_that_name_is_as_good(started: Started, tmp_path: Path) -> None:
    (tmp_path / "switched-off").mkdir()

    assert started()[0].of("north").killed == "kill switch file"


def test_it_needs_no_store(started: Started, tmp_path: Path) -> None:
    (tmp_path / "switched-off").touch()
    controls, _ = started(copy=None)

    assert (controls.summary()["source"], controls.of("north").killed) == (Source.NO_STORE, "kill switch file")


def test_a_file_that_cannot_be_looked_at_changes_nothing(
    started: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "switched-off").touch()
    controls, watch = started()

    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", refused)
        watch.look_at_file()

    assert controls.of("north").killed == "kill switch file"


def test_its_coming_and_going_are_written_down_once(started: Started, database: Database, tmp_path: Path) -> None:
    _, watch = started()
    _, other_worker = started()
    for act in ((tmp_path / "switched-off").touch, (tmp_path / "switched-off").unlink):
        act()
        for each in (watch, other_worker, watch):
            each.look_at_file()
            each.look_at_store()

    assert [(one.what, one.value, one.reason) for one in changes(database)] == [
        ("kill_file", "on", "the kill switch file is there"),
        ("kill_file", None, "the kill switch file is gone"),
    ]


def test_what_happened_while_the_store_was_away_is_written_down_later(
    started: Started, database: Database, kept: Kept, tmp_path: Path
) -> None:
    kept.database = None
    _, watch = started()
    (tmp_path / "switched-off").touch()
    watch.look_at_file()
    watch.look_at_store()
    kept.database = database
    watch.look_at_store()

    assert [one.value for one in changes(database)] == ["on"]


# --- markets, and the threads --------------------------------------------------------------------------------------------


def test_the_names_of_a_market_are_read_before_it_holds(started: Started, database: Database) -> None:
    choose(database, "market", "uk", client="north")
    asked: list[str] = []
    controls, _ = started(asked.append)

    assert (asked, controls.of("north").market) == (["uk"], "uk")


def test_a_market_whose_names_cannot_be_read_is_ignored(started: Started, database: Database) -> None:
    choose(database, "market", "uk")
    choose(database, "cap.order-sign", "1")

    def spoilt(_market: str) -> None:
        raise ValueError

    controls, _ = started(spoilt)

    assert (controls.of("north").market, controls.of("north").caps) == (None, {"order-sign": 1})
    assert controls.summary()["warnings"] == ["the names of market 'uk' cannot be read (ValueError)"]


def test_both_are_looked_at_in_the_background(
    adjustable: Adjustable, kept: Kept, copy: ControlsCopy, database: Database, tmp_path: Path
) -> None:
    controls = Controls(adjustable)
    watch = ControlsWatch(controls, kept, copy, file=tmp_path / "switched-off", every=0.01)
    watch.start()
    choose(database, "cap.order-sign", "1")
    capped = until(lambda: controls.of("north").caps == {"order-sign": 1})
    (tmp_path / "switched-off").touch()
    killed = until(lambda: controls.of("north").killed is not None)
    watch.close()

    assert (capped, killed) == (True, True)
    assert not any(thread.name.startswith("look_at") for thread in threading.enumerate())


def test_a_look_that_fails_does_not_end_the_looking(
    adjustable: Adjustable,
    kept: Kept,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    controls = Controls(adjustable)
    watch = ControlsWatch(controls, kept, None, file=tmp_path / "switched-off", every=0.01)
    once = iter([RuntimeError("a mistake of ours")])
    look = watch._is_there

    def failing_once() -> bool | None:
        for problem in once:
            raise problem
        return look()

    monkeypatch.setattr(watch, "_is_there", failing_once)
    (tmp_path / "switched-off").touch()
    watch.start()
    killed = until(lambda: controls.of("north").killed is not None)
    watch.close()

    assert killed
    assert "the controls could not be looked at: RuntimeError" in caplog.text


def until(holds: Callable[[], bool]) -> bool:
    """Whether it came about; a waiting that has an end, but no test of time."""
    moment = threading.Event()
    for _ in range(1000):
        if holds():
            return True
        moment.wait(0.01)
    return False


def test_changes_are_kept_in_the_copy_as_they_are_read(started: Started, database: Database, tmp_path: Path) -> None:
    choose(database, "cap.order-sign", "1", client="north")
    started()
    (kept,) = msgspec.json.decode((tmp_path / "store.db.controls.json").read_bytes())["changes"]

    assert (kept["client"], kept["what"], kept["value"]) == ("north", "cap.order-sign", "1")

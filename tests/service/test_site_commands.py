"""The command line for what a site changes: it writes what the service reads, and refuses what makes no sense."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service import site_commands
from service.__main__ import main
from service.adjustable import Adjustable
from service.store import Database, changes, record_sight

Run = Callable[..., Result]
SIGNED = ("--by", "A. Safety", "--reason", "wrong advice seen")


@pytest.fixture
def url(tmp_path: Path, empty_store: bytes) -> str:
    (tmp_path / "store.db").write_bytes(empty_store)
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def site(url: str, adjustable: Adjustable, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `python -m service site …` on a store of its own."""
    monkeypatch.setenv("RLS_CDS_STORE_URL", url)
    monkeypatch.setattr(site_commands, "_adjustable", lambda: adjustable)
    return lambda *words: CliRunner().invoke(main, ["site", *words], env={"COLUMNS": "200"})


def kept(url: str) -> list[tuple[str | None, str, str | None]]:
    with Database(url) as database:
        return [(one.client, one.what, one.value) for one in changes(database)]


@pytest.mark.parametrize(
    ("words", "made"),
    [
        (["kill"], (None, "kill", "on")),
        (["kill", "--client", "development"], ("development", "kill", "on")),
        (["restore"], (None, "kill", None)),
        (["shadow", "on"], (None, "shadow", "on")),
        (["shadow", "off", "--client", "development"], ("development", "shadow", "off")),
        (["shadow", "on", "--card", "PV-01"], (None, "card.ironStudiesDue", "shadow")),
        (["shadow", "off", "--card", "PV-01"], (None, "card.ironStudiesDue", "shown")),
        (["set", "card.PV-09", "off"], (None, "card.medicationReview", "off")),
        (["set", "cap.order-sign", "1"], (None, "cap.order-sign", "1")),
        (["set", "window.iron.valid_for", "180"], (None, "window.iron.valid_for", "180")),
        (["set", "market", "uk", "--client", "preview"], ("preview", "market", "uk")),
        (["set", "screening", "pregnancy, iron_deficiency"], (None, "screening", "iron_deficiency,pregnancy")),
        (["set", "info_at_sign", "yes"], (None, "info_at_sign", "on")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_change_is_written(site: Run, url: str, words: list[str], made: tuple[str | None, str, str | None]) -> None:
    result = site(*words, *SIGNED)

    assert (result.exit_code, kept(url)) == (0, [made]), result.output


def test_several_cards_go_into_shadow_together(site: Run, url: str) -> None:
    site("shadow", "on", "--card", "PV-01", "--card", "PV-09", *SIGNED)

    assert [what for _, what, _ in kept(url)] == ["card.ironStudiesDue", "card.medicationReview"]


def test_who_and_why_are_kept(site: Run, url: str) -> None:
    site("kill", *SIGNED)
    with Database(url) as database:
        (change,) = changes(database)

    assert (change.by, change.reason) == ("A. Safety", "wrong advice seen")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["kill", "--reason", "r"], "Missing option '--by'"),
        (["kill", "--by", "b"], "Missing option '--reason'"),
        (["kill", "--by", " ", "--reason", "r"], "1 to 200 printable characters are needed"),
        (["kill", "--by", "b", "--reason", "x" * 1001], "1 to 1000 printable characters are needed"),
        (["kill", "--by", "b", "--reason", "\x1b[31m"], "printable characters"),
        (["set", "cap.order-sign", "0", *SIGNED], "from 1 to 4"),
        (["set", "card.PV-99", "off", *SIGNED], "Did you mean PV-09"),
        (["set", "window.iron.valid_for", "10", *SIGNED], "from 90 to 730"),
        (["shadow", "on", "--card", "nothing", *SIGNED], "no card is called 'nothing'"),
        (["kill", "--client", "nobody", *SIGNED], "no client is called 'nobody'; known: development, open, preview"),
        (["unset", "cap.order-sign", *SIGNED], "nothing was chosen for cap.order-sign"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_nonsense_is_refused_and_nothing_written(site: Run, url: str, words: list[str], told: str) -> None:
    result = site(*words)

    assert (result.exit_code != 0, kept(url)) == (True, [])
    assert told in " ".join(result.output.split())


def test_a_choice_is_taken_back(site: Run, url: str) -> None:
    site("set", "cap.order-sign", "1", *SIGNED)
    site("unset", "cap.order-sign", *SIGNED)

    assert kept(url)[-1] == (None, "cap.order-sign", None)


def test_only_clients_of_the_registry_are_known(
    site: Run, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = tmp_path / "clients.toml"
    registry.write_text(
        '[[client]]\nname = "north"\nissuer = "https://north.example"\njku = "https://north.example/keys"\n'
    )
    monkeypatch.setenv("RLS_CDS_CLIENT_REGISTRY", str(registry))
    refused, taken = site("kill", "--client", "nort", *SIGNED), site("kill", "--client", "north", *SIGNED)

    assert "known: north, preview" in refused.output
    assert (taken.exit_code, kept(url)) == (0, [("north", "kill", "on")])


def test_a_registry_that_cannot_be_read_hinders_no_switching_off(
    site: Run, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RLS_CDS_CLIENT_REGISTRY", str(tmp_path / "none.toml"))
    result = site("kill", "--client", "north", *SIGNED)

    assert (result.exit_code, kept(url)) == (0, [("north", "kill", "on")])
    assert "was not checked" in result.output


def test_switching_off_needs_no_knowledge(site: Run, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Adjustable:
        raise AssertionError

    monkeypatch.setattr(site_commands, "_adjustable", broken)
    results = [site("kill", *SIGNED), site("restore", *SIGNED)]

    assert [result.exit_code for result in results] == [0, 0]


def test_restoring_tells_who_is_still_off(site: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLS_CDS_KILL_SWITCH_FILE", str(tmp_path / "off"))
    (tmp_path / "off").touch()
    site("kill", "--client", "development", *SIGNED)
    site("kill", *SIGNED)
    output = site("restore", *SIGNED).output

    assert "Still on for development." in output
    assert "is still there: no card is shown on this host" in output


@pytest.mark.parametrize(
    ("own", "all_", "told"),
    [("off", "on", "development has a choice of its own and stays live"), ("on", "off", "stays in shadow")],
)
def test_shadow_for_all_tells_who_differs(site: Run, own: str, all_: str, told: str) -> None:
    site("shadow", own, "--client", "development", *SIGNED)

    assert told in site("shadow", all_, *SIGNED).output


def test_what_is_in_force_is_shown_with_who_and_why(site: Run) -> None:
    site("set", "cap.order-sign", "1", *SIGNED)
    site("set", "cap.order-sign", "3", "--by", "B. Safety", "--reason", "one is too few")
    site("set", "market", "uk", "--client", "development", *SIGNED)
    output = site("show").output

    assert [
        word for word in ("cap.order-sign", "3", "B. Safety", "one is too few", "development") if word not in output
    ] == []
    assert "A. Safety" not in site("show", "--client", "other").output


def test_nothing_in_force_is_said(site: Run) -> None:
    assert "Nothing is changed." in site("show").output


def test_rows_that_are_ignored_are_shown(site: Run, url: str) -> None:
    site("set", "cap.order-sign", "1", *SIGNED)
    with Database(url) as database, database.writing(durable=True) as connection:
        connection.exec_driver_sql("UPDATE site_change SET value = '0'")

    assert "ignored: change 1: cap.order-sign is a whole number of cards" in site("show").output


def test_the_file_is_told_where_it_is_there(site: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLS_CDS_KILL_SWITCH_FILE", str(tmp_path / "off"))
    (tmp_path / "off").touch()

    assert "no card is shown on this host" in site("show").output


def test_hosts_that_saw_the_file_are_told(site: Run, url: str) -> None:
    with Database(url) as database:
        for host, value in (("one", "on"), ("other", "on"), ("other", None)):
            record_sight(database, by=f"service on {host}", what="kill_file", value=value, reason="seen")
    output = site("show").output

    assert "service on one saw it on" in output
    assert "service on other" not in output


def test_as_json(site: Run) -> None:
    site("set", "cap.order-sign", "1", *SIGNED)
    shown, history = (json.loads(site(command, "--json").output) for command in ("show", "history"))

    assert [(one["what"], one["value"]) for one in shown["inForce"]] == [("cap.order-sign", "1")]
    assert [(one["what"], one["by"]) for one in history] == [("cap.order-sign", "A. Safety")]


def test_the_history_holds_every_change(site: Run) -> None:
    site("kill", *SIGNED)
    site("restore", "--by", "B. Safety", "--reason", "mended")
    output = site("history").output

    assert [word for word in ("wrong advice seen", "mended", "taken back") if word not in output] == []


def test_a_history_of_days_without_changes_is_empty(site: Run) -> None:
    site("kill", *SIGNED)

    assert "Nothing was changed." in site("history", "--until", "2020-01-01").output


def test_every_choice_is_listed_uncut(site: Run, adjustable: Adjustable) -> None:
    output = site("choices").output

    assert [choice.what for choice in adjustable.choices() if choice.what not in output] == []


def test_without_a_store_nothing_can_be_changed(site: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLS_CDS_STORE_URL", "off")

    assert "nothing can be changed" in site("kill", *SIGNED).output


def test_a_store_that_is_away_points_to_the_file(site: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLS_CDS_STORE_URL", "postgresql://store:secret@127.0.0.1:1/name")
    monkeypatch.setenv("RLS_CDS_KILL_SWITCH_FILE", "/run/rls-cds/off")
    output = " ".join(site("kill", *SIGNED).output.split())

    assert "all cards are off while this file exists: /run/rls-cds/off" in output
    assert "secret" not in output

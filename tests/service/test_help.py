"""Both command lines: help, exit codes, and colours and progress on terminals only."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import cards.__main__
import service.__main__
from service.command_group import LazyGroup

ROOT = Path(__file__).parents[2]
REQUEST = "fixtures/fhir/requests/order-select-hydroxyzine-for-itch.json"
RELEASE = "tests/fixtures_rrf"
COLOUR = re.compile(rb"\x1b\[[0-9;]*[34][0-9]m|\x1b\[[0-9;]*1m")
GROUPS = {"service": service.__main__.main, "cards": cards.__main__.main}


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below a group, with the words that lead to it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL = [(package, path, command) for package, group in GROUPS.items() for path, command in commands(group)]


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """A command with pipes for its output."""
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, env=os.environ | environment, capture_output=True, check=False
    )


def on_a_terminal(*words: str, stdout: int | None = None, **environment: str) -> bytes:
    """What a command writes to a terminal; `stdout` may send its standard output elsewhere."""
    ours, theirs = pty.openpty()
    bare = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "TERM")}
    with subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env=bare | {"TERM": "xterm-256color"} | environment,
        stdin=theirs,
        stdout=theirs if stdout is None else stdout,
        stderr=theirs,
    ):
        os.close(theirs)
        return b"".join(_read(ours))


def _read(descriptor: int) -> Iterator[bytes]:
    try:
        while piece := os.read(descriptor, 65536):
            yield piece
    except OSError:  # how Linux says that the other end was closed
        return
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("package", ["service", "cards"])
def test_help_names_every_command_and_the_exit_codes(package: str) -> None:
    result = CliRunner().invoke(GROUPS[package], ["--help"])

    top = {path[0] for name, path, _ in ALL if name == package}
    assert result.exit_code == 0
    assert [name for name in top if not re.search(rf"^  {name} +\S", result.output, re.MULTILINE)] == []
    assert "Exit codes: 0 done, 1 a problem was found and told, 2 wrong usage." in result.output


@pytest.mark.parametrize(("package", "path", "command"), ALL, ids=[f"{one[0]} {' '.join(one[1])}" for one in ALL])
def test_every_command_and_option_says_what_it_does(
    package: str, path: tuple[str, ...], command: click.Command
) -> None:
    options = [one for one in command.params if isinstance(one, click.Option)]

    assert command.help
    assert [one.name for one in options if not one.help and not isinstance(one.type, click.Choice)] == []


@pytest.mark.parametrize("package", ["service", "cards"])
def test_the_sentence_of_a_command_elsewhere_is_its_own(package: str) -> None:
    group = GROUPS[package]
    places = group.elsewhere if isinstance(group, LazyGroup) else {}
    own = {" ".join(path): command.get_short_help_str(limit=200) for name, path, command in ALL if name == package}

    assert {name: place.help for name, place in places.items()} == {name: own[name] for name in places}


def test_help_of_the_service_imports_neither_web_nor_store_nor_knowledge() -> None:
    heavy = ("fastapi", "sqlalchemy", "pydantic", "cards", "rich", "httpx", "matplotlib")
    code = f"import sys, service.__main__; print([name for name in {heavy} if name in sys.modules])"

    printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert printed == "[]\n"


@pytest.mark.parametrize("package", ["service", "cards"])
@pytest.mark.parametrize("words", [["no-such-command"], ["--no-such-option"]])
def test_wrong_usage_ends_with_2(package: str, words: list[str]) -> None:
    assert CliRunner().invoke(GROUPS[package], words).exit_code == 2


def test_a_missing_file_is_wrong_usage() -> None:
    assert CliRunner().invoke(GROUPS["service"], ["try", "nowhere.json"]).exit_code == 2


def test_version_is_that_of_the_software() -> None:
    assert CliRunner().invoke(GROUPS["service"], ["--version"]).output == f"rls-cds {service.__version__}\n"


def test_a_card_has_colours_on_a_terminal() -> None:
    assert COLOUR.search(on_a_terminal("service", "try", REQUEST))


def test_no_color_takes_the_colours_away() -> None:
    shown = on_a_terminal("service", "try", REQUEST, NO_COLOR="1")

    assert b"hydroxyzine" in shown.lower()
    assert not re.search(rb"\x1b\[[0-9;]*[34][0-9]m", shown)


@pytest.mark.parametrize("environment", [{}, {"FORCE_COLOR": "1"}, {"TTY_COMPATIBLE": "1"}])
def test_what_goes_into_a_pipe_has_neither_colours_nor_cursor_movements(environment: dict[str, str]) -> None:
    done = run("service", "try", REQUEST, **environment)

    assert b"hydroxyzine" in done.stdout.lower()
    assert b"\x1b" not in done.stdout + done.stderr


def test_an_import_shows_its_progress_on_a_terminal(tmp_path: Path) -> None:
    shown = on_a_terminal("cards", "terminology", "import", RELEASE, "--out", str(tmp_path / "index"))

    assert b"RXNCONSO" in shown or b"reading" in shown
    assert b"\x1b[" in shown


def test_an_import_shows_no_progress_in_a_pipe(tmp_path: Path) -> None:
    done = run("cards", "terminology", "import", RELEASE, "--out", str(tmp_path / "index"), FORCE_COLOR="1")

    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\x1b" not in done.stdout


def test_an_export_counts_on_a_terminal_while_the_rows_go_elsewhere(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'store.sqlite'}"

    shown = on_a_terminal("service", "feedback", "export", "--store", store, stdout=subprocess.DEVNULL)

    assert b"writing" in shown


def test_an_export_onto_a_terminal_is_not_mixed_with_a_count(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'store.sqlite'}"

    assert b"writing" not in on_a_terminal("service", "feedback", "export", "--store", store)


def test_removing_what_is_old_counts_on_a_terminal(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'store.sqlite'}"

    shown = on_a_terminal("service", "feedback", "retain", "--days", "30", "--store", store, stdout=subprocess.DEVNULL)

    assert b"removing" in shown

"""What holds for every file of the project, whatever it is about."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("cards", "service")
LISTS = ("bootstrap", "run", "dev", "sbom", "tracing")
GENERATED = {"LICENSE"}

# Put together here, so that this file passes its own test.
HOSTS = (
    "pypi" + ".org",
    "python" + "hosted.org",
    "registry.npm" + "js.org",
    "conda." + "anaconda.org",
    "test.py" + "pi",
)
OPTIONS = ("--index" + "-url", "--extra-index" + "-url", "--find" + "-links", "--trusted" + "-host")
MACHINE_PATH = re.compile(r"(?<![\w./}-])/(?:work|root|home|Users|workspace)/\w|/tmp/(?:team|bash)|[A-Z]:\\" + "Users")
VAGUE = {"common", "helper", "helpers", "misc", "shared", "stuff", "tools", "util", "utils"}


def committed_files() -> list[Path]:
    """Files that are, or may be, committed; outside a git checkout every file that no tool made."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        return sorted({ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()})
    made = {".venv", ".git", "__pycache__", "build", "dist", "site", "var"}
    return sorted(path for path in ROOT.rglob("*") if path.is_file() and not made & set(path.relative_to(ROOT).parts))


def text_of(path: Path) -> str:
    """The text of a file, nothing for a binary one."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def python_files(*folders: str) -> list[Path]:
    return [path for path in committed_files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in folders]


def lines_with(pattern: re.Pattern[str]) -> Iterator[str]:
    for path in committed_files():
        if path.name in GENERATED:
            continue
        for number, line in enumerate(text_of(path).splitlines(), 1):
            if pattern.search(line):
                yield f"{path.relative_to(ROOT)}:{number}"


def pins(name: str) -> dict[str, list[str]]:
    """Each requirement of a locked list (`name==version`) with the lines that follow it."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "requirements" / f"{name}.txt").read_text().splitlines():
        if line and not line[0].isspace() and not line.startswith("#"):
            found[line.rstrip(" \\")] = []
        elif line.strip().startswith("--"):
            found[list(found)[-1]].append(line.strip(" \\"))
    return found


def asked_for(name: str) -> set[str]:
    lines = (ROOT / "requirements" / f"{name}.in").read_text().splitlines()
    return {normal(line) for line in lines if line and line[0] not in "#-"}


def normal(requirement: str) -> str:
    name = re.split(r"[\[;=<>~! ]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def test_there_are_files_to_look_at() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in committed_files()}

    assert {"cards/__init__.py", "service/__init__.py", "pyproject.toml", "tests/test_structure.py"} <= names


def test_no_file_names_a_package_host() -> None:
    # A lock file that names hosts breaks behind a mirror, and tells where it was made.
    found = list(lines_with(re.compile("|".join(map(re.escape, (*HOSTS, *OPTIONS))))))

    assert found == []


def test_no_file_names_a_path_of_one_machine() -> None:
    assert list(lines_with(MACHINE_PATH)) == []


@pytest.mark.parametrize("folder", ["home", "root", "work", "Users"])
def test_a_path_of_one_machine_is_recognised(folder: str) -> None:
    assert MACHINE_PATH.search(f"see '/{folder}/notes'")


@pytest.mark.parametrize("before", ["https://example.org", "a", "${X}", "Patient"])
@pytest.mark.parametrize("folder", ["home", "root", "work"])
def test_other_paths_are_left_alone(before: str, folder: str) -> None:
    assert not MACHINE_PATH.search(f"{before}/{folder}/notes")


def test_no_module_has_a_name_that_says_nothing() -> None:
    files = [path.relative_to(ROOT) for path in committed_files() if path.suffix == ".py"]

    assert [path.as_posix() for path in files if VAGUE & {*path.parent.parts, path.stem}] == []


def test_every_folder_of_modules_is_a_package() -> None:
    # Import contracts and the wheel pass over a folder without __init__.py in silence.
    folders = {path.parent for path in python_files(*PACKAGES)}

    assert sorted(str(path.relative_to(ROOT)) for path in folders if not (path / "__init__.py").is_file()) == []


@pytest.mark.parametrize("path", python_files(*PACKAGES, "bench"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_first_line_of_a_file_says_what_happens_in_it(path: Path) -> None:
    first = path.read_text(encoding="utf-8").split("\n", 1)[0]

    assert re.match(r'r?"""\w', first)


@pytest.mark.parametrize(
    "path", python_files(*PACKAGES, "tests", "bench"), ids=lambda path: str(path.relative_to(ROOT))
)
def test_no_docstring_begins_with_an_empty_line(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = [ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, documented)]

    assert [text for text in docstrings if text is not None and not text.split("\n", 1)[0].strip()] == []


# `python -m cards` runs for a person, who may be told the day.
@pytest.mark.parametrize(
    "path",
    [path for path in python_files("cards") if path.name != "__main__.py"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_cards_never_asks_what_day_it_is(path: Path) -> None:
    calls = [node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    clocks = {"now", "today", "utcnow"}

    assert [call.lineno for call in calls if isinstance(call, ast.Attribute) and call.attr in clocks] == []


@pytest.mark.parametrize("name", LISTS)
def test_every_requirement_is_pinned_to_a_version(name: str) -> None:
    assert [pin for pin in pins(name) if not re.match(r"[\w.-]+(\[[\w,-]+\])?==[\w.!+]+( ; .+)?$", pin)] == []


@pytest.mark.parametrize("name", LISTS)
def test_every_requirement_has_hashes_and_nothing_else(name: str) -> None:
    pinned = pins(name)

    assert pinned
    assert [
        pin
        for pin, options in pinned.items()
        if not options or not all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", option) for option in options)
    ] == []


@pytest.mark.parametrize("name", LISTS)
def test_what_is_asked_for_is_locked(name: str) -> None:
    assert asked_for(name) - {normal(pin) for pin in pins(name)} == set()


def test_development_uses_exactly_the_versions_that_run() -> None:
    # `make test` would otherwise test another program than `make run` serves.
    assert set(pins("run")) - set(pins("dev")) == set()


def test_the_glossary_names_what_the_code_has() -> None:
    words = re.findall(r"\| `(\w+)` \|$", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    code = "\n".join(text_of(path) for path in python_files(*PACKAGES))

    assert words
    assert [
        word for word in words if not re.search(rf"^\s*(?:class |def )?{word}\b(?: = |:|\(|\[)", code, re.MULTILINE)
    ] == []

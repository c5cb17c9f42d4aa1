"""The release verb: what is in the wheel, that it installs and runs, and what keeps a release from being built."""

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from datetime import date
from importlib.metadata import version as installed
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

import release
import service

ROOT = Path(__file__).parents[1]
FIXTURE = ROOT / "fixtures" / "fhir" / "requests" / "order-select-hydroxyzine-for-itch.json"
# Since this one the build backend reads the licence as pyproject.toml has it.
BACKEND = 77


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that a release consists of."""
    major = int(installed("setuptools").partition(".")[0])
    if major < BACKEND:
        pytest.skip(f"setuptools {major} is installed and {BACKEND} is needed to build a wheel without the network")
    out = tmp_path_factory.mktemp("release")
    done = CliRunner().invoke(release.main, ["--out", str(out), "--allow-dirty", "--allow-unreleased"])
    assert done.exit_code == 0, done.output
    return out


@pytest.fixture(scope="module")
def site(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a fresh environment, in which nothing but the wheel was added to the packages that are here."""
    folder = tmp_path_factory.mktemp("site")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    packages = next((folder / "venv" / "lib").glob("python*/site-packages"))
    here = Path(yaml.__file__).parents[1]
    (packages / "here.pth").write_text(f"{here}\n", encoding="utf-8")
    python = folder / "venv" / "bin" / "python"
    wheel = next(built.glob("*.whl"))
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel],
        check=True,
        capture_output=True,
    )
    return folder / "venv" / "bin"


def run(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run([str(word) for word in words], cwd=cwd, env=bare, capture_output=True, text=True, check=False)


def wheel_names(built: Path) -> set[str]:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        return set(wheel.namelist())


def test_every_module_and_every_data_file_is_in_the_wheel(built: Path) -> None:
    kinds = {".py", ".yaml", ".html", ".css", ".js", ".svg", ".json"}
    wanted = {
        path.relative_to(ROOT).as_posix()
        for package in ("cards", "service")
        for path in (ROOT / package).rglob("*")
        if path.suffix in kinds and "__pycache__" not in path.parts
    }

    assert wanted - wheel_names(built) == set()


def test_knowledge_templates_and_migrations_are_among_them(built: Path) -> None:
    names = wheel_names(built)

    assert "cards/knowledge/version.yaml" in names
    assert "service/pages/templates/about.html" in names
    assert any(re.match(r"service/store/migrations/versions/r0001\w+\.py", name) for name in names)


def test_nothing_else_is_in_the_wheel(built: Path) -> None:
    tops = {name.partition("/")[0] for name in wheel_names(built)}

    assert tops == {"cards", "service", f"rls_cds-{service.__version__}.dist-info"}


def test_the_wheel_names_what_it_needs_and_its_extra(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        metadata = wheel.read(f"rls_cds-{service.__version__}.dist-info/METADATA").decode()

    needs = set(re.findall(r"(?m)^Requires-Dist: ([\w.-]+)", metadata))
    asked = set(re.findall(r"(?m)^([\w.-]+)", (ROOT / "requirements" / "run.in").read_text(encoding="utf-8")))
    assert asked - needs == set()
    assert "Provides-Extra: tracing" in metadata


def test_the_licences_go_with_the_wheel(built: Path) -> None:
    names = {Path(name).name for name in wheel_names(built) if ".dist-info/" in name}

    assert {"LICENSE", "NOTICE", "LOINC_short_license.txt"} <= names


def test_the_installed_service_has_help(site: Path, tmp_path: Path) -> None:
    done = run(site / "rls-cds", "--help", cwd=tmp_path)

    assert (done.returncode, "serve" in done.stdout) == (0, True)


def test_the_installed_service_answers_a_request(site: Path, tmp_path: Path) -> None:
    done = run(site / "rls-cds", "try", FIXTURE, "--on", "2026-11-20", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "sedating antihistamine" in done.stdout


def test_the_installed_knowledge_is_whole(site: Path, tmp_path: Path) -> None:
    done = run(site / "rls-cards", "check", cwd=tmp_path)

    assert (done.returncode, "24 cards" in done.stdout) == (0, True), done.stderr


def test_the_installed_store_makes_its_tables(site: Path, tmp_path: Path) -> None:
    done = run(site / "rls-cds", "feedback", "stats", "--json", "--store", "sqlite:///x.sqlite", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "x.sqlite").is_file()


def test_checksums_are_those_of_the_files(built: Path) -> None:
    lines = (built / "SHA256SUMS").read_text(encoding="utf-8").splitlines()

    told = dict(reversed(line.split("  ", 1)) for line in lines)  # type: ignore[arg-type,misc]
    files = {path.name: path for path in built.iterdir() if path.name != "SHA256SUMS"}
    assert told == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}


def test_the_image_context_holds_what_the_dockerfile_copies(tmp_path: Path) -> None:
    path = release.image_context(tmp_path)

    with tarfile.open(path) as tar:
        names = tar.getnames()
    assert {"Dockerfile", ".dockerignore", "requirements/run.txt", "cards/__init__.py", "service/__main__.py"} <= set(
        names
    )
    assert {name.partition("/")[0] for name in names} & {"tests", "docs", "var", ".git", ".venv"} == set()
    assert not [name for name in names if "__pycache__" in name]


def test_the_image_context_is_the_same_each_time(tmp_path: Path) -> None:
    first = release.image_context(tmp_path).read_bytes()

    assert release.image_context(tmp_path).read_bytes() == first
    with tarfile.open(fileobj=io.BytesIO(first)) as tar:
        assert {(one.uid, one.gid, one.uname) for one in tar} == {(0, 0, "")}


def test_the_bill_of_materials_names_every_pinned_package(built: Path) -> None:
    found = json.loads(next(built.glob("*.cdx.json")).read_text(encoding="utf-8"))

    pinned = re.findall(r"(?m)^([\w.-]+)(?:\[[\w,-]+\])?==(\S+)", (ROOT / "requirements/run.txt").read_text("utf-8"))
    named = {(one["name"].lower(), one["version"]) for one in found["components"]}
    assert {(name.lower(), number) for name, number in pinned} == named
    assert found["bomFormat"] == "CycloneDX"
    assert all(one["externalReferences"][0]["hashes"] for one in found["components"])


def test_every_place_names_the_same_version() -> None:
    assert list(release._disagreements(ROOT)) == []


def test_another_version_somewhere_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "VERSION", "9.9.9")

    told = list(release._disagreements(ROOT))

    assert [sentence.partition(" ")[0] for sentence in told] == [
        "pyproject.toml",
        "Dockerfile",
        "deploy/kubernetes/kustomization.yaml",
    ]


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("## {} (2026-12-01)\n\n### Clinical\n\n- x\n", []),
        ("## {} (2026-12-01)\n\n### Added\n\n### Clinical\n", ["does not begin with the heading Clinical"]),
        ("## {} (unreleased)\n\n### Clinical\n", ["not dated"]),
        ("## 0.0.0 (2026-12-01)\n\n### Clinical\n", ["has no entry"]),
    ],
)
def test_a_release_has_a_dated_entry_that_begins_with_clinical(tmp_path: Path, entry: str, told: list[str]) -> None:
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n" + entry.format(service.__version__), encoding="utf-8")

    found = list(release._not_released(tmp_path))

    assert len(found) == len(told)
    assert all(words in sentence for words, sentence in zip(told, found, strict=True))


def test_a_tree_that_differs_from_its_commit_is_no_release(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    clean = list(release._dirty(tmp_path))
    (tmp_path / "new").write_text("x", encoding="utf-8")

    assert (clean, [words[:8] for words in release._dirty(tmp_path)]) == ([], ["1 files "])


def test_knowledge_past_its_review_by_date_is_no_release() -> None:
    assert list(release._past_review(date(2027, 5, 31))) == []
    assert "has passed" in next(release._past_review(date(2027, 6, 1)))


def test_what_is_no_checkout_is_no_release(tmp_path: Path) -> None:
    assert "no git checkout" in next(release._dirty(tmp_path))


def test_nothing_is_built_where_something_speaks_against_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "_not_released", lambda _: iter(["not yet"]))

    done = CliRunner().invoke(release.main, ["--out", str(tmp_path / "dist"), "--allow-dirty"])

    assert (done.exit_code, done.stderr) == (1, "no release: not yet\n")
    assert not (tmp_path / "dist").exists()


def test_the_changelog_puts_clinical_first() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    entries = re.split(r"(?m)^## ", text)[1:]

    assert entries
    assert [re.findall(r"(?m)^### (.+)$", entry)[0] for entry in entries] == ["Clinical"] * len(entries)


def test_the_newest_entry_is_this_version_and_names_that_of_the_knowledge() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.split(r"(?m)^## ", text)[1]
    knowledge = yaml.safe_load((ROOT / "cards" / "knowledge" / "version.yaml").read_text(encoding="utf-8"))

    assert newest.startswith(f"{service.__version__} (")
    assert f"Knowledge {knowledge['version']}" in newest

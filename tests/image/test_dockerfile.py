"""What must hold of the image, as far as its Dockerfile says so; `make image-check` runs the steps."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from service.__main__ import main
from service.settings import Settings
from tests.image import check
from tests.image.check import ignored
from tests.image.dockerfile import FILE, Stage, read, stages

ROOT = FILE.parent
BUILD, FINAL = stages()


def test_the_linter_has_nothing_to_complain_of() -> None:
    linter = Path(sys.executable).with_name("hadolint")

    said = subprocess.run([linter, FILE], capture_output=True, text=True, check=False)

    assert (said.returncode, said.stdout) == (0, "")


def test_every_base_is_pinned() -> None:
    assert [
        stage.base for stage in (BUILD, FINAL) if not re.search(r":\d+\.\d+-slim-\w+(@sha256:|$)", stage.base)
    ] == []


def test_the_final_stage_takes_only_results() -> None:
    sources = {source for step in FINAL.steps if step.word == "COPY" for source in step.words[:-1]}

    assert sources == {"/opt/rls-cds", "/app", "LICENSE", "NOTICE", "LOINC_short_license.txt"}


def test_the_final_stage_installs_nothing() -> None:
    runs = [step.text for step in FINAL.steps if step.word == "RUN"]

    assert [run for run in runs if re.search(r"\b(apt|apt-get|uv|gcc|make)\b|pip install", run)] == []
    assert any("pip uninstall" in run for run in runs)


def test_it_runs_as_a_user_with_a_number_and_not_as_root() -> None:
    user = FINAL.last("USER").text

    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


def test_the_folder_that_is_written_to_belongs_to_that_user_and_is_a_volume() -> None:
    user, _, group = FINAL.last("USER").text.partition(":")
    folder = FINAL.last("VOLUME").text

    assert any(f"install -d -o {user} -g {group} {folder}" in step.text for step in FINAL.steps if step.word == "RUN")
    assert FINAL.environment()["RLS_CDS_STORE_URL"].startswith(f"sqlite:///{folder}/")


def test_every_setting_of_the_image_is_there() -> None:
    named = {name.removeprefix("RLS_CDS_").lower() for name in FINAL.environment() if name.startswith("RLS_CDS_")}

    assert named
    assert named - set(Settings.model_fields) == set()


def test_the_port_is_the_one_that_is_exposed() -> None:
    assert FINAL.last("EXPOSE").text == FINAL.environment()["RLS_CDS_PORT"]


@pytest.mark.parametrize("word", ["CMD", "HEALTHCHECK"])
def test_its_commands_are_commands_of_the_service(word: str) -> None:
    *start, command = FINAL.last(word).command()

    assert start == ["python", "-m", "service"]
    assert main.get_command(main.make_context("service", [], resilient_parsing=True), command) is not None


def test_it_is_labelled() -> None:
    labels = FINAL.last("LABEL").pairs({"VERSION": "1", "REVISION": "abc"})

    assert {name.rpartition(".")[2] for name in labels} == {"title", "description", "licenses", "version", "revision"}
    assert all(labels.values())


def test_the_version_is_that_of_the_project() -> None:
    version = next(step.pairs({})["VERSION"] for step in FINAL.steps if step.word == "ARG" and "VERSION" in step.text)

    assert f'version = "{version}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_the_bill_of_materials_is_made_from_what_is_installed() -> None:
    made = [step.text for step in BUILD.steps if "cyclonedx-py environment" in step.text]

    assert len(made) == 1
    assert "--output-file /app/" in made[0]
    assert made[0].endswith("/opt/rls-cds/bin/python")


@pytest.mark.parametrize("name", [source for stage in (BUILD, FINAL) for source in stage.environment()])
def test_no_secret_is_set_in_the_image(name: str) -> None:
    assert not re.search(r"PASSWORD|SECRET|TOKEN", name)


def test_what_is_copied_is_not_ignored() -> None:
    copied = {
        source
        for stage in (BUILD, FINAL)
        for step in stage.steps
        if step.word == "COPY" and "from" not in step.flags
        for source in step.words[:-1]
    }

    assert sorted(source for source in copied if not (ROOT / source).exists() or ignored(ROOT / source)) == []


@pytest.mark.parametrize("name", [".git", "var", "tests", ".venv", "docs", "service/__pycache__", "README.md"])
def test_what_the_image_does_not_need_is_not_sent(name: str) -> None:
    assert ignored(ROOT / name)


def test_a_stage_is_read_with_its_continued_lines_and_without_its_comments() -> None:
    (stage,) = read("FROM base:1 AS one\nENV A=1\n# a comment\nENV C=2 \\\n    # inside\n    B=$A/x\nRUN a \\\n && b\n")

    assert (stage.base, stage.name) == ("base:1", "one")
    assert stage.environment()["B"] == "1/x"
    assert stage.last("RUN").text == "a && b"


def test_an_instruction_that_is_not_followed_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing here follows ONBUILD"):
        read("FROM base:1\nONBUILD RUN true\n")


def test_what_stands_last_counts() -> None:
    stage = Stage("base:1", "0", read("FROM base:1\nUSER 1:1\nUSER 2:2\n")[0].steps)

    assert stage.last("USER").text == "2:2"


def test_without_root_the_check_says_that_it_was_not_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    code = check.main()

    assert (code, capsys.readouterr().err) == (
        2,
        "make image-check: NOT RUN. It has to be root, to make a root of its own.\n",
    )


def test_without_its_tool_the_check_says_which(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda _name: None)

    code = check.main()

    assert (code, "debootstrap is not there" in capsys.readouterr().err) == (2, True)

"""Every command of the operations page, in order: from a clone to two replicas with PostgreSQL and a trusted client."""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.operations.page import PAGE, ROOT, Block, blocks
from tests.service.running import free_port
from tests.test_structure import committed_files

BLOCKS = blocks(PAGE.read_text(encoding="utf-8"))
INSTALLS = bool(os.environ.get("OPERATIONS_INSTALL"))
PORTS = ("8001", "8002", "8443", "8444", "5432")
_SECONDS = 400


def runs(block: Block) -> bool:
    return block.not_run is None or (block.on_request and INSTALLS)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources as they are now, as a repository that can be cloned."""
    folder = tmp_path_factory.mktemp("sources")
    for file in committed_files():
        target = folder / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main"]
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--no-gpg-sign", "--message", "now"]):
        subprocess.run([*git, *command], cwd=folder, check=True)
    return folder


class Outcome:
    """What each block printed, and how the whole ended."""

    def __init__(self, code: int, printed: str, folder: Path) -> None:
        self.code, self.printed, self.folder = code, printed, folder
        self._pieces = re.split(r"^=== (.+)\n", printed, flags=re.MULTILINE)

    def of(self, name: str) -> str:
        """What the block with that heading and number printed."""
        return self._pieces[self._pieces.index(name) + 1]

    def log(self, name: str) -> str:
        return (self.folder / "rls-cds" / "deploy" / "site" / name).read_text(encoding="utf-8")

    def answers(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.of(name).splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory, repository: Path, postgres: Any) -> Iterator[Outcome]:
    if shutil.which("nginx") is None:
        reason = "NO NGINX ON THIS MACHINE: the operations page was not run (install the package nginx-light)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    folder = tmp_path_factory.mktemp("operator")
    script = folder / "page.sh"
    script.write_text(_script(postgres.port), encoding="utf-8")
    process = subprocess.Popen(
        ["bash", "-euo", "pipefail", str(script)],
        cwd=folder,
        env=_environment(repository, postgres.port),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        printed, _ = process.communicate(timeout=_SECONDS)
        yield Outcome(process.returncode, printed, folder)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _script(postgres_port: int) -> str:
    """One shell for all blocks, each announced by its name; on free ports instead of those of the page."""
    others = {port: str(postgres_port if port == "5432" else free_port()) for port in PORTS}
    lines = [f"echo '=== {block.name}'\n{block.commands}" for block in BLOCKS if runs(block)]
    text = "\n".join([*lines, "echo '=== the end'\n"])
    for port, other in others.items():
        text = re.sub(rf"\b{port}\b", other, text)
    in_the_clone = ["cd rls-cds", f"sed -i 's/listen 8443/listen {others['8443']}/' deploy/proxy/nginx.conf"]
    in_the_clone += [] if INSTALLS else [f"ln -s {ROOT / '.venv'} .venv"]
    return text.replace("cd rls-cds\n", "\n".join([*in_the_clone, ""]), 1)


def _environment(repository: Path, postgres_port: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RLS_CDS_", "GIT_", "PG"))}
    admin = f"postgresql://store@127.0.0.1:{postgres_port}/postgres"
    return kept | {"REPOSITORY": str(repository), "ADMIN_URL": admin, "NO_PROXY": "*", "COLUMNS": "300"}


@pytest.mark.parametrize("block", [block for block in BLOCKS if not runs(block)], ids=lambda block: block.name)
def test_a_block_that_is_not_run_says_why(block: Block) -> None:
    assert block.not_run
    pytest.skip(f"NOT RUN, {block.name}: {block.not_run}")


def test_most_blocks_are_run() -> None:
    assert {block.heading for block in BLOCKS if not runs(block)} <= {"Clone and install", "Containers", "Kubernetes"}


def test_every_command_of_the_page_does_its_work(outcome: Outcome) -> None:
    assert outcome.code == 0, outcome.printed[-3000:]
    assert "=== the end" in outcome.printed


def test_the_configuration_is_printed_without_secrets(outcome: Outcome) -> None:
    shown = outcome.of("Check before the start 1")

    assert "RLS_CDS_STORE_URL=postgresql://rls_cds:***@" in shown
    assert "RLS_CDS_OPERATOR_PASSWORD=***  # secret file" in shown
    assert "Error:" not in shown


def test_both_replicas_are_ready(outcome: Outcome) -> None:
    answers = outcome.answers("Two replicas 1")

    assert [answer["status"] for answer in answers] == ["ready", "ready"]


def test_health_says_with_what_it_answers(outcome: Outcome) -> None:
    (health,) = outcome.answers("Two replicas 2")

    assert (health["posture"], health["knowledgeStatus"], health["store"]) == ("registered", "draft", "ok")


def test_the_proxy_lets_calls_through(outcome: Outcome) -> None:
    assert outcome.answers("The proxy 2")[0]["status"] == "ready"


def card(answer: dict[str, Any]) -> str:
    return str(answer["cards"][0]["summary"]) if answer["cards"] else "none"


def test_a_trusted_client_gets_its_card(outcome: Outcome) -> None:
    assert [card(answer)[:11] for answer in outcome.answers("A trusted client 1")] == ["Hydroxyzine"]


def test_a_stranger_gets_nothing(outcome: Outcome) -> None:
    assert outcome.of("A trusted client 2").strip() == "401"


def test_feedback_is_kept_and_counted(outcome: Outcome) -> None:
    assert "sedatingAntihistamine" in outcome.of("A trusted client 3")


def test_the_registry_is_read_anew_by_every_process(outcome: Outcome) -> None:
    # One replica has one worker, the other two.
    assert [outcome.log(name).count("the client registry was reloaded") for name in ("a.log", "b.log")] == [1, 2]


def test_metrics_count_the_call(outcome: Outcome) -> None:
    lines = outcome.of("Metrics 1").splitlines()

    assert sum(float(line.rpartition(" ")[2]) for line in lines) == 1
    assert all('client="trial"' in line for line in lines)


def test_the_log_has_the_call_and_nothing_of_the_patient(outcome: Outcome) -> None:
    (line,) = outcome.answers("Reading the log 1")[:1]

    assert (line["client"], line["outcome"]) == ("trial", "cards")


def test_the_kill_switch_takes_the_card_and_gives_it_back(outcome: Outcome) -> None:
    health, off = outcome.answers("Kill switch 1")
    (on,) = outcome.answers("Kill switch 2")

    assert health["controls"] != {}
    assert (card(off), card(on)[:11]) == ("none", "Hydroxyzine")


def test_the_history_of_the_switch_says_who_and_why(outcome: Outcome) -> None:
    shown = " ".join(outcome.of("Kill switch 2").split())

    assert "operator on duty" in shown


def test_what_was_restored_is_what_was_there(outcome: Outcome) -> None:
    assert "sedatingAntihistamine" in outcome.of("Backup and restore 2")


def test_a_small_store_goes_and_comes_back(outcome: Outcome) -> None:
    assert "restored" in outcome.of("Backup and restore 3")


def test_calls_are_answered_while_replicas_are_changed(outcome: Outcome) -> None:
    answers = [card(answer)[:11] for answer in outcome.answers("Upgrade 1") if "cards" in answer]

    assert answers == ["Hydroxyzine", "Hydroxyzine"]


def test_no_call_was_lost_meanwhile(outcome: Outcome) -> None:
    calls = outcome.log("calls.log").split()

    assert len(calls) >= 5
    assert set(calls) == {"answered"}


def test_tls_ends_in_the_process(outcome: Outcome) -> None:
    assert outcome.answers("TLS in the process 1")[0]["status"] == "ready"


@pytest.mark.parametrize("name", ["a.log", "b.log", "tls.log", "proxy.log"])
def test_no_log_has_a_traceback_or_an_error(name: str, outcome: Outcome) -> None:
    log = outcome.log(name)

    assert "Traceback" not in log
    assert '"level":"error"' not in log
    assert "[emerg]" not in log


def test_no_secret_reaches_a_log(outcome: Outcome) -> None:
    folder = outcome.folder / "rls-cds" / "deploy" / "site"
    secrets = [file.read_text().strip() for file in (folder / "secrets").iterdir() if "proxy" not in file.name]
    logs = "".join(file.read_text() for file in folder.glob("*.log"))

    assert len(secrets) == 3
    assert [secret for secret in secrets if secret in logs] == []


def test_a_block_is_read_with_its_heading_and_its_reason() -> None:
    text = "## One\n```console\na\nb\n```\ntext\n\n*Not run by the test: no engine.*\n\n```console\nc\n```\n"

    first, second = blocks(text)

    assert (first.name, first.commands, first.not_run) == ("One 1", "a\nb", None)
    assert (second.name, second.commands, second.not_run) == ("One 2", "c", "no engine")

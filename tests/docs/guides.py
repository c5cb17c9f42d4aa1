"""Follows a guide: its console blocks, one after the other, against real services on free ports."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.docs.blocks import ROOT, Block, blocks_of

SERVES = re.compile(r"(?m)^\s*(?:make run\b.*|.*-m service serve\b.*)$")
# What a fresh clone has; everything that the blocks write goes elsewhere.
BORROWED = (".venv", "Makefile", "cards", "fixtures", "requirements", "service", "tests", "pyproject.toml", "docs")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clone(folder: Path) -> Path:
    """A folder in which the commands of the guides work, with a `var/` of its own."""
    for name in BORROWED:
        (folder / name).symlink_to(ROOT / name)
    return folder


class Guide:
    """The blocks of one page, run in a folder."""

    def __init__(self, page: Path, folder: Path, replaced: Mapping[str, str] = {}) -> None:
        self.page = page
        self.folder = folder
        self.ports = {"8000": str(free_port()), "8001": str(free_port())}
        self.replaced = dict(replaced) | self.ports
        self.printed: dict[str, str] = {}
        self._servers: list[subprocess.Popen[bytes]] = []

    def follow(self, left_out: Mapping[str, str]) -> None:
        """Run every console block but those whose first line is in `left_out`."""
        for block in blocks_of(self.page):
            if block.language == "console" and first_line(block) not in left_out:
                self._run(block)

    def _run(self, block: Block) -> None:
        command = self._here(block.text)
        if SERVES.search(command):
            self._serve(command)
            return
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block.page}\n{command}\n{done.stdout}"
        self.printed[block.text] = done.stdout

    def _serve(self, command: str) -> None:
        port = next((port for port in self.ports.values() if port in command), self.ports["8000"])
        # What is installed is what is tested: the guide's own command, without looking for newer packages.
        command = command.replace("make run", f"make -o .venv/.run-installed run PORT={port}")
        with (self.folder / f"{port}.log").open("wb") as log:
            server = subprocess.Popen(
                ["bash", "-c", command],
                cwd=self.folder,
                env=self._environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._servers.append(server)
        for _ in range(150):
            try:
                httpx.get(f"http://127.0.0.1:{port}/health/live", timeout=5, trust_env=False)
            except httpx.TransportError:
                time.sleep(0.2)
            else:
                return
        raise AssertionError(f"{command}\n{(self.folder / f'{port}.log').read_text()}")

    def _here(self, text: str) -> str:
        for word, instead in self.replaced.items():
            text = text.replace(word, instead)
        return text

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RLS_CDS_", "MAKE"))}
        return kept | {"PATH": f"{ROOT / '.venv' / 'bin'}:{kept['PATH']}", "NO_PROXY": "*", "no_proxy": "*"}

    def close(self) -> None:
        for server in self._servers:
            os.killpg(server.pid, signal.SIGTERM)
        for server in self._servers:
            server.wait(20)

    def said(self, words: str) -> str:
        """What the block with these words printed."""
        (found,) = (text for command, text in self.printed.items() if words in command)
        return found


@contextmanager
def followed(page: Path, folder: Path, left_out: Mapping[str, str], **replaced: str) -> Iterator[Guide]:
    """A page that was followed to its end; its services still answer."""
    guide = Guide(page, clone(folder), replaced)
    try:
        guide.follow(left_out)
        yield guide
    finally:
        guide.close()


def first_line(block: Block) -> str:
    return block.text.partition("\n")[0]

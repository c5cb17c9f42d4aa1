"""The operations page is read into its command blocks, in order, each with the reason why it cannot be run here, if any."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "operations.md"
_NOT_RUN = re.compile(r"\*Not run by the test(.*)\*")
_ON_REQUEST = "OPERATIONS_INSTALL=1"


@dataclass(frozen=True)
class Block:
    """Commands, the heading they stand under, their place below it, and why they are not run (None: they are)."""

    heading: str
    place: int
    commands: str
    not_run: str | None

    @property
    def name(self) -> str:
        return f"{self.heading} {self.place}"

    @property
    def on_request(self) -> bool:
        """Run where the environment asks for it."""
        return self.not_run is not None and _ON_REQUEST in self.not_run


def blocks(text: str) -> list[Block]:
    """Every block of commands."""
    found: list[Block] = []
    heading, said, commands = "", "", None
    for line in text.splitlines():
        if commands is not None:
            if line == "```":
                found.append(_block(heading, found, commands, said))
                commands, said = None, ""
            else:
                commands.append(line)
        elif line.startswith("```console"):
            commands = []
        elif line.startswith("## "):
            heading, said = line.removeprefix("## "), ""
        elif line.strip():
            said = line.strip()
    return found


def _block(heading: str, before: list[Block], commands: list[str], said: str) -> Block:
    place = 1 + sum(block.heading == heading for block in before)
    reason = _NOT_RUN.fullmatch(said)
    return Block(heading, place, "\n".join(commands), reason[1].strip(": .") if reason else None)

"""A Dockerfile is read into stages and steps, so that what checks it cannot drift from it."""

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

FILE = Path(__file__).parent.parent.parent / "Dockerfile"
_KNOWN = {"ARG", "CMD", "COPY", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN", "USER", "VOLUME", "WORKDIR"}


@dataclass(frozen=True)
class Step:
    """One instruction: its word in capitals, and what follows it on one line."""

    word: str
    text: str

    @property
    def flags(self) -> dict[str, str]:
        """`--from=build` and so on."""
        return dict(re.findall(r"--([a-z-]+)=(\S+)", self.text))

    @property
    def words(self) -> list[str]:
        """What follows, without flags, as words."""
        return [word for word in shlex.split(self.text) if not word.startswith("--")]

    def pairs(self, known: dict[str, str]) -> dict[str, str]:
        """NAME=value of ENV, ARG and LABEL, with $NAME filled in from `known`."""
        given = (word.partition("=") for word in shlex.split(self.text))
        return {name: re.sub(r"\$\{?(\w+)\}?", lambda m: known.get(m[1], ""), value) for name, _, value in given}

    def command(self) -> list[str]:
        """The words of CMD or of the check in HEALTHCHECK, which are written as a JSON list."""
        return list(json.loads(self.text[self.text.index("[") :]))


@dataclass
class Stage:
    """What stands between one FROM and the next."""

    base: str
    name: str
    steps: list[Step] = field(default_factory=list)

    def last(self, word: str) -> Step:
        """The instruction that counts where the same stands several times. Raises `StopIteration` where none does."""
        return next(step for step in reversed(self.steps) if step.word == word)

    def environment(self) -> dict[str, str]:
        """What ENV sets, on top of the PATH of the base."""
        known = {"PATH": "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"}
        for step in self.steps:
            if step.word == "ENV":
                known |= step.pairs(known)
        return known


def read(text: str) -> list[Stage]:
    """The stages in order. Raises `ValueError` for an instruction that nothing here knows how to follow."""
    stages: list[Stage] = []
    for line in _logical_lines(text):
        word, _, rest = line.partition(" ")
        if word not in _KNOWN:
            raise ValueError(f"nothing here follows {word}")
        if word == "FROM":
            base, *named = rest.split()
            stages.append(Stage(base, named[1] if named else str(len(stages))))
        else:
            stages[-1].steps.append(Step(word, rest.strip()))
    return stages


def _logical_lines(text: str) -> list[str]:
    kept = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return re.sub(r"\s*\\\n\s*", " ", "\n".join(kept)).splitlines()


def stages() -> list[Stage]:
    """Those of this project's Dockerfile."""
    return read(FILE.read_text(encoding="utf-8"))

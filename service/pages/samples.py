"""The synthetic patients of the preview and the sentences of the vignettes: generated, shipped with the package."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources
from typing import Any

import msgspec

FIRST = "three-years-of-iron"
_DAY = re.compile(r'"(\d{4}-\d{2}-\d{2})(?=["T])')


@dataclass(frozen=True, slots=True)
class Sample:
    """One patient: what it shows, and its hook request as written for the reference day."""

    name: str
    shows: str
    hook: str
    request: str

    @property
    def title(self) -> str:
        """The name as words."""
        return self.name.replace("-", " ").capitalize()


class Vignette(msgspec.Struct, frozen=True):
    """One sentence of the specification: the hook, and the topics of the cards that are expected."""

    id: str
    name: str
    hook: str
    cards: tuple[str, ...] = ()


@cache
def samples() -> Mapping[str, Sample]:
    """All patients by name."""
    file = json.loads(_content("samples.json"))
    return {
        one["name"]: Sample(one["name"], one["shows"], one["request"]["hook"], json.dumps(one["request"]))
        for one in file["samples"]
    }


@cache
def vignettes() -> Mapping[str, tuple[Vignette, ...]]:
    """The vignettes of each rule, in the order of their file."""
    return msgspec.json.decode(_content("vignettes.json"), type=dict[str, tuple[Vignette, ...]])


def request_of(name: str, on: date) -> dict[str, Any] | None:
    """The hook request of a sample with every day moved, so that it is `on` today; None where there is no such sample."""
    sample = samples().get(name)
    if sample is None:
        return None
    later = on - _reference_day()
    moved = _DAY.sub(lambda match: f'"{_moved(match[1], later)}', sample.request)
    request: dict[str, Any] = json.loads(moved)
    return request


def _moved(day: str, by: timedelta) -> str:
    return (date.fromisoformat(day) + by).isoformat()


@cache
def _reference_day() -> date:
    return date.fromisoformat(json.loads(_content("samples.json"))["reference_day"])


def _content(name: str) -> str:
    return resources.files("service.pages").joinpath("content", name).read_text(encoding="utf-8")

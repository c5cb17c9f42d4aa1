"""Which check belongs to which row, and why some rows have none."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.conformance.bench import Bench

Check = Callable[[Bench], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Checked:
    """A row with a check; `what` says what it looks at."""

    what: str
    check: Check


@dataclass(frozen=True, slots=True)
class CannotApply:
    """A row that nothing of this service can meet or miss."""

    why: str


FOUND: dict[str, Checked | CannotApply] = {}


def row(identity: str, what: str) -> Callable[[Check], Check]:
    """The check of a row; a function may serve several rows, each with its own words."""

    def keep(check: Check) -> Check:
        _keep(identity, Checked(what, check))
        return check

    return keep


def cannot_apply(identity: str, why: str) -> None:
    """A row that cannot apply, with the reason."""
    _keep(identity, CannotApply(why))


def _keep(identity: str, found: Checked | CannotApply) -> None:
    if identity in FOUND:
        raise ValueError(f"{identity} has two checks")
    FOUND[identity] = found

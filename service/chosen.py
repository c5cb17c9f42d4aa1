"""The changes of a site, one after the other, folded into the last valid choice of each thing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from service.adjustable import MARKET, SEEN_FILE, Adjustable, NotAdjustable, Value
from service.store import Change

ALL = None
_LONGEST_TOLD = 300


@dataclass(frozen=True, slots=True)
class Chosen:
    """The last valid choice of each thing, for all clients (None) and for single ones; and what was ignored.

    `made` holds the change by which each was made.
    """

    values: Mapping[tuple[str | None, str], Value] = field(default_factory=lambda: MappingProxyType({}))
    made: Mapping[tuple[str | None, str], Change] = field(default_factory=lambda: MappingProxyType({}))
    ignored: tuple[str, ...] = ()
    last: Change | None = None

    def get(self, client: str | None, what: str) -> Value | None:
        """The choice for a client; where there is none of its own, the one for all."""
        own = self.values.get((client, what))
        return self.values.get((ALL, what)) if own is None else own

    @property
    def clients(self) -> tuple[str, ...]:
        """The clients for which something was chosen."""
        return tuple(sorted({client for client, _ in self.values if client is not None}))

    @property
    def markets(self) -> frozenset[str]:
        """Every market that somebody chose."""
        return frozenset(str(value) for (_, what), value in self.values.items() if what == MARKET)


def chosen(changes: Iterable[Change], adjustable: Adjustable) -> Chosen:
    """Later changes replace earlier ones. One that makes no sense, or no more, is ignored and told."""
    values: dict[tuple[str | None, str], Value] = {}
    made: dict[tuple[str | None, str], Change] = {}
    ignored: list[str] = []
    last = None
    for change in changes:
        if change.what == SEEN_FILE:
            last = change
            continue
        try:
            what = adjustable.named(change.what)
            value = None if change.value is None else adjustable.read(what, change.value)
        except NotAdjustable as fault:
            ignored.append(f"change {change.id}: {fault}"[:_LONGEST_TOLD])
            continue
        last, key = change, (change.client, what)
        if value is None:
            values.pop(key, None)
            made.pop(key, None)
        else:
            values[key], made[key] = value, change
    return Chosen(MappingProxyType(values), MappingProxyType(made), tuple(ignored), last)

"""What a site switched off, put in shadow or chose otherwise, as it is in force now: one look-up a call."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from service.adjustable import (
    CAP,
    CARD,
    INFO_AT_SIGN,
    KILL,
    MARKET,
    SCREENING,
    SHADOW,
    WINDOW,
    Adjustable,
    Value,
    written,
)
from service.chosen import ALL, Chosen

_MOST_TOLD = 20


class Source(StrEnum):
    """Where the controls come from. Unknown: the store was not reached since the start, and there is no local copy."""

    STORE = "store"
    COPY = "local copy"
    UNKNOWN = "unknown"
    NO_STORE = "no store"


@dataclass(frozen=True, slots=True)
class InForce:
    """What holds for one client. `killed` says by what all cards are off; None is a choice that was not made."""

    killed: str | None = None
    off: frozenset[str] = frozenset()
    shadow: frozenset[str] = frozenset()
    caps: Mapping[str, int] = field(default_factory=dict)
    windows: Mapping[str, int] = field(default_factory=dict)
    market: str | None = None
    screening_groups: frozenset[str] | None = None
    info_at_sign: bool | None = None


@dataclass(frozen=True, slots=True)
class State:
    """Everything that is known at one moment. `known` fills up with what holds for each client that calls."""

    chosen: Chosen
    source: Source
    read_at: datetime | None = None
    file: bool = False
    silent_when_unknown: bool = False
    store_lost: bool = False
    troubles: tuple[str, ...] = ()
    known: dict[str, InForce] = field(default_factory=dict)

    def killed(self, client: str) -> str | None:
        """By what the cards of a client are off."""
        if self.file:
            return "kill switch file"
        if self.source is Source.UNKNOWN and self.silent_when_unknown:
            return "controls unknown"
        # Off for all is off for each: nobody is switched on again beside it.
        on = self.chosen.values.get((ALL, KILL)) or self.chosen.values.get((client, KILL))
        return "kill switch" if on else None


class Controls:
    """The controls in force. `of` is asked once a call; a new state is put in place whole, by whoever watches."""

    def __init__(self, adjustable: Adjustable, state: State | None = None) -> None:
        self.adjustable = adjustable
        self._state = state or State(Chosen(), Source.NO_STORE)

    @property
    def state(self) -> State:
        """What is known now."""
        return self._state

    def put(self, **what: Any) -> None:  # noqa: ANN401 - the fields of a state
        """Put a state in place that differs from the present one in these fields."""
        self._state = replace(self._state, known={}, **what)

    @property
    def known(self) -> bool:
        """Whether what the site chose could be read since the start, from the store or from the local copy."""
        return self._state.source is not Source.UNKNOWN

    def of(self, client: str) -> InForce:
        """What holds for a client. Until something changes it is the same object."""
        state = self._state
        found = state.known.get(client)
        if found is None:
            found = state.known[client] = _in_force(client, state, self.adjustable)
        return found

    def summary(self) -> dict[str, Any]:
        """For `/health`, which anybody may read: no names of clients and persons, no reasons."""
        state = self._state
        values = state.chosen.values
        for_all, for_some = self._told(None), [self._told(client) for client in state.chosen.clients]
        body: dict[str, Any] = {
            "source": state.source.value,
            "killSwitch": {"file": state.file, "all": bool(values.get((ALL, KILL))), "clients": _on(KILL, for_some)},
            "shadow": {"all": bool(values.get((ALL, SHADOW))), "clients": _on(SHADOW, for_some)},
            "forAllClients": for_all,
            "forSingleClients": [told for told in for_some if told],
        }
        if state.read_at:
            body["readAt"] = state.read_at.isoformat(timespec="seconds")
        if last := state.chosen.last:
            whom = "one client" if last.client else "all clients"
            at = last.at.isoformat(timespec="seconds")
            body["lastChange"] = {"at": at, "for": whom, "what": last.what, "value": last.value}
        warnings = [*self._warnings(state), *state.troubles, *state.chosen.ignored[-_MOST_TOLD:]]
        return body | ({"warnings": warnings} if warnings else {})

    def _told(self, client: str | None) -> dict[str, str]:
        values = self._state.chosen.values
        return {what: written(value) for (of, what), value in sorted(values.items(), key=_by_name) if of == client}

    def _warnings(self, state: State) -> Iterable[str]:
        if state.source is Source.UNKNOWN:
            shown = (
                "no card is shown" if state.silent_when_unknown else "cards are shown as though nothing were switched"
            )
            yield f"the store was not reached since the start and there is no local copy of the controls: {shown}"
        if state.store_lost:
            yield "the store cannot be reached: the controls are those that were read last"


def _on(what: str, told: Iterable[Mapping[str, str]]) -> int:
    """For how many clients of their own something is on."""
    return sum(one.get(what) == "on" for one in told)


def _by_name(item: tuple[tuple[str | None, str], Value]) -> str:
    return item[0][1]


def _in_force(client: str, state: State, adjustable: Adjustable) -> InForce:
    picked = state.chosen
    cards = {topic: picked.get(client, CARD + topic) for topic in adjustable.topics}
    off = frozenset(topic for topic, card in cards.items() if card == "off")
    shadow = frozenset(topic for topic, card in cards.items() if card == "shadow")
    if picked.get(client, SHADOW):
        shadow = adjustable.topics - off
    market, groups, info = (picked.get(client, what) for what in (MARKET, SCREENING, INFO_AT_SIGN))
    return InForce(
        killed=state.killed(client),
        off=off,
        shadow=shadow,
        caps=_numbers(client, picked, CAP),
        windows=_numbers(client, picked, WINDOW),
        market=None if market is None else str(market),
        screening_groups=groups if isinstance(groups, frozenset) else None,
        info_at_sign=None if info is None else bool(info),
    )


def _numbers(client: str, picked: Chosen, kind: str) -> dict[str, int]:
    names = {what for of, what in picked.values if what.startswith(kind) and of in (ALL, client)}
    return {
        what.removeprefix(kind): int(value)
        for what in sorted(names)
        if isinstance(value := picked.get(client, what), int)
    }

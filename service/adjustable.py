"""What a site may change while the service runs, and within which bounds; everything else is refused with a reason."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from cards import Catalogue
from service.errors import ServiceError

KILL, SHADOW, INFO_AT_SIGN, MARKET, SCREENING = "kill", "shadow", "info_at_sign", "market", "screening"
CARD, CAP, WINDOW = "card.", "cap.", "window."
# A note of what a process saw; it changes nothing.
SEEN_FILE = "kill_file"
MARKETS = ("us", "uk", "eu")
CARD_STATES = ("shown", "shadow", "off")

_YES, _NO = frozenset({"on", "true", "yes", "1"}), frozenset({"off", "false", "no", "0"})

Value = bool | int | str | frozenset[str]


class NotAdjustable(ServiceError):
    """No site may change this, or not so. The text says what would be right."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that may be changed, as it is listed: its name, what it may be, what it is without a change."""

    what: str
    values: str
    present: str
    card: str = ""


class Adjustable:
    """Everything that the knowledge leaves to a site."""

    def __init__(self, catalogue: Catalogue) -> None:
        knowledge = catalogue.knowledge
        texts = {topic: text for one in knowledge.guidance.values() for topic, text in one.recommendation.cards.items()}
        self.topics = frozenset(texts)
        self._cards = {name.casefold(): topic for topic, text in texts.items() for name in (topic, text.id)}
        self._card_ids = {topic: text.id for topic, text in texts.items()}
        self._caps = {hook: (cap.cards, cap.site_range) for hook, cap in knowledge.arrangement.caps.items()}
        self._windows = {
            name: (int(limit.value), limit.site_range or (0, 0)) for name, limit in knowledge.windows.items()
        }
        self._groups = knowledge.guidance["screening"].recommendation.lists["groups"]

    def named(self, what: str) -> str:
        """The full name of something that may be changed: `card.PV-01` is `card.ironStudiesDue`. Raises `NotAdjustable`."""
        what = what.strip()
        if what.startswith(CARD):
            return CARD + self._topic(what.removeprefix(CARD))
        known = self._known()
        if what not in known:
            raise NotAdjustable(f"{what!r} cannot be changed.{_meant(what, known)} See: python -m service site choices")
        return what

    def read(self, what: str, value: str) -> Value:
        """The value of something named in full. Raises `NotAdjustable` with what would be right."""
        value = value.strip()
        if what in (KILL, SHADOW, INFO_AT_SIGN):
            return _switch(what, value)
        if what.startswith(CARD):
            self._topic(what.removeprefix(CARD))
            return _one_of(what, value, CARD_STATES)
        if what == MARKET:
            return _one_of(what, value, MARKETS)
        if what == SCREENING:
            return self._group_names(value)
        self.named(what)
        return self._number(what, value)

    def choices(self) -> Iterable[Choice]:
        """All that may be changed, in the order of a list."""
        yield Choice(KILL, "on, off", "off")
        yield Choice(SHADOW, "on, off", "off")
        for topic in sorted(self.topics, key=lambda topic: self._card_ids[topic]):
            yield Choice(CARD + topic, ", ".join(CARD_STATES), "shown", self._card_ids[topic])
        for hook, (cards, (low, high)) in self._caps.items():
            yield Choice(CAP + hook, f"{low} to {high} cards", str(cards))
        for name, (days, (low, high)) in self._windows.items():
            yield Choice(WINDOW + name, f"{low} to {high} days", str(days))
        yield Choice(MARKET, ", ".join(MARKETS), "RLS_CDS_MARKET")
        yield Choice(SCREENING, f"none, or some of: {', '.join(self._groups)}", "client registry, else none")
        yield Choice(INFO_AT_SIGN, "on, off", "RLS_CDS_INFO_AT_SIGN")

    def _known(self) -> tuple[str, ...]:
        plain = (KILL, SHADOW, MARKET, SCREENING, INFO_AT_SIGN)
        return (*plain, *(CAP + hook for hook in self._caps), *(WINDOW + name for name in self._windows))

    def _topic(self, name: str) -> str:
        topic = self._cards.get(name.strip().casefold())
        if topic is None:
            raise NotAdjustable(f"no card is called {name!r}.{_meant(name, [*self.topics, *self._card_ids.values()])}")
        return topic

    def _group_names(self, value: str) -> frozenset[str]:
        names = frozenset(name.strip() for name in value.split(",") if name.strip())
        if names == {"none"}:
            return frozenset()
        if unknown := sorted(names - set(self._groups)):
            raise NotAdjustable(f"no screening group is called {unknown[0]!r}; known: none, {', '.join(self._groups)}")
        if not names:
            raise NotAdjustable(f"screening names groups with commas between them: none, {', '.join(self._groups)}")
        return names

    def _number(self, what: str, value: str) -> int:
        is_cap = what.startswith(CAP)
        known: Mapping[str, tuple[int, tuple[int, int]]] = self._caps if is_cap else self._windows
        own, (low, high) = known[what.removeprefix(CAP if is_cap else WINDOW)]
        unit = "cards" if is_cap else "days"
        if not (value.isascii() and value.isdigit() and len(value) <= 6 and low <= int(value) <= high):
            hint = " To show none, see kill and shadow." if is_cap else ""
            raise NotAdjustable(
                f"{what} is a whole number of {unit} from {low} to {high} (without a change {own}).{hint}"
            )
        return int(value)


def written(value: Value) -> str:
    """The value as the store keeps it and people read it."""
    if isinstance(value, frozenset):
        return ",".join(sorted(value)) or "none"
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def _switch(what: str, value: str) -> bool:
    word = value.casefold()
    if word not in _YES | _NO:
        raise NotAdjustable(f"{what} is on or off, not {value!r}")
    return word in _YES


def _one_of(what: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise NotAdjustable(f"{what} is one of {', '.join(known)}, not {value!r}")
    return value


def _meant(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, sorted(known), n=3)
    return f" Did you mean {' or '.join(close)}?" if close else ""

"""Which figures a person asks for: the filters of Insight, as they stand in its address."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from urllib.parse import urlencode

from service.pages.attempts import PREVIEW

_SPANS = {"7 days": 7, "30 days": 30, "90 days": 90, "12 months": 365}
_DEFAULT = 90
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """Days are UTC, both included; an empty text is no filter. `against` is the version beside `version`."""

    since: date
    until: date
    hook: str = ""
    client: str = ""
    card: str = ""
    version: str = ""
    against: str = ""

    @property
    def query(self) -> str:
        """As the part of an address behind the question mark."""
        named = {"since": self.since.isoformat(), "until": self.until.isoformat(), "hook": self.hook}
        named |= {"client": self.client, "card": self.card, "version": self.version, "against": self.against}
        return urlencode({name: value for name, value in named.items() if value})

    @property
    def only_version(self) -> str:
        """The version that all figures are of; empty while two are compared, or none was picked."""
        return "" if self.against else self.version

    @property
    def without_preview(self) -> str | None:
        """The client to leave out: what was tried in the preview counts only when somebody asks for it."""
        return None if self.client == PREVIEW.name else PREVIEW.name


def asked(query: Mapping[str, str], today: date) -> Asked:
    """The filters of an address; a day that is none, or an end before the begin, becomes the usual span."""
    until = _day(query.get("until")) or today
    since = _day(query.get("since")) or until - timedelta(days=_DEFAULT)
    if since > until:
        since = until - timedelta(days=_DEFAULT)
    texts = {name: query.get(name, "")[:_LONGEST] for name in ("hook", "client", "card", "version", "against")}
    return Asked(since, until, **texts)


def spans(now: Asked, today: date) -> list[tuple[str, str, bool]]:
    """(name, address query, whether it is the present one) of the spans that one click picks."""
    first = today.replace(day=1)
    last_month = (first - timedelta(days=1)).replace(day=1)
    named = {name: (today - timedelta(days=days), today) for name, days in _SPANS.items()}
    named = {"Last month": (last_month, first - timedelta(days=1))} | named
    picked = {name: replace(now, since=since, until=until) for name, (since, until) in named.items()}
    return [(name, one.query, one == now) for name, one in picked.items()]


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None

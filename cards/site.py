"""What may differ from site to site: passed in with each call, never read from the environment here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo


@dataclass(frozen=True, slots=True)
class OrderCode:
    """The code with which a site's EHR knows an order that a card suggests."""

    system: str
    code: str
    display: str


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Site:
    """Settings of the caller's site; one object lives as long as its client is configured, and is its own identity.

    `order_codes` maps the keys of `knowledge/orders.yaml` to the client's own codes; `local_codes` maps (system,
    code) pairs of the site to a laboratory test; `off` names topics that the site has switched off, `shadow` topics that are
    decided but not shown; `caps` holds the number of cards that a hook may show, by the hook's name, and `windows` a
    number of days by file and limit (`iron.valid_for`), each only where the site has one of its own; with `oids` draft
    orders name their code systems as `urn:oid:…`, the form that Epic takes.
    """

    time_zone: tzinfo = UTC
    order_codes: Mapping[str, OrderCode] = field(default_factory=dict)
    local_codes: Mapping[tuple[str, str], str] = field(default_factory=dict)
    off: frozenset[str] = frozenset()
    shadow: frozenset[str] = frozenset()
    caps: Mapping[str, int] = field(default_factory=dict)
    windows: Mapping[str, int] = field(default_factory=dict)
    info_at_sign: bool = False
    screening_groups: frozenset[str] = frozenset()
    draft_notice: bool = True
    oids: bool = False

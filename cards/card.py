"""A CDS Hooks card as it goes over the wire: members without a value are left out, never null or empty."""

from typing import Any, Literal

import msgspec


class _Wire(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Absent members default to None and are then not written (GEN-3, GEN-4)."""


class Coding(_Wire, frozen=True):
    """A code with its system (COD-1)."""

    system: str
    code: str
    display: str | None = None


class Source(_Wire, frozen=True):
    """The primary source of the guidance (SRC rows)."""

    label: str
    url: str | None = None
    topic: Coding | None = None


class Link(_Wire, frozen=True):
    """A link out; `type` is always written (LINK-3)."""

    label: str
    url: str
    type: Literal["absolute", "smart"]


class Action(_Wire, frozen=True):
    """One change that the prescriber may accept (ACT rows). `resource` is a FHIR resource as plain JSON."""

    type: Literal["create", "update", "delete"]
    description: str
    resource: dict[str, Any] | None = None
    resource_id: str | None = None


class Suggestion(_Wire, frozen=True):
    """One suggestion with one action: EHRs in use accept no more (SUG rows, conformance 6.1)."""

    label: str
    uuid: str
    actions: tuple[Action, ...]
    is_recommended: bool | None = None


class Card(_Wire, frozen=True):
    """A card (CARD rows). `extension` holds one reverse-DNS name."""

    uuid: str
    summary: str
    indicator: Literal["info", "warning", "critical"]
    source: Source
    detail: str | None = None
    suggestions: tuple[Suggestion, ...] | None = None
    selection_behavior: Literal["at-most-one", "any"] | None = None
    override_reasons: tuple[Coding, ...] | None = None
    links: tuple[Link, ...] | None = None
    extension: dict[str, Any] | None = None

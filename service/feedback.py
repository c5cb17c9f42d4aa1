"""The body of a feedback POST, in the shapes of 1.1, 2.0, 3.0 and Epic, becomes typed entries."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from service.errors import BadRequest

EPIC_REASON = "com.epic.cdshooks.feedback.overrideReason."
ENTRIES_AT_MOST = 10_000
COMMENT_LENGTH = 10_000

Outcome = Literal["accepted", "overridden"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a card was overridden: a Coding, or what Epic puts into extension members instead of one."""

    code: str | None = None
    system: str | None = None
    display: str | None = None
    category: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class FeedbackEntry:
    """What one prescriber did with one card. `card` and `suggestions` are as sent, UUIDs or not; `at` is UTC."""

    card: str
    outcome: Outcome
    at: datetime
    suggestions: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    # Free text that may name a patient: it must not turn up in the text of a traceback.
    comment: str | None = field(default=None, repr=False)


class _Coding(msgspec.Struct):
    code: str | int | None = None
    system: Any = None
    display: Any = None
    extension: Any = None


class _Suggestion(msgspec.Struct):
    id: str | int


class _Override(msgspec.Struct, rename="camel"):
    reason: list[_Coding] | _Coding | str | None = None
    user_comment: str | None = None
    extension: Any = None


class _Entry(msgspec.Struct, rename="camel"):
    card: str | int
    outcome: str
    outcome_timestamp: str
    accepted_suggestions: list[_Suggestion | str] | _Suggestion | None = None
    override_reason: list[_Override] | _Override | None = None
    override_reasons: list[_Override] | _Override | None = None
    extension: Any = None


class _Body(msgspec.Struct):
    feedback: list[_Entry] | _Entry


_decoder = msgspec.json.Decoder(_Body)


def parse_feedback(body: bytes) -> tuple[FeedbackEntry, ...]:
    """The entries of one POST, in the order sent; unknown members are ignored, one entry may stand for an array.

    Raises BadRequest naming the place (`expression`, for instance `feedback[2].outcome`) when anything required by
    FB-3 to FB-8 is missing or malformed. Then no entry is taken: a refused POST has no effect and may be repeated.
    """
    try:
        sent = _decoder.decode(body).feedback
    except msgspec.ValidationError as problem:
        raise _refusal(str(problem)) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise BadRequest("the body is not JSON", expression="feedback") from None
    entries = _several(sent)
    if len(entries) > ENTRIES_AT_MOST:
        raise BadRequest(f"at most {ENTRIES_AT_MOST} entries are taken at once", expression="feedback")
    return tuple(_entry(entry, f"feedback[{place}]") for place, entry in enumerate(entries))


def _refusal(problem: str) -> BadRequest:
    """The decoder's text says which type was expected where, and holds no value: no wire type here is an enum."""
    what, _, where = problem.partition(" - at ")
    place = where.strip("`").removeprefix("$").removeprefix(".")
    if missing := re.match(r"Object missing required field `(\w+)`", what):
        place = f"{place}.{missing[1]}".lstrip(".")
    return BadRequest(what, expression=place or "feedback")


def _entry(sent: _Entry, place: str) -> FeedbackEntry:
    if not (card := _text(sent.card)):
        raise BadRequest("`card` is the uuid of the card, not an empty string", expression=f"{place}.card")
    overrides = [*_several(sent.override_reason), *_several(sent.override_reasons)]
    return FeedbackEntry(
        card=card,
        outcome=_outcome(sent, place),
        at=_instant(sent.outcome_timestamp, f"{place}.outcomeTimestamp"),
        suggestions=_suggestions(sent),
        reasons=tuple(dict.fromkeys(_reasons(sent, overrides))),
        comment="\n".join(_comments(overrides))[:COMMENT_LENGTH] or None,
    )


def _outcome(sent: _Entry, place: str) -> Outcome:
    if sent.outcome == "overridden":
        return "overridden"
    if sent.outcome != "accepted":
        raise BadRequest("`outcome` is `accepted` or `overridden`", expression=f"{place}.outcome")
    if sent.accepted_suggestions is None:
        text = "an accepted card needs `acceptedSuggestions`"
        raise BadRequest(text, expression=f"{place}.acceptedSuggestions")
    return "accepted"


def _suggestions(sent: _Entry) -> tuple[str, ...]:
    ids = (one if isinstance(one, str) else _text(one.id) for one in _several(sent.accepted_suggestions))
    return tuple(dict.fromkeys(one for one in ids if one))


def _reasons(sent: _Entry, overrides: list[_Override]) -> Iterator[Reason]:
    """A reason may be a Coding, Epic's extension members, or both, at the reason, around it or at the entry."""
    for override in overrides:
        for coding in _several(override.reason):
            given = coding if isinstance(coding, _Coding) else _Coding(code=coding)
            yield from _reason(given, given.extension)
        yield from _reason(_Coding(), override.extension)
    yield from _reason(_Coding(), sent.extension)


def _reason(coding: _Coding, extension: object) -> Iterator[Reason]:
    epic = extension if isinstance(extension, dict) else {}
    reason = Reason(
        code=_text(coding.code),
        system=_text(coding.system),
        display=_text(coding.display) or _text(epic.get(f"{EPIC_REASON}reasonDisplay")),
        category=_text(epic.get(f"{EPIC_REASON}reasonCategory")),
        title=_text(epic.get(f"{EPIC_REASON}reasonTitle")),
    )
    if reason != Reason(system=reason.system):
        yield reason


def _comments(overrides: list[_Override]) -> Iterator[str]:
    for override in overrides:
        # PostgreSQL takes no NUL character in text.
        if comment := (override.user_comment or "").replace("\0", "").strip():
            yield comment


def _instant(text: str, place: str) -> datetime:
    """RFC 3339 in UTC is asked for; other offsets are converted and a time without one is read as UTC."""
    try:
        instant = datetime.fromisoformat(text.strip().upper())
        if len(text.strip()) > len("2026-01-31"):
            return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise BadRequest("`outcomeTimestamp` is an RFC 3339 time in UTC", expression=place) from None


def _several(value: object) -> list[Any]:
    """EHRs send a single object where the text asks for an array."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _text(value: object) -> str | None:
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value).strip() or None
    return None

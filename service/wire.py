"""CDS Hooks requests: JSON to `HookRequest`, lenient in what is taken, strict about what cannot be done without."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from cards import Hook, Resource, in_list
from service.bundles import Salvage, decode_value, insist_on_utf8, resources_in
from service.errors import BadRequest, TooLarge, WrongHook

T = TypeVar("T")
# What one ordering session may hold; more is no session of a person, and reading it would hold up everybody else.
MAX_DRAFTS = 1000


class _Lenient(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Unknown members are ignored (GEN-6)."""


class FhirAuthorization(_Lenient, frozen=True):
    """`fhirAuthorization`; the token is a secret, so it is in no repr."""

    access_token: str | None = msgspec.field(name="access_token", default=None)
    token_type: str | None = msgspec.field(name="token_type", default=None)
    expires_in: Any = msgspec.field(name="expires_in", default=None)
    scope: Any = None
    subject: Any = None
    patient: str | None = None

    def __repr__(self) -> str:
        return "FhirAuthorization(***)"


class Context(_Lenient, frozen=True):
    """`context` of the three hooks."""

    patient_id: str | None = None
    user_id: str | None = None
    encounter_id: str | None = None
    selections: list[str] | str | None = None
    draft_orders: Resource | None = None


class _Envelope(_Lenient, frozen=True):
    """The whole body in one typed pass; wherever a member is not as it should be the slow path takes over."""

    hook: str | None = None
    hook_instance: str | None = None
    fhir_server: str | None = None
    fhir_authorization: FhirAuthorization | None = None
    context: Context | None = None
    prefetch: dict[str, msgspec.Raw] | None = None


class _RawContext(_Lenient, frozen=True):
    patient_id: msgspec.Raw = msgspec.Raw()
    user_id: msgspec.Raw = msgspec.Raw()
    encounter_id: msgspec.Raw = msgspec.Raw()
    selections: msgspec.Raw = msgspec.Raw()
    draft_orders: msgspec.Raw = msgspec.Raw()


class _RawEnvelope(_Lenient, frozen=True):
    hook: msgspec.Raw = msgspec.Raw()
    hook_instance: msgspec.Raw = msgspec.Raw()
    fhir_server: msgspec.Raw = msgspec.Raw()
    fhir_authorization: msgspec.Raw = msgspec.Raw()
    context: msgspec.Raw = msgspec.Raw()
    prefetch: msgspec.Raw = msgspec.Raw()


@dataclass(frozen=True, slots=True)
class HookRequest:
    """One call as the rooms behind the door see it.

    `prefetch` holds what was sent under each key. `unreadable` counts drafts that no decoder could make sense of,
    `oddities` the envelope fields that were missing or of a wrong type and could be done without.
    """

    hook: Hook
    patient_id: str
    hook_instance: str | None = None
    user_id: str | None = None
    encounter_id: str | None = None
    selections: frozenset[str] | None = None
    drafts: tuple[Resource, ...] = ()
    prefetch: "Prefetch" = field(default_factory=lambda: Prefetch({}))
    fhir_server: str | None = None
    access_token: str | None = field(default=None, repr=False)
    unreadable: int = 0
    oddities: tuple[str, ...] = ()


class Prefetch(Mapping[str, Resource | None]):
    """What the EHR sent along, by key: a resource or Bundle, None for JSON null, `UNUSABLE` for anything else.

    Each value is read when somebody first asks for it: for most patients that is a small part of what was sent.
    `unreadable` counts the resources of those values that no decoder could make sense of.
    """

    def __init__(self, sent: Mapping[str, msgspec.Raw]) -> None:
        self._sent = sent
        self._read: dict[str, Resource | None] = {}
        self.unreadable = 0

    def __getitem__(self, key: str) -> Resource | None:
        try:
            return self._read[key]
        except KeyError:
            value, unreadable = decode_value(self._sent[key], key)
        self._read[key] = value
        self.unreadable += unreadable
        return value

    def __contains__(self, key: object) -> bool:
        return key in self._sent

    def __iter__(self) -> Iterator[str]:
        return iter(self._sent)

    def __len__(self) -> int:
        return len(self._sent)

    @property
    def read(self) -> set[str]:
        """The keys that somebody has asked for."""
        return {*self._read}

    def may_hold(self, key: str, kind: str) -> bool:
        """Whether resources of a type may be under a key, without reading it. (A type written with escapes is missed.)"""
        return b'"%b"' % kind.encode() in bytes(self._sent[key])


_typed = msgspec.json.Decoder(_Envelope)
_raw = msgspec.json.Decoder(_RawEnvelope)
_raw_context = msgspec.json.Decoder(_RawContext)
_raw_map = msgspec.json.Decoder(dict[str, msgspec.Raw])


def decode_request(body: bytes, hook: Hook) -> HookRequest:
    """A hook request. Raises `BadRequest` with the place and what would be right there."""
    try:
        insist_on_utf8(body)
        envelope, unreadable, odd = _decoded(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError) as error:
        raise BadRequest("the body is not well-formed JSON in UTF-8, or nested too deeply") from error
    return _checked(envelope, hook, unreadable, odd)


def _decoded(body: bytes) -> tuple[_Envelope, int, tuple[str, ...]]:
    try:
        return _typed.decode(body), 0, ()
    except msgspec.ValidationError:
        return _piece_by_piece(body)


def _checked(envelope: _Envelope, hook: Hook, unreadable: int, odd: tuple[str, ...]) -> HookRequest:
    if not envelope.hook:
        raise BadRequest("'hook' is required: the name of the hook as a string", expression="hook")
    if envelope.hook != hook:
        raise WrongHook(f"this service answers the hook '{hook}' only", expression="hook")
    context = envelope.context
    if context is None:
        raise BadRequest("'context' is required: an object", expression="context")
    patient_id = identity(context.patient_id)
    if not patient_id:
        raise BadRequest("'context.patientId' is required: a FHIR id as a string", expression="context.patientId")
    drafts = tuple(resources_in(context.draft_orders))
    if len(drafts) > MAX_DRAFTS:
        raise TooLarge(f"'context.draftOrders' may hold {MAX_DRAFTS} drafts at most")
    missing = [
        name for name, value in (("hookInstance", envelope.hook_instance), ("userId", context.user_id)) if not value
    ]
    authorization = envelope.fhir_authorization
    bearer = authorization.access_token if authorization and envelope.fhir_server else None
    selections = frozenset(in_list(context.selections)) if hook is Hook.ORDER_SELECT else None
    return HookRequest(
        hook=hook,
        patient_id=patient_id,
        hook_instance=envelope.hook_instance,
        user_id=context.user_id,
        encounter_id=identity(context.encounter_id),
        selections=selections,
        drafts=drafts,
        prefetch=Prefetch(envelope.prefetch or {}),
        fhir_server=envelope.fhir_server,
        access_token=bearer,
        unreadable=unreadable,
        oddities=(*odd, *missing),
    )


def identity(reference: str | None) -> str | None:
    """The id of `Type/id`, or the id itself: some EHRs send the one where the other is meant."""
    return reference.strip().rpartition("/")[2] or None if reference else None


def _piece_by_piece(body: bytes) -> tuple[_Envelope, int, tuple[str, ...]]:
    """The slow path: each part for itself, so that one odd value costs only itself."""
    try:
        raw = _raw.decode(body)
    except msgspec.ValidationError as error:
        raise BadRequest("the body must be a JSON object") from error
    parts = _Parts()
    context = parts.context(raw.context)
    envelope = _Envelope(
        hook=parts.part("hook", raw.hook, str),
        hook_instance=parts.part("hookInstance", raw.hook_instance, str),
        fhir_server=parts.part("fhirServer", raw.fhir_server, str),
        fhir_authorization=parts.part("fhirAuthorization", raw.fhir_authorization, FhirAuthorization),
        context=context,
        prefetch=parts.prefetch(raw.prefetch),
    )
    return envelope, parts.drafts.unreadable, tuple(parts.odd)


class _Parts:
    """Reads the envelope part by part and names those that are of a wrong type."""

    def __init__(self) -> None:
        self.drafts = Salvage()
        self.odd: list[str] = []

    def part(self, name: str, raw: msgspec.Raw, shape: type[T]) -> T | None:
        """A part of the envelope; one of the wrong type is left out and counted."""
        if not bytes(raw):
            return None
        try:
            return msgspec.json.decode(raw, type=shape | None)
        except msgspec.ValidationError:
            self.odd.append(name)
            return None

    def context(self, raw: msgspec.Raw) -> Context | None:
        """The context; None where it is no object."""
        try:
            parts = _raw_context.decode(raw) if bytes(raw) else None
        except msgspec.ValidationError:
            return None
        if parts is None:
            return None
        selections: Any = self.part("selections", parts.selections, list[str]) if bytes(parts.selections) else None
        return Context(
            patient_id=self.part("patientId", parts.patient_id, str),
            user_id=self.part("userId", parts.user_id, str),
            encounter_id=self.part("encounterId", parts.encounter_id, str),
            selections=selections,
            draft_orders=self.drafts.value(parts.draft_orders) if bytes(parts.draft_orders) else None,
        )

    def prefetch(self, raw: msgspec.Raw) -> dict[str, msgspec.Raw] | None:
        """The keys; a prefetch that is no object counts as not sent."""
        if not bytes(raw) or bytes(raw) == b"null":
            return None
        try:
            return _raw_map.decode(raw)
        except msgspec.ValidationError:
            self.odd.append("prefetch")
            return None

"""Request and needs to Evidence: prefetch first, the EHR's FHIR server for the rest, within one deadline."""

from dataclasses import replace
from typing import Protocol

from cards import Answer, Catalogue, Evidence, Need, Resource, Site, Standing
from service.errors import EvidenceUnavailable
from service.prefetch import Prefetched, read_prefetch
from service.wire import HookRequest

# Drafts, then Conditions, then the rest, then what the rest refers to.
MAX_ROUNDS = 4
_CLINICIANS = ("Practitioner/", "PractitionerRole/")


class Ehr(Protocol):
    """FHIR access for one call; never raises: what could not be had is an Answer that says so."""

    async def fetch(self, needs: frozenset[Need], request: HookRequest, prefetched: Prefetched) -> dict[Need, Answer]:
        """The answers to some needs, side by side."""

    async def medications(self, references: frozenset[str]) -> tuple[Resource, ...]:
        """The Medication resources behind some references, as far as they can be had."""


async def gather(request: HookRequest, catalogue: Catalogue, site: Site, ehr: Ehr | None = None) -> Evidence:
    """Everything worth knowing for this call. Raises `EvidenceUnavailable` where nothing can be said without more."""
    prefetched = read_prefetch(request, catalogue.needs(request.hook))
    evidence = Evidence(
        hook=request.hook,
        patient_id=request.patient_id,
        answers=dict(prefetched.answers),
        bystanders=prefetched.bystanders,
        drafts=request.drafts,
        selections=request.selections,
        encounter_id=request.encounter_id,
        requester=_requester(request.user_id),
        unreadable=request.unreadable,
        foreign=prefetched.foreign,
    )
    asked: frozenset[Need] = frozenset()
    for _ in range(MAX_ROUNDS):
        wanted = catalogue.wanted(evidence, site)
        if ehr is None or not wanted - asked:
            break
        answers = await ehr.fetch(wanted - asked, request, prefetched)
        asked |= wanted
        evidence = replace(evidence, answers={**evidence.answers, **answers})
    _insist(evidence, catalogue.wanted(evidence, site))
    return evidence


def _insist(evidence: Evidence, wanted: frozenset[Need]) -> None:
    """412 where the Conditions are needed and not there, or the Patient of somebody with RLS."""
    missing = [need.value for need in (Need.CONDITIONS, Need.PATIENT) if need in wanted and not _was_answered(evidence, need)]
    if missing:
        keys = " and ".join(f"'{key}'" for key in missing)
        raise EvidenceUnavailable(f"prefetch key {keys} was not usable and no FHIR access could replace it")


def _was_answered(evidence: Evidence, need: Need) -> bool:
    return evidence.answer(need).standing is Standing.ANSWERED


def _requester(user_id: str | None) -> str | None:
    """The user as requester of drafts: only clinicians order."""
    return user_id if user_id and user_id.startswith(_CLINICIANS) else None


"""Request and needs to Evidence: prefetch first, the EHR's FHIR server for the rest, as little as possible of it."""

from dataclasses import replace

from cards import Answer, Catalogue, Evidence, Need, Site, Standing
from service.ehr import Ehr, Found, Wish
from service.errors import EvidenceUnavailable, Overloaded
from service.fhir_client import DEADLINE_PASSED
from service.fhir_paging import joined
from service.prefetch import Prefetched, read_gate, read_prefetch
from service.wire import HookRequest

# Conditions (beside them the drugs of unknown drafts), then the rest, then the Medications that the rest names.
MAX_ROUNDS = 3
_CLINICIANS = ("Practitioner/", "PractitionerRole/")


async def gather(
    request: HookRequest, catalogue: Catalogue, site: Site, ehr: Ehr | None = None, *, thorough: bool = False
) -> Evidence:
    """Everything worth knowing for this call; where `thorough`, also what was sent along and cannot matter to a rule.

    Raises `EvidenceUnavailable` where the Conditions are needed and cannot be had, `Overloaded` where only the deadline
    kept them away. Any other need that failed is in the Evidence as failed.
    """
    needs = catalogue.needs(request.hook)
    if thorough:
        prefetched = read_prefetch(request, needs)
        evidence = _from_prefetch(request, prefetched)
    else:
        # Most calls end here: no RLS, or a harmless order. Then the greater part of what was sent is never decoded.
        gate = read_gate(request, needs)
        at_the_gate = _from_prefetch(request, gate)
        if catalogue.ends_here(at_the_gate, site):
            return at_the_gate
        prefetched = read_prefetch(request, needs, gate)
        evidence = _from_prefetch(request, prefetched)
        catalogue.take_over(at_the_gate, evidence)
    if ehr is not None:
        evidence = await _completed(evidence, catalogue, site, ehr, prefetched)
    if not evidence.complete(Need.CONDITIONS) and Need.CONDITIONS in catalogue.wanted(evidence, site):
        raise _cannot_look(evidence.answer(Need.CONDITIONS))
    return evidence


def _from_prefetch(request: HookRequest, prefetched: Prefetched) -> Evidence:
    return Evidence(
        hook=request.hook,
        patient_id=request.patient_id,
        answers=dict(prefetched.answers),
        bystanders=prefetched.bystanders,
        drafts=request.drafts,
        selections=request.selections,
        encounter_id=request.encounter_id,
        requester=_requester(request.user_id),
        unreadable=request.unreadable + request.prefetch.unreadable,
        foreign=prefetched.foreign,
    )


async def _completed(
    evidence: Evidence, catalogue: Catalogue, site: Site, ehr: Ehr, prefetched: Prefetched
) -> Evidence:
    """Round after round, until nothing more can matter or nothing new can be asked."""
    asked: frozenset[str] = frozenset()
    for _ in range(MAX_ROUNDS):
        wish = _next_wish(evidence, catalogue, site, prefetched, asked)
        if not wish.needs and not wish.medications:
            break
        before, evidence = evidence, _with(evidence, await ehr.fetch(wish))
        catalogue.take_over(before, evidence)
        asked |= wish.needs | wish.medications
    return evidence


def _next_wish(
    evidence: Evidence, catalogue: Catalogue, site: Site, prefetched: Prefetched, asked: frozenset[str]
) -> Wish:
    medications = catalogue.unresolved(evidence, site)
    needs = catalogue.wanted(evidence, site)
    before_gate = not evidence.complete(Need.CONDITIONS)
    if medications and before_gate:
        # Whether the unknown drug matters and whether the patient has RLS are found out side by side.
        needs |= {Need.CONDITIONS}
    return Wish(needs - asked, medications - asked, prefetched.next_pages, before_gate)


def _with(evidence: Evidence, found: Found) -> Evidence:
    """The evidence with one round more. A failed search takes nothing away from what was sent along."""
    answers = dict(evidence.answers)
    for need, answer in found.answers.items():
        answers[need] = answer if answer.is_complete else joined(evidence.answer(need), answer)
    mixed = sum(1 for answer in found.answers.values() if answer.standing is Standing.FOREIGN)
    return replace(
        evidence,
        answers=answers,
        bystanders=(*evidence.bystanders, *found.medications),
        unreadable=evidence.unreadable + found.unreadable,
        foreign=evidence.foreign + mixed,
    )


def _cannot_look(conditions: Answer) -> EvidenceUnavailable | Overloaded:
    if conditions.why == DEADLINE_PASSED:
        return Overloaded(f"'conditions' could not be read: {DEADLINE_PASSED}")
    reason = f" ({conditions.why})" if conditions.why else ""
    return EvidenceUnavailable(f"prefetch key 'conditions' was not usable and no FHIR access could replace it{reason}")


def _requester(user_id: str | None) -> str | None:
    """The user as requester of drafts: only clinicians order."""
    return user_id if user_id and user_id.startswith(_CLINICIANS) else None

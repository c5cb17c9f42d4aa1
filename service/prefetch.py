"""What the EHR sent along: each published key to the answer of its need, everything else to bystanders."""

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

import msgspec

from cards import ORDER_HOOKS, Answer, Need, Resource, Standing, in_list, own_of
from service.bundles import UNUSABLE, resources_in
from service.wire import HookRequest

_BAD = frozenset({"error", "fatal"})
_AT_THE_GATE = frozenset({Need.CONDITIONS, Need.PATIENT})
_UNREAD = Answer(Standing.UNREAD)
_NULL = Answer(Standing.ANSWERED, why="null: nothing there")
_TYPE = attrgetter("resource_type")
_NO_EVIDENCE = frozenset({"OperationOutcome", "?"})


class Prefetched(msgspec.Struct, frozen=True):
    """`next_pages` holds, for each need whose Bundle says that more pages follow, the link and what the page itself says."""

    answers: Mapping[Need, Answer]
    bystanders: tuple[Resource, ...]
    next_pages: Mapping[Need, tuple[str, Answer]]
    foreign: int


def read_prefetch(request: HookRequest, needs: Iterable[Need], gate: Prefetched | None = None) -> Prefetched:
    """The answers that came by prefetch; those that were read at the `gate` stand as they are. Absence may be concluded
    only from our own keys, or from a Bundle that holds the Patient and so is the whole record (conformance 2.13)."""
    wanted: dict[str, Need] = {need: need for need in needs}
    known = gate.answers if gate else {}
    answers: dict[Need, Answer] = {}
    next_pages: dict[Need, tuple[str, Answer]] = {}
    bystanders: list[Resource] = []
    others: list[Resource | None] = []
    for key in request.prefetch:
        value, need = request.prefetch[key], wanted.get(key)
        if need is None or need is Need.PATIENT:
            # Some EHRs answer the read of the Patient with the whole record.
            others.append(value)
        if need is None:
            bystanders.extend(_usable(resources_in(value)))
            continue
        read = known.get(need, _UNREAD)
        answers[need] = answer_of(value, request.patient_id) if read is _UNREAD else read
        following = next_page(value)
        if following and value:
            next_pages[need] = (following, page_of(value, request.patient_id))
    if any(_whole_record(value, request.patient_id) for value in others):
        rest = (need for need in wanted.values() if need not in answers)
        answers |= {need: Answer(Standing.ANSWERED, why="a Bundle of the whole record") for need in rest}
    return _prefetched(answers, bystanders, next_pages, request.patient_id)


def read_gate(request: HookRequest, needs: Iterable[Need]) -> Prefetched:
    """As little as tells whether the rest matters: the Patient and whatever may hold Conditions, nothing for orders.

    What else was sent stands as not looked at.
    """
    prefetch = request.prefetch
    keys = () if request.hook in ORDER_HOOKS else prefetch
    read = [key for key in keys if key in _AT_THE_GATE or prefetch.may_hold(key, "Condition")]
    answers: dict[Need, Answer] = {}
    bystanders: list[Resource] = []
    for need in needs:
        if need in read:
            answers[need] = answer_of(prefetch[need], request.patient_id)
        elif need in prefetch:
            answers[need] = _UNREAD
    for key in read:
        if key not in answers:
            bystanders.extend(_usable(resources_in(prefetch[key])))
    return _prefetched(answers, bystanders, {}, request.patient_id)


def _prefetched(
    answers: Mapping[Need, Answer],
    bystanders: list[Resource],
    next_pages: Mapping[Need, tuple[str, Answer]],
    patient_id: str,
) -> Prefetched:
    """What was read, without what is another patient's, which is counted."""
    own = own_of(bystanders, patient_id)
    mixed = sum(1 for answer in answers.values() if answer.standing is Standing.FOREIGN)
    return Prefetched(answers, own, next_pages, len(bystanders) - len(own) + mixed)


def answer_of(value: Resource | None, patient_id: str) -> Answer:
    """One prefetch value as the answer to a need. null: answered, nothing there. A `next` page: incomplete."""
    if value is None:
        return _NULL
    answer = page_of(value, patient_id)
    if answer.is_complete and next_page(value):
        return Answer(Standing.INCOMPLETE, answer.resources, "further pages were not read")
    return answer


def page_of(value: Resource, patient_id: str, *, expected: str | None = None) -> Answer:
    """What one resource, Bundle or page of a Bundle answers, whatever pages follow; `expected` is the type it must have.

    An OperationOutcome of severity error, as value or entry: failed; of a lesser severity it says nothing (an empty
    search may carry a warning).
    """
    if value is UNUSABLE or (value.resource_type is None and value.entry is None):
        return Answer(Standing.FAILED, why="neither a resource nor a Bundle")
    sent = resources_in(value)
    usable = _usable(sent)
    if len(usable) < len(sent) and any(is_failure(one) for one in sent):
        return Answer(Standing.FAILED, tuple(usable), "an OperationOutcome of severity error")
    if expected and value.resource_type != expected:
        return Answer(Standing.FAILED, why=f"not a {expected}")
    own = own_of(usable, patient_id)
    if len(own) < len(usable):
        return Answer(Standing.FOREIGN, own, "it holds resources of another patient")
    if "entry" in value.harmed:
        return Answer(Standing.INCOMPLETE, own, "a resource in it could not be read")
    return Answer(Standing.ANSWERED, own)


def is_failure(resource: Resource) -> bool:
    """An OperationOutcome that says that the question was not answered."""
    if resource.resource_type != "OperationOutcome":
        return False
    issues = in_list(resource.issue)
    return any((issue.severity or "error") in _BAD for issue in issues) or not issues


def next_page(value: Resource | None) -> str | None:
    """The address of the next page of a Bundle."""
    if value is None or value.link is None:
        return None
    return next((link.url for link in in_list(value.link) if link.relation == "next" and link.url), None)


def _usable(resources: Sequence[Resource]) -> Sequence[Resource]:
    if _NO_EVIDENCE.isdisjoint(map(_TYPE, resources)):
        return resources
    return tuple(one for one in resources if one.resource_type not in _NO_EVIDENCE)


def _whole_record(value: Resource | None, patient_id: str) -> bool:
    """A Bundle with the Patient itself among its matches, and with more. A Patient that a search merely included says
    nothing of what else there is."""
    if value is None or value.entry is None or next_page(value):
        return False
    entries = [entry for entry in in_list(value.entry) if entry.resource]
    own = [entry for entry in entries if entry.resource and _is_patient(entry.resource, patient_id)]
    included = any(entry.search and entry.search.mode == "include" for entry in own)
    return bool(own) and not included and len(entries) > len(own)


def _is_patient(resource: Resource, patient_id: str) -> bool:
    return resource.resource_type == "Patient" and resource.id == patient_id

"""Findings to the few that are shown: merging, one card for each product, caps. What is dropped says why."""

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from cards.decision import INDICATOR_ORDER, Finding, Indicator
from cards.evidence import Hook
from cards.facts import DraftOrder
from cards.schema import Arrangement


class Arranged(msgspec.Struct, frozen=True):
    """`withheld` pairs each finding that is not shown with the reason (a key of `silences.yaml`)."""

    shown: tuple[Finding, ...]
    withheld: tuple[tuple[Finding, str], ...]


def arrange(
    findings: Iterable[Finding], hook: Hook, policy: Arrangement, *, info_at_sign: bool = False, cap: int | None = None
) -> Arranged:
    """Info is dropped first where the hook shows none, then drugs are merged, then the cap falls (readings, "Orders").

    `cap` is the site's own, where it has one.
    """
    withheld: list[tuple[Finding, str]] = []
    kept = list(findings)
    if hook.value in policy.hooks_without_info and not info_at_sign:
        withheld += [(finding, "info_not_shown_here") for finding in kept if finding.indicator is Indicator.INFO]
        kept = [finding for finding in kept if finding.indicator is not Indicator.INFO]
    kept.sort(key=lambda finding: _rank(finding, policy))
    kept = _merged(_one_for_each_product(kept, withheld), policy, withheld)
    kept = _without_those_that_give_way(kept, policy, withheld)
    most = policy.caps[hook.value].cards if cap is None else cap
    shown = [finding for number, finding in enumerate(kept) if number < most or finding.indicator is Indicator.CRITICAL]
    withheld += [(finding, "cap") for finding in kept if finding not in shown]
    return Arranged(tuple(shown), tuple(withheld))


def _rank(finding: Finding, policy: Arrangement) -> tuple[int, int]:
    return INDICATOR_ORDER[finding.indicator], policy.priority.index(finding.topic)


def _without_those_that_give_way(
    findings: list[Finding], policy: Arrangement, withheld: list[tuple[Finding, str]]
) -> list[Finding]:
    """Some cards are shown only where no other one is: the other carries what they would say."""
    others = [finding for finding in findings if finding.topic not in policy.gives_way]
    if not others:
        return findings
    withheld += [(finding, "gives_way") for finding in findings if finding.topic in policy.gives_way]
    return others


def _merged(findings: list[Finding], policy: Arrangement, withheld: list[tuple[Finding, str]]) -> list[Finding]:
    for merge in policy.merge:
        into = next((one for one in findings if one.topic == merge.into), None)
        joining = next((one for one in findings if one.topic == merge.topic), None)
        if into is None or joining is None:
            continue
        together = _together(into, joining)
        withheld.append((joining, "merged"))
        findings = [together if one is into else one for one in findings if one is not joining]
        findings.sort(key=lambda finding: _rank(finding, policy))
    return findings


def _together(into: Finding, joining: Finding) -> Finding:
    """One finding of the first topic that names every drug, with the higher indicator."""
    return replace(
        into,
        variant="merged",
        indicator=min(into.indicator, joining.indicator, key=INDICATOR_ORDER.__getitem__),
        names=_union(into.names, joining.names),
        other_names=joining.names,
        notes=into.notes | joining.notes,
        drugs=_union(into.drugs, joining.drugs),
        suggests=_union(into.suggests, joining.suggests),
        removes=_union(into.removes, joining.removes),
        drafts=_union(into.drafts, joining.drafts),
        rests_on=_union(into.rests_on, joining.rests_on),
        unread=into.unread | joining.unread,
    )


def _union(one: tuple, other: tuple) -> tuple:  # type: ignore[type-arg]
    return (*one, *(item for item in other if item not in one))


def _one_for_each_product(findings: list[Finding], withheld: list[tuple[Finding, str]]) -> list[Finding]:
    """A drafted product stands on the first card that names it; a card left without products is not shown."""
    seen: list[DraftOrder] = []
    kept: list[Finding] = []
    for finding in findings:
        rest = tuple(draft for draft in finding.drafts if draft not in seen)
        if finding.drafts and not rest:
            withheld.append((finding, "other_card_names_it"))
            kept = [_naming_too(one, finding) for one in kept]
            continue
        seen.extend(rest)
        kept.append(finding if rest == finding.drafts else _without(finding, rest))
    return kept


def _naming_too(finding: Finding, dropped: Finding) -> Finding:
    """The card that stands for a product says what the dropped one knew of its other ingredients."""
    if not any(draft in finding.drafts for draft in dropped.drafts):
        return finding
    known = {drug.name for drug in finding.drugs}
    return replace(finding, drugs=(*finding.drugs, *(drug for drug in dropped.drugs if drug.name not in known)))


def _without(finding: Finding, drafts: tuple[DraftOrder, ...]) -> Finding:
    names = {name for draft in drafts for name in draft.medicine.product.ingredients}
    return replace(
        finding,
        drafts=drafts,
        names=tuple(name for name in finding.names if name in names),
        removes=tuple(draft for draft in finding.removes if draft in drafts),
    )

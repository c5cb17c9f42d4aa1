"""A finding and the form of its card to the card."""

from collections.abc import Iterable, Mapping
from uuid import UUID, uuid5

import msgspec

from cards.card import Card, Suggestion
from cards.card_form import FACTORS, Form, FormLine, Forms, capital
from cards.decision import DrugLine, Finding
from cards.markdown import EscapedValues, Sentence, escaped
from cards.orders import DraftWriter
from cards.site import Site

EXTENSION = "org.rls-cds.card"
LONGEST_SUMMARY = 139
MOST_NAMES = 3
# In the detail there is room for more.
_MOST_IN_DETAIL = 8
# A prescriber chooses among a few; an ordering session of hundreds of drafts is nobody's.
MOST_SUGGESTIONS = 12


class Call(msgspec.Struct, frozen=True):
    """What a card must know of the call: a unique seed for its uuids, and who writes its draft orders."""

    seed: UUID
    writer: DraftWriter


def compose(finding: Finding, forms: Forms, site: Site, call: Call) -> Card:
    """The card as it goes over the wire."""
    form = forms.of(finding.topic)
    suggestions = tuple(_suggestions(finding, forms, call))
    return Card(
        uuid=str(uuid5(call.seed, finding.topic)),
        summary=summary(form.summaries[finding.variant], finding),
        indicator=finding.indicator.value,
        detail=detail(form, finding, forms, site),
        source=form.source,
        suggestions=suggestions or None,
        selection_behavior="any" if suggestions else None,
        override_reasons=form.override_reasons,
        links=form.links or None,
        extension={EXTENSION: _extension(form, finding)},
    )


def summary(sentence: Sentence, finding: Finding) -> str:
    """One sentence of at most `LONGEST_SUMMARY` characters: drug names give way first, then the end."""
    for most in range(MOST_NAMES, 0, -1):
        written = sentence.filled(_named(finding, most))
        if len(written) <= LONGEST_SUMMARY:
            return written
    return written[: LONGEST_SUMMARY - 1].rstrip() + "…"


def listed(names: tuple[str, ...], most: int = MOST_NAMES) -> str:
    """Names in a row; longer lists end in "and n more"."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1] if names else ""


def detail(form: Form, finding: Finding, forms: Forms, site: Site) -> str:
    """First what was seen, then what to do, then why; GitHub-Flavoured Markdown without HTML."""
    tags = finding.notes | {finding.variant}
    values = EscapedValues(_named(finding, _MOST_IN_DETAIL))
    notices = forms.knowledge.notices
    seen = _lines(form.seen, tags, values)
    for drug in finding.drugs:
        seen += _drug_lines(drug, forms)
    seen += [notices.unread[need] for need in sorted(finding.unread) if need in notices.unread]
    do = [forms.alternatives[name] for name in finding.indications if name in forms.alternatives]
    do += _lines(form.do, tags, values)
    do += [notices.studies_due] if "studies_due" in tags else []
    do += [notices.never_stop_suddenly] if "medicine" in tags else []
    why = _lines(form.why, tags, values)
    if finding.associated and finding.topic != FACTORS:
        why += _lines(forms.factors, frozenset(finding.associated), {})
    why += [form.reference, forms.closing(draft_notice=site.draft_notice)]
    sections = (("What was seen", seen), ("What to do", do), ("Why", why))
    return "\n\n".join([f"**{title}**\n\n- " + "\n- ".join(lines) for title, lines in sections if lines])


def _named(finding: Finding, most: int) -> Mapping[str, str]:
    """The values of all slots, with the names of the finding in a row."""
    names = listed(finding.names, most)
    named = {"names": names, "Names": capital(names), "other_names": listed(finding.other_names, most)}
    return {**finding.values, **named}


def _lines(lines: Iterable[FormLine], tags: frozenset[str], values: Mapping[str, str]) -> list[str]:
    return [line.sentence.filled(values) for line in lines if not line.when or not tags.isdisjoint(line.when)]


def _drug_lines(drug: DrugLine, forms: Forms) -> Iterable[str]:
    name = escaped(capital(drug.name))
    note = f"; {escaped(drug.note)}" if drug.note else ""
    if drug.grade:
        yield f"{name}: {forms.knowledge.notices.grades[drug.grade]}{note}."
    if drug.by_name:
        yield forms.by_name.filled({"name": name})


def _suggestions(finding: Finding, forms: Forms, call: Call) -> Iterable[Suggestion]:
    if not finding.suggests and not finding.removes:
        return
    orders, writer = forms.knowledge.orders.orders, call.writer
    allowed = [key for key in finding.suggests if finding.unread.isdisjoint(orders[key].rests_on)]
    actions = [
        *(writer.removal(draft) for draft in finding.removes),
        *(writer.creation(key, finding) for key in allowed),
    ]
    for number, (label, action) in enumerate([action for action in actions if action][:MOST_SUGGESTIONS]):
        yield Suggestion(label=label, uuid=str(uuid5(call.seed, f"{finding.topic}/{number}")), actions=(action,))


def _extension(form: Form, finding: Finding) -> dict[str, object]:
    refs = sorted({ref.reference for ref in finding.rests_on})
    return {**form.extension, "restsOn": refs} if refs else {**form.extension}

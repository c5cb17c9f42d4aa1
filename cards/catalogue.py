"""Rule and recommendation together: what is needed, and from evidence to a Decision."""

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from uuid import UUID
from weakref import WeakKeyDictionary

from msgspec.structs import replace

from cards.arrange import Arranged, arrange
from cards.card import Card
from cards.card_form import Forms
from cards.compose import Call, compose
from cards.decision import Decision, Finding, Outcome, Result, Silent
from cards.evidence import Evidence, Hook
from cards.facts import PatientFacts, Rls
from cards.history import History, read_history
from cards.knowledge_base import Guidance, Knowledge
from cards.needs import Need, Template, templates
from cards.orders import DraftWriter
from cards.readers.patient import Reader
from cards.readers.record import record_of
from cards.rule_table import DUE_STUDIES, ORDER_HOOKS, RULES, STUDIES, Rule
from cards.rules import contributing_factors, untested_iron
from cards.site import Site

# Statements add to orders; without an encounter the order cards are full; studies are a line that is then left out.
_NEVER_TOLD = frozenset({Need.STATEMENTS, Need.ENCOUNTER, Need.LABS})


class Catalogue:
    """All rules with the knowledge they rest on. Built once; answers any number of calls, holds nothing of them."""

    def __init__(self, knowledge: Knowledge, rules: Iterable[Rule] = RULES) -> None:
        self.knowledge = knowledge
        self.rules = tuple(rules)
        self.templates: Mapping[Need, Template] = templates(knowledge)
        self._forms = Forms(knowledge)
        self._readers: WeakKeyDictionary[Site, Reader] = WeakKeyDictionary()
        self._rules = {hook: tuple(rule for rule in self.rules if hook in rule.hooks) for hook in Hook}
        self._needs = {hook: self._needs_of(hook) for hook in Hook}
        self._only_with = {hook: self._only_with_of(hook) for hook in Hook}
        self._classes = {hook: {name for rule in self._rules[hook] for name in rule.drug_classes} for hook in Hook}
        self._ingredients = {
            hook: {name for name, roles in knowledge.roles.items() if any(role.drug_class in classes for role in roles)}
            for hook, classes in self._classes.items()
        }
        self._unmoved = {
            hook: [Outcome(rule.stem, Result.SILENT, why="nothing_drafted_matters") for rule in self._rules[hook]]
            for hook in Hook
        }
        self._place = {rule.stem: place for place, rule in enumerate(self.rules)}

    def needs(self, hook: Hook) -> frozenset[Need]:
        """The union of what the rules of a hook may look at."""
        return self._needs[hook]

    def _needs_of(self, hook: Hook) -> frozenset[Need]:
        own = frozenset[Need]().union(*(rule.needs for rule in self._rules[hook]))
        return own | STUDIES if hook in ORDER_HOOKS else own

    def _only_with_of(self, hook: Hook) -> dict[Need, frozenset[str]]:
        """Needs that every rule which has them ties to problems, and these problems."""
        tied: dict[Need, set[str]] = {}
        for rule in self._rules[hook]:
            for need, value_set in rule.only_with:
                tied.setdefault(need, set()).add(value_set)
        free = {need for rule in self._rules[hook] for need in rule.needs - {one for one, _ in rule.only_with}}
        return {need: frozenset(value_sets) for need, value_sets in tied.items() if need not in free}

    def templates_of(self, site: Site) -> Mapping[Need, Template]:
        """The queries of each need; results under the site's own codes are searched for too."""
        return self._reader(site).templates if site.local_codes else self.templates

    def prefetch(self, hook: Hook, site: Site | None = None) -> dict[str, str]:
        """The prefetch templates of a hook's service, by key, in a fixed order."""
        wanted = self.needs(hook)
        queries = self.templates_of(site) if site else self.templates
        return {need.value: template.published for need, template in queries.items() if need in wanted}

    def wanted(self, evidence: Evidence, site: Site) -> frozenset[Need]:
        """What is worth asking for next, given what is there; empty when nothing more can matter.

        Order hooks look at the drafts first, everything else at the Conditions: most calls end there.
        """
        reader = self._reader(site)
        if evidence.hook in ORDER_HOOKS and not self._relevant(evidence, reader):
            return frozenset()
        missing = frozenset(need for need in self.needs(evidence.hook) if not evidence.complete(need))
        if Need.CONDITIONS in missing:
            return missing & {Need.CONDITIONS}
        if not self._concerns(evidence, site):
            return frozenset()
        if not evidence.encounter_id:
            missing -= {Need.ENCOUNTER}
        return missing - self._pointless(evidence, reader)

    def _pointless(self, evidence: Evidence, reader: Reader) -> frozenset[Need]:
        """Needs that each rule looks at only beside a problem that is not on record."""
        only_with = self._only_with[evidence.hook]
        problems = reader.conditions(record_of(evidence)).problems if only_with else {}
        return frozenset(need for need, value_sets in only_with.items() if value_sets.isdisjoint(problems))

    def ends_here(self, evidence: Evidence, site: Site) -> bool:
        """Whether nothing that else was sent or could be fetched can matter. Asked of little evidence, before the rest is
        even decoded: at order hooks of the drafts alone, else of the Patient and all Conditions."""
        reader = self._reader(site)
        if evidence.hook in ORDER_HOOKS:
            return not reader.may_draft(self._ingredients[evidence.hook], evidence)
        return evidence.complete(Need.CONDITIONS) and not self._concerns(evidence, site)

    def take_over(self, earlier: Evidence, evidence: Evidence) -> None:
        """What the Conditions said of less evidence of the same call holds for more of it where it has no others."""
        before, record = record_of(earlier), record_of(evidence)
        if before.of("Condition") == record.of("Condition"):
            record.conditions = before.conditions

    def unresolved(self, evidence: Evidence, site: Site) -> frozenset[str]:
        """References to Medications worth fetching: nothing else names the drug, and the drug may matter.

        Until the Conditions are known those of selected drafts; after that, for a patient with RLS, of treatments too.
        """
        reader = self._reader(site)
        known = evidence.complete(Need.CONDITIONS)
        if not known and not evidence.drafts:
            return frozenset()
        if known and not self._concerns(evidence, site):
            return frozenset()
        matters = evidence.hook not in ORDER_HOOKS or self._relevant(evidence, reader)
        return reader.unresolved(evidence, treatments=known and matters)

    def _concerns(self, evidence: Evidence, site: Site) -> bool:
        """Whether the patient's Conditions leave anything to say."""
        rls = self._reader(site).conditions(record_of(evidence)).rls
        return rls in (Rls.ACTIVE, Rls.SUSPECTED) or bool(site.screening_groups)

    def _relevant(self, evidence: Evidence, reader: Reader) -> bool:
        """Whether any selected live draft can matter to a rule, or could not be told apart from one that does."""
        known = evidence.grouped.get("relevant")
        if known is None:
            known = evidence.grouped["relevant"] = self._may_matter(evidence, reader)
        return bool(known)

    def _may_matter(self, evidence: Evidence, reader: Reader) -> bool:
        if not reader.may_draft(self._ingredients[evidence.hook], evidence):
            return False
        classes = self._classes[evidence.hook]
        return any(order.selected and order.medicine.ingredients_of(*classes) for order in reader.live_drafts(evidence))

    def evaluate(
        self, evidence: Evidence, *, on: date, site: Site, seed: UUID, now: datetime | None = None
    ) -> Decision:
        """Cards and reasons. `on` is today in the site's time zone, `seed` unique to the call; `now` tells whether a dose
        was given within hours (without it the whole day counts).

        A rule that raises is reported as failed; the other cards still go out.
        """
        reader = self._reader(site)
        nothing_matters = evidence.hook in ORDER_HOOKS and not self._relevant(evidence, reader)
        if nothing_matters:
            return self._decision(evidence, None, [*self._unmoved[evidence.hook]], [], on=on, site=site, seed=seed)
        patient = reader.read(evidence, on, now)
        outcomes: list[Outcome] = []
        findings: list[tuple[Rule, Finding]] = []
        if evidence.hook in ORDER_HOOKS:
            patient = self._with_studies(patient, evidence, reader.guidance)
        for rule in self._rules[evidence.hook]:
            outcome = self._judge(rule, patient, evidence, reader.guidance, site.off)
            if isinstance(outcome, Finding):
                findings.append((rule, outcome))
            else:
                outcomes.append(outcome)
        return self._decision(evidence, patient, outcomes, findings, on=on, site=site, seed=seed)

    def history(self, evidence: Evidence, *, on: date, site: Site) -> History:
        """Iron studies, iron therapy and medicines over time, for people to look at; no rule asks for it."""
        return read_history(evidence, self.knowledge, self._reader(site), site, on)

    def _judge(
        self,
        rule: Rule,
        patient: PatientFacts,
        evidence: Evidence,
        guidance: Mapping[str, Guidance],
        off: frozenset[str] = frozenset(),
    ) -> Finding | Outcome:
        starved_of = self._starved_of(rule, patient, evidence)
        if starved_of:
            return Outcome(rule.stem, Result.STARVED, starved_of=starved_of)
        try:
            verdict = rule.decide(patient, guidance[rule.stem])
        except Exception as error:  # noqa: BLE001 - one faulty rule must never silence the others
            return Outcome(rule.stem, Result.FAILED, why=type(error).__name__)
        if isinstance(verdict, Silent):
            result = Result.STARVED if verdict.starved else Result.SILENT
            return Outcome(rule.stem, result, why=verdict.why, rests_on=verdict.rests_on)
        if verdict.topic in off:
            return Outcome(rule.stem, Result.SILENT, verdict.topic, "switched_off", rests_on=verdict.rests_on)
        unread = self._unread(rule, patient)
        return verdict if unread <= verdict.unread else replace(verdict, unread=verdict.unread | unread)

    def _starved_of(self, rule: Rule, patient: PatientFacts, evidence: Evidence) -> frozenset[Need]:
        """Required needs that were not answered. Without RLS a rule has all it needs to stay silent."""
        if Need.CONDITIONS in patient.unread:
            return frozenset({Need.CONDITIONS})
        if patient.rls not in (Rls.ACTIVE, Rls.SUSPECTED) and not (rule.without_rls and patient.screening_groups):
            return frozenset()
        missing = rule.required & patient.unread
        if not evidence.encounter_id:
            missing -= {Need.ENCOUNTER}
        if patient.age_group is None:
            missing |= {Need.PATIENT}
        return missing

    def _unread(self, rule: Rule, patient: PatientFacts) -> frozenset[Need]:
        """Optional needs that were not answered and are worth a line on the card."""
        pointless = {need for need, value_set in rule.only_with if not patient.has(value_set)}
        return rule.optional & patient.unread - _NEVER_TOLD - pointless

    def _with_studies(
        self, patient: PatientFacts, evidence: Evidence, guidance: Mapping[str, Guidance]
    ) -> PatientFacts:
        """The facts with the iron studies that are due."""
        verdict = self._judge(DUE_STUDIES, patient, evidence, guidance)
        return dataclasses.replace(patient, studies_due=verdict.suggests) if isinstance(verdict, Finding) else patient

    def _decision(
        self,
        evidence: Evidence,
        patient: PatientFacts | None,
        outcomes: list[Outcome],
        findings: list[tuple[Rule, Finding]],
        *,
        on: date,
        site: Site,
        seed: UUID,
    ) -> Decision:
        knowledge = self.knowledge
        shown = (finding for _, finding in findings if finding.topic not in site.shadow)
        arranged = self._arranged(shown, evidence, site)
        outcomes += self._withheld(arranged)
        writer = DraftWriter(knowledge, site, evidence.patient_id, evidence.requester, evidence.encounter_id, on)
        call = Call(seed, writer)
        cards: list[Card] = []
        for finding in self._with_context(arranged.shown, patient):
            card, outcome = self._composed(finding, site, call)
            outcomes.append(outcome)
            cards.extend([card] if card else [])
        shadowed: list[Card] = []
        if any(finding.topic in site.shadow for _, finding in findings):
            in_shadow, told = self._shadow((finding for _, finding in findings), evidence, patient, site, call)
            shadowed += in_shadow
            outcomes += told
        return Decision(
            hook=evidence.hook,
            on=on,
            knowledge_version=knowledge.full_version,
            knowledge_status=knowledge.status,
            cards=tuple(cards),
            shadowed=tuple(shadowed),
            outcomes=tuple(sorted(outcomes, key=lambda outcome: self._place[outcome.rule])),
            standings={need: answer.standing for need, answer in evidence.answers.items()},
            why_standing={need: answer.why for need, answer in evidence.answers.items() if answer.why},
            unmapped_drugs=patient.unmapped_drugs if patient else 0,
            unreadable=evidence.unreadable,
            foreign=evidence.foreign,
        )

    def _arranged(self, findings: Iterable[Finding], evidence: Evidence, site: Site) -> Arranged:
        policy, hook = self.knowledge.arrangement, evidence.hook
        return arrange(findings, hook, policy, info_at_sign=site.info_at_sign, cap=site.caps.get(hook.value))

    def _withheld(self, arranged: Arranged, *, shadow: bool = False) -> Iterable[Outcome]:
        for finding, why in arranged.withheld:
            result = Result.MERGED if why == "merged" else Result.WITHHELD
            home = self.knowledge.card_home[finding.topic]
            yield Outcome(home, result, finding.topic, why, rests_on=finding.rests_on, shadow=shadow)

    def _shadow(
        self, findings: Iterable[Finding], evidence: Evidence, patient: PatientFacts | None, site: Site, call: Call
    ) -> tuple[list[Card], list[Outcome]]:
        """The cards in shadow that would have been shown, had all findings been arranged together.

        What is shown was arranged without them: a card in shadow takes no place, merges with nothing, replaces nothing.
        """
        together = self._arranged(findings, evidence, site)
        hidden = tuple((finding, why) for finding, why in together.withheld if finding.topic in site.shadow)
        outcomes = list(self._withheld(Arranged((), hidden), shadow=True))
        cards: list[Card] = []
        for finding in self._with_context(together.shown, patient):
            if finding.topic in site.shadow:
                card, outcome = self._composed(finding, site, call)
                result = Result.SHADOWED if card else outcome.result
                why = "in_shadow" if card else outcome.why
                outcomes.append(replace(outcome, result=result, why=why, shadow=True))
                cards.extend([card] if card else [])
        return cards, outcomes

    def switched_off(self, hook: Hook, on: date) -> Decision:
        """The answer where a site has switched everything off: no rule ran, nothing was read."""
        return Decision(hook, on, self.knowledge.full_version, self.knowledge.status, switched_off=True)

    def _composed(self, finding: Finding, site: Site, call: Call) -> tuple[Card | None, Outcome]:
        """The card of a finding; one that cannot be written never takes the others with it."""
        home = self.knowledge.card_home[finding.topic]
        try:
            card = compose(finding, self._forms, site, call)
        except Exception as error:  # noqa: BLE001 - one faulty card must never silence the others
            return None, Outcome(home, Result.FAILED, finding.topic, type(error).__name__, rests_on=finding.rests_on)
        return card, Outcome(home, Result.FIRED, finding.topic, unread=finding.unread, rests_on=finding.rests_on)

    def _with_context(self, shown: tuple[Finding, ...], patient: PatientFacts | None) -> tuple[Finding, ...]:
        """The first card carries what belongs to the patient rather than to one rule."""
        if not shown or patient is None:
            return shown
        if patient.hook in ORDER_HOOKS:
            return self._with_due(shown, patient)
        stem = self.knowledge.card_home[contributing_factors.TOPIC]
        listed = contributing_factors.associated(patient, self.knowledge.guidance[stem])
        return (replace(shown[0], associated=listed), *shown[1:])

    def _with_due(self, shown: tuple[Finding, ...], patient: PatientFacts) -> tuple[Finding, ...]:
        """The first order card carries the iron studies that are due, as one line and the same draft orders."""
        first = shown[0]
        if not patient.studies_due or first.topic == untested_iron.TOPIC:
            return shown
        carrying = replace(
            first,
            notes=first.notes | {"studies_due"},
            suggests=(*first.suggests, *(key for key in patient.studies_due if key not in first.suggests)),
        )
        return (carrying, *shown[1:])

    def _reader(self, site: Site) -> Reader:
        """One reader a site: building its indexes costs more than reading a patient."""
        reader = self._readers.get(site)
        if reader is None:
            reader = self._readers[site] = Reader(self.knowledge.adjusted(site.windows), site)
        return reader

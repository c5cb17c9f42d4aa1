"""All readers together: evidence in, PatientFacts out."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from datetime import date, datetime, timedelta

from cards.codes import Meanings, ValueSetIndex
from cards.evidence import Evidence
from cards.facts import DraftOrder, IronPanel, IronTherapy, Lab, LabResult, Medicine, PatientFacts, Pregnancy, Rls
from cards.fhir import Coding
from cards.knowledge_base import OBSERVED, Guidance, Knowledge
from cards.needs import Need, site_templates
from cards.readers import unresolved
from cards.readers.allergies import read_allergies
from cards.readers.anaphylaxis import in_anaphylaxis
from cards.readers.conditions import Conditions, Diagnoses, read_conditions
from cards.readers.draft_orders import Written, is_live, live_orders, read_drafts
from cards.readers.encounter import HOSPICE, read_encounter
from cards.readers.iron_indications import iron_indicated_otherwise
from cards.readers.iron_therapy import TherapyLimits, procedures_done, read_iron_therapy
from cards.readers.kidney import Kidney, read_kidney
from cards.readers.labs import LabBook, LabIndex, described, read_labs
from cards.readers.medicines import KINDS, KnownDrugs, Pharmacy, may_hold, on_record
from cards.readers.observations import Observed, read_observations
from cards.readers.panel import PanelLimits, Validity, read_panel
from cards.readers.pending import ORDER_TYPES, read_pending
from cards.readers.person import AgeLimits, read_person
from cards.readers.population import first_valid_day, population_of, valid_for
from cards.readers.pregnancy import PregnancyLimits, read_pregnancy
from cards.readers.record import Record, record_of
from cards.readers.surroundings import has_family_history, surroundings
from cards.site import Site
from cards.tables import band_of

# Losses and malabsorption that shorten the life of a result (facts A7).
AT_RISK = ("iron_malabsorption", "iron_loss")


class Reader:
    """The readers with the knowledge that they look things up in; built once for a site."""

    def __init__(self, knowledge: Knowledge, site: Site) -> None:
        self._knowledge = knowledge
        self.guidance: Mapping[str, Guidance] = knowledge.guidance
        self._site = site
        self._ordered = _ordered(knowledge, site)
        self.templates = site_templates(knowledge, site.local_codes)
        self._iron: Guidance = knowledge.guidance["iron"]
        self._people: Guidance = knowledge.reading["populations"]
        self._indications: Guidance = knowledge.reading["iron_indications"]
        self._orders: Guidance = knowledge.reading["new_start"]
        self._labs = LabIndex(
            knowledge.systems,
            knowledge.labs.tests,
            knowledge.units,
            site.local_codes,
            self._iron.recommendation.lists["assay_makers"],
        )
        self._diagnoses = Diagnoses(knowledge.value_sets)
        sets = knowledge.value_set_names
        self._observed = ValueSetIndex(knowledge.systems, {name: sets[name].codes for name in OBSERVED})
        # Whether an Observation is one that some reader asks for.
        self._asked_of = Meanings(lambda code: bool(self._labs.test_of(code) or self._observed.of(code)))
        self._drugs = KnownDrugs(knowledge.terminology, knowledge.roles)
        self._acute = frozenset(code.code for code in knowledge.value_set_names["acute_encounter_class"].codes)

    def conditions(self, record: Record) -> Conditions:
        """The Conditions alone: what they say of RLS decides whether anything else matters."""
        if record.conditions is None:
            record.conditions = read_conditions(record.of("Condition"), self._diagnoses, self._site.time_zone)
        return record.conditions

    def pharmacy(self, record: Record) -> Pharmacy:
        """What is needed to read medications."""
        knowledge = self._knowledge
        return Pharmacy(
            knowledge.terminology,
            knowledge.value_sets,
            record.referred,
            self._site.time_zone,
            self._orders.recommendation.lists,
            self._orders.number("low_dose_doxepin"),
            self._drugs,
        )

    def read(self, evidence: Evidence, on: date, now: datetime | None = None) -> PatientFacts:
        """Everything that the rules may ask; without RLS only what says so."""
        record = record_of(evidence)
        zone, iron = self._site.time_zone, self._iron
        conditions = self.conditions(record)
        person = read_person(
            record.of("Patient"),
            evidence.patient_id,
            on,
            zone,
            AgeLimits(int(self._people.number("child_from")), int(self._people.number("adult_from"))),
        )
        base = PatientFacts(
            on=on,
            hook=evidence.hook,
            age_group=person.age_group,
            age_years=person.age_years,
            gender=person.gender,
            deceased=person.deceased,
            rls=conditions.rls,
            rls_refs=conditions.rls_refs,
            problems=conditions.problems,
            unread=frozenset(need for need in Need if not evidence.complete(need)),
        )
        if conditions.rls not in (Rls.ACTIVE, Rls.SUSPECTED) and not self._site.screening_groups:
            return base
        observations = record.named("Observation", self._asked_of)
        observed = read_observations(observations, self._observed, self._knowledge.value_sets, zone)
        stay = read_encounter(record.of("Encounter"), evidence.encounter_id, self._acute, self._knowledge.value_sets)
        pregnancy = self._pregnancy(record, conditions, observed, on)
        kidney = read_kidney(
            conditions.problems,
            record.of("Procedure"),
            self._knowledge.value_sets,
            on,
            zone,
            self._people.days("dialysis_recent"),
        )
        pharmacy = self.pharmacy(record)
        medicines, unmapped = on_record(record.of(*KINDS), pharmacy)
        therapy = self._therapy(record, medicines, pregnancy, on)
        loading = "iron_loading" in conditions.problems
        population = population_of(
            conditions.rls, person.age_group, pregnancy, kidney=kidney.end_stage, loading=loading
        )
        book = read_labs(observations, self._labs, on, zone)
        panel = self._panel(
            record,
            book,
            population,
            conditions,
            therapy,
            pregnancy,
            kidney,
            on,
            suppressed=any(one.is_taken_now and one.ingredients_of("acid_suppressant") for one in medicines),
        )
        limits = (iron.days("pending_order"), iron.days("pending_scheduled"), iron.days("pending_result"))
        drafts = self._drafts(evidence, medicines, pharmacy, on)
        facts = replace(
            base,
            setting=stay.setting,
            hospice=stay.hospice or HOSPICE in conditions.problems,
            pregnancy=pregnancy,
            end_stage_kidney_disease=kidney.end_stage,
            on_dialysis=kidney.on_dialysis,
            iron_loading=loading,
            population=population,
            panel=panel,
            labs={
                lab: described(result, book, self._labs)
                for lab, result in _others(book, panel, iron.days("inflammation_near")).items()
            },
            iron=therapy,
            pending=read_pending(
                record.of(*ORDER_TYPES), book, self._knowledge.value_sets, on, zone, limits, self._ordered
            ),
            medicines=medicines,
            drafts=drafts,
            recent_infection=self._infected(conditions, panel),
            in_anaphylaxis=in_anaphylaxis(evidence.drafts, record.of(*KINDS), pharmacy, on, now, self._orders),
            allergies=read_allergies(record.of("AllergyIntolerance"), pharmacy),
            screening_groups=self._site.screening_groups,
            has_family_history=has_family_history(
                record.of("FamilyMemberHistory"), conditions.problems, self._knowledge.value_sets
            ),
            **surroundings(observed, record, self._knowledge.value_sets, conditions.problems, self._orders, on),
            unmapped_drugs=unmapped + sum(1 for order in drafts if order.medicine.product.unmapped),
        )
        return replace(facts, iron_indicated_otherwise=iron_indicated_otherwise(facts, self._indications))

    def unresolved(self, evidence: Evidence, *, treatments: bool) -> frozenset[str]:
        """References to Medications that are not here and must be, to name the drugs of selected drafts (and treatments)."""
        record = record_of(evidence)
        pharmacy = self.pharmacy(record)
        drafts = unresolved.of_drafts(evidence.drafts, evidence.selections, pharmacy)
        return drafts | unresolved.of_treatments(record.of(*KINDS), pharmacy) if treatments else drafts

    def may_draft(self, ingredients: Set[str], evidence: Evidence) -> bool:
        """Whether a live draft may hold one of some ingredients, as far as names alone tell: at the least cost."""
        pharmacy = self.pharmacy(record_of(evidence))
        return any(is_live(draft) and may_hold(draft, ingredients, pharmacy) for draft in evidence.drafts)

    def live_drafts(self, evidence: Evidence) -> tuple[DraftOrder, ...]:
        """The live drafts alone, before anything else is fetched: all of them count as new."""
        written = self._written(evidence, self.pharmacy(record_of(evidence)))
        return read_drafts(written, evidence.selections, (), date.max, self._iron.days("pair"))

    def _written(self, evidence: Evidence, pharmacy: Pharmacy) -> list[Written]:
        """The live drafts and what is prescribed in them, read once for each evidence."""
        found = evidence.grouped.get("written")
        if not isinstance(found, list):
            found = evidence.grouped["written"] = live_orders(evidence.drafts, pharmacy)
        return found

    def _drafts(
        self, evidence: Evidence, medicines: Iterable[Medicine], pharmacy: Pharmacy, on: date
    ) -> tuple[DraftOrder, ...]:
        recent = self._orders.days("new_start_after")
        return read_drafts(self._written(evidence, pharmacy), evidence.selections, medicines, on, recent)

    def _pregnancy(
        self, record: Record, conditions: Conditions, observed: Mapping[str, tuple[Observed, ...]], on: date
    ) -> Pregnancy | None:
        people = self._people
        limits = PregnancyLimits(
            people.days("pregnancy_longest"),
            people.days("pregnancy_after_due_date"),
            people.days("pregnancy_term"),
            people.days("second_trimester_from"),
            people.days("third_trimester_from"),
        )
        codes = (self._knowledge.systems, self._diagnoses)
        return read_pregnancy(
            record.of("Condition"), conditions.problems, observed, codes, on, self._site.time_zone, limits
        )

    def _therapy(
        self, record: Record, medicines: tuple[Medicine, ...], pregnancy: Pregnancy | None, on: date
    ) -> IronTherapy:
        iron = self._iron
        limits = TherapyLimits(
            on_record=iron.days("on_record"),
            course_gap=iron.days("course_gap"),
            last_year=iron.days("therapy_lookback"),
            therapeutic_mg=int(iron.number("therapeutic_iron")),
            recheck_oral=iron.days("recheck_pregnant" if pregnancy else "recheck_oral"),
            recheck_infusion=iron.days("recheck_pregnant_infusion" if pregnancy else "recheck_oral"),
        )
        done = procedures_done(
            record.of("Procedure"), "iron_infusion_procedure", self._knowledge.value_sets, self._site.time_zone
        )
        return read_iron_therapy(medicines, done, on, limits)

    def _panel(
        self,
        record: Record,
        book: LabBook,
        population: str,
        conditions: Conditions,
        therapy: IronTherapy,
        pregnancy: Pregnancy | None,
        kidney: Kidney,
        on: date,
        *,
        suppressed: bool,
    ) -> IronPanel:
        iron, table = self._iron, self._iron.tables[population]
        at_risk = any(name in conditions.problems for name in AT_RISK) or suppressed
        window = valid_for(iron, therapy, pregnancy, kidney=kidney.end_stage, at_risk=at_risk)
        transfusions = procedures_done(
            record.of("Procedure"), "transfusion_procedure", self._knowledge.value_sets, self._site.time_zone
        )
        validity = Validity(
            since=first_valid_day(on, window, None),
            pregnant_since=pregnancy.began if pregnancy else None,
            infusions=therapy.infusions,
            transfusions=tuple(ref.on for ref in transfusions if ref.on),
            treated_since=therapy.treated_since,
        )
        panel = read_panel(book, table, validity, panel_limits(iron))
        ferritin, tsat = (
            described(result, book, self._labs) if result else None for result in (panel.ferritin, panel.tsat)
        )
        return _with_adult_bands(replace(panel, ferritin=ferritin, tsat=tsat), self._iron)

    def _infected(self, conditions: Conditions, panel: IronPanel) -> bool:
        """A febrile illness in the weeks before the sample: ferritin stays raised."""
        sample = panel.ferritin or panel.tsat
        near = self._iron.days("infection_near")
        infections = conditions.problems.get("recent_infection", ()) if sample else ()
        return any(one.ref.on and sample.on - near <= one.ref.on <= sample.on for one in infections if sample)


def _ordered(knowledge: Knowledge, site: Site) -> dict[tuple[str, str], frozenset[str]]:
    """What the site's own codes contain when they are ordered: what our orders do for which they stand, or the test."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for key, code in site.order_codes.items():
        template = knowledge.orders.orders[key]
        own = Coding(system=knowledge.systems.uri(template.system), code=template.code)
        found[code.system, code.code] = knowledge.value_sets.of_coding(own)
    for pair, test in site.local_codes.items():
        found[pair] = found.get(pair, frozenset()) | {f"orders_{test}"}
    return {pair: names for pair, names in found.items() if names}


def panel_limits(iron: Guidance) -> PanelLimits:
    """The numbers of `iron.yaml` by which results are paired."""
    number = iron.number
    return PanelLimits(
        pair=iron.days("pair"),
        after_infusion=iron.days("after_infusion"),
        after_transfusion=iron.days("after_transfusion"),
        transferrin_binding=number("transferrin_binding"),
        unclear=(
            (number("unclear_low_from"), number("unclear_low_to")),
            (number("unclear_high_from"), number("unclear_high_to")),
        ),
        disagreement=number("disagreement"),
    )


def _others(book: LabBook, panel: IronPanel, near: timedelta) -> dict[Lab, LabResult]:
    """The highest CRP of the days around the ferritin, and the latest haemoglobin."""
    found: dict[Lab, LabResult] = {}
    samples = [sample.result for sample in book.samples]
    crp = [one for one in samples if one.lab is Lab.CRP and panel.ferritin and abs(one.on - panel.ferritin.on) <= near]
    hemoglobin = [one for one in samples if one.lab is Lab.HEMOGLOBIN]
    if crp:
        found[Lab.CRP] = max(crp, key=lambda result: (result.span.point or 0, result.refs[0].reference))
    if hemoglobin:
        found[Lab.HEMOGLOBIN] = max(hemoglobin, key=lambda result: (result.at, result.refs[0].reference))
    return found


def _with_adult_bands(panel: IronPanel, iron: Guidance) -> IronPanel:
    """The bands of the adult table too: the safety rules of iron orders go by them whoever the patient is."""
    adult = iron.tables["adult"]
    return replace(
        panel,
        adult_ferritin_band=band_of(panel.ferritin.span, adult.ferritin) if panel.ferritin else None,
        adult_tsat_band=band_of(panel.tsat.span, adult.saturation) if panel.tsat else None,
    )

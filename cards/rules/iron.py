"""What do the iron studies of this patient call for?"""

from cards.decision import Finding, Indicator, Silent, Verdict
from cards.facts import Lab, PatientFacts, Ref, Trimester, Unusable
from cards.guards import out_of_iron_goals, unreachable, without_rls
from cards.knowledge_base import Guidance
from cards.schema import Answer
from cards.wording import amount, panel_values

DUE = "ironStudiesDue"
CAUTION = "ironCaution"
NONRESPONSE = "oralIronNonresponse"
# Slots of the texts, each with the limit that it shows: with its unit, or the number alone.
_LIMITS = {
    "treat_limit": "treat_max",
    "low_limit": "saturation_low_below",
    "gate": "saturation_gate",
    "studied_limit": "studied_max",
    "kidney_limit": "kidney_treat_below",
    "child_limit": "child_treat_below",
}
_NUMBERS = {"treat_number": "treat_max", "iv_number": "intravenous_max", "child_number": "child_treat_below"}


def decide(patient: PatientFacts, guidance: Guidance) -> Verdict:
    """One of PV-01 to PV-08, or silence. Source: facts F2 and A6, as the tables of `iron.yaml` have them."""
    answer = _called_for(patient, guidance)
    if isinstance(answer, Silent):
        return answer
    if answer.card == DUE:
        variant = _due_variant(patient, answer)
        return _finding(patient, guidance, answer, suggests=_due_studies(patient, guidance), variant=variant)
    if answer.treats and patient.iron.established_oral:
        return _nonresponse(patient, guidance)
    return _finding(patient, guidance, answer, suggests=_suggested(patient, answer))


def decide_due(patient: PatientFacts, guidance: Guidance) -> Verdict:
    """The studies that are due, as `decide` has them, for order cards to carry: without the texts of their own card."""
    answer = _called_for(patient, guidance)
    if isinstance(answer, Silent):
        return answer
    if answer.card != DUE:
        return Silent("studies_not_due")
    return Finding(DUE, str(answer.variant), Indicator.INFO, suggests=_due_studies(patient, guidance))


def _called_for(patient: PatientFacts, guidance: Guidance) -> Answer | Silent:
    """The answer of the patient's table that becomes a card, or why none does."""
    silent = unreachable(patient) or without_rls(patient, suspected_counts=True) or out_of_iron_goals(patient)
    if silent:
        return silent
    panel = patient.panel
    cell = guidance.tables[patient.population].answer(panel.ferritin_band, panel.tsat_band)
    answer = guidance.recommendation.answers[cell]
    if answer.silence:
        return Silent(answer.silence, _panel_refs(patient))
    if patient.iron.on_iron and answer.card != CAUTION:
        return Silent("on_iron", patient.iron.refs)
    is_pending = patient.pending.tsat if panel.ferritin else patient.pending.ferritin
    return Silent("test_pending") if answer.card == DUE and is_pending else answer


def _due_studies(patient: PatientFacts, guidance: Guidance) -> tuple[str, ...]:
    return (*_missing_studies(patient), *(("crp",) if _may_be_inflamed(patient, guidance) else ()))


def _due_variant(patient: PatientFacts, answer: Answer) -> str | None:
    before_treatment = any(one.why is Unusable.BEFORE_TREATMENT for one in patient.panel.rejected)
    return "after_treatment" if answer.variant == "none_usable" and before_treatment else None


def _nonresponse(patient: PatientFacts, guidance: Guidance) -> Finding:
    first_trimester = patient.pregnancy is not None and patient.pregnancy.counts_as is Trimester.FIRST
    measured = "weeks" if patient.panel.ferritin else "weeks_saturation"
    answer = Answer(
        card=NONRESPONSE, variant=f"{measured}_no_iv" if first_trimester else measured, indicator=Indicator.INFO.value
    )
    referral = () if first_trimester or not patient.is_adult else ("iv_iron_referral",)
    return _finding(patient, guidance, answer, suggests=referral)


def _finding(
    patient: PatientFacts,
    guidance: Guidance,
    answer: Answer,
    *,
    suggests: tuple[str, ...],
    variant: str | None = None,
) -> Finding:
    values = panel_values(patient)
    return Finding(
        topic=str(answer.card),
        variant=variant or str(answer.variant),
        indicator=Indicator(answer.indicator or "info"),
        values=values | _limits(guidance) | _context_values(patient),
        notes=_notes(patient, guidance, tells_rejected="rejected" in values),
        suggests=suggests,
        rests_on=(*patient.rls_refs, *_panel_refs(patient), *patient.iron.refs),
    )


def _suggested(patient: PatientFacts, answer: Answer) -> tuple[str, ...]:
    """The orders that the catalogue (F3) offers with each card; nothing that it forbids."""
    if answer.card == "ironTreatAdult":
        oral = ("oral_iron",) if answer.variant == "both" and _oral_iron_fits(patient) else ()
        return (*oral, *_missing_studies(patient), "iv_iron_referral", "recheck_iron")
    if answer.card == "ironTreatPregnancy":
        return ("oral_iron",) if answer.variant == "both" and _oral_iron_fits(patient) else _missing_studies(patient)
    if answer.card == CAUTION:
        return ("ferritin", "iron_panel") if answer.variant in ("saturation_high", "overload") else ()
    return {
        "ironTreatChild": ("recheck_iron",),
        "ironTreatDialysis": ("nephrology_referral",),
        "ironIvOnly": ("iv_iron_referral",),
    }.get(str(answer.card), ())


def _missing_studies(patient: PatientFacts) -> tuple[str, ...]:
    """Draft orders for the tests that are neither known nor pending."""
    wanted = (
        ("ferritin", patient.panel.ferritin or patient.pending.ferritin),
        ("iron_panel", patient.panel.tsat or patient.pending.tsat),
    )
    return tuple(order for order, is_there in wanted if not is_there)


def _oral_iron_fits(patient: PatientFacts) -> bool:
    return not patient.has("iron_malabsorption", "oral_iron_intolerance")


def _panel_refs(patient: PatientFacts) -> tuple[Ref, ...]:
    results = (patient.panel.ferritin, patient.panel.tsat)
    return tuple(ref for result in results if result for ref in result.refs)


def _limits(guidance: Guidance) -> dict[str, str]:
    """The thresholds that the texts name, from the one place where they stand."""
    return {
        **{slot: guidance.shown(limit) for slot, limit in _LIMITS.items()},
        **{slot: str(guidance.number(limit)) for slot, limit in _NUMBERS.items()},
        "recheck_weeks": str(guidance.days("recheck_oral").days // 7),
        "recheck_pregnant_weeks": str(guidance.days("recheck_pregnant").days // 7),
    }


def _context_values(patient: PatientFacts) -> dict[str, str]:
    crp, pregnancy, iron = patient.labs.get(Lab.CRP), patient.pregnancy, patient.iron
    values = {"kidney": "on dialysis" if patient.on_dialysis else "in end-stage kidney disease"}
    if crp:
        values |= {"crp": amount(crp), "crp_day": crp.on.isoformat()}
    if pregnancy and pregnancy.weeks is not None:
        values["gestation"] = f"{pregnancy.weeks} weeks"
    if patient.weight_on and patient.weight:
        values |= {"weight": patient.weight, "weight_day": patient.weight_on.isoformat()}
    if treated_since := iron.treated_since:
        values["treated_since"] = treated_since.isoformat()
    if iron.oral_weeks is not None:
        values["iron_weeks"] = str(iron.oral_weeks)
    return values


def _notes(patient: PatientFacts, guidance: Guidance, *, tells_rejected: bool) -> frozenset[str]:
    """The optional lines that this patient's record brings."""
    panel, pregnancy = patient.panel, patient.pregnancy
    first = pregnancy is not None and pregnancy.counts_as is Trimester.FIRST
    notes = {
        "rejected": tells_rejected,
        "never_tested": not (panel.ferritin or panel.tsat or tells_rejected),
        "has_ferritin": panel.ferritin is not None,
        "has_tsat": panel.tsat is not None,
        "computed": panel.tsat is not None and panel.tsat.computed,
        "inflammation": _inflamed(patient, guidance),
        "infection": patient.recent_infection,
        "heart_failure": patient.has("heart_failure"),
        "chronic_kidney_disease": patient.has("chronic_kidney_disease"),
        "inflammatory_disease": patient.has("inflammatory_disease", "rheumatoid_arthritis"),
        "malabsorption": patient.has("iron_malabsorption"),
        "acid_suppression": any(medicine.ingredients_of("acid_suppressant") for medicine in patient.medicines),
        "end_stage_kidney_disease": patient.end_stage_kidney_disease,
        "child": not patient.is_adult,
        "on_iron": patient.iron.on_iron,
        "gestation": pregnancy is not None and pregnancy.weeks is not None,
        "gestation_unknown": pregnancy is not None and pregnancy.weeks is None,
        "first_trimester": first,
        "later_trimester": pregnancy is not None and not first,
        "weight": bool(patient.weight and patient.weight_on),
        "assay": panel.ferritin is not None and panel.ferritin.assay_known,
    }
    return frozenset(note for note, applies in notes.items() if applies)


def _may_be_inflamed(patient: PatientFacts, guidance: Guidance) -> bool:
    chronic = patient.has("inflammatory_disease", "rheumatoid_arthritis")
    return _inflamed(patient, guidance) or patient.recent_infection or chronic


def _inflamed(patient: PatientFacts, guidance: Guidance) -> bool:
    crp = patient.labs.get(Lab.CRP)
    return crp is not None and crp.span.point is not None and crp.span.point > guidance.number("inflammation_crp")

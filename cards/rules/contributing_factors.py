"""Which modifiable factors and associated conditions contribute to RLS?"""

from cards.decision import Finding, Indicator, Silent, Verdict
from cards.facts import PatientFacts, Rls
from cards.guards import out_of_iron_goals, unreachable, without_rls
from cards.knowledge_base import Guidance
from cards.needs import Need

TOPIC = "contributingFactors"


def decide(patient: PatientFacts, guidance: Guidance) -> Verdict:
    """PV-12. Source: facts D1. Associated conditions alone never open the card."""
    silent = unreachable(patient) or without_rls(patient) or out_of_iron_goals(patient)
    if silent:
        return silent
    factors = modifiable(patient, guidance)
    if not factors:
        return Silent("no_modifiable_factor")
    listed = associated(patient, guidance)
    refs = tuple(problem.ref for name in (*factors, *listed) for problem in patient.problems.get(name, ()))
    return Finding(
        topic=TOPIC,
        variant="one" if len(factors) == 1 else "several",
        indicator=Indicator.INFO,
        values={"factors": ", ".join(guidance.recommendation.words[name] for name in factors)},
        notes=frozenset({*factors, *listed, *_history(patient, guidance)}),
        rests_on=(*patient.rls_refs, *refs),
    )


def modifiable(patient: PatientFacts, guidance: Guidance) -> tuple[str, ...]:
    """Factors that can be changed: untreated sleep apnoea, heavy alcohol use, caffeine."""
    untreated = patient.has("obstructive_sleep_apnoea") and not patient.sleep_apnoea_treated
    could_look = not {Need.DEVICES, Need.PROCEDURES} & patient.unread
    heavy = patient.has("alcohol_use_disorder") or (
        patient.alcohol_score is not None and patient.alcohol_score >= guidance.number("heavy_alcohol_score")
    )
    scheduled = any(one.ingredients_of("caffeine") and not one.as_needed for one in patient.medicines_now)
    found = (
        ("obstructive_sleep_apnoea", untreated and could_look),
        ("alcohol_use_disorder", heavy),
        ("caffeine", scheduled or patient.has("caffeine_disorder")),
    )
    return tuple(name for name, applies in found if applies)


def associated(patient: PatientFacts, guidance: Guidance) -> tuple[str, ...]:
    """Conditions of facts D1 that are on record."""
    in_facts = {
        "pregnancy": patient.pregnancy is not None,
        "end_stage_kidney_disease": patient.end_stage_kidney_disease,
    }
    return tuple(name for name in guidance.recommendation.lists["associated"] if in_facts.get(name, patient.has(name)))


def _history(patient: PatientFacts, guidance: Guidance) -> tuple[str, ...]:
    """Late onset without a family history suggests another cause."""
    onset = [problem.onset_age for problem in patient.problems.get("restless_legs_syndrome", ()) if problem.onset_age]
    late = bool(onset) and min(onset) >= guidance.number("late_onset") and patient.rls is Rls.ACTIVE
    return ("late_onset",) if late and not patient.has_family_history else ()

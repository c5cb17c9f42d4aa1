"""Is the patient in a group that the site wants screened for RLS?"""

from cards.decision import Finding, Indicator, Silent, Verdict
from cards.facts import PatientFacts, Rls, Setting
from cards.guards import unreachable
from cards.knowledge_base import Guidance

TOPIC = "screenForRls"


def decide(patient: PatientFacts, guidance: Guidance) -> Verdict:
    """PV-11, off by default: no guideline recommends screening. Source: facts D3; the site names its groups."""
    silent = unreachable(patient)
    if silent:
        return silent
    if not patient.screening_groups:
        return Silent("screening_off")
    if patient.rls is not Rls.NONE:
        return Silent("rls_known")
    if patient.setting is Setting.ACUTE or patient.hospice:
        return Silent("acute_encounter" if patient.setting is Setting.ACUTE else "hospice")
    member = [group for group in guidance.recommendation.lists["groups"] if _is_in(group, patient)]
    wanted = next((group for group in member if group in patient.screening_groups), None)
    if wanted is None:
        return Silent("in_no_screening_group")
    return Finding(
        topic=TOPIC,
        variant=wanted,
        indicator=Indicator.INFO,
        notes=frozenset({wanted}),
        rests_on=tuple(problem.ref for problem in patient.problems.get(wanted, ())),
    )


def _is_in(group: str, patient: PatientFacts) -> bool:
    if group == "end_stage_kidney_disease":
        return patient.end_stage_kidney_disease
    return patient.pregnancy is not None if group == "pregnancy" else patient.has(group)

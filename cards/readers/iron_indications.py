"""Is there a reason for iron other than restless legs syndrome?"""

from cards.facts import Lab, PatientFacts
from cards.knowledge_base import Guidance

_STIMULANT = "erythropoiesis_stimulating_agent"


def iron_indicated_otherwise(patient: PatientFacts, guidance: Guidance) -> bool:
    """Iron deficiency, low haemoglobin, heart failure, kidney disease or its drugs, malabsorption, pregnancy (OR-09)."""
    taken = (*patient.medicines_now, *(order.medicine for order in patient.drafts))
    return (
        patient.has(*guidance.recommendation.lists["indications"])
        or patient.pregnancy is not None
        or patient.end_stage_kidney_disease
        or any(medicine.ingredients_of(_STIMULANT) for medicine in taken)
        or _is_anaemic(patient, guidance)
    )


def _is_anaemic(patient: PatientFacts, guidance: Guidance) -> bool:
    """Below the laboratory's own limit, else below the limit for the sex."""
    result = patient.labs.get(Lab.HEMOGLOBIN)
    if result is None or result.span.point is None:
        return False
    limit = result.low_limit or guidance.number("hemoglobin_men" if patient.gender == "male" else "hemoglobin_women")
    return result.span.point < limit

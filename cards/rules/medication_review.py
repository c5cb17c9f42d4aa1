"""Does the patient take medicines that may worsen RLS?"""

from datetime import timedelta

from cards.decision import DrugLine, Finding, Indicator, Silent, Verdict
from cards.facts import Medicine, PatientFacts
from cards.guards import unreachable, without_rls
from cards.knowledge_base import Guidance
from cards.terminology import RecognisedBy

TOPIC = "medicationReview"
OPENING = ("d2_antiemetic", "sedating_antihistamine", "mirtazapine")
ANTIPSYCHOTIC = "antipsychotic"
_CULPRITS = (*OPENING, ANTIPSYCHOTIC)
ALSO = (
    "ssri",
    "snri",
    "serotonergic_other",
    "tricyclic",
    "lithium",
    "vmat2_inhibitor",
    "calcium_antagonist_d2",
    "vertigo_antihistamine",
    "caffeine",
)


def decide(patient: PatientFacts, guidance: Guidance) -> Verdict:
    """PV-09. Source: facts B0 to B2; which orders count, readings "PV-09"."""
    silent = unreachable(patient) or without_rls(patient)
    if silent:
        return silent
    taken = [one for one in patient.medicines_now if _counts(one, patient, guidance)]
    culprits = {name: medicine for medicine in taken for name in _opening(medicine)}
    if not culprits:
        return Silent("no_clear_culprit_taken")
    named = guidance.recommendation.lists["also_named"]
    less_certain = {name for one in taken for name in (*one.ingredients_of(*ALSO), *_named(one, named))}
    also = sorted(less_certain - culprits.keys())
    stopped = _stopped_opioids(patient, guidance)
    names = tuple(sorted(culprits))
    return Finding(
        topic=TOPIC,
        variant="one" if len(names) == 1 else "several",
        indicator=Indicator.INFO,
        names=names,
        values={"also": ", ".join(also), "stopped": ", ".join(stopped)},
        notes=frozenset({"medicine", *(("also",) if also else ()), *(("opioid_stopped",) if stopped else ())}),
        drugs=tuple(_line(name, culprits[name]) for name in names),
        rests_on=(*patient.rls_refs, *(one.ref for one in culprits.values())),
    )


def _counts(medicine: Medicine, patient: PatientFacts, guidance: Guidance) -> bool:
    """Orders authored in the last 24 months, and statements of current use; nothing that acts only locally."""
    if not medicine.product.acts_systemically:
        return False
    if medicine.is_statement:
        return True
    return medicine.authored is not None and patient.on - medicine.authored <= guidance.days("order_counts_for")


def _opening(medicine: Medicine) -> tuple[str, ...]:
    if medicine.classes.isdisjoint(_CULPRITS):
        return ()
    strong = (name for name in medicine.product.ingredients if _is_strong(medicine, name))
    return tuple(dict.fromkeys((*strong, *medicine.ingredients_of(ANTIPSYCHOTIC))))


def _is_strong(medicine: Medicine, name: str) -> bool:
    return any(role.drug_class in OPENING and role.tier == "warning" for role in medicine.roles.get(name, ()))


def _named(medicine: Medicine, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in medicine.product.ingredients if name in names)


def _stopped_opioids(patient: PatientFacts, guidance: Guidance) -> tuple[str, ...]:
    recent = guidance.days("opioid_stopped")
    return tuple(
        sorted(
            {
                name
                for one in patient.medicines
                if one.has_ended and one.last_known and timedelta(0) <= patient.on - one.last_known <= recent
                for name in one.ingredients_of("opioid")
            }
        )
    )


def _line(name: str, medicine: Medicine) -> DrugLine:
    roles = [role for role in medicine.roles[name] if role.drug_class in _CULPRITS]
    since = f"since {medicine.started.isoformat()}" if medicine.started else "start not known"
    note = "; ".join(filter(None, (since, roles[0].note)))
    return DrugLine(name, roles[0].evidence, note, by_name=medicine.product.recognised_by is RecognisedBy.NAME)

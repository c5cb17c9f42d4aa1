"""Reasons for silence that several rules share, in the order in which a clinician would give them."""

from cards.decision import Silent
from cards.facts import AgeGroup, DraftOrder, PatientFacts, Rls, Setting


def without_rls(patient: PatientFacts, *, suspected_counts: bool = False) -> Silent | None:
    """No restless legs syndrome, or only a suspicion of it."""
    if patient.rls is Rls.ACTIVE or (suspected_counts and patient.rls is Rls.SUSPECTED):
        return None
    return Silent(f"rls_{patient.rls}", patient.rls_refs)


def unreachable(patient: PatientFacts) -> Silent | None:
    """A patient for whom no card of any kind is meant."""
    if patient.deceased:
        return Silent("deceased")
    return Silent("under_two") if patient.age_group is AgeGroup.INFANT else None


def out_of_iron_goals(patient: PatientFacts) -> Silent | None:
    """Hospice and acute encounters: no iron cards (readings; acute-phase ferritin)."""
    if patient.hospice:
        return Silent("hospice")
    return Silent("acute_encounter") if patient.setting is Setting.ACUTE else None


def culprits(patient: PatientFacts) -> tuple[DraftOrder, ...]:
    """Selected live drafts that act on the whole body."""
    return tuple(order for order in patient.drafts if order.selected and order.acts_systemically)

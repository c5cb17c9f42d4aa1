"""Which decision table of the iron studies a patient belongs to, and how old a result may be."""

from datetime import date, timedelta

from cards.facts import AgeGroup, IronTherapy, Pregnancy, Rls, Trimester
from cards.knowledge_base import Guidance


def population_of(rls: Rls, age: AgeGroup | None, pregnancy: Pregnancy | None, *, kidney: bool, loading: bool) -> str:
    """The `who` of a table in `iron.yaml`, in the order of F2; a child on dialysis goes before the pregnancy rows."""
    is_child = age is AgeGroup.CHILD
    if rls is Rls.SUSPECTED:
        return "suspected_child" if is_child else "suspected"
    if loading:
        return "iron_loading"
    if kidney and is_child:
        return "child_end_stage_kidney_disease"
    if kidney:
        first = pregnancy is not None and pregnancy.counts_as is Trimester.FIRST
        return "end_stage_kidney_disease_first_trimester" if first else "end_stage_kidney_disease"
    if pregnancy:
        return "pregnant"
    return "child" if is_child else "adult"


def valid_for(
    guidance: Guidance, iron: IronTherapy, pregnancy: Pregnancy | None, *, kidney: bool, at_risk: bool
) -> timedelta:
    """How old a result may be, inclusive (readings, "Windows"): the shortest window that applies."""
    windows = [guidance.days("valid_for")]
    if iron.in_last_year or at_risk:
        windows.append(guidance.days("valid_for_at_risk"))
    if kidney:
        windows.append(guidance.days("valid_for_kidney"))
    if pregnancy:
        windows.append(guidance.days("valid_for_pregnancy"))
    return min(windows)


def first_valid_day(on: date, window: timedelta, pregnancy: Pregnancy | None) -> date:
    """The first day from which a result counts."""
    first = on - window
    return max(first, pregnancy.began) if pregnancy and pregnancy.began else first

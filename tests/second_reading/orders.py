"""What each drafted order calls for: OR-01 to OR-12, read from the pages, before the cards are arranged."""

from dataclasses import dataclass

from tests.second_reading import drugs
from tests.second_reading.drugs import PRODUCTS, Product
from tests.second_reading.iron import DUE, iron, number, pair
from tests.second_reading.patient import Drug, Patient
from tests.second_reading.person import acute, dialysed, end_stage, hospice, pregnant, rls, trimester

RLS = "restless_legs_syndrome"
NAUSEA = ("nausea_vomiting", "nausea_of_pregnancy")
CALM = ("agitation", "delirium")
PSYCHIATRIC = {"psychosis", "bipolar", "psychotic_depression", "autism", "tourette", "delirium"}
OTHER_IRON = {
    "iron_deficiency",
    "acute_blood_loss_anaemia",
    "heart_failure",
    "chronic_kidney_disease",
    "end_stage_kidney_disease",
    "dialysis_status",
}


@dataclass
class Wish:
    """One card that one draft calls for. `firm` keeps its level in hospice care."""

    topic: str
    level: str
    draft: int
    firm: bool = False


def live(draft: Drug) -> bool:
    return draft.status in ("draft", "active") and not draft.do_not_perform


def kinds(product: Product) -> set[str]:
    return {kind for _, kind in product.ingredients}


def new_start(patient: Patient, name: str) -> bool:
    """No systemic order or statement of the ingredient that is active or on hold, or ended within 180 days."""
    for drug in patient.drugs:
        product = PRODUCTS[drug.product]
        if product.local or name not in {known for known, _ in product.ingredients}:
            continue
        if drug.status in ("active", "on-hold"):
            return False
        latest = drug.ended if drug.ended is not None else drug.since
        if drug.status in ("completed", "stopped") and latest is not None and latest <= 180:
            return False
    if name == "ferrous sulfate":
        return not any(not one.intravenous and (one.ended is None or one.ended <= 180) for one in patient.iron)
    if name == "ferric carboxymaltose":
        return not any(one.intravenous and one.began <= 180 for one in patient.iron)
    return True


def anaphylaxis(patient: Patient) -> bool:
    return any(one.product == "epinephrine" and live(one) and not one.prn for one in patient.drafts) or any(
        one.reason == "anaphylaxis" and live(one) for one in patient.drafts
    )


def wishes(patient: Patient, hook: str) -> list[Wish]:
    """Every card that a live (and selected) draft calls for; OR-12 is left to the arrangement."""
    if rls(patient) != "active" or patient.deceased or patient.age < 2:
        return []
    found: list[Wish] = []
    premedication = _premedication(patient)
    for number_of, draft in enumerate(patient.drafts):
        if not live(draft) or (hook == "order-select" and not draft.selected) or PRODUCTS[draft.product].local:
            continue
        if number_of in premedication:
            found.append(Wish("ivIronPremedication", "warning", number_of))
        for wish in (
            *_culprits(patient, draft, number_of),
            *_treatments(patient, draft, number_of),
            *_iron(patient, draft, number_of),
            *_gabapentinoid(patient, draft, number_of, hook),
        ):
            if number_of in premedication and wish.topic in ("d2Antiemetic", "sedatingAntihistamine"):
                continue
            found.append(wish)
    if hospice(patient):
        for wish in found:
            wish.level = wish.level if wish.firm else "info"
    return found


def _premedication(patient: Patient) -> set[int]:
    """Drafted sedating antihistamines (promethazine too) in a set with intravenous iron."""
    if not any(live(one) and drugs.IV_IRON in kinds(PRODUCTS[one.product]) for one in patient.drafts):
        return set()
    return {
        number_of
        for number_of, draft in enumerate(patient.drafts)
        if live(draft)
        and not PRODUCTS[draft.product].local
        and not draft.prn
        and any(
            (kind == drugs.ANTIHISTAMINE or name == "promethazine") and new_start(patient, name)
            for name, kind in PRODUCTS[draft.product].ingredients
        )
    }


def _culprits(patient: Patient, draft: Drug, index: int) -> list[Wish]:
    """OR-01 to OR-06."""
    if anaphylaxis(patient):
        return []
    product, found = PRODUCTS[draft.product], []
    for name, kind in product.ingredients:
        if not new_start(patient, name):
            continue
        wish = _culprit(patient, draft, name, kind)
        if wish:
            topic, level = wish
            found.append(Wish(topic, "info" if product.doubtful else level, index))
    return found


def _culprit(patient: Patient, draft: Drug, name: str, kind: str) -> tuple[str, str] | None:
    nausea = draft.reason in NAUSEA
    if kind == drugs.D2 and not (draft.reason in CALM and name in ("droperidol", "prochlorperazine")):
        return "d2Antiemetic", "info" if nausea and pregnant(patient) else "warning"
    if kind == drugs.DUAL and (nausea or draft.reason == "hiccup"):
        mild = name == "olanzapine" or (nausea and pregnant(patient))
        return "d2Antiemetic", "info" if mild else "warning"
    if kind in (drugs.DUAL, drugs.ANTIPSYCHOTIC, drugs.PARTIAL, drugs.D2):
        return "antipsychotic", _antipsychotic(patient, draft, kind)
    if kind == drugs.ANTIHISTAMINE:
        meant = PRODUCTS[draft.product].pregnancy_product and (
            draft.reason is None or draft.product == "doxylamine pyridoxine"
        )
        return "sedatingAntihistamine", "info" if pregnant(patient) and (nausea or meant) else "warning"
    if kind == drugs.MIRTAZAPINE:
        return "mirtazapine", "warning"
    if kind == drugs.SEROTONERGIC:
        return "serotonergicAntidepressant", "info"
    return ("otherDocumentedDrug", "info") if kind == drugs.OTHER else None


def _antipsychotic(patient: Patient, draft: Drug, kind: str) -> str:
    injected = PRODUCTS[draft.product].route in ("intramuscular", "intravenous") and acute(patient)
    indicated = bool(PSYCHIATRIC & patient.conditions) or draft.reason in PSYCHIATRIC or draft.reason in CALM
    return "info" if kind == drugs.PARTIAL or injected or indicated else "warning"


def _treatments(patient: Patient, draft: Drug, index: int) -> list[Wish]:
    """OR-07 and OR-08."""
    found = []
    for name, kind in PRODUCTS[draft.product].ingredients:
        if not new_start(patient, name):
            continue
        child = patient.age < 18
        if kind in (drugs.DOPAMINERGIC, drugs.LEVODOPA) and draft.reason in (None, RLS):
            spared = "parkinson_disease" in patient.conditions or (
                kind == drugs.LEVODOPA and (draft.prn or pregnant(patient))
            )
            if not spared:
                found.append(Wish("dopaminergicStart", "info" if child else "warning", index))
        if draft.reason != RLS:
            continue
        late = kind == drugs.CLONAZEPAM and pregnant(patient) and trimester(patient) > 1
        if kind in (drugs.NOT_FOR_RLS, drugs.CLONAZEPAM) and not late:
            found.append(Wish("notRecommendedForRls", "info", index))
        if kind == drugs.ERGOT:
            found.append(Wish("notRecommendedForRls", "info" if child else "warning", index))
    return found


def other_iron_reason(patient: Patient, draft: Drug) -> bool:
    """Iron for something else than restless legs syndrome."""
    listed = OTHER_IRON & patient.conditions or "iron_malabsorption" in patient.conditions
    return draft.reason not in (None, RLS) or bool(listed) or pregnant(patient) or dialysed(patient)


def _iron(patient: Patient, draft: Drug, index: int) -> list[Wish]:
    """OR-09: the worst of (a) to (d)."""
    sort = kinds(PRODUCTS[draft.product])
    intravenous = drugs.IV_IRON in sort
    if not intravenous and drugs.ORAL_IRON not in sort:
        return []
    f, t = (None, None) if "labs" in patient.unread else (number(one) for one in pair(patient))
    if "iron_loading" in patient.conditions:
        return [Wish("ironOrderSafety", "critical" if intravenous else "warning", index, firm=True)]
    calm = not acute(patient)
    if calm and f is not None and t is not None and t >= 45 and f > 300:
        return [Wish("ironOrderSafety", "warning", index, firm=True)]
    if intravenous and pregnant(patient) and trimester(patient) == 1:
        return [Wish("ironOrderSafety", "warning", index)]
    name = PRODUCTS[draft.product].ingredients[0][0]
    if not calm or f is None or t is None or other_iron_reason(patient, draft) or not new_start(patient, name):
        return []
    outside = (t >= 45 and f <= 75) or (f > 300 and t < 45)
    useless = not intravenous and patient.age >= 18 and f > 75 and t >= 20
    return [Wish("ironOrderSafety", "info", index)] if outside or useless else []


def _gabapentinoid(patient: Patient, draft: Drug, index: int, hook: str) -> list[Wish]:
    """OR-11: enacarbil always, the others above their limit; live drafts of one ingredient are summed."""
    if not end_stage(patient):
        return []
    name, kind = PRODUCTS[draft.product].ingredients[0]
    if kind == drugs.ENACARBIL and new_start(patient, name):
        return [Wish("gabapentinoidDialysis", "warning", index)]
    if kind != drugs.GABAPENTINOID or not new_start(patient, name):
        return []
    same = [one for one in patient.drafts if live(one) and PRODUCTS[one.product].ingredients[0][0] == name]
    if any(one.per_day is None for one in same):
        return []
    total = sum(PRODUCTS[one.product].strength * (one.per_day or 0) for one in same)
    return (
        [Wish("gabapentinoidDialysis", "warning", index)]
        if total > {"gabapentin": 300, "pregabalin": 100}[name]
        else []
    )


def untested(patient: Patient, hook: str) -> bool:
    """OR-12: a new treatment of restless legs syndrome while PV-01 would be due."""
    if "labs" in patient.unread or iron(patient) != [DUE] or rls(patient) != "active":
        return False
    for draft in patient.drafts:
        if not live(draft) or (hook == "order-select" and not draft.selected):
            continue
        for name, kind in PRODUCTS[draft.product].ingredients:
            if new_start(patient, name) and _treats_rls(patient, draft, kind):
                return True
    return False


def _treats_rls(patient: Patient, draft: Drug, kind: str) -> bool:
    if kind in (drugs.DOPAMINERGIC, drugs.LEVODOPA):
        return draft.reason == RLS or (draft.reason is None and "parkinson_disease" not in patient.conditions)
    if kind in (drugs.GABAPENTINOID, drugs.ENACARBIL, drugs.OPIOID, drugs.ERGOT):
        return draft.reason == RLS
    return kind in (drugs.ORAL_IRON, drugs.IV_IRON) and not other_iron_reason(patient, draft)

"""Random patients with a seed, close to the edges; each as the reading's own patient and in the words of the builder."""

import random
from decimal import Decimal
from typing import Any

from tests.second_reading.drugs import PRODUCTS
from tests.second_reading.patient import Diagnosis, Drug, Iron, Lab, LabOrder, Patient, Pregnancy

FERRITIN = ("5", "20", "44", "49.9", "49.94", "49.95", "50", "60", "74.9", "75", "75.04", "75.05", "75.1", "88", "100",
            "100.04", "100.05", "150", "199.9", "199.95", "200", "250", "300", "300.04", "300.05", "420", "1500")
PICOMOLE = ("11", "112", "112.4", "168", "168.5", "168.6", "168.7", "169", "224.7", "224.8", "449", "674", "675")
PERCENT = ("5", "12", "18", "19.9", "19.94", "19.95", "20", "20.1", "28", "40", "44.9", "44.94", "44.95", "45", "52", "90")
FRACTION = ("0.05", "0.18", "0.1994", "0.1995", "0.2", "0.3", "0.449", "0.4495", "0.45", "0.6", "1", "1.1", "18")
REASONS = (None, None, None, "restless_legs_syndrome", "restless_legs_syndrome", "nausea_vomiting", "insomnia", "depression",
           "psychosis", "agitation", "delirium", "hiccup", "allergy_urticaria_pruritus", "epilepsy", "iron_deficiency")
LISTED = ("parkinson_disease", "psychosis", "bipolar", "depression", "agitation", "obstructive_sleep_apnoea", "epilepsy",
          "alcohol_use_disorder", "caffeine_disorder", "peripheral_neuropathy", "iron_deficiency", "heart_failure")
DAYS = (0, 1, 5, 10, 14, 15, 20, 27, 28, 29, 30, 31, 42, 55, 56, 57, 60, 83, 84, 85, 89, 90, 91, 100, 111, 112, 113, 150,
        179, 180, 181, 200, 300, 364, 365, 366, 400, -1, -2)


class Maker:
    """Makes one patient; `odd` says how often something unusual is put in."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311 - no secret

    def chance(self, of_ten: float) -> bool:
        return self.dice.random() * 10 < of_ten

    def one(self, *choices: Any) -> Any:
        return self.dice.choice(choices)

    def patient(self) -> Patient:
        patient = Patient(rls=self.diagnoses())
        patient.age = self.one(45, 45, 45, 30, 30, 30, 18, 17, 16, 12, 7, 2, 1, 70)
        patient.deceased = self.chance(0.1)
        patient.encounter = self.one(None, None, None, None, "outpatient", "virtual", *(
            ["inpatient", "emergency", "observation"] if self.chance(1) else []))
        for name, often in (("end_stage_kidney_disease", 0.8), ("dialysis_status", 0.8), ("kidney_transplant", 0.5),
                            ("iron_loading", 0.7), ("hospice", 0.2), ("iron_malabsorption", 0.6), ("iron_loss", 0.6)):
            if self.chance(often):
                patient.conditions.add(name)
        if self.chance(0.7):
            patient.dialysis_procedure = self.one(5, 89, 90, 91, 200)
        if patient.age in (16, 17, 30) and self.chance(6):
            patient.pregnancy = self.pregnancy()
        patient.labs = self.labs()
        if self.chance(3.5):
            patient.iron = self.iron()
        if self.chance(0.7):
            patient.transfusion = self.one(3, 11, 21, 32, 41, 58)
        if self.chance(2.5):
            patient.orders = [self.order() for _ in range(self.one(1, 1, 2))]
        return patient

    def ordering(self) -> Patient:
        """A patient with orders: tamer laboratory results, so that the drafts decide."""
        patient = Patient(rls=[Diagnosis()] if self.chance(9.5) else self.diagnoses())
        patient.age = self.one(45, 45, 45, 30, 30, 18, 17, 12, 1)
        patient.encounter = self.one(None, None, None, "outpatient", "emergency", "inpatient")
        patient.conditions = {name for name in LISTED if self.chance(0.6)}
        for name, often in (("end_stage_kidney_disease", 0.8), ("dialysis_status", 1.2), ("iron_loading", 1), ("hospice", 0.6)):
            if self.chance(often):
                patient.conditions.add(name)
        if patient.age in (17, 30) and self.chance(5):
            patient.pregnancy = self.pregnancy()
        if self.chance(7):
            patient.labs.append(Lab("ferritin", Decimal(self.one("40", "75", "75.1", "88", "150", "300", "300.1", "420")), "ng/mL", 10))
        if self.chance(7):
            patient.labs.append(Lab("transferrin_saturation", Decimal(self.one("15", "19.9", "20", "30", "44.9", "45", "60")), "%", 10))
        patient.drafts = [self.draft() for _ in range(self.one(1, 1, 1, 2, 2, 3, 4))]
        names = [one.product for one in patient.drafts]
        if "ferric carboxymaltose" in names:
            for one in patient.drafts:
                one.selected = True
        patient.drugs = [self.drug(names) for _ in range(self.one(0, 0, 1, 2))]
        return patient

    def draft(self) -> Drug:
        product = self.one(*PRODUCTS)
        reason = self.one(*REASONS)
        if product in ("droperidol", "prochlorperazine", "promethazine") and reason in ("psychosis",):
            reason = None
        draft = Drug(product, reason, status="draft", selected=self.chance(9))
        if self.chance(1):
            draft.status = self.one("active", "cancelled", "entered-in-error", "completed")
        draft.do_not_perform = self.chance(0.3)
        if product in ("levodopa", "epinephrine"):
            draft.prn = self.chance(3)
        if PRODUCTS[product].strength and self.chance(9):
            draft.per_day = self.one(1, 2, 3)
        return draft

    def drug(self, drafted: list[str]) -> Drug:
        """A medicine on record, often one that is drafted too."""
        product = self.one(*(drafted if self.chance(5) else PRODUCTS))
        if product in ("ferrous sulfate", "ferric carboxymaltose", "epinephrine") or PRODUCTS[product].strength:
            product = "hydroxyzine"
        drug = Drug(product, status=self.one("active", "active", "active", "on-hold", "completed", "stopped", "cancelled",
                                             "entered-in-error"),
                    since=self.one(5, 100, 180, 181, 182, 183, 184, 400, 700, 760))
        if drug.status in ("completed", "stopped") and self.chance(7):
            drug.ended = self.one(*(day for day in (1, 60, 179, 180, 181, 300) if day <= (drug.since or 0)))
        if product in ("levodopa", "caffeine"):
            drug.prn = self.chance(3)
        return drug

    def viewing(self) -> Patient:
        """A patient whose chart is opened: medicines, factors, and a few results."""
        patient = self.ordering()
        patient.drafts = []
        patient.drugs = [self.drug(["quetiapine", "ropinirole", "caffeine", "levodopa", "hydroxyzine", "metoclopramide", "sertraline"])
                         for _ in range(self.one(0, 1, 1, 2, 3))]
        for drug in patient.drugs:
            drug.statement = drug.status in ("active", "completed") and self.chance(2)
        patient.conditions |= {name for name in LISTED if self.chance(0.7)}
        patient.audit_c = self.one(None, None, None, 4, 5)
        patient.cpap = self.chance(3)
        return patient

    def diagnoses(self) -> list[Diagnosis]:
        if self.chance(8.5):
            return [Diagnosis()]
        return [
            Diagnosis(
                clinical=self.one("active", "active", "recurrence", "relapse", "inactive", "remission", "resolved", None),
                verification=self.one("confirmed", "confirmed", None, "provisional", "unconfirmed", "differential", "refuted",
                                      "entered-in-error"),
                on_problem_list=self.chance(7),
                recorded=self.one(10, 100, 100, 200, None),
                abated=self.chance(2),
            )
            for _ in range(self.one(0, 1, 1, 2, 3))
        ]

    def pregnancy(self) -> Pregnancy:
        known = Pregnancy()
        if self.chance(8):
            known.recorded = self.one(10, 50, 100, 293, 294, 295)
        if self.chance(3):
            known.status_ago = self.one(10, 50, 294, 295)
        if self.chance(5):
            known.due_in = self.one(-30, -15, -14, -13, 10, 84, 85, 100, 181, 182, 183, 220, 250)
        if self.chance(3):
            known.weeks, known.weeks_ago = self.one((9, 5), (13, 6), (13, 7), (14, 0), (25, 10), (27, 6), (28, 0))
        return known

    def labs(self) -> list[Lab]:
        labs: list[Lab] = []
        day = self.one(5, 10, 42, *DAYS)
        for _ in range(self.one(0, 1, 1, 1, 1, 1, 2, 3)):
            labs.append(self.ferritin(day if self.chance(7) else self.one(*DAYS)))
        for _ in range(self.one(0, 1, 1, 1, 1, 2)):
            near = day + self.one(-31, -30, -5, 0, 0, 0, 0, 5, 30, 31)
            labs.append(self.saturation(near if self.chance(8) else self.one(*DAYS)))
        if self.chance(2):
            labs += self.iron_and_tibc(day)
        return self._apart(labs)

    def _apart(self, labs: list[Lab]) -> list[Lab]:
        """Not two results of one test on one day, nor at the same distance from another: the pages leave that open."""
        days: dict[str, set[int]] = {}
        kept = []
        for lab in labs:
            test = "saturation" if lab.test in ("transferrin_saturation",) else lab.test
            if lab.ago in days.setdefault(test, set()):
                continue
            days[test].add(lab.ago)
            kept.append(lab)
        return kept

    def ferritin(self, ago: int) -> Lab:
        if self.chance(8):
            lab = Lab("ferritin", Decimal(self.one(*FERRITIN)), self.one("ng/mL", "ng/mL", "ug/L", "µg/L"), ago)
        elif self.chance(7):
            lab = Lab("ferritin", Decimal(self.one(*PICOMOLE)), "pmol/L", ago)
        else:
            lab = Lab("ferritin", Decimal(40), self.one(None, "mcg/dL", "IU/mL"), ago)
        return self._odd(lab)

    def saturation(self, ago: int) -> Lab:
        if self.chance(8):
            lab = Lab("transferrin_saturation", Decimal(self.one(*PERCENT)), "%", ago)
        elif self.chance(8):
            lab = Lab("transferrin_saturation", Decimal(self.one(*FRACTION)), self.one("1", "{ratio}", "{fraction}", None), ago)
        else:
            lab = Lab("transferrin_saturation", Decimal(self.one("0.18", "1", "100", "101", "18")), self.one("%", "g/L"), ago)
        return self._odd(lab)

    def iron_and_tibc(self, day: int) -> list[Lab]:
        iron, tibc = self.one(("60", "300"), ("60", "301"), ("20", "400"), ("150", "333"), ("150", "334"), ("200", "250"))
        near = day + self.one(0, 0, 3, 31)
        return [Lab("iron", Decimal(iron), "ug/dL", near, specimen="s1"), Lab("tibc", Decimal(tibc), "ug/dL", near, specimen="s1")]

    def _odd(self, lab: Lab) -> Lab:
        if self.chance(1.2):
            lab.comparator = self.one("<", "<=", ">", ">=")
        if self.chance(1.2):
            lab.status = self.one("amended", "corrected", "preliminary", "registered", "entered-in-error", "cancelled")
        return lab

    def iron(self) -> list[Iron]:
        """Oral iron in one or several orders, intravenous doses, sometimes both."""
        if self.chance(1):
            return [*self.oral_iron(), *self.doses()]
        return self.oral_iron() if self.chance(6.5) else self.doses()

    def oral_iron(self) -> list[Iron]:
        began = self.one(5, 27, 28, 29, 55, 83, 84, 85, 112, 150, 200)
        ended = self.one(None, None, None, 0, 1, 20, 90) if self.chance(5) else None
        courses = [Iron(False, began, ended if ended is None or ended < began else None)]
        if self.chance(2.5):
            gap = self.one(1, 30, 89, 90, 91, 120)
            courses.append(Iron(False, began + gap + self.one(10, 60), began + gap))
        if self.chance(1.5):
            courses.append(Iron(False, self.one(3, 30, 60, 100), None))
        return courses

    def doses(self) -> list[Iron]:
        return [Iron(True, day, day) for day in {self.one(5, 20, 55, 56, 57, 83, 84, 85, 90, 91, 100, 150) for _ in range(
            self.one(1, 1, 2))}]

    def order(self) -> LabOrder:
        return LabOrder(
            test=self.one("ferritin", "ferritin", "iron_panel", "transferrin_saturation"),
            ago=self.one(0, 5, 29, 30, 31, 60, 89, 90, 91),
            status=self.one("active", "active", "active", "draft", "on-hold", "revoked", "completed", "entered-in-error"),
            planned=self.one(None, None, 5, 30, -5),
        )


def day(ago: int) -> str:
    """Days ago in the words of the builder."""
    return f"in {-ago} d" if ago < 0 else f"{ago} d ago"


def in_words(patient: Patient) -> dict[str, Any]:
    """The patient in the language of `patient_builder`."""
    words: dict[str, Any] = {"age": patient.age, "deceased": patient.deceased}
    if patient.encounter:
        words["encounter"] = patient.encounter
    words["conditions"] = [*(_diagnosis(one) for one in patient.rls), *sorted(patient.conditions)]
    words["labs"] = [_lab(one) for one in patient.labs]
    words["medicines"] = [*(_iron(one) for one in patient.iron),
                          *(_drug(one) for one in patient.drugs if not one.statement)]
    words["statements"] = [_drug(one) for one in patient.drugs if one.statement]
    words["drafts"] = [_drug(one, draft=True) for one in patient.drafts]
    words["devices"] = [{"is": "cpap_device"}] if patient.cpap else []
    words["orders"] = [_order(one) for one in patient.orders]
    words["procedures"] = []
    if patient.dialysis_procedure is not None:
        words["procedures"].append({"is": "dialysis_procedure", "on": day(patient.dialysis_procedure)})
    if patient.transfusion is not None:
        words["procedures"].append({"is": "transfusion_procedure", "on": day(patient.transfusion)})
    words["observations"] = _observations(patient)
    known = patient.pregnancy
    if known and known.recorded is not None:
        words["conditions"].append({"is": "pregnancy", "recorded": day(known.recorded)})
    return words


def _observations(patient: Patient) -> list[dict[str, Any]]:
    known, found = patient.pregnancy, []
    if known and known.status_ago is not None:
        found.append({"is": "pregnancy_status", "answer": "pregnancy_status_positive", "on": day(known.status_ago)})
    if known and known.due_in is not None:
        found.append({"is": "estimated_delivery_date", "day": day(-known.due_in), "on": day(30)})
    if known and known.weeks is not None:
        found.append({"is": "gestational_age", "value": f"{known.weeks} wk", "on": day(known.weeks_ago)})
    if patient.audit_c is not None:
        found.append({"is": "alcohol_score_auditc", "value": f"{patient.audit_c} {{score}}", "on": day(30)})
    return found


def _drug(one: Drug, *, draft: bool = False) -> dict[str, Any]:
    product = PRODUCTS[one.product]
    words: dict[str, Any] = {"drug": product.text, "status": one.status, "prn": one.prn}
    if product.route:
        words["route"] = product.route
    if one.reason:
        words["reason"] = one.reason
    if one.per_day:
        words |= {"dose": f"{product.strength} mg", "per_day": one.per_day}
    if draft:
        return words | {"selected": one.selected, "do_not_perform": one.do_not_perform}
    if one.since is not None:
        words["since"] = day(one.since)
    return words | ({} if one.ended is None else {"ended": day(one.ended)})


def _diagnosis(one: Diagnosis) -> dict[str, Any]:
    words: dict[str, Any] = {
        "is": "restless_legs_syndrome", "clinical": one.clinical, "verification": one.verification,
        "category": "problem-list-item" if one.on_problem_list else "encounter-diagnosis",
        "recorded": None if one.recorded is None else day(one.recorded),
    }
    return words | ({"abated": day(50)} if one.abated else {})


def _lab(one: Lab) -> dict[str, Any]:
    words: dict[str, Any] = {"test": one.test, "on": day(one.ago), "status": one.status,
                             "value": f"{one.comparator}{one.value}{f' {one.unit}' if one.unit else ''}"}
    return words | ({"specimen": one.specimen} if one.specimen else {})


def _iron(one: Iron) -> dict[str, Any]:
    if one.intravenous:
        return {"drug": "Ferric carboxymaltose 1000 mg infusion", "route": "intravenous", "status": "completed",
                "since": day(one.began)}
    words: dict[str, Any] = {"drug": "Ferrous sulfate 325 mg tablet", "route": "oral", "since": day(one.began)}
    return words | ({} if one.ended is None else {"status": "completed", "ended": day(one.ended)})


def _order(one: LabOrder) -> dict[str, Any]:
    words: dict[str, Any] = {"test": one.test, "on": day(one.ago), "status": one.status}
    return words | ({} if one.planned is None else {"planned": day(-one.planned)})

"""Random patients with a seed, close to the edges of each rule."""

import random
from decimal import Decimal
from typing import Any

from tests.second_reading.drugs import PRODUCTS
from tests.second_reading.patient import Diagnosis, Drug, Iron, Lab, LabOrder, Patient, Pregnancy

FERRITIN = (
    "5",
    "20",
    "44",
    "49.9",
    "49.94",
    "49.95",
    "50",
    "60",
    "74.9",
    "75",
    "75.04",
    "75.05",
    "75.1",
    "88",
    "100",
    "100.04",
    "100.05",
    "150",
    "199.9",
    "199.95",
    "200",
    "250",
    "300",
    "300.04",
    "300.05",
    "420",
    "1500",
)
PICOMOLE = ("11", "112", "112.4", "168", "168.5", "168.6", "168.7", "169", "224.7", "224.8", "449", "674", "675")
PERCENT = (
    "5",
    "12",
    "18",
    "19.9",
    "19.94",
    "19.95",
    "20",
    "20.1",
    "28",
    "40",
    "44.9",
    "44.94",
    "44.95",
    "45",
    "52",
    "90",
)
FRACTION = ("0.05", "0.18", "0.1994", "0.1995", "0.2", "0.3", "0.449", "0.4495", "0.45", "0.6", "1", "1.1", "18")
REASONS = (
    None,
    None,
    None,
    "restless_legs_syndrome",
    "restless_legs_syndrome",
    "nausea_vomiting",
    "insomnia",
    "depression",
    "psychosis",
    "agitation",
    "delirium",
    "hiccup",
    "allergy_urticaria_pruritus",
    "epilepsy",
    "iron_deficiency",
)
LISTED = (
    "parkinson_disease",
    "psychosis",
    "bipolar",
    "depression",
    "agitation",
    "obstructive_sleep_apnoea",
    "epilepsy",
    "alcohol_use_disorder",
    "caffeine_disorder",
    "peripheral_neuropathy",
    "iron_deficiency",
    "heart_failure",
)
DAYS = (
    0,
    1,
    5,
    10,
    14,
    15,
    20,
    27,
    28,
    29,
    30,
    31,
    42,
    55,
    56,
    57,
    60,
    83,
    84,
    85,
    89,
    90,
    91,
    100,
    111,
    112,
    113,
    150,
    179,
    180,
    181,
    200,
    300,
    364,
    365,
    366,
    400,
    -1,
    -2,
)


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
        patient.encounter = self.one(
            None,
            None,
            None,
            None,
            "outpatient",
            "virtual",
            *(["inpatient", "emergency", "observation"] if self.chance(1) else []),
        )
        for name, often in (
            ("end_stage_kidney_disease", 0.8),
            ("dialysis_status", 0.8),
            ("kidney_transplant", 0.5),
            ("iron_loading", 0.7),
            ("hospice", 0.2),
            ("iron_malabsorption", 0.6),
            ("iron_loss", 0.6),
        ):
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
        for name, often in (
            ("end_stage_kidney_disease", 0.8),
            ("dialysis_status", 1.2),
            ("iron_loading", 1),
            ("hospice", 0.6),
        ):
            if self.chance(often):
                patient.conditions.add(name)
        if patient.age in (17, 30) and self.chance(5):
            patient.pregnancy = self.pregnancy()
        if self.chance(7):
            patient.labs.append(
                Lab("ferritin", Decimal(self.one("40", "75", "75.1", "88", "150", "300", "300.1", "420")), "ng/mL", 10)
            )
        if self.chance(7):
            patient.labs.append(
                Lab("transferrin_saturation", Decimal(self.one("15", "19.9", "20", "30", "44.9", "45", "60")), "%", 10)
            )
        patient.drafts = [self.draft() for _ in range(self.one(1, 1, 1, 2, 2, 3, 4))]
        names = [one.product for one in patient.drafts]
        if "ferric carboxymaltose" in names:
            for one in patient.drafts:
                one.selected = True
        patient.drugs = [self.drug(names) for _ in range(self.one(0, 0, 1, 2))]
        patient.unread = {need for need in ("labs", "medications") if self.chance(0.5)}
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
        drug = Drug(
            product,
            status=self.one(
                "active", "active", "active", "on-hold", "completed", "stopped", "cancelled", "entered-in-error"
            ),
            since=self.one(5, 100, 180, 181, 182, 183, 184, 400, 700, 760),
        )
        if drug.status in ("completed", "stopped") and self.chance(7):
            drug.ended = self.one(*(day for day in (1, 60, 179, 180, 181, 300) if day <= (drug.since or 0)))
        if product in ("levodopa", "caffeine"):
            drug.prn = self.chance(3)
        return drug

    def viewing(self) -> Patient:
        """A patient whose chart is opened: medicines, factors, and a few results."""
        patient = self.ordering()
        patient.drafts = []
        patient.drugs = [
            self.drug(
                ["quetiapine", "ropinirole", "caffeine", "levodopa", "hydroxyzine", "metoclopramide", "sertraline"]
            )
            for _ in range(self.one(0, 1, 1, 2, 3))
        ]
        for drug in patient.drugs:
            drug.statement = drug.status in ("active", "completed") and self.chance(2)
        patient.conditions |= {name for name in LISTED if self.chance(0.7)}
        patient.audit_c = self.one(None, None, None, 4, 5)
        patient.cpap = self.chance(3)
        if patient.encounter and self.chance(1):
            patient.unread.add("encounter")
        patient.unread |= {need for need in ("labs", "medications") if self.chance(0.7)}
        return patient

    def diagnoses(self) -> list[Diagnosis]:
        if self.chance(8.5):
            return [Diagnosis()]
        return [
            Diagnosis(
                clinical=self.one(
                    "active", "active", "recurrence", "relapse", "inactive", "remission", "resolved", None
                ),
                verification=self.one(
                    "confirmed",
                    "confirmed",
                    None,
                    "provisional",
                    "unconfirmed",
                    "differential",
                    "refuted",
                    "entered-in-error",
                ),
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
            labs.append(self.ferritin(day if self.chance(7) else self.one(*DAYS)))  # noqa: PERF401
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
            lab = Lab(
                "transferrin_saturation",
                Decimal(self.one(*FRACTION)),
                self.one("1", "{ratio}", "{fraction}", None),
                ago,
            )
        else:
            lab = Lab(
                "transferrin_saturation", Decimal(self.one("0.18", "1", "100", "101", "18")), self.one("%", "g/L"), ago
            )
        return self._odd(lab)

    def iron_and_tibc(self, day: int) -> list[Lab]:
        iron, tibc = self.one(
            ("60", "300"), ("60", "301"), ("20", "400"), ("150", "333"), ("150", "334"), ("200", "250")
        )
        near = day + self.one(0, 0, 3, 31)
        return [
            Lab("iron", Decimal(iron), "ug/dL", near, specimen="s1"),
            Lab("tibc", Decimal(tibc), "ug/dL", near, specimen="s1"),
        ]

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
        return [
            Iron(True, day, day)
            for day in {self.one(5, 20, 55, 56, 57, 83, 84, 85, 90, 91, 100, 150) for _ in range(self.one(1, 1, 2))}
        ]

    def order(self) -> LabOrder:
        return LabOrder(
            test=self.one("ferritin", "ferritin", "iron_panel", "transferrin_saturation"),
            ago=self.one(0, 5, 29, 30, 31, 60, 89, 90, 91),
            status=self.one(
                "active", "active", "active", "draft", "on-hold", "revoked", "completed", "entered-in-error"
            ),
            planned=self.one(None, None, 5, 30, -5),
        )

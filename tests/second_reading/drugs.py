"""The products that the random patients take, each with what this reading knows of its ingredients (facts B and C)."""

from dataclasses import dataclass

D2 = "d2"
DUAL = "antipsychotic that is also an antiemetic"
ANTIHISTAMINE = "sedating antihistamine"
MIRTAZAPINE = "mirtazapine"
ANTIPSYCHOTIC = "antipsychotic"
PARTIAL = "partial agonist"
SEROTONERGIC = "serotonergic"
OTHER = "other documented"
DOPAMINERGIC = "dopaminergic"
LEVODOPA = "levodopa"
NOT_FOR_RLS = "not for RLS"
CLONAZEPAM = "clonazepam"
ERGOT = "ergot"
ORAL_IRON = "oral iron"
IV_IRON = "intravenous iron"
GABAPENTINOID = "gabapentinoid"
ENACARBIL = "enacarbil"
OPIOID = "opioid"
EPINEPHRINE = "epinephrine"
CAFFEINE = "caffeine"
ACID = "acid suppressant"
NOTHING = "nothing"


@dataclass(frozen=True)
class Product:
    """`doubtful`: neither route nor form is told, and a local product exists. `strength`: mg of a unit."""

    text: str
    route: str | None
    ingredients: tuple[tuple[str, str], ...]
    local: bool = False
    doubtful: bool = False
    strength: int = 0
    pregnancy_product: bool = False


def one(text: str, name: str, kind: str, route: str | None = "oral", **more: bool | int) -> Product:
    return Product(text, route, ((name, kind),), **more)  # type: ignore[arg-type]


PRODUCTS = {
    "metoclopramide": one("Metoclopramide 10 mg tablet", "metoclopramide", D2),
    "promethazine": one("Promethazine 25 mg tablet", "promethazine", D2),
    "promethazine cream": one("Promethazine 2 % cream", "promethazine", D2, "topical", local=True),
    "prochlorperazine": one("Prochlorperazine 5 mg tablet", "prochlorperazine", D2),
    "droperidol": one("Droperidol 2.5 mg/mL injection", "droperidol", D2, "intravenous"),
    "haloperidol": one("Haloperidol 1 mg tablet", "haloperidol", DUAL),
    "haloperidol injection": one("Haloperidol 5 mg/mL injection", "haloperidol", DUAL, "intramuscular"),
    "chlorpromazine": one("Chlorpromazine 25 mg tablet", "chlorpromazine", DUAL),
    "olanzapine": one("Olanzapine 5 mg tablet", "olanzapine", DUAL),
    "hydroxyzine": one("Hydroxyzine 25 mg tablet", "hydroxyzine", ANTIHISTAMINE),
    "diphenhydramine": one("Diphenhydramine 25 mg capsule", "diphenhydramine", ANTIHISTAMINE),
    "diphenhydramine?": one("Diphenhydramine", "diphenhydramine", ANTIHISTAMINE, None, doubtful=True),
    "diphenhydramine cream": one("Diphenhydramine 2 % cream", "diphenhydramine", ANTIHISTAMINE, "topical", local=True),
    "doxylamine": one("Doxylamine 25 mg tablet", "doxylamine", ANTIHISTAMINE, pregnancy_product=True),
    "doxylamine pyridoxine": one(
        "Doxylamine 10 mg / pyridoxine 10 mg tablet", "doxylamine", ANTIHISTAMINE, pregnancy_product=True
    ),
    "cinnarizine dimenhydrinate": Product(
        "Cinnarizine 20 mg / dimenhydrinate 40 mg tablet",
        "oral",
        (("cinnarizine", OTHER), ("dimenhydrinate", ANTIHISTAMINE)),
    ),
    "fexofenadine": one("Fexofenadine 180 mg tablet", "fexofenadine", NOTHING),
    "mirtazapine": one("Mirtazapine 15 mg tablet", "mirtazapine", MIRTAZAPINE),
    "mianserin": one("Mianserin 30 mg tablet", "mianserin", MIRTAZAPINE),
    "quetiapine": one("Quetiapine 25 mg tablet", "quetiapine", ANTIPSYCHOTIC),
    "risperidone": one("Risperidone 1 mg tablet", "risperidone", ANTIPSYCHOTIC),
    "aripiprazole": one("Aripiprazole 5 mg tablet", "aripiprazole", PARTIAL),
    "perphenazine amitriptyline": Product(
        "Perphenazine 2 mg / amitriptyline 10 mg tablet",
        "oral",
        (("perphenazine", DUAL), ("amitriptyline", SEROTONERGIC)),
    ),
    "sertraline": one("Sertraline 50 mg tablet", "sertraline", SEROTONERGIC),
    "amitriptyline": one("Amitriptyline 10 mg tablet", "amitriptyline", SEROTONERGIC),
    "duloxetine": one("Duloxetine 60 mg capsule", "duloxetine", SEROTONERGIC),
    "lithium": one("Lithium carbonate 300 mg capsule", "lithium", OTHER),
    "meclizine": one("Meclizine 25 mg tablet", "meclizine", OTHER),
    "tetrabenazine": one("Tetrabenazine 25 mg tablet", "tetrabenazine", OTHER),
    "ropinirole": one("Ropinirole 0.25 mg tablet", "ropinirole", DOPAMINERGIC),
    "pramipexole": one("Pramipexole 0.125 mg tablet", "pramipexole", DOPAMINERGIC),
    "levodopa": one("Carbidopa 25 mg / levodopa 100 mg tablet", "levodopa", LEVODOPA),
    "bupropion": one("Bupropion XL 150 mg tablet", "bupropion", NOT_FOR_RLS),
    "carbamazepine": one("Carbamazepine 200 mg tablet", "carbamazepine", NOT_FOR_RLS),
    "clonazepam": one("Clonazepam 0.5 mg tablet", "clonazepam", CLONAZEPAM),
    "cabergoline": one("Cabergoline 0.5 mg tablet", "cabergoline", ERGOT),
    "ferrous sulfate": one("Ferrous sulfate 325 mg tablet", "ferrous sulfate", ORAL_IRON),
    "ferric carboxymaltose": one(
        "Ferric carboxymaltose 750 mg injection", "ferric carboxymaltose", IV_IRON, "intravenous"
    ),
    "gabapentin 100": one("Gabapentin 100 mg capsule", "gabapentin", GABAPENTINOID, strength=100),
    "gabapentin 300": one("Gabapentin 300 mg capsule", "gabapentin", GABAPENTINOID, strength=300),
    "pregabalin 50": one("Pregabalin 50 mg capsule", "pregabalin", GABAPENTINOID, strength=50),
    "enacarbil": one("Gabapentin enacarbil 600 mg extended-release tablet", "gabapentin enacarbil", ENACARBIL),
    "oxycodone": one("Oxycodone 5 mg extended-release tablet", "oxycodone", OPIOID),
    "epinephrine": one("Epinephrine 0.3 mg injection", "epinephrine", EPINEPHRINE, "intramuscular"),
    "caffeine": one("Acetaminophen 250 mg / aspirin 250 mg / caffeine 65 mg tablet", "caffeine", CAFFEINE),
    "omeprazole": one("Omeprazole 20 mg capsule", "omeprazole", ACID),
    "amoxicillin": one("Amoxicillin 500 mg capsule", "amoxicillin", NOTHING),
    "ondansetron": one("Ondansetron 4 mg tablet", "ondansetron", NOTHING),
}

"""Offline by name, imported from a release, learned online: the same drug is the same product in all three ways."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import respx

from cards import FOLDER
from cards.terminology import Naming, Product, RecognisedBy, Terminology, load_terminology
from cards.terminology.importer import import_release
from service.resolver import RXNAV, Resolver

pytestmark = pytest.mark.anyio
SYSTEM = "http://www.nlm.nih.gov/research/umls/rxnorm"
# name of the product, its RxCUI (made up), the RxCUI of its ingredient, the name of that, strength, dose form, its group
DRUGS = [
    ("hydroxyzine hydrochloride 25 MG Oral Tablet", 9000001, 5553, "hydroxyzine", "Oral Tablet", "Oral Product"),
    ("metoclopramide 10 MG Oral Tablet", 9000002, 6915, "metoclopramide", "Oral Tablet", "Oral Product"),
    ("diphenhydramine 20 MG/ML Topical Cream", 9000003, 3498, "diphenhydramine", "Topical Cream", "Topical Product"),
    (
        "ketotifen 0.25 MG/ML Ophthalmic Solution",
        9000004,
        6146,
        "ketotifen",
        "Ophthalmic Solution",
        "Ophthalmic Product",
    ),
    ("ferrous sulfate 325 MG Oral Tablet", 9000005, 24947, "ferrous sulfate", "Oral Tablet", "Oral Product"),
    ("quetiapine 25 MG Oral Tablet", 9000006, 51272, "quetiapine", "Oral Tablet", "Oral Product"),
    ("amoxicillin 500 MG Oral Capsule", 9000007, 723, "amoxicillin", "Oral Capsule", "Oral Product"),
]
Drug = tuple[str, int, int, str, str, str]


def release(folder: Path) -> Path:
    """A release in the real layout with just these drugs."""
    concepts: list[str] = []
    relations: list[str] = []

    def concept(code: int, kind: str, name: str) -> None:
        concepts.append(f"{code}|ENG||||||{code}|{code}|{code}||RXNORM|{kind}|{code}|{name}||N|4096|")

    def relation(source: int, verb: str, target: int) -> None:
        relations.append(f"{target}||CUI|RO|{source}||CUI|{verb}|||RXNORM|||||4096|")

    for number, (name, code, ingredient, substance, form, group) in enumerate(DRUGS):
        component, form_code, group_code = 8_000_000 + number, 8_100_000 + number, 8_200_000 + number
        concept(ingredient, "IN", substance)
        concept(component, "SCDC", f"{substance} part")
        concept(code, "SCD", name)
        concept(form_code, "DF", form)
        concept(group_code, "DFG", group)
        relation(component, "has_ingredient", ingredient)
        relation(code, "consists_of", component)
        relation(code, "has_dose_form", form_code)
        relation(form_code, "has_doseformgroup", group_code)
    folder.mkdir()
    (folder / "RXNCONSO.RRF").write_text("\n".join(concepts) + "\n", encoding="utf-8")
    (folder / "RXNREL.RRF").write_text("\n".join(relations) + "\n", encoding="utf-8")
    (folder / "RXNSAT.RRF").write_text("", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def offline() -> Terminology:
    return load_terminology(FOLDER / "ingredients")


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Terminology:
    folder = tmp_path_factory.mktemp("release")
    import_release(release(folder / "rrf"), folder / "rxnorm.index")
    return load_terminology(FOLDER / "ingredients", index=folder / "rxnorm.index")


@pytest.fixture
def online(tmp_path: Path) -> Callable[[Drug], object]:
    async def learned(drug: Drug) -> Terminology:
        name, code, ingredient, substance, form, _ = drug
        terminology = load_terminology(FOLDER / "ingredients")
        history = {
            "rxcuiStatusHistory": {
                "metaData": {"status": "Active"},
                "attributes": {"name": name},
                "definitionalFeatures": {
                    "ingredientAndStrength": [{"baseRxcui": str(ingredient), "baseName": substance}],
                    "doseFormConcept": [{"doseFormName": form}],
                },
                "derivedConcepts": {"ingredientConcept": [{"ingredientRxcui": str(ingredient)}]},
            }
        }
        with respx.mock() as rxnav:
            rxnav.get(f"{RXNAV}/rxcui/{code}/historystatus.json").mock(return_value=httpx.Response(200, json=history))
            async with httpx.AsyncClient() as http:
                resolver = Resolver(http, tmp_path / "answers.db", terminology, lambda: 1000.0)
                resolver.notice(str(code))
                await resolver.step()
        return terminology

    return learned


def seen(product: Product) -> tuple[object, ...]:
    """What the rules go by."""
    return product.ingredients, product.exposure, product.iron.intent if product.iron else None


@pytest.mark.parametrize("drug", DRUGS, ids=[drug[0] for drug in DRUGS])
async def test_the_three_ways_agree(
    offline: Terminology, imported: Terminology, online: Callable[[Drug], object], drug: Drug
) -> None:
    coded = Naming(codings=((SYSTEM, str(drug[1]), None),))
    learned: Terminology = await online(drug)  # type: ignore[misc]

    by_name = offline.recognise(Naming(text=drug[0]))
    by_index, by_learning = imported.recognise(coded), learned.recognise(coded)

    assert seen(by_name) == seen(by_index) == seen(by_learning)
    assert (by_index.recognised_by, by_learning.recognised_by) == (RecognisedBy.RXNORM, RecognisedBy.RXNORM)
    assert offline.recognise(coded).unmapped

"""Drug names as EHRs write them."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from cards.terminology import Naming, Product, RecognisedBy, Terminology

Named = Callable[[str], Product]


@pytest.mark.parametrize(
    ("text", "ingredients"),
    [
        ("HYDROXYZINE HCL 25 MG PO TABS", ("hydroxyzine",)),
        ("hydrOXYzine HCl (ATARAX) 25 mg tablet", ("hydroxyzine",)),
        ("24 HR quetiapine 200 MG Extended Release Oral Tablet [Seroquel]", ("quetiapine",)),
        ("Abuse-Deterrent 12 HR oxycodone 18 MG Extended Release Oral Capsule", ("oxycodone",)),
        ("Sensor aripiprazole 10 MG Oral Tablet", ("aripiprazole",)),
        ("0.5 ML haloperidol 5 MG/ML Injection", ("haloperidol",)),
        ("acetaminophen 325 MG / codeine phosphate 30 MG Oral Tablet", ("codeine",)),
        ("carbidopa-levodopa 25-100 mg per tablet", ("carbidopa", "levodopa")),
        ("Divalproex sodium 500 MG DR tab", ("valproate",)),
        ("ferrous sulphate 200mg tablets", ("ferrous sulfate",)),
        ("FERROUS SULFATE 325 (65 FE) MG PO TABS", ("ferrous sulfate",)),
        ("Quétiapine 50 mg comprimés", ("quetiapine",)),
        ("Quetiapin 50 mg Tabletten", ("quetiapine",)),
        ("gabapentin enacarbil 600 MG Extended Release Oral Tablet", ("gabapentin enacarbil",)),
        ("Tylenol with Codeine #3", ("codeine",)),
        ("Symbyax 6-25 mg capsule", ("fluoxetine", "olanzapine")),
        ("apomorphine 10 MG/ML Cartridge", ("apomorphine",)),
    ],
)
def test_a_name_in_the_ways_of_ehrs_is_recognised(named: Named, text: str, ingredients: tuple[str, ...]) -> None:
    product = named(text)

    assert product.ingredients == ingredients


@pytest.mark.parametrize(
    "text",
    [
        "inventedstatin 20 mg tablet",
        "lamotrigine 25 MG Oral Tablet [Lamictal Kit (for Patients Taking Valproate)]",
        "Lamictal starter kit for patients taking carbamazepine and not taking valproate",
        "multivitamin without iron",
        "cough syrup codeine-free",
        "cough syrup, no codeine",
        "inventedprofen w/o codeine",
        "morphinelike substance",
        "hyoscine butylbromide 10mg tablets",
        "acetaminophen 325 MG Oral Tablet [Tylenol PM]",
        "",
    ],
)
def test_what_is_not_in_the_product_is_not_matched(named: Named, text: str) -> None:
    product = named(text)

    assert product.recognised_by is RecognisedBy.NOTHING


def test_a_brand_in_brackets_counts_where_nothing_else_describes_the_product(named: Named) -> None:
    product = named("sleep aid [Nytol]")

    assert product.ingredients == ("diphenhydramine",)


def test_a_brand_is_another_drug_in_another_market(named: Named, named_in_uk: Named) -> None:
    products = [named("Benadryl").ingredients, named_in_uk("Benadryl").ingredients]

    assert products == [("diphenhydramine",), ("cetirizine",)]


@pytest.mark.parametrize(
    ("text", "ingredients"),
    [
        ("Co-codamol 8mg/500mg tablets", ("codeine",)),
        ("Co-careldopa 25mg/100mg tablets", ("carbidopa", "levodopa")),
        ("Co-beneldopa 12.5mg/50mg dispersible tablets sugar free", ("levodopa",)),
        ("Piriton 4mg tablets (GlaxoSmithKline Consumer Healthcare)", ("chlorpheniramine",)),
        ("Chlorphenamine 2mg/5ml oral solution sugar free (A A H Pharmaceuticals Ltd)", ("chlorpheniramine",)),
        ("Seroquel XL 50mg tablets", ("quetiapine",)),
        ("Night Nurse capsules", ("promethazine",)),
        ("Stemetil 5mg tablets", ("prochlorperazine",)),
        ("Sodium feredetate 190mg/5ml oral solution sugar free", ("sodium feredetate",)),
        ("Hyoscine hydrobromide 1.5mg transdermal patches", ("scopolamine",)),
    ],
)
def test_a_british_product_name_is_recognised(named_in_uk: Named, text: str, ingredients: tuple[str, ...]) -> None:
    product = named_in_uk(text)

    assert product.ingredients == ingredients


def test_displays_go_before_the_text(us: Terminology) -> None:
    naming = Naming(codings=((None, None, "quetiapine 25 MG"),), text="hydroxyzine 25 mg", display="codeine")

    product = us.recognise(naming)

    assert product.ingredients == ("quetiapine",)


def test_the_reference_display_is_the_last_resort(us: Terminology) -> None:
    product = us.recognise(Naming(text="see pharmacy", display="hydroxyzine 25 mg"))

    assert product.ingredients == ("hydroxyzine",)


def test_ingredients_of_a_medication_are_read_together(us: Terminology) -> None:
    parts = (Naming(text="acetaminophen"), Naming(text="diphenhydramine"), Naming(text="codeine"))

    product = us.recognise(Naming(text="house mixture", ingredients=parts))

    assert product.ingredients == ("codeine", "diphenhydramine")


def test_a_million_words_are_cut(us: Terminology) -> None:
    product = us.recognise(Naming(text="word " * 1_000_000 + "hydroxyzine"))

    assert product.recognised_by is RecognisedBy.NOTHING


def test_a_cut_never_halves_a_word(us: Terminology) -> None:
    product = us.recognise(Naming(text="x " * 1998 + "ironwood"))

    assert product.recognised_by is RecognisedBy.NOTHING


@pytest.mark.parametrize(
    ("text", "ingredient", "strength"),
    [
        ("Doxepin 6 MG Oral Tablet [Silenor]", "doxepin", "6"),
        ("Silenor 3 mg", "doxepin", "3"),
        ("gabapentin 300 MG Oral Capsule", "gabapentin", "300"),
        ("50 mg sertraline", "sertraline", "50"),
        ("levodopa 100 MG / carbidopa 25 MG Oral Tablet", "carbidopa", "25"),
        ("ropinirole 250 micrograms tablets", "ropinirole", "0.250"),
        ("gabapentin 1,200 mg tablet", "gabapentin", "1200"),
        ("pramipexol 0,18 mg", "pramipexole", "0.18"),
        ("valproate 1 g vial", "valproate", "1000"),
        ("oxycodone hydrochloride 5 MG/acetaminophen 325 MG", "oxycodone", "5"),
    ],
)
def test_the_strength_is_read_beside_its_ingredient(named: Named, text: str, ingredient: str, strength: str) -> None:
    product = named(text)

    assert product.strength_mg[ingredient] == Decimal(strength)


@pytest.mark.parametrize(
    "text",
    [
        "gabapentin 250 mg/5 mL oral solution",
        "hydrocodone-acetaminophen 5-325 mg per tablet",
        "fentanyl 25 mcg/hr patch",
        "doxepin 5 % cream",
        "carbidopa and levodopa",
        "sertraline 1.2.3 mg",
        "co-careldopa 25mg/100mg tablets",
    ],
)
def test_a_concentration_or_a_mixed_strength_is_no_strength(named: Named, text: str) -> None:
    product = named(text)

    assert dict(product.strength_mg) == {}

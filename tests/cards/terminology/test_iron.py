"""Iron by therapeutic intent."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from cards.terminology import IronIntent, Naming, Product, Terminology

Named = Callable[[str], Product]


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("ferrous sulfate 325 MG Oral Tablet", IronIntent.ORAL),
        ("ferrous fumarate 324 MG / ascorbic acid 100 MG / folic acid 1 MG Oral Tablet", IronIntent.ORAL),
        ("iron-dextran complex 65 MG Oral Tablet", IronIntent.ORAL),
        ("ferric carboxymaltose 50 MG/ML Injection", IronIntent.INTRAVENOUS),
        ("Venofer", IronIntent.INTRAVENOUS),
        ("ferric pyrophosphate citrate 5.44 MG/ML Injection", IronIntent.INTRAVENOUS),
        ("ferrous fumarate 29 MG / pyridoxine 25 MG / zinc oxide 15 MG Oral Tablet", IronIntent.MULTIVITAMIN),
        ("multivitamin with iron chewable tablet", IronIntent.MULTIVITAMIN),
        ("Dialyvite 800 with Iron", IronIntent.MULTIVITAMIN),
        (
            "{21 (norethindrone acetate 1 MG Oral Tablet) / 7 (ferrous fumarate 75 MG Oral Tablet) } Pack [Junel Fe]",
            IronIntent.CONTRACEPTIVE_SPACER,
        ),
        (
            "norethindrone-e.estradiol-iron (JUNEL FE 1/20) 1 mg-20 mcg (21)/75 mg (7) tablet",
            IronIntent.CONTRACEPTIVE_SPACER,
        ),
        ("Velphoro 500 MG Chewable Tablet", IronIntent.PHOSPHATE_BINDER),
        ("ferric citrate 210 MG Oral Tablet", IronIntent.PHOSPHATE_BINDER),
        ("ferric subsulfate 259 MG/ML Topical Solution", IronIntent.NOT_THERAPY),
        ("ferrous sulfate topical cream", IronIntent.NOT_THERAPY),
    ],
)
def test_iron_is_told_apart_by_its_use(named: Named, text: str, intent: IronIntent) -> None:
    product = named(text)

    assert product.iron is not None
    assert product.iron.intent is intent


@pytest.mark.parametrize(
    ("text", "elemental"),
    [
        ("ferrous sulfate 325 MG Oral Tablet", "65.00"),
        ("ferrous fumarate 300 MG Oral Capsule", "99.00"),
        ("ferrous gluconate 300 MG tablet", "36.00"),
        ("ferrous sulfate 325 mg (65 mg iron) tablet", "65"),
        ("ferrous sulfate 160 mg (50 mg elemental iron) ER tablet", "50"),
        ("iron carbonyl 45 MG Oral Tablet", "45.00"),
        ("elemental iron 28 mg tablet", "28.00"),
    ],
)
def test_elemental_iron_is_given_where_the_name_gives_it(named: Named, text: str, elemental: str) -> None:
    product = named(text)

    assert product.iron is not None
    assert product.iron.elemental_mg == Decimal(elemental)


@pytest.mark.parametrize(
    "text",
    [
        "polysaccharide iron complex 150 MG Oral Capsule",
        "ferrous sulfate 75 MG/ML (15 mg iron/mL) Oral Solution",
        "ferrous fumarate 162 MG / polysaccharide iron complex 115 MG Oral Capsule",
        "ferrous sulfate",
        "iron sucrose 100 mg IV",
        "ferrous sulfate (1.2.3 mg iron)",
    ],
)
def test_elemental_iron_stays_open_where_the_name_is_silent(named: Named, text: str) -> None:
    product = named(text)

    assert product.iron is not None
    assert product.iron.elemental_mg is None


def test_a_drug_without_iron_has_no_iron(named: Named) -> None:
    product = named("hydroxyzine 25 mg tablet")

    assert product.iron is None


def test_a_named_salt_goes_before_the_bare_word(named: Named) -> None:
    product = named("ferrous gluconate 240 mg (27 mg iron) tablet")

    assert product.ingredients == ("ferrous gluconate",)


def test_the_text_beside_a_code_tells_a_contraceptive(us: Terminology) -> None:
    naming = Naming(
        codings=(("http://www.nlm.nih.gov/research/umls/rxnorm", "24941", None),),
        text="Junel Fe 1/20, norethindrone pack",
    )

    product = us.recognise(naming)

    assert product.iron is not None
    assert product.iron.intent is IronIntent.CONTRACEPTIVE_SPACER

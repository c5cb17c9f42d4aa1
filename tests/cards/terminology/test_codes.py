"""Codes: which systems are known, and how they stand to names."""

from pathlib import Path

import pytest

from cards.terminology import Exposure, Naming, RecognisedBy, Terminology, load_terminology

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ATC = "http://www.whocc.no/atc"


def coded(code: str, system: str = RXNORM, text: str | None = None) -> Naming:
    return Naming(codings=((system, code, None),), text=text)


@pytest.mark.parametrize(
    ("naming", "ingredients", "level"),
    [
        (coded("5553"), ("hydroxyzine",), RecognisedBy.RXNORM),
        (coded("5553", "urn:oid:2.16.840.1.113883.6.88"), ("hydroxyzine",), RecognisedBy.RXNORM),
        (coded("154987"), ("hydroxyzine",), RecognisedBy.RXNORM),
        (coded("52105"), ("lithium",), RecognisedBy.RXNORM),
        (coded("1101333"), ("gabapentin enacarbil",), RecognisedBy.RXNORM),
        (coded("405343"), ("fluoxetine", "olanzapine"), RecognisedBy.RXNORM),
        (coded("N05BB01", ATC), ("hydroxyzine",), RecognisedBy.CODE),
        (coded("N06CA02", "urn:oid:2.16.840.1.113883.6.73"), ("flupentixol", "melitracen"), RecognisedBy.CODE),
        (coded("B03AC01", ATC), ("parenteral iron",), RecognisedBy.CODE),
        (coded("372676000", "http://snomed.info/sct"), (), RecognisedBy.NOTHING),
        (coded("372767007", "http://snomed.info/sct"), ("fluoxetine",), RecognisedBy.CODE),
    ],
)
def test_a_code_is_recognised_at_its_level(
    us: Terminology, naming: Naming, ingredients: tuple[str, ...], level: RecognisedBy
) -> None:
    product = us.recognise(naming)

    assert (product.ingredients, product.recognised_by) == (ingredients, level)


@pytest.mark.parametrize("code", ["N05AX17", "N05AN01"])
def test_a_group_of_the_atc_is_not_taken_whole(us: Terminology, code: str) -> None:
    product = us.recognise(coded(code, ATC))

    assert product.ingredients in (("pimavanserin",), ("lithium",))


@pytest.mark.parametrize("code", ["D04AA32", "S01GX08", "R01AC03", "V03XX99"])
def test_a_local_or_unknown_atc_code_never_acts_systemically(us: Terminology, code: str) -> None:
    product = us.recognise(coded(code, ATC))

    assert product.exposure is not Exposure.SYSTEMIC


def test_an_atc_code_for_systemic_use_settles_the_doubt(us: Terminology) -> None:
    product = us.recognise(coded("R06AA02", ATC))

    assert product.exposure is Exposure.SYSTEMIC


def test_codes_win_over_names(us: Terminology) -> None:
    product = us.recognise(coded("28889", text="diphenhydramine 25 mg tablet"))

    assert (product.ingredients, product.recognised_by) == (("loratadine",), RecognisedBy.RXNORM)


def test_all_codes_of_the_winning_level_count(us: Terminology) -> None:
    naming = Naming(codings=((RXNORM, "2670", None), (RXNORM, "8745", None), (ATC, "N05BB01", None)))

    product = us.recognise(naming)

    assert product.ingredients == ("codeine", "promethazine")


def test_an_unknown_code_falls_back_to_the_name(us: Terminology) -> None:
    product = us.recognise(coded("999999", text="hydroxyzine 25 mg tablet"))

    assert (product.ingredients, product.recognised_by) == (("hydroxyzine",), RecognisedBy.NAME)


@pytest.mark.parametrize("code", ["", "12a", "1" * 30, "x"])
def test_what_is_no_rxcui_is_unmapped(us: Terminology, code: str) -> None:
    product = us.recognise(coded(code))

    assert product.unmapped


@pytest.mark.parametrize("system", [None, "urn:site:drugs", "http://hl7.org/fhir/sid/ndc"])
def test_a_system_that_nothing_knows_is_passed_over(us: Terminology, system: str | None) -> None:
    product = us.recognise(Naming(codings=((system, "5553", None),)))

    assert product.unmapped


def test_the_codes_of_a_medications_ingredients_count(us: Terminology) -> None:
    product = us.recognise(Naming(text="mixture", ingredients=(coded("2670"), coded("8745"))))

    assert product.ingredients == ("codeine", "promethazine")


def test_a_local_brand_code_acts_locally(us: Terminology) -> None:
    product = us.recognise(coded("261705"))

    assert (product.ingredients, product.exposure) == (("ketotifen",), Exposure.LOCAL)


def test_a_learned_code_is_used_from_the_next_call(fictional: Path) -> None:
    unknown: list[str] = []
    terminology = load_terminology(fictional, "us", on_unknown=unknown.append)
    before = terminology.recognise(coded("777"))

    terminology.learn("777", ingredients=(91002,), form="Oral Tablet", name="testazine 25 MG", retired=True)
    after = terminology.recognise(coded("777"))

    assert (before.unmapped, unknown, after.ingredients, after.retired) == (True, ["777"], ("testazine",), True)


def test_a_learned_pack_is_read_by_its_name(fictional: Path) -> None:
    terminology = load_terminology(fictional, "us")

    terminology.learn("779", ingredients=(), form=None, name="{7 (testazine 5 MG Oral Tablet) } Pack", retired=False)

    assert terminology.recognise(coded("779")).ingredients == ("testazine",)


def test_a_learned_code_without_our_ingredients_is_known_and_empty(fictional: Path) -> None:
    terminology = load_terminology(fictional, "us")

    terminology.learn("778", ingredients=(5,), form=None, name=None, retired=False)

    assert terminology.recognise(coded("778", text="testazine")).recognised_by is RecognisedBy.RXNORM


@pytest.mark.parametrize("code", ["not a code", "9" * 12])
def test_only_an_rxcui_can_be_learned(fictional: Path, code: str) -> None:
    terminology = load_terminology(fictional, "us")

    terminology.learn(code, ingredients=(91001,), form=None, name=None, retired=False)

    assert terminology.recognise(coded(code)).unmapped


def test_the_memory_of_answers_is_bounded(us: Terminology, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(us._products, "_most", 2)
    texts = ["hydroxyzine 10 mg", "hydroxyzine 25 mg", "hydroxyzine 50 mg", "hydroxyzine 10 mg"]

    products = [us.recognise(Naming(text=text)).ingredients for text in texts]

    assert products == [("hydroxyzine",)] * 4
    assert len(us._products) <= 2


def test_a_terminology_names_its_ingredients_and_classes(us: Terminology) -> None:
    classes = us.classes_of("promethazine")

    assert (classes, "promethazine" in us.ingredients) == (
        ("antihistamine_sedating", "antiemetic_dopamine_blocker"),
        True,
    )

"""Routes and dose forms: what acts on the whole body and what does not."""

from collections.abc import Callable

import pytest

from cards.terminology import Exposure, Naming, Product, Route, Terminology

Named = Callable[[str], Product]
SNOMED = "http://snomed.info/sct"


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("diphenhydramine 2 % topical cream", Route.TOPICAL),
        ("ketotifen 0.025 % ophthalmic solution", Route.OPHTHALMIC),
        ("Zaditor", Route.OTHER_LOCAL),
        ("olopatadine 0.6 % nasal spray", Route.NASAL),
        ("doxepin 5 % CREA", Route.TOPICAL),
        ("promethazine vaginal gel", Route.VAGINAL),
        ("diphenhydramine mouthwash", Route.OTHER_LOCAL),
        ("Benadryl Itch Stopping gel", Route.TOPICAL),
    ],
)
def test_a_local_product_acts_locally(named: Named, text: str, route: Route) -> None:
    product = named(text)

    assert (product.exposure, product.route) == (Exposure.LOCAL, route)


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("metoclopramide 15 MG/ACTUAT nasal spray", Route.NASAL),
        ("fentanyl 0.1 MG/ACTUAT Mucosal Spray", Route.BUCCAL),
        ("rotigotine 2 mg/24 hr transdermal patch", Route.TRANSDERMAL),
        ("prochlorperazine 25 MG Rectal Suppository", Route.RECTAL),
        ("buprenorphine 8 MG Sublingual Tablet", Route.SUBLINGUAL),
        ("haloperidol decanoate 100 mg/mL intramuscular", Route.INTRAMUSCULAR),
        ("loxapine inhalation powder", Route.INHALED),
        ("Sinus and nasal chlorpheniramine tablets", Route.ORAL),
        ("promethazine 25 mg/mL IV", Route.INTRAVENOUS),
        ("droperidol 2.5 mg/mL vial", Route.INJECTED),
    ],
)
def test_a_systemic_product_acts_systemically(named: Named, text: str, route: Route) -> None:
    product = named(text)

    assert (product.exposure, product.route) == (Exposure.SYSTEMIC, route)


def test_without_route_and_form_the_exposure_is_unknown(named: Named) -> None:
    product = named("diphenhydramine")

    assert (product.exposure, product.acts_systemically) == (Exposure.UNKNOWN, False)


def test_a_drug_without_local_products_is_taken_as_systemic(named: Named) -> None:
    product = named("hydroxyzine")

    assert (product.exposure, product.acts_systemically) == (Exposure.UNKNOWN, True)


@pytest.mark.parametrize("text", ["diphenhydramine 25 mg", "diphenhydramine po", "diphenhydramine at bedtime"])
def test_an_oral_sign_settles_the_doubt(named: Named, text: str) -> None:
    product = named(text)

    assert product.acts_systemically


@pytest.mark.parametrize("text", ["diphenhydramine 20 mg/mL", "diphenhydramine 2 %"])
def test_a_concentration_is_no_oral_sign(named: Named, text: str) -> None:
    product = named(text)

    assert not product.oral_sign


def test_an_oral_sign_in_the_dosage_counts(us: Terminology) -> None:
    product = us.recognise(Naming(text="diphenhydramine"), dosage="1 at bedtime")

    assert product.oral_sign


@pytest.mark.parametrize(
    "route",
    [
        Naming(codings=((SNOMED, "6064005", None),)),
        Naming(codings=((None, None, "Topical"),)),
        Naming(text="to skin"),
    ],
)
def test_the_route_of_the_order_goes_before_the_form(us: Terminology, route: Naming) -> None:
    product = us.recognise(Naming(text="diphenhydramine 25 mg capsule"), route=route)

    assert product.exposure is Exposure.LOCAL


def test_a_patch_that_is_applied_topically_stays_systemic(us: Terminology) -> None:
    product = us.recognise(Naming(text="fentanyl 25 mcg/hr patch"), route=Naming(text="Topical"))

    assert product.route is Route.TRANSDERMAL


def test_the_form_of_the_medication_is_read(us: Terminology) -> None:
    naming = Naming(text="diphenhydramine", form=Naming(codings=((SNOMED, "385099005", "Cream"),)))

    product = us.recognise(naming)

    assert product.exposure is Exposure.LOCAL


def test_of_instructions_nothing_is_kept(us: Terminology) -> None:
    us.recognise(Naming(text="diphenhydramine"), dosage="Mrs Zzyzx: 1 at bedtime")

    assert "Zzyzx" not in repr(us._products)


def test_the_dosage_text_speaks_where_nothing_else_does(us: Terminology) -> None:
    product = us.recognise(Naming(text="diphenhydramine"), dosage="apply to affected area twice daily")

    assert product.exposure is Exposure.LOCAL


def test_an_unknown_route_code_says_nothing(us: Terminology) -> None:
    route = Naming(codings=((SNOMED, "1", None),))

    product = us.recognise(Naming(text="diphenhydramine 25 mg capsule"), route=route)

    assert product.route is Route.ORAL


def test_a_local_member_of_a_pack_adds_nothing(named: Named) -> None:
    product = named("{1 (codeine phosphate 30 MG Oral Tablet) / 1 (diphenhydramine 10 MG/ML Topical Cream) } Pack")

    assert (product.ingredients, product.exposure) == (("codeine",), Exposure.SYSTEMIC)


def test_the_members_of_a_pack_are_joined(named: Named) -> None:
    product = named("{1 (doxylamine 10 MG Oral Tablet) / 2 (codeine 15 MG Oral Tablet) } Pack [Brand]")

    assert product.ingredients == ("codeine", "doxylamine")


def test_the_route_of_a_drug_that_nothing_knows_is_still_read(us: Terminology) -> None:
    product = us.recognise(Naming(text="wonder cream"))

    assert (product.unmapped, product.exposure) == (True, Exposure.LOCAL)

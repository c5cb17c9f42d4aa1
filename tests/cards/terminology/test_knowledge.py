"""The files of `knowledge/ingredients` themselves."""

from collections import Counter
from pathlib import Path

import pytest

from cards.loader import KnowledgeError
from cards.terminology.knowledge import Knowledge, load_knowledge
from cards.terminology.product import Route
from cards.terminology.words import plain, words

INGREDIENTS = Path(__file__).parents[3] / "cards" / "knowledge" / "ingredients"
MARKETS = ("us", "uk", "eu")


@pytest.fixture(scope="module", params=MARKETS)
def known(request: pytest.FixtureRequest) -> Knowledge:
    return load_knowledge(INGREDIENTS, request.param)


def test_a_code_stands_for_one_ingredient(known: Knowledge) -> None:
    codes = Counter(
        (kind, code)
        for entry in known.ingredients.values()
        for kind, found in (("rxnorm", (*entry.rxnorm, *entry.rxnorm_precise)), ("snomed", entry.snomed))
        for code in found
    )

    assert [code for code, times in codes.items() if times > 1] == []


def test_codes_are_digits_and_atc_codes(known: Knowledge) -> None:
    entries = known.ingredients.values()
    digits = [code for entry in entries for code in (*entry.rxnorm, *entry.rxnorm_precise, *entry.snomed)]
    atc = [code for entry in entries for code in (*entry.atc, *entry.atc_combination, *entry.atc_local)]

    assert [code for code in digits if not code.isdigit()] + [code for code in atc if not code.isalnum()] == []


def test_a_local_atc_code_is_never_a_systemic_one(known: Knowledge) -> None:
    entries = known.ingredients.values()
    local = {code for entry in entries for code in entry.atc_local}

    assert local & {code for entry in entries for code in (*entry.atc, *entry.atc_combination)} == set()


def test_a_brand_stands_in_one_group(known: Knowledge) -> None:
    written = Counter(
        tuple(word.text for word in words(plain(name)))
        for group in known.brands
        for names in (group.single, group.combination, group.also_local, group.local, group.multivitamin)
        for name in names
    )

    assert [name for name, times in written.items() if times > 1] == []


def test_a_brand_code_names_a_brand_of_its_group(known: Knowledge) -> None:
    stray = [
        name
        for group in known.brands
        for name in group.rxnorm.values()
        if name not in (*group.single, *group.combination, *group.also_local, *group.local, *group.multivitamin)
    ]

    assert stray == []


def test_a_word_names_one_route(known: Knowledge) -> None:
    phrases = Counter(
        tuple(word.text for word in words(plain(phrase)))
        for entry in known.dose_forms.routes.values()
        for phrase in (*entry.words, *entry.solid, *entry.forms, *entry.said)
    )

    assert [phrase for phrase, times in phrases.items() if times > 1] == []


def test_every_route_is_written_somehow(known: Knowledge) -> None:
    routes = {Route(name) for name in known.dose_forms.routes}

    assert routes == set(Route) - {Route.UNKNOWN}


@pytest.fixture
def folder(fictional: Path, tmp_path: Path) -> Path:
    for path in fictional.iterdir():
        (tmp_path / path.name).write_text(path.read_text())
    return tmp_path


def test_an_ingredient_in_two_files_is_refused(folder: Path) -> None:
    (folder / "again.yaml").write_text((folder / "fictional.yaml").read_text())

    with pytest.raises(ValueError, match="stands in two files"):
        load_knowledge(folder, "us")


def test_a_brand_of_nothing_is_refused(folder: Path) -> None:
    brands = folder / "brands_us.yaml"
    brands.write_text(brands.read_text().replace("of: [testazine]", "of: [tastezine]"))

    with pytest.raises(ValueError, match="tastezine"):
        load_knowledge(folder, "us")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('rxnorm: ["91001"]', "rxnorm: [91001]", "str"),
        ("also_local: true", "also_lokal: true", "also_lokal"),
        ("  fakeferrin:", "  testazine:", "stands twice"),
    ],
)
def test_a_careless_file_is_refused(folder: Path, old: str, new: str, told: str) -> None:
    path = folder / "fictional.yaml"
    path.write_text(path.read_text().replace(old, new, 1))

    with pytest.raises(KnowledgeError, match=told):
        load_knowledge(folder, "us")

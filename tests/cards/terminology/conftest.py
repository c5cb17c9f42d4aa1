"""The real terminology of each market, a small one for the fictional release, and ways to spoil that release."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cards.terminology import Naming, Product, Terminology, load_terminology
from cards.terminology.importer import import_release

ROOT = Path(__file__).parents[3]
INGREDIENTS = ROOT / "cards" / "knowledge" / "ingredients"
RELEASE = ROOT / "tests" / "fixtures_rrf"

FICTIONAL = """
title: Fictional ingredients
review: {status: draft, author: tests, review_by: "2027-05-31"}
sources: [fiction]
ingredients:
  testazine:
    class: antihistamine_sedating
    rxnorm: ["91001"]
    rxnorm_precise: {"91002": testazine hydrochloride}
    also_local: true
  fakeferrin:
    class: iron_oral
    rxnorm: ["91003"]
    iron: {kind: oral, elemental_share: {value: 0.50, unit: "1", source: fiction}}
  iron:
    class: iron_oral
    iron: {kind: oral}
"""
FICTIONAL_BRANDS = """
title: Fictional brands
review: {status: draft, author: tests, review_by: "2027-05-31"}
sources: [fiction]
brands:
  - of: [testazine]
    status: verified
    single: [Zzztest]
    local: [Zzztest Itch]
    rxnorm:
      "94001": Zzztest
      "94002": Zzztest Itch
"""


@pytest.fixture(scope="session")
def us() -> Terminology:
    return load_terminology(INGREDIENTS, "us")


@pytest.fixture(scope="session")
def uk() -> Terminology:
    return load_terminology(INGREDIENTS, "uk")


@pytest.fixture(scope="session")
def named(us: Terminology) -> Callable[[str], Product]:
    return lambda text: us.recognise(Naming(text=text))


@pytest.fixture(scope="session")
def named_in_uk(uk: Terminology) -> Callable[[str], Product]:
    return lambda text: uk.recognise(Naming(text=text))


@pytest.fixture(scope="session")
def fictional(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ingredients")
    (folder / "fictional.yaml").write_text(FICTIONAL)
    (folder / "brands_us.yaml").write_text(FICTIONAL_BRANDS)
    for name in ("dose_forms.yaml", "companions.yaml"):
        shutil.copy(INGREDIENTS / name, folder / name)
    return folder


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A copy of the fictional release, free to be spoilt."""
    folder = tmp_path / "rrf"
    shutil.copytree(RELEASE, folder)
    return folder


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("index") / "rxnorm.index"
    import_release(RELEASE, out)
    return out


@pytest.fixture(scope="session")
def imported(fictional: Path, index: Path) -> Terminology:
    return load_terminology(fictional, "us", index)

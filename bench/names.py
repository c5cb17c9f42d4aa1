"""How well drug names are recognised: recall and precision at class level on a file of names.

    python -m bench.names NAMES.csv [--market us|uk|eu] [--misses N]

The file has the columns `name`, `expected_class` (classes separated by `;`, or `none`) and `stratum`, and may have
`acceptable_alt_class`. Only the name is shown to the terminology, no code. A name counts as recognised when every
expected class is among the classes of its ingredients; what acts locally only, and iron that is no iron therapy, has no
class. Rows whose stratum begins with `policy_` depend on a decision of the product and are counted apart.
"""

import argparse
import csv
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from cards.terminology import Exposure, IronIntent, Naming, Product, Terminology, load_terminology

_FOLDER = Path(__file__).parents[1] / "cards" / "knowledge" / "ingredients"

# Classes that exist for the sake of another order, or to say that nothing is wrong: no names file measures them.
_NOT_MEASURED = (
    "context_", "contested_", "levodopa_adjunct", "not_iron_therapy", "acid_suppressant", "orexin_antagonist",
    "melatonergic", "herbal_sedative", "antiemetic_corticosteroid", "antihistamine_local", "maoi", "agomelatine",
)  # fmt: skip
_NO_IRON_THERAPY = (IronIntent.CONTRACEPTIVE_SPACER, IronIntent.NOT_THERAPY)


class Row(NamedTuple):
    """One name and what was expected of it."""

    name: str
    expected: frozenset[str]
    allowed: frozenset[str]
    stratum: str


class Figures(NamedTuple):
    """Counts of (name, class) pairs for recall, of names for precision."""

    rows: int
    expected: int
    found: int
    fired: int
    wrong: int

    @property
    def recall(self) -> float | None:
        """Share of the expected pairs that were found."""
        return self.found / self.expected if self.expected else None

    @property
    def precision(self) -> float | None:
        """Share of the names that fired with no class beyond the expected and allowed ones."""
        return (self.fired - self.wrong) / self.fired if self.fired else None


def read_rows(path: Path) -> list[Row]:
    """The rows of a names file."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Row(
                row["name"],
                _classes(row["expected_class"]),
                _classes(row.get("acceptable_alt_class") or ""),
                row["stratum"],
            )
            for row in csv.DictReader(file)
        ]


def classes_of(terminology: Terminology, product: Product) -> tuple[frozenset[str], frozenset[str]]:
    """The first classes of a product's ingredients, and those with their further classes."""
    if product.exposure is Exposure.LOCAL:
        return frozenset(), frozenset()
    names = [name for name in product.ingredients if not _is_idle_iron(terminology, name, product)]
    first = {terminology.classes_of(name)[0] for name in names}
    every = {drug_class for name in names for drug_class in terminology.classes_of(name)}
    return _measured(first), _measured(every)


def measure(terminology: Terminology, rows: list[Row]) -> tuple[Figures, list[str]]:
    """The figures of some rows, and a line for each miss."""
    counts: Counter[str] = Counter()
    misses = []
    for row in rows:
        first, every = classes_of(terminology, terminology.recognise(Naming(text=row.name)))
        counts["expected"] += len(row.expected)
        counts["found"] += len(row.expected & every)
        counts["fired"] += bool(first)
        wrong = first - row.expected - row.allowed
        # A first class that is only another name of an expected one (doxepin: tricyclic or antihistamine) is not wrong.
        wrong = frozenset() if row.expected and row.expected <= every and len(first) <= len(row.expected) else wrong
        counts["wrong"] += bool(wrong)
        if row.expected - every or wrong:
            misses.append(f"{row.stratum}: {row.name[:150]} | expected {_line(row.expected)} | got {_line(first)}")
    return Figures(len(rows), counts["expected"], counts["found"], counts["fired"], counts["wrong"]), misses


def main() -> None:
    """Prints the figures of a names file."""
    parser = argparse.ArgumentParser(description="Recall and precision of drug names at class level.")
    parser.add_argument("names", type=Path)
    parser.add_argument("--market", default="us", choices=("us", "uk", "eu"))
    parser.add_argument("--misses", type=int, default=200, help="how many misses to list")
    chosen = parser.parse_args()
    terminology = load_terminology(_FOLDER, chosen.market)
    rows = read_rows(chosen.names)
    policy = [row for row in rows if row.stratum.startswith("policy_")]
    counted = [row for row in rows if not row.stratum.startswith("policy_")]
    figures, misses = measure(terminology, counted)
    print(f"{'stratum':48} {'names':>6} {'recall':>8} {'precision':>9}")
    _print("all names (policy rows apart)", figures)
    for stratum in sorted({row.stratum for row in rows}):
        _print(stratum, measure(terminology, [row for row in rows if row.stratum == stratum])[0])
    if policy:
        _print("policy rows together", measure(terminology, policy)[0])
    print(f"\n{len(misses)} misses")
    for miss in misses[: chosen.misses]:
        print(f"  {miss}")


def _classes(written: str) -> frozenset[str]:
    return frozenset(name.strip() for name in written.split(";") if name.strip() not in ("", "none"))


def _measured(classes: set[str]) -> frozenset[str]:
    return frozenset(name for name in classes if not name.startswith(_NOT_MEASURED))


def _is_idle_iron(terminology: Terminology, name: str, product: Product) -> bool:
    idle = product.iron is not None and product.iron.intent in _NO_IRON_THERAPY
    return idle and "iron" in terminology.classes_of(name)[0]


def _line(classes: frozenset[str]) -> str:
    return ", ".join(sorted(classes)) or "none"


def _print(name: str, figures: Figures) -> None:
    shown = [f"{value:.4f}" if value is not None else "-" for value in (figures.recall, figures.precision)]
    print(f"{name:48} {figures.rows:6} {shown[0]:>8} {shown[1]:>9}")


if __name__ == "__main__":
    main()

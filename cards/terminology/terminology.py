"""From a naming to a product: codes first, then names, with the reason kept."""

from pathlib import Path

from cards.terminology.product import Naming, Product


class Terminology:
    """Recognises drugs; built once at start, safe to share between calls."""

    def recognise(self, naming: Naming, route: Naming | None = None, dosage: str | None = None) -> Product:
        """The product behind a naming; `route` is dosageInstruction.route, `dosage` its free text."""
        raise NotImplementedError


def load_terminology(folder: Path, market: str = "us", index: Path | None = None) -> Terminology:
    """The terminology of `knowledge/ingredients`, with the brand names of `market` and an imported release if any."""
    raise NotImplementedError

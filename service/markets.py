"""The catalogue with the brand names of each market that some client uses; rules and everything else are shared."""

from cards import Catalogue


class Markets:
    """The catalogue of the settings' market is there from the start, another one from its first use."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.own = catalogue
        self._known = {catalogue.knowledge.market: catalogue}

    def load(self, market: str) -> Catalogue:
        """The catalogue of a market, read now where that was not done yet: some tenths of a second.

        Raises `KnowledgeError` or ValueError where its names cannot be read.
        """
        found = self._known.get(market)
        if found is None:
            found = self._known[market] = Catalogue(self.own.knowledge.in_market(market), self.own.rules)
        return found

    def of(self, market: str | None) -> Catalogue:
        """The catalogue of a market that was loaded; None is the settings' own."""
        return self.own if market is None else self._known[market]

"""The site of each client: its own order codes and code systems, on top of the settings that all share."""

from cards import OrderCode, Site
from service.registry import TrustedClient
from service.settings import Settings


class Sites:
    """One `Site` a client, kept while the client's registration is the same."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[str, tuple[TrustedClient, Site]] = {}

    def of(self, client: TrustedClient) -> Site:
        """The site of a client; a reloaded registration gets a new one."""
        kept = self._known.get(client.name)
        if kept is None or kept[0].order_codes is not client.order_codes or kept[0].profile != client.profile:
            kept = self._known[client.name] = (client, self._site(client))
        return kept[1]

    def _site(self, client: TrustedClient) -> Site:
        codes = {key: OrderCode(code.system, code.code, code.display) for key, code in client.order_codes.items()}
        return Site(
            time_zone=self._settings.zone,
            order_codes=codes,
            info_at_sign=self._settings.info_at_sign,
            oids=client.profile == "epic",
        )

"""The site of each client: settings that all share, its registration, and on top what was chosen while the service runs."""

from typing import NamedTuple

from cards import Catalogue, OrderCode, Site
from service.controls import Controls, InForce
from service.markets import Markets
from service.registry import TrustedClient
from service.settings import Settings

SCREENING_CARD = "screenForRls"


class Place(NamedTuple):
    """Where a call is decided: the client's site, and the catalogue with the names of its market."""

    site: Site
    catalogue: Catalogue


class _Known(NamedTuple):
    client: TrustedClient
    in_force: InForce
    place: Place


class Sites:
    """One `Site` a client, kept while its registration and the controls in force for it are the same."""

    def __init__(self, settings: Settings, controls: Controls, markets: Markets) -> None:
        self._settings = settings
        self._controls = controls
        self._markets = markets
        self._known: dict[str, _Known] = {}

    def of(self, client: TrustedClient) -> Site:
        """The site of a client; a reloaded registration or a change of the controls gets a new one."""
        return self.place(client).site

    def place(self, client: TrustedClient) -> Place:
        """As `of`, with the catalogue."""
        in_force = self._controls.of(client.name)
        kept = self._known.get(client.name)
        if kept is None or kept.in_force is not in_force or kept.client is not client:
            kept = self._known[client.name] = self._renewed(kept, client, in_force)
        return kept.place

    def _renewed(self, kept: _Known | None, client: TrustedClient, in_force: InForce) -> _Known:
        """A site that would be the same is kept: its readers are built anew with each site."""
        if kept and kept.in_force == in_force and _same(kept.client, client):
            return _Known(client, in_force, kept.place)
        return _Known(client, in_force, Place(self._site(client, in_force), self._markets.of(in_force.market)))

    def _site(self, client: TrustedClient, chosen: InForce) -> Site:
        codes = {key: OrderCode(code.system, code.code, code.display) for key, code in client.order_codes.items()}
        groups = client.screening_groups if chosen.screening_groups is None else chosen.screening_groups
        return Site(
            time_zone=self._settings.zone,
            order_codes=codes,
            local_codes=client.local_codes,
            off=chosen.off,
            shadow=chosen.shadow,
            caps=chosen.caps,
            windows=chosen.windows,
            info_at_sign=self._settings.info_at_sign if chosen.info_at_sign is None else chosen.info_at_sign,
            # With its card off nobody is screened, and no chart is read for it.
            screening_groups=frozenset() if SCREENING_CARD in chosen.off else groups,
            oids=client.profile == "epic",
        )


def _same(one: TrustedClient, other: TrustedClient) -> bool:
    """The same registration as far as a site goes; tenants share their client's tables."""
    return (
        one.order_codes is other.order_codes
        and one.local_codes is other.local_codes
        and one.screening_groups == other.screening_groups
        and one.profile == other.profile
    )

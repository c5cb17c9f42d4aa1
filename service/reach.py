"""How far a request may go: which addresses a client's FHIR server may have."""

from enum import Enum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
_NAT64 = IPv6Network("64:ff9b::/96")
# Services that hand a cloud machine its own credentials and do not live on link-local addresses.
_METADATA = frozenset(map(ip_address, ("100.100.100.200", "168.63.129.16", "fd00:ec2::254")))


class Reach(Enum):
    """How far the requests of a client may go; each has a connection pool of its own, so that none borrows another's."""

    PUBLIC = "public addresses"
    PRIVATE = "public and private addresses"
    LOOPBACK = "this machine only"


def permits(reach: Reach, address: Address) -> bool:
    """Whether a connection may be made. Link-local, multicast, unspecified and metadata addresses: never."""
    plain = _unwrapped(address)
    if plain.is_loopback:
        return reach is not Reach.PUBLIC
    if plain.is_link_local or plain.is_multicast or plain.is_unspecified or plain.is_reserved or plain in _METADATA:
        return False
    if reach is Reach.LOOPBACK:
        return False
    return reach is Reach.PRIVATE or plain.is_global


def permits_host(reach: Reach, host: str) -> bool:
    """Whether a host as written may be asked; a name may, because what it resolves to is checked when it is connected."""
    try:
        return permits(reach, ip_address(host))
    except ValueError:
        return True


def _unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, where it does."""
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    if inner is None and address in _NAT64:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address

"""A web address as text becomes its one normal form, or a reason why it is not accepted."""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

# urlsplit drops tabs and line feeds without a word, and readers of URLs disagree about backslashes.
_PLAIN = re.compile(r"[!-\[\]-~]{1,2048}", re.ASCII)
_HOST = re.compile(r"[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?", re.ASCII)
_DEFAULT_PORT = {"http": 80, "https": 443}


class BadAddress(ValueError):
    """The text is no address that this service would send a request to. The reason holds none of the text."""


def https_url(text: str, *, http_on_loopback: bool = False) -> str:
    """`text` unchanged when it is an https URL (or http to this machine, where allowed), else `BadAddress`."""
    _checked(text, http_on_loopback=http_on_loopback)
    return text


# The registered servers, in the few ways in which they are written.
@lru_cache(maxsize=256)
def base_url(text: str, *, http_on_loopback: bool = False) -> str:
    """Scheme, host, port and base path in normal form, without a final slash: what two spellings of one server share.

    Refused with `BadAddress`: user information, query, fragment, percent escapes and dot segments, because two
    programs may read them differently.
    """
    parts = _checked(text, http_on_loopback=http_on_loopback)
    if "?" in text or "%" in text:
        raise BadAddress("a base address has no query and no percent escapes")
    if {"", ".", ".."} & set(parts.path.rstrip("/").split("/")[1:]):
        raise BadAddress("the path has an empty or dot segment")
    return _origin(parts) + parts.path.rstrip("/")


def origin(text: str, *, http_on_loopback: bool = False) -> str:
    """A web origin (`https://host[:port]`) in the form in which browsers send it."""
    parts = _checked(text, http_on_loopback=http_on_loopback)
    if parts.path or "?" in text:
        raise BadAddress("an origin has no path and no query")
    return _origin(parts)


def is_loopback(host: str) -> bool:
    """Whether the host is this machine: `localhost`, 127.0.0.0/8 or ::1. A name is never looked up."""
    address = _literal(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


def is_private(host: str) -> bool:
    """Whether the host is written as an address that is not of the public internet. A name is never looked up."""
    address = _literal(host)
    return host.lower() == "localhost" if address is None else not address.is_global


def host_of(url: str) -> str:
    """The host of an accepted URL, without brackets."""
    return urlsplit(url).hostname or ""


def _checked(text: str, *, http_on_loopback: bool) -> SplitResult:
    if not _PLAIN.fullmatch(text) or "#" in text:
        raise BadAddress("not a plain ASCII URL without a fragment")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as fault:
        raise BadAddress("not a URL") from fault
    host = parts.hostname or ""
    if "@" in parts.netloc or port == 0 or not (_HOST.fullmatch(host) or _literal(host)):
        raise BadAddress("the host is missing or malformed, or stands with a user name")
    if parts.scheme != "https" and not (parts.scheme == "http" and http_on_loopback and is_loopback(host)):
        raise BadAddress("only https is accepted (http only to this machine, in development)")
    return parts


def _origin(parts: SplitResult) -> str:
    host = parts.hostname or ""
    port = "" if parts.port in (None, _DEFAULT_PORT[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://[{host}]{port}" if ":" in host else f"{parts.scheme}://{host}{port}"


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    # ::ffff:127.0.0.1 is 127.0.0.1 in other clothes.
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address

"""How far the service may trust where it stands: development, registered callers, or deliberately open."""

from enum import Enum
from pathlib import Path

from service.addresses import is_loopback
from service.errors import ServiceError


class Posture(Enum):
    """What `/health` and the log call the way this process decides whom to answer."""

    DEVELOPMENT = "development"
    REGISTERED = "registered"
    OPEN = "open"


class UnsafeStart(ServiceError):
    """The service would answer anybody, and nobody said that it may."""


def posture(host: str, registry_path: Path | None, *, allow_open: bool) -> Posture:
    """The posture for the address to bind and the configured registry, or `UnsafeStart`, which says what to do."""
    if registry_path is not None:
        return Posture.REGISTERED
    if is_loopback(host):
        return Posture.DEVELOPMENT
    if allow_open:
        return Posture.OPEN
    raise UnsafeStart(
        f"without a client registry the service answers anybody who reaches {host or 'every address of this machine'}. "
        "Name a registry in RLS_CDS_CLIENT_REGISTRY (see docs/client-registry.example.toml), "
        "or bind to 127.0.0.1 for development, "
        "or set RLS_CDS_ALLOW_OPEN=1 when anybody may call."
    )

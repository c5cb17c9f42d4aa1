"""What would keep the service from starting with these settings, and what an operator should know about them."""

import os
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from cards import KnowledgeError
from service.addresses import is_loopback
from service.app import Parts
from service.certificate import Certificate
from service.errors import ServiceError
from service.settings import Settings
from service.store import Database


def faults(settings: Settings) -> list[str]:
    """Everything is built as at the start, but for the store, which would be migrated."""
    found: list[str] = []
    for build in (_parts, Certificate.of):
        try:
            build(settings)
        except (ServiceError, KnowledgeError) as fault:
            found.append(str(fault))
    return found


def _parts(settings: Settings) -> None:
    Parts(settings.model_copy(update={"store_url": "off", "rxnav": False}))


def store_fault(settings: Settings) -> list[str]:
    """Why the store cannot be reached, or nothing. No file and no table is made."""
    if settings.store_url == "off":
        return []
    try:
        file = _file(settings.store_url)
        if file is not None:
            return _cannot_write(file)
        with Database(settings.store_url) as database, database.reading() as connection:
            connection.exec_driver_sql("SELECT 1")
    except (ServiceError, OSError) as fault:
        return [f"{fault}: see RLS_CDS_STORE_URL"]
    return []


def _file(url: str) -> Path | None:
    try:
        parsed = make_url(url)
    except ArgumentError:
        return None
    return Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None


def _cannot_write(file: Path) -> list[str]:
    place = file if file.exists() else next(folder for folder in file.absolute().parents if folder.exists())
    if os.access(place, os.W_OK):
        return []
    return [f"RLS_CDS_STORE_URL: {place} is not writable for this user"]


def advice(settings: Settings) -> list[str]:
    """What works, but seldom as it was meant."""
    registered = settings.client_registry is not None
    told = {
        "RLS_CDS_PUBLIC_URL is not set: tokens have to name "
        f"{settings.base_url}/cds-services/… as their audience": registered and settings.public_url is None,
        "RLS_CDS_PUBLIC_URL is http: CDS Hooks asks for TLS between EHR and service": registered
        and (settings.public_url or "https").startswith("http:"),
        "RLS_CDS_ALLOW_OPEN has no effect beside RLS_CDS_CLIENT_REGISTRY": registered and settings.allow_open,
        "several workers and no PostgreSQL: a token can be used once with each worker": registered
        and settings.workers > 1
        and not settings.store_url.startswith("postgres"),
        "RLS_CDS_KEEP_COMMENTS has no effect without a store": settings.keep_comments and settings.store_url == "off",
        "neither RLS_CDS_TLS_CERT nor RLS_CDS_TRUSTED_PROXIES is set: a proxy must end TLS, and the log shows its address "
        "as the caller's": registered
        and settings.tls_cert is None
        and not settings.trusted_proxies
        and not is_loopback(settings.host),
    }
    return [sentence for sentence, holds in told.items() if holds]

"""The certificate of TLS in process: checked at start, and read anew when its files change."""

import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from pydantic import SecretStr

from service.errors import ServiceError
from service.settings import Settings

logger = logging.getLogger("rls_cds")


class BadCertificate(ServiceError):
    """Certificate and key cannot be used. The text says what to do."""


class Certificate:
    """Two PEM files: the certificate followed by its chain, and the private key that belongs to it."""

    def __init__(self, cert: Path, key: Path, password: SecretStr | None) -> None:
        """Raises `BadCertificate`."""
        self._cert = cert
        self._key = key
        self._password = password
        self._load(_context())
        self._seen = self._stamp()

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """What the settings name; None where TLS ends elsewhere. Raises `BadCertificate`."""
        if settings.tls_cert is None or settings.tls_key is None:
            return None
        return cls(settings.tls_cert, settings.tls_key, settings.tls_key_password)

    def context(self, _config: object = None, _default: Callable[[], Any] | None = None) -> ssl.SSLContext:
        """A context for a server, as uvicorn asks for it."""
        context = _context()
        self._load(context)
        return context

    def renew(self, context: ssl.SSLContext) -> None:
        """Where the files changed, take them for connections made from now on; faulty ones leave the old in force."""
        stamp = self._stamp()
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            # First into a context that nobody uses: a half-written pair must not spoil the one in use.
            self._load(_context())
            self._load(context)
        except BadCertificate as fault:
            logger.error("the renewed certificate was not taken: %s", fault)  # noqa: TRY400 - the text says it all
        else:
            logger.warning("the certificate was read anew")

    def _load(self, context: ssl.SSLContext) -> None:
        try:
            # Always a password, or OpenSSL would ask for one on the terminal.
            context.load_cert_chain(self._cert, self._key, lambda: _text(self._password))
        except (OSError, ValueError) as fault:
            # ssl.SSLError is an OSError; its text names the fault, not the content of a file.
            reason = getattr(fault, "reason", None) or getattr(fault, "strerror", None) or type(fault).__name__
            raise BadCertificate(
                f"RLS_CDS_TLS_CERT and RLS_CDS_TLS_KEY cannot be used ({reason}). They must be readable PEM files that "
                "belong together: the certificate followed by its chain, and the private key"
            ) from None

    def _stamp(self) -> tuple[object, ...]:
        """What changes when a file is written or, as Kubernetes does it, a link to it is turned."""
        return tuple(_seen(file) for file in (self._cert, self._key))


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _text(password: SecretStr | None) -> str:
    return password.get_secret_value() if password else ""


def _seen(file: Path) -> tuple[int, ...] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size

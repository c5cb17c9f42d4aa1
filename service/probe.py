"""Asks the service on this machine, whatever its address and its certificate, whether it lives."""

import http.client
import ssl

from service.settings import Settings

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - what is listened on, not bound here
_SECONDS = 4


def lives(settings: Settings) -> bool:
    """Whether `/health/live` answers 200. Past any proxy that the environment names: it asks this very machine."""
    host = _EVERYWHERE.get(settings.host, settings.host)
    connection = _connection(host, settings)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _connection(host: str, settings: Settings) -> http.client.HTTPConnection:
    if settings.tls_cert is None:
        return http.client.HTTPConnection(host, settings.port, timeout=_SECONDS)
    # The certificate is made for the public name, not for a loopback address; nothing secret is sent or read.
    context = ssl._create_unverified_context()  # noqa: S323, SLF001
    return http.client.HTTPSConnection(host, settings.port, timeout=_SECONDS, context=context)

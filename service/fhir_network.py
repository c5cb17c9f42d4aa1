"""The way out to FHIR servers: pooled connections, and only to addresses that were checked after the name was resolved.

Loaded behind the start of the service (`app.py`): it takes a third of a second that the first card need not wait for.
"""

import logging
import socket
from collections.abc import Callable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import ip_address
from ssl import SSLContext

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from httpx_aiohttp import AiohttpTransport

from service.reach import ClientFactory, Reach, permits

# A server that does not even take a connection in this time is worth the one retry.
_CONNECT_S = 1.0
_KEEP_ALIVE_S = 60.0


class CheckedResolver(AbstractResolver):
    """Gives the connector only addresses that may be connected to: it connects to these and resolves no second time.

    So a name that changes its address between check and use (DNS rebinding) gains nothing.
    """

    def __init__(self, reach: Reach, inner: AbstractResolver) -> None:
        self._reach = reach
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The permitted addresses of a name. Raises `OSError` where there is none."""
        found = await self._inner.resolve(host, port, family)
        kept = [one for one in found if permits(self._reach, ip_address(one["host"].partition("%")[0]))]
        if not kept:
            raise OSError("the name leads to no address that may be asked")
        return kept

    async def close(self) -> None:
        """Release the resolver inside."""
        await self._inner.close()


def client_factory(*, connections: int) -> ClientFactory:
    """How production opens its clients: aiohttp underneath, whose pool stays fast with many calls at once."""
    tls = httpx.create_ssl_context()

    def factory(reach: Reach) -> httpx.AsyncClient:
        return open_client(reach, connections=connections, tls=tls)

    return factory


def open_client(
    reach: Reach,
    *,
    connections: int,
    tls: SSLContext,
    resolver: Callable[[], AbstractResolver] = aiohttp.ThreadedResolver,
) -> httpx.AsyncClient:
    """A client that keeps connections but no cookies, follows no redirect, and takes no proxy from the environment.

    A proxy would resolve names itself, out of reach of the check.
    """
    # At level INFO httpx writes every URL, and so patients' ids, to the log.
    logging.getLogger("httpx").setLevel(logging.WARNING)

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=connections,
            ssl=tls,
            resolver=CheckedResolver(reach, resolver()),
            keepalive_timeout=_KEEP_ALIVE_S,
        )
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)

    return httpx.AsyncClient(
        transport=AiohttpTransport(verify=tls, trust_env=False, client=session),
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        timeout=httpx.Timeout(None, connect=_CONNECT_S),
        follow_redirects=False,
        trust_env=False,
    )

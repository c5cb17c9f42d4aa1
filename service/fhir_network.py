"""The way out to FHIR servers: pooled connections, and only to addresses that were checked after the name was resolved.

Loaded behind the start of the service (`app.py`): it takes a third of a second that the first card need not wait for.
"""

import socket
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from ipaddress import ip_address
from ssl import SSLContext
from typing import Literal

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from service.connections import ClientFactory, Connections, Reply
from service.reach import Reach, permits

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


class Pool:
    """`Connections` over one session of aiohttp, without the layers above it: they cost more than the exchange itself."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    def request(
        self, method: Literal["GET", "POST"], url: str, headers: Mapping[str, str], body: bytes | None
    ) -> AbstractAsyncContextManager[Reply]:
        """One exchange; `url` goes out as it is written."""
        return self.session.request(method, URL(url, encoded=True), headers=headers, data=body, allow_redirects=False)

    async def aclose(self) -> None:
        """Close all connections."""
        await self.session.close()


def client_factory(*, connections: int) -> ClientFactory:
    """How production opens its clients."""
    tls = httpx.create_ssl_context()

    def factory(reach: Reach) -> Connections:
        return open_client(reach, connections=connections, tls=tls)

    return factory


def open_client(
    reach: Reach,
    *,
    connections: int,
    tls: SSLContext,
    resolver: Callable[[], AbstractResolver] = aiohttp.ThreadedResolver,
) -> Pool:
    """Connections that are kept, without cookies, redirects or a proxy from the environment; in a running loop.

    A proxy would resolve names itself, out of reach of the check.
    """
    connector = aiohttp.TCPConnector(
        limit=connections,
        ssl=tls,
        resolver=CheckedResolver(reach, resolver()),
        keepalive_timeout=_KEEP_ALIVE_S,
    )
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        # Unpacked and counted by whoever reads the body (`fhir_client`).
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(sock_connect=_CONNECT_S),
    )
    return Pool(session)

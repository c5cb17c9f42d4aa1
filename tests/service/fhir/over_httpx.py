"""`Connections` over an httpx client, so that respx and mock transports can be the EHR; faults are raised as they come."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Literal

import httpx


class Heard:
    """An answer as production's library would hand it over: nothing of the body is read or unpacked."""

    def __init__(self, response: httpx.Response) -> None:
        assert isinstance(response.stream, httpx.AsyncByteStream)
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._pieces = aiter(response.stream)

    @property
    def content(self) -> "Heard":
        return self

    async def readany(self) -> bytes:
        return await anext(self._pieces, b"")

    def at_eof(self) -> bool:
        return False


class OverHttpx:
    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    @asynccontextmanager
    async def request(
        self, method: Literal["GET", "POST"], url: str, headers: Mapping[str, str], body: bytes | None
    ) -> AsyncIterator[Heard]:
        request = httpx.Request(method, url, headers=headers, content=body)
        response = await self._client.send(request, stream=True, follow_redirects=False, auth=None)
        try:
            yield Heard(response)
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        await self._client.aclose()

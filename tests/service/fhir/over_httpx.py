"""`Connections` over an httpx client, so that respx and mock transports can be the EHR; faults are raised as they come."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

import httpx


@dataclass(frozen=True)
class Heard:
    """An answer as production's library would hand it over: nothing of the body is read or unpacked."""

    response: httpx.Response

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        return self.response.headers

    @property
    def content(self) -> "Heard":
        return self

    async def iter_any(self) -> AsyncIterator[bytes]:
        assert isinstance(self.response.stream, httpx.AsyncByteStream)
        async for piece in self.response.stream:
            yield piece


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

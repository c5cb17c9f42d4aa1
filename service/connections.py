"""What a FHIR request asks of an HTTP library: connections that are kept, and answers whose body comes in pieces.

Production's library is aiohttp (`fhir_network`), which is loaded late; nothing else here knows which it is.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol

from service.reach import Reach


class Pieces(Protocol):
    """The body of an answer, as it comes over the wire, still compressed."""

    async def readany(self) -> bytes:
        """The next bytes that there are; none at the end. Raises what the network raises."""

    def at_eof(self) -> bool:
        """Whether all of it was read, as far as that is known already."""


class Reply(Protocol):
    """The head of an answer; `headers` by name in any case."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What the server says of the body, and when to come again."""

    @property
    def content(self) -> Pieces:
        """The body, not read yet."""


class Connections(Protocol):
    """The pool of one reach. It follows no redirect, keeps no cookie, and takes nothing from the environment."""

    def request(
        self, method: Literal["GET", "POST"], url: str, headers: Mapping[str, str], body: bytes | None
    ) -> AbstractAsyncContextManager[Reply]:
        """One exchange; `url` goes out as it is written. Leaving it gives the connection back, or ends it."""

    async def aclose(self) -> None:
        """Close all connections."""


ClientFactory = Callable[[Reach], Connections]

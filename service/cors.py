"""Which browser pages of other origins may call; their preflights are answered before any token is asked for."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from service.headers import header

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_METHODS = (b"GET", b"POST")
_HEADERS = frozenset({b"authorization", b"content-type"})
_GRANTED = [
    (b"access-control-allow-methods", b", ".join(_METHODS)),
    (b"access-control-allow-headers", b", ".join(sorted(_HEADERS))),
    (b"access-control-max-age", b"600"),
]
_PREFLIGHT_VARY = (b"vary", b"origin, access-control-request-method, access-control-request-headers")


class Cors:
    """Wraps the whole application, outermost, so that refusals and errors can be read by the page as well.

    `may_call` gets the value of `Origin`. Credentials of the browser (cookies) are never allowed.
    `from_public_pages` also lets pages of the public internet call a service on this machine (development).
    Our own instead of Starlette's: a call without `Origin` passes untouched, and the origins can be reloaded.
    """

    def __init__(self, app: App, may_call: Callable[[str], bool], *, from_public_pages: bool = False) -> None:
        self._app = app
        self._may_call = may_call
        self._from_public_pages = from_public_pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight, or pass the call on and mark its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        origin = header(scope, b"origin")
        if origin is not None and scope["method"] == "OPTIONS" and header(scope, b"access-control-request-method"):
            await self._answer_preflight(scope, origin, send)
        elif origin is None and scope["method"] == "POST":
            await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, self._marking(origin, send))

    async def _answer_preflight(self, scope: Scope, origin: bytes, send: Send) -> None:
        granted = self._allows(origin) and _asks_little(scope)
        headers = [_PREFLIGHT_VARY, *(self._grant(scope, origin) if granted else [])]
        await send({"type": "http.response.start", "status": 204 if granted else 403, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def _grant(self, scope: Scope, origin: bytes) -> list[tuple[bytes, bytes]]:
        headers = [(b"access-control-allow-origin", origin), *_GRANTED]
        if self._from_public_pages and header(scope, b"access-control-request-private-network") == b"true":
            headers.append((b"access-control-allow-private-network", b"true"))
        return headers

    def _marking(self, origin: bytes | None, send: Send) -> Send:
        marks = [(b"vary", b"origin")]
        if origin is not None and self._allows(origin):
            marks.append((b"access-control-allow-origin", origin))
            marks.append((b"access-control-expose-headers", b"retry-after, www-authenticate"))

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *marks]
            await send(message)

        return marked

    def _allows(self, origin: bytes) -> bool:
        return self._may_call(origin.decode("latin-1"))


def _asks_little(scope: Scope) -> bool:
    """Whether the preflight asks only for the methods and headers that CDS Hooks needs."""
    asked = (header(scope, b"access-control-request-headers") or b"").lower().split(b",")
    method = header(scope, b"access-control-request-method")
    return method in _METHODS and {name.strip() for name in asked} - {b""} <= _HEADERS

"""A path under which the whole service is reached is taken off each request; the routes never see it."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class BasePath:
    """Requests come with the path, or without it where a proxy takes it off or a probe asks the process itself.

    What a token must name is built from the settings and the path that is left, so both ways ask for the same.
    """

    def __init__(self, app: App, path: str) -> None:
        """`path` begins with a slash and does not end with one."""
        self._app = app
        self._path = path
        self._raw = path.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, without the path."""
        if scope["type"] == "http":
            asked: str = scope["path"]
            if asked == self._path or asked.startswith(f"{self._path}/"):
                left = asked[len(self._path) :] or "/"
                raw = scope.get("raw_path") or b""
                kept = {"raw_path": raw[len(self._raw) :] or b"/"} if raw.startswith(self._raw) else {}
                scope = {**scope, "path": left, **kept}
        await self._app(scope, receive, send)

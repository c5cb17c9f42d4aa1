"""The pages for people: preview, cards, insight, interface, about. What they need is loaded when they are asked for."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.operator import Operators
from service.pages.frame import Frame, Handler, Page
from service.pages.rooms import Rooms
from service.posture import Posture
from service.routes import Service

__all__ = ["Pages"]

# Method, path, room, and the handler in that room (see `rooms.py`).
_PREVIEW = (
    ("GET", "/", "preview", "page"),
    ("POST", "/preview/form", "preview", "form"),
    ("POST", "/preview/answer", "preview", "answer"),
    ("POST", "/preview/timeline", "preview", "timeline"),
    ("POST", "/preview/feedback", "preview", "feedback"),
)
_ALWAYS = (
    ("GET", "/cards", "cards", "catalogue"),
    ("GET", "/cards/{topic}", "cards", "card"),
    ("GET", "/insight", "insight", "page"),
    ("GET", "/insight/{table}.csv", "insight", "export"),
    ("GET", "/insight/{plot}.svg", "insight", "picture"),
    ("GET", "/api", "interface", "page"),
    ("GET", "/about", "about", "page"),
)
_NAVIGATION = (
    Page("/cards", "Cards"),
    Page("/insight", "Insight"),
    Page("/api", "Interface"),
    Page("/about", "About"),
)


class Pages:
    """All pages of one process. Whoever may not see them gets what `Operators` answers."""

    def __init__(self, service: Service, operators: Operators, posture: Posture) -> None:
        wanted = service.settings.preview
        self._with_preview = posture is Posture.DEVELOPMENT if wanted is None else wanted
        preview = (Page("/", "Preview"),) if self._with_preview else ()
        self._frame = Frame(service, operators, (*preview, *_NAVIGATION))
        self._rooms = Rooms(self._frame)

    @property
    def routes(self) -> list[Route]:
        """The addresses of the pages."""
        addresses = (*(_PREVIEW if self._with_preview else ()), *_ALWAYS)
        return [
            Route("/static/{name}", self._frame.guarded(self._frame.asset), methods=["GET"]),
            *(
                Route(path, self._frame.guarded(self._handler(room, name)), methods=[method])
                for method, path, room, name in addresses
            ),
        ]

    async def close(self) -> None:
        """End the drawing process."""
        await self._rooms.close()

    def _handler(self, room: str, name: str) -> Handler:
        async def handler(request: Request) -> Response:
            answer: Handler = getattr(self._rooms.room(room), name)
            return await answer(request)

        return handler

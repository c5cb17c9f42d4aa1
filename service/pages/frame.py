"""What all pages share: the layout with its navigation, and the headers that keep a page to itself."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib import resources
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from service import problems
from service.errors import ServiceError, where
from service.operator import Operators
from service.routes import Service

if TYPE_CHECKING:
    from jinja2 import Environment

logger = logging.getLogger("rls_cds")
Handler = Callable[[Request], Awaitable[Response]]

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Page:
    """One entry of the navigation."""

    path: str
    name: str


class Frame:
    """Renders templates into the layout. Templates and Jinja are loaded with the first page, never at start."""

    def __init__(self, service: Service, operators: Operators, navigation: tuple[Page, ...]) -> None:
        self.service = service
        self.navigation = navigation
        # The path under which a proxy shows this service, without a slash at the end.
        self.base = service.settings.base_path
        self._operators = operators

    def render(self, template: str, *, current: str = "", status: int = 200, **values: object) -> Response:
        """A page, or a part of one, as HTML. `current` is the path of its entry in the navigation."""
        knowledge = self.service.catalogue.knowledge
        text = self._environment.get_template(template).render(
            base=self.base,
            static=lambda name: f"{self.base}/static/{name}?v={self.assets[name].version}",
            navigation=self.navigation,
            current=current,
            knowledge_version=knowledge.full_version,
            knowledge_status=knowledge.status,
            **values,
        )
        return HTMLResponse(text, status_code=status)

    def guarded(self, handler: Handler) -> Handler:
        """The handler for operators only, with the headers of a page; whatever it raises, no input reaches a log."""

        async def endpoint(request: Request) -> Response:
            response = self._operators.refusal(request) or await self._answer(handler, request)
            for name, value in _HEADERS.items():
                response.headers.setdefault(name, value)
            return response

        return endpoint

    async def _answer(self, handler: Handler, request: Request) -> Response:
        try:
            return await handler(request)
        except ServiceError as error:
            return problems.response_to(error)
        except Exception as error:  # noqa: BLE001 - the last resort, as for calls
            logger.error("internal error in a page: %s", where(error))  # noqa: TRY400 - a traceback may hold input
            return problems.internal_error()

    async def asset(self, request: Request) -> Response:
        """GET /static/{name}: one of our own style sheets, scripts and pictures."""
        found = self.assets.get(request.path_params["name"])
        if found is None:
            return problems.not_found()
        # An address that names the version never changes its content; a script's own imports name none.
        is_this = request.query_params.get("v") == found.version
        kept = "private, max-age=31536000, immutable" if is_this else "private, no-cache"
        return Response(found.body, media_type=found.kind, headers={"Cache-Control": kept})

    @cached_property
    def assets(self) -> Mapping[str, "Asset"]:
        """All static files, read once."""
        folder = resources.files(__package__).joinpath("static")
        return {one.name: Asset(one.name, one.read_bytes()) for one in folder.iterdir() if one.is_file()}

    @cached_property
    def _environment(self) -> "Environment":
        from jinja2 import Environment, PackageLoader, StrictUndefined

        return Environment(
            loader=PackageLoader("service.pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )


class Asset:
    """One static file with its type and a version that changes with its content."""

    def __init__(self, name: str, body: bytes) -> None:
        self.body = body
        self.kind = _TYPES.get(name.rpartition(".")[2], "application/octet-stream")
        self.version = sha256(body).hexdigest()[:12]

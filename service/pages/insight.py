"""What prescribers did with the cards: figures at a glance, plots, tables, exports, for the questions of an address."""

from datetime import UTC, date

from starlette.requests import Request
from starlette.responses import Response

from service import problems
from service.discovery import SERVICES
from service.pages.drawing_room import DrawingRoom, NoPicture
from service.pages.figures_asked import Asked, asked, spans
from service.pages.figures_found import Figures, FiguresFound
from service.pages.frame import Frame
from service.pages.insight_plots import PLOTS, plot
from service.pages.insight_tables import Words, csv_of, duration, reasons_given, shown_as, tables
from service.store import StoreError

PATH = "/insight"
# A picture holds its colours in style attributes; it has no script and may load nothing.
_PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


class Insight:
    """The handlers of Insight. All filters are in the address: none of them can name a patient."""

    def __init__(self, frame: Frame, drawing: DrawingRoom) -> None:
        self._frame = frame
        self._drawing = drawing
        self._found = FiguresFound(lambda: frame.service.journal.database)
        self._words = Words(frame.service.catalogue.knowledge)

    async def page(self, request: Request) -> Response:
        """GET /insight."""
        question = self._asked(request)
        trouble = None
        figures: Figures | None = None
        try:
            figures = await self._found.of(question, fresh=True)
        except StoreError:
            trouble = "The store cannot be reached just now. Cards are answered all the same; try again in a moment."
        if figures is None and trouble is None:
            trouble = "No store is configured (RLS_CDS_STORE_URL=off): nothing is counted and no feedback is kept."
        return self._frame.render(
            "insight.html",
            current=PATH,
            trouble=trouble,
            asked=question,
            spans=spans(question, self._today()),
            hooks=[service.hook.value for service in SERVICES],
            topics=sorted(self._words.topics.items(), key=lambda pair: pair[1]),
            figures=figures,
            has_data=figures is not None and (figures.total is not None or figures.calls is not None),
            tables=tables(figures, question, self._words) if figures else {},
            plots=self._plots(figures, question),
            reasons=reasons_given(figures, self._words) if figures else [],
            shown_as=shown_as,
            duration=duration,
        )

    async def export(self, request: Request) -> Response:
        """GET /insight/{table}.csv: one table of the page, for a spreadsheet."""
        question = self._asked(request)
        figures = await self._found.of(question, fresh=False)
        if figures is None:
            return problems.not_found()
        table = tables(figures, question, self._words).get(request.path_params["table"])
        if table is None:
            return problems.not_found()
        name = f"rls-cds-{table.name}-{question.since.isoformat()}-{question.until.isoformat()}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(csv_of(table), media_type="text/csv", headers=headers)

    async def picture(self, request: Request) -> Response:
        """GET /insight/{plot}.svg: one plot of the page, `theme=dark` for dark surroundings."""
        question = self._asked(request)
        figures = await self._found.of(question, fresh=False)
        figure = plot(request.path_params["plot"], figures, question, self._words) if figures else None
        if figure is None:
            return problems.not_found()
        try:
            drawn = await self._drawing.picture(figure, dark=request.query_params.get("theme") == "dark")
        except NoPicture as error:
            return problems.response_to(error)
        return Response(drawn, media_type="image/svg+xml", headers={"Content-Security-Policy": _PICTURE_POLICY})

    def _plots(self, figures: Figures | None, question: Asked) -> list[str]:
        """The plots that have something to show."""
        return [name for name in PLOTS if figures and plot(name, figures, question, self._words)]

    def _asked(self, request: Request) -> Asked:
        return asked(request.query_params, self._today())

    def _today(self) -> date:
        return self._frame.service.now().astimezone(UTC).date()

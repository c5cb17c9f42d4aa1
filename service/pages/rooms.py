"""Builds each page's room when it is first asked for, and the one drawing room that they share."""

from functools import cached_property

from service.pages.frame import Frame


class Rooms:
    """The rooms by name; each is built once."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def room(self, name: str) -> object:
        """A room; its handlers are its public coroutine methods."""
        return getattr(self, name)

    @cached_property
    def preview(self) -> object:
        """Trying a patient."""
        from service.pages.preview import Preview

        return Preview(self._frame, self.drawing)

    @cached_property
    def cards(self) -> object:
        """The page of each card."""
        from service.pages.card_pages import CardPages

        return CardPages(self._frame)

    @cached_property
    def about(self) -> object:
        """What this is, and on what it rests."""
        from service.pages.about import About

        return About(self._frame)

    @cached_property
    def insight(self) -> object:
        """What prescribers did."""
        from service.pages.insight import Insight

        return Insight(self._frame, self.drawing)

    @cached_property
    def interface(self) -> object:
        """The description for integrators."""
        from service.pages.api_page import ApiPage

        return ApiPage(self._frame)

    @cached_property
    def drawing(self):  # type: ignore[no-untyped-def]  # noqa: ANN201 - its type is loaded with it
        """The process that draws."""
        from service.pages.drawing_room import DrawingRoom

        return DrawingRoom()

    async def close(self) -> None:
        """End the drawing process, where one was started."""
        if "drawing" in self.__dict__:
            await self.drawing.close()

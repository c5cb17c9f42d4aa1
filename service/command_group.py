"""A group of commands that are imported when they run, so that help is quick."""

from importlib import import_module
from typing import NamedTuple

import click


class Elsewhere(NamedTuple):
    """A command in another module: where it is, and the first sentence of its help."""

    module: str
    name: str
    help: str


class LazyGroup(click.Group):
    """Takes commands by the place where they stand; a test compares each sentence with the command's own."""

    def __init__(self, *args: object, elsewhere: dict[str, Elsewhere] | None = None, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # what click gives is passed on as it is
        self.elsewhere = elsewhere or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, also those that were not imported."""
        return sorted({*super().list_commands(ctx), *self.elsewhere})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now where it stands elsewhere."""
        place = self.elsewhere.get(cmd_name)
        if place is None:
            return super().get_command(ctx, cmd_name)
        found = getattr(import_module(place.module), place.name)
        assert isinstance(found, click.Command)  # noqa: S101 - a mistake of ours, that the tests see
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing what stands elsewhere."""
        rows = [(name, self._sentence(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def _sentence(self, ctx: click.Context, name: str) -> str:
        if name in self.elsewhere:
            return self.elsewhere[name].help
        command = super().get_command(ctx, name)
        return command.get_short_help_str(limit=200) if command else ""

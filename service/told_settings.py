"""The settings of a command: a wrong one ends it with sentences that name the variable and never its value."""

import click
from pydantic import ValidationError

from service.settings import Settings
from service.settings_sources import PREFIX, BadSource


def told_settings(**given: object) -> Settings:
    """The settings with what the command line gave on top; None there counts as not given.

    Raises `click.ClickException`.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except BadSource as fault:
        raise click.ClickException(str(fault)) from None
    except ValidationError as fault:
        raise click.ClickException("\n".join(_told(one["loc"], one["msg"]) for one in fault.errors())) from None


def _told(place: tuple[int | str, ...], message: str) -> str:
    sentence = message.removeprefix("Value error, ")
    return f"{PREFIX}{str(place[0]).upper()}: {sentence}" if place else sentence

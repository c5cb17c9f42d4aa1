"""The settings in force as lines of a .env file, without secrets, each with the place that it came from."""

import re
from collections.abc import Iterator

from pydantic import SecretStr

from service.settings import Settings
from service.settings_sources import PREFIX, sources

# A password in an address: before the host, or among the options of a PostgreSQL URL.
_IN_ADDRESS = re.compile(r"(://[^:/@]*:)[^@]*@")
_AS_OPTION = re.compile(r"(?i)([?&][^=&]*(?:password|secret|token|key)[^=&]*=)[^&]*")


def shown_settings(settings: Settings) -> Iterator[str]:
    """`RLS_CDS_PORT=8000  # environment`, for every setting."""
    given = {name: source.shown for source in reversed(sources(Settings.model_fields)) for name in source.values}
    for name in Settings.model_fields:
        value = getattr(settings, name)
        origin = given.get(name) or _without_a_source(name, settings)
        yield f"{PREFIX}{name.upper()}={shown(value)}  # {origin}"


def _without_a_source(name: str, settings: Settings) -> str:
    if name in settings.model_fields_set and getattr(settings, name) != Settings.model_fields[name].default:
        return "RLS_CDS_PUBLIC_URL" if name == "base_path" else "command line"
    return "default"


def shown(value: object) -> str:
    """A value as it would be given, with stars in the place of a secret."""
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return "***" if value.get_secret_value() else ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(map(shown, value))
    return _AS_OPTION.sub(r"\1***", _IN_ADDRESS.sub(r"\1***@", str(value)))

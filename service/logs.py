"""Warnings and errors on standard error: as text for a person, or one JSON object a line for a collector."""

import json
import logging
import sys
from datetime import UTC, datetime

from service.errors import where
from service.posture import Posture, posture
from service.settings import Settings

_OURS = ("rls_cds", "service", "cards")


class JsonLines(logging.Formatter):
    """One object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        if error := _error(record):
            line["error"] = error
        return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


class Text(logging.Formatter):
    """`WARNING: the message`, and after it what kind of error was met where."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        error = _error(record)
        return f"{record.levelname}: {_message(record)}" + (f" ({error})" if error else "")


def configure(settings: Settings) -> None:
    """Set the root logger of this process: warnings and worse, to standard error. In place of what was set before."""
    stance = posture(settings.host, settings.client_registry, allow_open=True)
    wanted = settings.log_format or ("text" if stance is Posture.DEVELOPMENT else "json")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if wanted == "json" else Text())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def _message(record: logging.LogRecord) -> str:
    """Of a library's message the first line: below it some repeat what they were given."""
    text = record.getMessage().strip()
    return text if record.name.startswith(_OURS) else text.partition("\n")[0]


def _error(record: logging.LogRecord) -> str | None:
    """The type and places of an error, never its text: that may hold what a request held."""
    error = record.exc_info[1] if record.exc_info else None
    return where(error) if isinstance(error, Exception) else None

"""One header of a request, straight from its ASGI scope: Starlette's own look-up decodes and compares each time."""

from collections.abc import Mapping
from typing import Any


def header(scope: Mapping[str, Any], name: bytes) -> bytes | None:
    """The first header of a name, which is given in lower case, as servers pass it on."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return None


def text_header(scope: Mapping[str, Any], name: bytes) -> str | None:
    """As `header`, as text."""
    value = header(scope, name)
    return None if value is None else value.decode("latin-1")

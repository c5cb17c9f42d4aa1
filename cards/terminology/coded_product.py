"""A product as a code system knows it: ingredient codes by part, dose form, name, status."""

from typing import NamedTuple


class CodedPart(NamedTuple):
    """RxCUIs of the ingredients and precise ingredients of one part, and its dose form in words."""

    ingredients: tuple[int, ...]
    form: str | None = None


class CodedProduct(NamedTuple):
    """What a release, or an online terminology, says of one RxCUI."""

    parts: tuple[CodedPart, ...]
    name: str | None = None
    retired: bool = False

"""The few colours and sizes of all plots, for light and dark surroundings; each meaning also has a shape or a hatch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours as in the style sheet of the pages."""

    text: str
    soft: str
    grid: str
    ground: str
    data: str
    limit: str
    iron: str
    treats: str
    worsens: str
    pale: str


LIGHT = Theme(
    text="#17222b",
    soft="#4b5b67",
    grid="#dfe6ea",
    ground="#ffffff",
    data="#0b5c73",
    limit="#a85b00",
    iron="#1c7a4d",
    treats="#3f6fa3",
    worsens="#b3372f",
    pale="#c3ced6",
)
DARK = Theme(
    text="#e8eef2",
    soft="#a9b8c3",
    grid="#2a3740",
    ground="#182127",
    data="#6cc4dc",
    limit="#f2bd6b",
    iron="#7fd3a5",
    treats="#8dbcf2",
    worsens="#ff9d94",
    pale="#50606c",
)
SMALL, NORMAL, STRONG = 8.0, 9.0, 10.0
HATCH = {"iron": None, "treats": "---", "worsens": "////"}

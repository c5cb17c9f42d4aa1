"""Changes of a site, and what it may change, as tables on a terminal."""

from collections.abc import Iterable

from rich.table import Column, Table
from rich.text import Text

from service.adjustable import SEEN_FILE, Choice
from service.store import Change


def whom(client: str | None) -> str:
    """For whom a change is made, in words."""
    return client or "all clients"


def changes_table(title: str, rows: Iterable[Change]) -> Table:
    """One row a change; what people wrote is never read as markup."""
    table = Table("when (UTC)", "for", _what(), "value", "by", "reason", title=title, title_justify="left")
    for one in rows:
        value = one.value if one.value is not None else ("gone" if one.what == SEEN_FILE else "taken back")
        cells = (f"{one.at:%Y-%m-%d %H:%M:%S}", whom(one.client), one.what, value, one.by, one.reason)
        table.add_row(*(Text(cell) for cell in cells))
    return table


def choices_table(choices: Iterable[Choice]) -> Table:
    """One row for each thing that may be changed."""
    folded = (Column(name, overflow="fold") for name in ("may be", "without a change"))
    table = Table(_what(), "card", *folded, title="Choices", title_justify="left")
    for choice in choices:
        table.add_row(choice.what, choice.card, choice.values, choice.present)
    return table


def _what() -> Column:
    """Never cut: it is to be copied. A new one for each table, which fills it."""
    return Column("what", no_wrap=True)

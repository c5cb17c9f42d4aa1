"""The Markdown of a card as HTML, as an EHR shows it: no HTML of the text, no pictures, no links of its own."""

from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from markdown_it import MarkdownIt


@cache
def _writer() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    # What a card links to stands in its `links`; a picture would be fetched from somewhere.
    return (
        MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", "link", "autolink", "html_inline"])
    )


def html(text: str) -> Markup:
    """HTML that holds nothing but paragraphs, lists, tables and emphasis: the writer escapes all else."""
    return Markup(_writer().render(text))  # noqa: S704 - made by a writer that passes no HTML on

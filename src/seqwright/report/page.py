"""A page: a title, a summary and sections of prose, tables, figures and examples, in one HTML file without scripts.

The content of a page is data; ``page.html.j2`` is its HTML template and ``page.css`` its style sheet. All text is escaped, and
the only markup that is passed on is a chart's. The page loads nothing, which its content security policy enforces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from seqwright.core.errors import SeqwrightError, reason
from seqwright.core.files import write_atomically

INK = "#1b1f24"
"""The colour of text and axes in charts; inside a page it is replaced by the page's own text colour, light or dark."""

PAPER = "#ffffff"
"""The background of charts; inside a page it is replaced by a transparent one."""

Look = Literal["", "code", "quiet", "strong", "good", "bad", "mixed", "neutral"]
"""The style of a piece of text; the last four are badges."""


@dataclass(frozen=True)
class Text:
    """A piece of text in a style of its own."""

    text: str
    look: Look = ""


@dataclass(frozen=True)
class Chart:
    """A picture: its file name without the suffix, its SVG, and a description for screen readers."""

    name: str
    svg: str
    description: str

    @property
    def inline(self) -> Markup:
        """The SVG for a page, where the ids of several charts must differ."""
        svg = re.sub(r'\bid="', f'id="{self.name}-', self.svg)
        svg = svg.replace("url(#", f"url(#{self.name}-")
        return Markup(svg.replace(f'"{INK}"', '"currentColor"').replace(f'"{PAPER}"', '"none"'))


@dataclass(frozen=True)
class Prose:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str


@dataclass(frozen=True)
class Table:
    """Rows under a header, in a scrolling box where they are wider than the page.

    Attributes:
        numeric: the columns set as numbers; line breaks inside a cell are kept.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str | Text, ...], ...]
    numeric: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Figure:
    """Charts with a common caption; ``small`` ones are set side by side."""

    charts: tuple[Chart, ...]
    caption: str
    small: bool = False


@dataclass(frozen=True)
class Terms:
    """Names, each with an explanation."""

    terms: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Card:
    """Lines of examples under a title; a line consists of pieces of text."""

    title: str
    lines: tuple[tuple[Text, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Cards:
    """Cards set side by side."""

    cards: tuple[Card, ...]


Part = Prose | Heading | Table | Figure | Terms | Cards


@dataclass(frozen=True)
class Section:
    """A heading with its parts."""

    title: str
    parts: tuple[Part, ...]

    @property
    def anchor(self) -> str:
        """The id of the section within the page."""
        return slug(self.title)


@dataclass(frozen=True)
class Page:
    """A whole report.

    Attributes:
        title: the heading and the title in the browser.
        summary: the results in a few sentences.
        facts: names and values about the origin of the results.
        sections: the body.
    """

    title: str
    summary: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]

    def charts(self) -> Iterator[Chart]:
        """Yield every chart, in order."""
        for section in self.sections:
            for part in section.parts:
                if isinstance(part, Figure):
                    yield from part.charts

    def html(self) -> str:
        """Return the page as HTML."""
        here = FileSystemLoader(Path(__file__).parent)
        environment = Environment(
            loader=here, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        environment.filters["kind"] = lambda part: type(part).__name__.lower()
        environment.filters["styled"] = lambda text: text if isinstance(text, Text) else Text(text)
        return environment.get_template("page.html.j2").render(page=self)

    def write(self, path: Path) -> Path:
        """Write the page, and its charts as SVG files to ``charts`` beside it.

        Raises:
            SeqwrightError: The folder cannot be written to.
        """
        folder = path.parent / "charts"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for chart in self.charts():
                write_atomically(folder / f"{chart.name}.svg", chart.svg)
            write_atomically(path, self.html())
        except OSError as error:
            raise SeqwrightError(
                f"the report cannot be written: {reason(error)}", where=str(path), fix="name another folder with --out"
            ) from error
        return path


def slug(text: str) -> str:
    """Return a text as a name for files and ids.

    >>> slug("Exact match, by length")
    'exact-match-by-length'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:80] or "part"

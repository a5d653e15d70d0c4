"""A page: a title, a lead and sections of prose, tables, figures and examples, in one file that needs no other.

What a page holds is data; ``page.html.j2`` says how it looks in HTML and ``page.css`` how on screen and paper. Every
text is escaped, the only markup that passes is a chart's. The page runs no script and loads nothing, and its content
security policy holds any browser to that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from seqwright.core.errors import SeqwrightError, reason
from seqwright.core.files import write_atomically

INK = "#1b1f24"
"""What charts draw text and axes with; inside a page it becomes the page's own colour of text, light or dark."""

PAPER = "#ffffff"
"""What charts lie on; inside a page it becomes nothing, and the page shows through."""

Look = Literal["", "code", "quiet", "strong", "good", "bad", "mixed", "neutral"]
"""How a piece of text looks; the last four are badges."""


@dataclass(frozen=True)
class Text:
    """Some text that does not look like the text around it."""

    text: str
    look: Look = ""


@dataclass(frozen=True)
class Chart:
    """A picture: its file's name without the ending, its SVG, and a sentence for those who cannot see it."""

    name: str
    svg: str
    says: str

    @property
    def inline(self) -> Markup:
        """The SVG as it stands inside a page, where several charts must not share names of parts."""
        svg = re.sub(r'\bid="', f'id="{self.name}-', self.svg)
        svg = svg.replace("url(#", f"url(#{self.name}-")
        return Markup(svg.replace(f'"{INK}"', '"currentColor"').replace(f'"{PAPER}"', '"none"'))


@dataclass(frozen=True)
class Prose:
    """A paragraph."""

    kind: ClassVar[str] = "prose"
    text: str


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class Table:
    """Rows under a header; it scrolls in its own box where it is wider than the page.

    Attributes:
        numeric: the columns that are set as numbers; a line break in a cell is kept there.
    """

    kind: ClassVar[str] = "table"
    header: tuple[str, ...]
    rows: tuple[tuple[str | Text, ...], ...]
    numeric: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Figure:
    """Charts that belong together, and what there is to see; ``small`` ones stand side by side."""

    kind: ClassVar[str] = "figure"
    charts: tuple[Chart, ...]
    caption: str
    small: bool = False


@dataclass(frozen=True)
class Terms:
    """Names, each with what is to be said about it."""

    kind: ClassVar[str] = "terms"
    terms: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Card:
    """Some lines of examples under a title; a line is made of pieces."""

    title: str
    lines: tuple[tuple[Text, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Cards:
    """Cards side by side."""

    kind: ClassVar[str] = "cards"
    cards: tuple[Card, ...]


Part = Prose | Heading | Table | Figure | Terms | Cards


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    parts: tuple[Part, ...]

    @property
    def anchor(self) -> str:
        """Its address within the page."""
        return slug(self.title)


@dataclass(frozen=True)
class Page:
    """A whole report.

    Attributes:
        title: its heading and its name in the browser.
        lead: what was found, in a few sentences.
        facts: how it came about, as names and values.
        sections: the rest.
    """

    title: str
    lead: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]

    def charts(self) -> Iterator[Chart]:
        """Every chart, in order."""
        for section in self.sections:
            for part in section.parts:
                if isinstance(part, Figure):
                    yield from part.charts

    def html(self) -> str:
        """The page as one file's text."""
        here = FileSystemLoader(Path(__file__).parent)
        environment = Environment(
            loader=here, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        environment.filters["styled"] = lambda text: text if isinstance(text, Text) else Text(text)
        return environment.get_template("page.html.j2").render(page=self)

    def write(self, path: Path) -> Path:
        """Write the page, and its charts as files in ``charts`` beside it.

        Raises:
            SeqwrightError: the folder cannot be written to.
        """
        folder = path.parent / "charts"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for chart in self.charts():
                write_atomically(folder / f"{chart.name}.svg", chart.svg)
            write_atomically(path, self.html())
        except OSError as error:
            told = reason(error)
            raise SeqwrightError(
                f"the report cannot be written: {told}", where=str(path), fix="name another folder with --out"
            ) from error
        return path


def slug(text: str) -> str:
    """A text as a name for files and addresses.

    >>> slug("Who answers what?")
    'who-answers-what'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:80] or "part"

"""Tables of a page, printed in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from seqwright.report.page import Page, Table


def console(width: int = 120) -> Console:
    """Return standard output, of this width where it is no terminal."""
    from rich.console import Console

    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else width)


def print_table(to: Console, table: Table, title: str = "") -> None:
    """Print a table of a page under a title."""
    from rich.table import Table as Printed
    from rich.text import Text

    printed = Printed(title=title or None, title_justify="left")
    for index, name in enumerate(table.header):
        printed.add_column(name, justify="right" if index in table.numeric else "left")
    for row in table.rows:
        printed.add_row(*(Text(cell if isinstance(cell, str) else cell.text) for cell in row))
    to.print(printed)


def print_page(page: Page, written: Path, notes: Sequence[str] = (), *, without: str = "") -> None:
    """Print a page's summary, its tables ``without`` those of one section, notes, and the file it was written to."""
    from seqwright.report.page import Table

    out = console(width=160)
    for sentence in page.summary:
        out.print(sentence, soft_wrap=True)
    for section in page.sections:
        for part in section.parts if section.title != without else ():
            if isinstance(part, Table):
                print_table(out, part, section.title)
    for note in notes:
        out.print(f"note: {note}", soft_wrap=True)
    print(f"\nreport: {written}")

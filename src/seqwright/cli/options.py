"""Options that every study has, and what holds of their values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seqwright.core.errors import SeqwrightError

SplitSource = Annotated[str, typer.Option(help="What parts the source's symbols. (default: characters)")]
SplitTarget = Annotated[str, typer.Option(help="What parts the target's symbols. (default: characters)")]
Out = Annotated[
    Path | None, typer.Option(help="The study's folder; started again there, it goes on. (default: by its name)")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the results as one JSON object and nothing else.")]
Device = Annotated[str, typer.Option(help="cpu or cuda.")]
Workers = Annotated[int | None, typer.Option(help="Processes. (default: one a core)")]


def positive(**options: int | None) -> None:
    """Hold options against 1, the least that makes sense of any of them."""
    for name, value in options.items():
        if value is not None and value < 1:
            raise SeqwrightError(f"--{name} {value} is too few", mend="give 1 or more")

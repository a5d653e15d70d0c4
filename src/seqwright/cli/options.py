"""Arguments and options that several commands share, and checks of their values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seqwright.core.errors import SeqwrightError

SplitSource = Annotated[str, typer.Option(help="The separator of the source's symbols. (default: characters)")]
SplitTarget = Annotated[str, typer.Option(help="The separator of the target's symbols. (default: characters)")]
Out = Annotated[
    Path | None, typer.Option(help="The study's folder; a study started again there continues. (default: by its name)")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the results as one JSON object and nothing else.")]
Target = Annotated[
    str,
    typer.Argument(
        help="A run's folder; or a Hugging Face model's folder or name, or an installed package that holds one."
    ),
]
Which = Annotated[str | None, typer.Option(help="Numbers from 0, such as 0,3-5. (default: all)")]
Device = Annotated[str, typer.Option(help="cpu or cuda.")]
Workers = Annotated[int | None, typer.Option(help="Processes. (default: one a core)")]


def positive(**options: int | None) -> None:
    """Check that options are at least 1.

    Raises:
        SeqwrightError: one is not.
    """
    for name, value in options.items():
        if value is not None and value < 1:
            raise SeqwrightError(f"--{name} {value} is too few", fix="give 1 or more")


def numbers(option: str, given: str | None) -> list[int] | None:
    """Return the numbers of a list of numbers and ranges.

    Raises:
        SeqwrightError: it is written in another way.

    >>> numbers("--layers", "0,3-5")
    [0, 3, 4, 5]
    """
    if given is None:
        return None
    found: list[int] = []
    for part in given.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise SeqwrightError(f"{option} {given} is not a list of numbers", fix="write it as 0,3-5")
        found += range(int(first), int(last if dash else first) + 1)
    return found

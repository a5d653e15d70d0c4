"""Arguments and options that several commands share, and checks of their values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from seqwright.core.errors import SeqwrightError


def positive(option: str) -> Callable[[int | None], int | None]:
    """Return a check that an option is at least 1."""

    def checked(value: int | None) -> int | None:
        if value is not None and value < 1:
            raise SeqwrightError(f"{option} {value} is too few", fix="give 1 or more")
        return value

    return checked


def page_file(page: Path | None) -> Path | None:
    """Check that the folder of a page exists, before the work whose page it is.

    Raises:
        SeqwrightError: it does not.
    """
    if page is not None and not page.parent.is_dir():
        raise SeqwrightError("its folder does not exist", where=str(page), fix="make it, or name another file")
    return page


def shorten(text: str) -> str:
    """Cut a text to 60 characters."""
    return text if len(text) <= 60 else f"{text[:59]}…"


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


SplitSource = Annotated[str, Option(help="The separator of the source's symbols. (default: characters)")]
SplitTarget = Annotated[str, Option(help="The separator of the target's symbols. (default: characters)")]
AsJson = Annotated[bool, Option("--json", help="Print the results as one JSON object and nothing else.")]
Html = Annotated[Path | None, Option(help="Also write a page with charts here.", callback=page_file)]
RunFolder = Annotated[Path, Argument(help="The run's folder.")]
Target = Annotated[str, Argument(help="A run's folder, or a Hugging Face model's folder, name or installed package.")]
Which = Annotated[str | None, Option(help="Numbers from 0, such as 0,3-5. (default: all)")]
Device = Annotated[str, Option(help="cpu or cuda.")]

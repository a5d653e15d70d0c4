"""Pairs from a file: one a line, source and target parted by a tab."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from seqwright.core.errors import SeqwrightError
from seqwright.tasks.task import Pair


@dataclass(frozen=True)
class PairFile:
    """The rows of a file, and where they came from."""

    path: Path
    pairs: tuple[Pair, ...]

    def summary(self) -> str:
        """What was read, for people to check."""
        sources, targets = zip(*self.pairs, strict=True)
        repeats = sum(count - 1 for count in Counter(self.pairs).values())
        return (
            f"{self.path}: {len(self.pairs):,} pairs"
            f" ({repeats:,} of them repeats, {len(set(sources)):,} different sources);"
            f" sources of {_span(sources)} symbols, {len({s for row in sources for s in row})} different;"
            f" targets of {_span(targets)}, {len({s for row in targets for s in row})} different"
        )


def _span(rows: tuple[tuple[str, ...], ...]) -> str:
    lengths = [len(row) for row in rows]
    return f"{min(lengths)}–{max(lengths)}"


def read_pairs(path: Path | str, *, split_source_on: str = "", split_target_on: str = "") -> PairFile:
    """Read ``source<TAB>target`` lines in UTF-8. No line is taken for a header.

    Args:
        path: the file.
        split_source_on, split_target_on: what parts one symbol from the next on that side; single characters are
            symbols where this is left empty.

    Raises:
        SeqwrightError: the file is missing, empty or not UTF-8, or a line is not two non-empty sides; with the line.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SeqwrightError(
            f"cannot be read: {(error.strerror or str(error)).lower()}", where=str(path), mend="name a file of pairs"
        ) from error
    pairs = []
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        pairs.append(_pair(raw, f"{path}:{number}", split_source_on, split_target_on))
    if not pairs:
        raise SeqwrightError("the file is empty", where=str(path), mend="write one source<TAB>target pair a line")
    return PairFile(path, tuple(pairs))


def _pair(raw: bytes, where: str, split_source_on: str, split_target_on: str) -> Pair:
    try:
        line = raw.decode()
    except UnicodeDecodeError as error:
        raise SeqwrightError(
            f"byte {error.start + 1} of this line is not UTF-8", where=where, mend="save the file as UTF-8"
        ) from error
    if "\0" in line:
        raise SeqwrightError("a NUL byte", where=where, mend="save the file as plain UTF-8 text")
    sides = line.split("\t")
    if len(sides) != 2:
        found = "no tab" if len(sides) == 1 else f"{len(sides) - 1} tabs"
        raise SeqwrightError(f"{found} on this line", where=where, mend="write source<TAB>target")
    source = _symbols(sides[0], split_source_on)
    target = _symbols(sides[1], split_target_on)
    for side, symbols in (("source", source), ("target", target)):
        if not symbols:
            raise SeqwrightError(f"the {side} is empty", where=where, mend="remove the line or fill the side")
    return Pair(source, target)


def _symbols(side: str, separator: str) -> tuple[str, ...]:
    return tuple(symbol for symbol in side.split(separator) if symbol) if separator else tuple(side)

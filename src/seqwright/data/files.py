"""Reading pairs from a file in one call."""

from __future__ import annotations

from pathlib import Path

from seqwright.data.corpus import Corpus
from seqwright.data.preprocessing import Preprocessing
from seqwright.data.tokeniser import Characters, Spaced


def read_pairs(path: Path | str, *, split_source_on: str = "", split_target_on: str = "") -> Corpus:
    """Read ``source<TAB>target`` or ``source<TAB>target<TAB>features`` lines; for other files see :class:`Preprocessing`.

    Args:
        path: the file; ``-`` is standard input.
        split_source_on, split_target_on: the separator of that side's symbols; if empty, its characters are its symbols.

    Raises:
        SeqwrightError: the file is missing, empty or not UTF-8, or a line is not two non-empty sides; with the line.
    """
    source, target = (
        Spaced(separator=separator) if separator else Characters() for separator in (split_source_on, split_target_on)
    )
    return Corpus.read(path, Preprocessing(source=source, target=target))

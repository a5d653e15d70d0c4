"""Preprocessing options, as a command line or Python gives them; what is left out follows from the file."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqwright.core.errors import SeqwrightError
from seqwright.core.place import Place, kinds
from seqwright.data.formats import Format, format_of
from seqwright.data.line_formats import CommaSeparated, JSONLines, RunningText, TabSeparated
from seqwright.data.normalisation import Normalisation
from seqwright.data.preprocessing import Preprocessing
from seqwright.data.subwords import TokeniserLearner
from seqwright.data.tokeniser import Spaced, Tokeniser


def option_names(place: type[Place], prefix: str = "") -> dict[str, type[Any]]:
    """Return a place's kinds by the names that options use: ``as-is`` for ``AsIs``, ``bpe`` for ``LearnBPE``.

    >>> list(option_names(Normalisation))
    ['as-is', 'jamo', 'nfc', 'nfd']
    """
    return {
        re.sub("(?<=[a-z])(?=[A-Z])", "-", name.removeprefix(prefix)).lower(): kind
        for name, kind in kinds(place).items()
    }


@dataclass(frozen=True)
class PreprocessingOptions:
    """Options for reading data.

    Attributes:
        text: whether the data is running text.
        split_source_on, split_target_on: the separator of that side's symbols.
        source_tokens, target_tokens: the symbols: ``characters``, ``graphemes``, ``bytes``, ``bpe:SIZE``, ``unigram:SIZE``,
            or another tokeniser's name.
        normalise: ``as-is``, ``nfc``, ``nfd``, ``jamo``, or another normalisation's name.
        source_column, target_column: the columns of a TSV file by number, of others by name.
        features_column: the column of a TSV file's features.
        source_key, target_key: the keys of JSON objects.
    """

    text: bool = False
    split_source_on: str = ""
    split_target_on: str = ""
    source_tokens: str | None = None
    target_tokens: str | None = None
    normalise: str = "as-is"
    source_column: str | None = None
    target_column: str | None = None
    features_column: int | None = None
    source_key: str | None = None
    target_key: str | None = None

    def preprocessing(self, path: Path) -> Preprocessing:
        """Return the preprocessing of a file; subwords are learnt from it.

        Raises:
            SeqwrightError: an option is unknown, two exclude one another, or there is nothing to learn subwords from.
        """
        forms = option_names(Normalisation)
        if self.normalise not in forms:
            raise SeqwrightError(f"--normalise {self.normalise} is not known", fix=f"give one of {', '.join(forms)}")
        pairs_only = (
            "split_source_on", "source_tokens", "source_column", "target_column", "features_column", "source_key", "target_key",
        )  # fmt: skip
        for name in pairs_only:
            if self.text and getattr(self, name):
                raise SeqwrightError(f"--{name.replace('_', '-')} is for pairs, not for --text", fix="leave it out")
        sides = {"source": self._tokeniser("source"), "target": self._tokeniser("target")}
        learners = {side: each for side, each in sides.items() if isinstance(each, TokeniserLearner)}
        fixed = {side: each for side, each in sides.items() if side not in learners}
        preprocessing = Preprocessing(format=self._format(path), normalisation=forms[self.normalise](), **fixed)  # pyright: ignore[reportArgumentType]
        return preprocessing.with_subwords(path, **learners) if learners else preprocessing

    def _format(self, path: Path) -> Format:
        kind = format_of(path)
        if self.text:
            return kind() if kind is not None and kind.is_text else RunningText()
        if self.source_key is not None or self.target_key is not None:
            return JSONLines.of_columns(self.source_key, self.target_key, None)
        columns = (self.source_column, self.target_column)
        if kind is None:
            named = [column for column in columns if column is not None]
            unnamed = "." not in path.name  # such as standard input
            by_name = unnamed and named and not any(column.isdecimal() for column in named)
            kind = CommaSeparated if by_name else TabSeparated
        return kind.of_columns(*columns, None if self.features_column is None else str(self.features_column))

    def _tokeniser(self, side: str) -> Tokeniser | TokeniserLearner:
        separator, tokens = getattr(self, f"split_{side}_on"), getattr(self, f"{side}_tokens")
        if separator:
            if tokens is not None:
                raise SeqwrightError(
                    f"--split-{side}-on and --{side}-tokens both decide the {side}'s symbols", fix="give one of the two"
                )
            return Spaced(separator=separator)
        name, _, size = (tokens or "characters").partition(":")
        learners = option_names(TokeniserLearner, "Learn")
        if name in learners and size.isdecimal() and int(size) > 0:
            return learners[name](size=int(size))
        fixed = {name: kind for name, kind in option_names(Tokeniser).items() if not _required(kind)}
        if name not in fixed or size:
            known = [*fixed, *(f"{learner}:SIZE" for learner in learners)]
            raise SeqwrightError(f"--{side}-tokens {tokens} is not known", fix=f"give one of {', '.join(known)}")
        return fixed[name]()


def _required(kind: type[Any]) -> bool:
    """Return whether a kind has a field without a default."""
    return any(each.default is each.empty for each in inspect.signature(kind).parameters.values())

"""How data is to be read, as people say it on a command line or in Python; what is left out follows from the file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seqwright.core.errors import SeqwrightError
from seqwright.data.formats import CommaSeparated, FirstLineDecides, FormatSpec, JSONLines, RunningText, TabSeparated
from seqwright.data.normalisation import NFC, NFD, AsIs, Jamo, NormalisationSpec
from seqwright.data.preprocessing import Preprocessing
from seqwright.data.subwords import LearnBPE, LearnerSpec, LearnUnigram
from seqwright.data.tokeniser import Bytes, Characters, Graphemes, Spaced, TokeniserSpec

KINDS: dict[str, TokeniserSpec] = {"characters": Characters(), "graphemes": Graphemes(), "bytes": Bytes()}
LEARNT = {"bpe": LearnBPE, "unigram": LearnUnigram}
FORMS: dict[str, NormalisationSpec] = {"as-is": AsIs(), "nfc": NFC(), "nfd": NFD(), "jamo": Jamo()}


@dataclass(frozen=True)
class PreprocessingOptions:
    """What may be said of data.

    Attributes:
        text: it is running text.
        split_source_on, split_target_on: what parts one symbol from the next on that side.
        source_tokens, target_tokens: what symbols are: ``characters``, ``graphemes``, ``bytes``, ``bpe:SIZE``,
            ``unigram:SIZE``.
        normalise: ``as-is``, ``nfc``, ``nfd`` or ``jamo``.
        source_column, target_column: a TSV's columns by number, a CSV's by name.
        features_column: a TSV's column of features.
        source_key, target_key: of JSON objects.
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

    def reading(self, path: Path) -> Preprocessing:
        """How to read the file; subwords are learnt from it.

        Raises:
            SeqwrightError: an option is not known, two exclude one another, or there is nothing to learn subwords from.
        """
        if self.normalise not in FORMS:
            raise SeqwrightError(f"--normalise {self.normalise} is not known", fix=f"give one of {', '.join(FORMS)}")
        pairs_only = {
            "split_source_on": self.split_source_on, "source_tokens": self.source_tokens, "source_column": self.source_column,
            "target_column": self.target_column, "features_column": self.features_column, "source_key": self.source_key,
            "target_key": self.target_key,
        }  # fmt: skip
        for name, value in pairs_only.items():
            if self.text and value:
                raise SeqwrightError(f"--{name.replace('_', '-')} is for pairs, not for --text", fix="leave it out")
        source, target = self._symbols("source"), self._symbols("target")
        learners = {
            side: kind for side, kind in (("source", source), ("target", target)) if isinstance(kind, LearnerSpec)
        }
        fixed = {side: kind for side, kind in (("source", source), ("target", target)) if side not in learners}
        reading = Preprocessing(format=self._format(path), normalisation=FORMS[self.normalise], **fixed)  # pyright: ignore[reportArgumentType]
        return reading.learnt(path, **learners) if learners else reading

    def _format(self, path: Path) -> FormatSpec:
        name = path.name.lower().removesuffix(".gz")
        if self.text:
            return RunningText()
        if self.source_key is not None or self.target_key is not None or name.endswith((".jsonl", ".ndjson")):
            return JSONLines(source=self.source_key or "source", target=self.target_key or "target")
        columns = [column for column in (self.source_column, self.target_column) if column is not None]
        named = bool(columns) and not any(column.isdecimal() for column in columns)
        if name.endswith(".csv") or ("." not in name and named):  # what comes from standard input has no name
            if self.features_column is not None:
                raise SeqwrightError("--features-column is for TSV", fix="write the features into the source's column")
            return CommaSeparated(source=self.source_column or "source", target=self.target_column or "target")
        if (self.source_column, self.target_column, self.features_column) == (None, None, None):
            return FirstLineDecides()
        source = _number("--source-column", self.source_column, 1)
        target = _number("--target-column", self.target_column, 2)
        if len({source, target, self.features_column}) < 3:
            raise SeqwrightError("two of the columns are the same", fix="give each side a column of its own")
        return TabSeparated(source=source, target=target, features=self.features_column)

    def _symbols(self, side: str) -> TokeniserSpec | LearnerSpec:
        separator = self.split_source_on if side == "source" else self.split_target_on
        kind = self.source_tokens if side == "source" else self.target_tokens
        if separator:
            if kind is not None:
                raise SeqwrightError(
                    f"--split-{side}-on and --{side}-tokens both say what the {side}'s symbols are",
                    fix="give one of the two",
                )
            return Spaced(separator=separator)
        name, _, size = (kind or "characters").partition(":")
        if name in LEARNT and size.isdecimal() and int(size) > 0:
            return LEARNT[name](size=int(size))
        if name not in KINDS or size:
            known = [*KINDS, *(f"{learnt}:SIZE" for learnt in LEARNT)]
            raise SeqwrightError(f"--{side}-tokens {kind} is not known", fix=f"give one of {', '.join(known)}")
        return KINDS[name]


def _number(option: str, value: str | None, otherwise: int) -> int:
    if value is None:
        return otherwise
    if not value.isdecimal() or int(value) < 1:
        raise SeqwrightError(f"{option} {value}: a TSV's columns go by number", fix="give 1 for the first column")
    return int(value)

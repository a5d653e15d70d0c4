"""Sentences with dependency relations, from CoNLL-U files (Universal Dependencies)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from conllu import parse_incr
from conllu.exceptions import ParseException

from seqwright.core.errors import SeqwrightError, reason


@dataclass(frozen=True)
class Sentence:
    """Words, and for each the index of its governor (−1: none) and its relation to it."""

    words: tuple[str, ...]
    heads: tuple[int, ...]
    relations: tuple[str, ...]


def sentences(path: str | Path) -> Iterator[Sentence]:
    """Yield the sentences of a file, with contractions split as annotated and without empty nodes.

    Raises:
        SeqwrightError: The file cannot be read, or is not CoNLL-U.
    """
    try:
        with Path(path).open(encoding="utf-8") as file:
            for number, tree in enumerate(parse_incr(file), 1):
                words = [token for token in tree if isinstance(token["id"], int)]
                if not words:
                    continue
                problem = ""
                if any(token["head"] is None or token["deprel"] is None for token in words):
                    problem = f"sentence {number} has words without heads"
                elif any(not 0 <= token["head"] <= len(words) for token in words):
                    problem = f"sentence {number} has a head outside its words"
                if problem:
                    raise SeqwrightError(problem, where=str(path), fix="give a treebank in CoNLL-U")
                yield Sentence(
                    tuple(token["form"] for token in words),
                    tuple(int(token["head"]) - 1 for token in words),
                    tuple(str(token["deprel"]) for token in words),
                )
    except OSError as error:
        raise SeqwrightError(
            f"the treebank cannot be read: {reason(error)}", where=str(path), fix="give a .conllu file"
        ) from error
    except (ParseException, UnicodeDecodeError, KeyError, TypeError) as error:
        raise SeqwrightError(f"this is not CoNLL-U: {error}", where=str(path), fix="give a .conllu file") from error

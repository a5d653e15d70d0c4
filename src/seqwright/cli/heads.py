"""``seqwright heads``: patterns, grammatical relations and coreference of each attention head."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from typer import Option

from seqwright.cli.options import AsJson, Html, Target, Which, numbers
from seqwright.cli.tables import console, print_table
from seqwright.core.errors import SeqwrightError, TooLongError, reason

if TYPE_CHECKING:
    from seqwright.heads.page import Heads
    from seqwright.viewer import Pass
    from seqwright.viewer.record import AttentionRecord

MAX_TEXTS = 200
"""Texts that are read for patterns, at most."""


def heads(
    target: Target,
    treebank: Annotated[Path | None, Option(help="Sentences with their grammar, in CoNLL-U.")] = None,
    coreference: Annotated[
        Path | None, Option(help="A sentence a line, a pronoun and its antecedent in brackets.")
    ] = None,
    text: Annotated[
        Path | None, Option(help="Texts for patterns, a text (or source) a line. (default: English)")
    ] = None,
    layers: Which = None,
    some: Annotated[str | None, Option("--heads", help="Heads to measure, counted from 0. (default: all)")] = None,
    html: Html = None,
    as_json: AsJson = False,
) -> None:
    """Score every head by pattern (previous, next, same, first, induction, …), and find those that follow grammar and coreference."""
    selection = {"layers": numbers("--layers", layers), "heads": numbers("--heads", some)}
    model = _HeadModel(target, selection)
    found = _found(model, text, treebank, coreference)
    if html is not None:
        found.page().write(html)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode({"model": found.model, "roles": found.roles, "relations": found.relations, "coreference": found.coreference}), indent=2).decode())  # fmt: skip
        return
    out = console()
    for title, table in found.tables():
        print_table(out, table, title)
    if html is not None:
        print(f"\npage: {html}")


class _HeadModel:
    """A model as a function from texts to attention."""

    def __init__(self, target: str, selection: dict[str, Any]) -> None:
        self.too_long = 0
        self.name, self.is_run = Path(target).name or target, (Path(target) / "run.json").exists()
        if self.is_run:
            from seqwright.cli.loading import load_run

            run = load_run(target)
            self.attend: Callable[[Any], Pass] = lambda text: run.attention(text, **selection)
            return
        from seqwright.huggingface import attention
        from seqwright.huggingface.loading import load_model, load_tokenizer

        model, tokenizer = load_model(target), load_tokenizer(target)
        options: dict[str, Any] = selection | {"projections": False}
        if getattr(model.config, "is_encoder_decoder", False):
            options["target"] = ""
        self.attend = lambda text: attention(model, tokenizer, text, **options)

    def records(self, text: Any) -> Sequence[AttentionRecord]:
        """Return the attention over a text or words; nothing where it is too long."""
        try:
            return self.attend(text).records
        except TooLongError:
            self.too_long += 1
            return ()

    def sentence(self, words: Any) -> AttentionRecord | None:
        """Return the attention over a sentence, of the encoder where there is one; ``None`` where it is too long."""
        return next(iter(self.records(words)), None)


def _found(model: _HeadModel, text: Path | None, treebank: Path | None, coreference: Path | None) -> Heads:
    from seqwright.heads import coreference as coreference_of
    from seqwright.heads import relations, roles
    from seqwright.heads.coreference import pronoun_cases
    from seqwright.heads.page import Heads
    from seqwright.heads.treebank import sentences

    if model.is_run and (treebank or coreference):
        raise SeqwrightError(
            "a run's symbols are not words, so grammar and coreference cannot be measured",
            fix="leave --treebank and --coreference out, or name a Hugging Face model",
        )
    texts = _texts(text, model)
    trees = None if treebank is None else list(sentences(treebank))
    cases, skipped = ([], 0) if coreference is None else pronoun_cases(coreference)
    role = roles(record for each in _bar("patterns", texts) for record in model.records(each))
    if model.too_long:
        print(f"seqwright: {model.too_long} texts are too long for the model and left out", file=sys.stderr)
    if not role:
        raise SeqwrightError("every text is too long for the model", fix="give shorter ones with --text")
    related = None if trees is None else relations(model.sentence, _bar("grammar", trees))
    linked = None
    if coreference is not None:
        linked = coreference_of(model.sentence, _bar("pronouns", cases), skipped=skipped)
    return Heads(model.name, role, related, linked)


def _texts(path: Path | None, model: _HeadModel) -> list[str]:
    from seqwright.heads.sample_texts import SAMPLE_TEXTS

    if path is None:
        if model.is_run:
            raise SeqwrightError("there is no text to read", fix="give --text FILE with a source (or text) a line")
        return list(SAMPLE_TEXTS)
    try:
        found = [line.split("\t")[0] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        why = reason(error) if isinstance(error, OSError) else "it is not UTF-8"
        raise SeqwrightError(f"the texts cannot be read: {why}", where=str(path), fix="give a text file") from error
    if not found:
        raise SeqwrightError("there is no text in it", where=str(path), fix="write a text a line")
    if len(found) > MAX_TEXTS:
        print(f"seqwright: the first {MAX_TEXTS} of {len(found):,} texts are read", file=sys.stderr)
    return found[:MAX_TEXTS]


def _bar(label: str, items: Iterable[Any]) -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import track

    yield from track(list(items), label, console=Console(stderr=True), transient=True)

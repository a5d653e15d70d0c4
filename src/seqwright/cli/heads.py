"""``seqwright heads``: which head does what."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from seqwright.cli.options import AsJson, Target, Which, numbers
from seqwright.core.errors import SeqwrightError, TooLongError, reason

if TYPE_CHECKING:
    from seqwright.heads.page import Heads
    from seqwright.viewer import Pass
    from seqwright.viewer.record import AttentionRecord

TEXTS = 200
"""So many texts are read for patterns, at most."""


def heads(
    target: Target,
    treebank: Annotated[Path | None, typer.Option(help="Sentences with their grammar, in CoNLL-U.")] = None,
    coreference: Annotated[
        Path | None, typer.Option(help="A sentence a line, a pronoun and its antecedent in square brackets.")
    ] = None,
    text: Annotated[
        Path | None,
        typer.Option(help="What to read for patterns, a text (or source) a line. (default: English sentences)"),
    ] = None,
    layers: Which = None,
    some: Annotated[str | None, typer.Option("--heads", help="Which heads, counted from 0. (default: all)")] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with pictures, too, and the pictures into charts beside it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What every head does by rule (previous, next, same, first, induction, …), and which of them know grammar and whom a pronoun means."""
    if html is not None and not html.parent.is_dir():
        raise SeqwrightError("its folder does not exist", where=str(html), fix="name another file with --html")
    chosen = {"layers": numbers("--layers", layers), "heads": numbers("--heads", some)}
    model = _Asked(target, chosen)
    found = _found(model, text, treebank, coreference)
    if html is not None:
        found.page().write(html)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode({"model": found.model, "roles": found.roles, "relations": found.relations, "coreference": found.coreference}), indent=2).decode())  # fmt: skip
        return
    _tell(found)
    if html is not None:
        print(f"\npage: {html}")


class _Asked:
    """The model, and how it is let read something."""

    def __init__(self, target: str, chosen: dict[str, Any]) -> None:
        self.too_long = 0
        self.name, self.is_run = Path(target).name or target, (Path(target) / "run.json").exists()
        if self.is_run:
            from seqwright.runs.run import load

            run = load(target)
            self.read: Callable[[Any], Pass] = lambda text: run.attention(text, **chosen)
            return
        from seqwright.huggingface import attention
        from seqwright.huggingface.loading import load_model, load_tokenizer

        model, tokenizer = load_model(target), load_tokenizer(target)
        given: dict[str, Any] = chosen | {"projections": False}
        if getattr(model.config, "is_encoder_decoder", False):
            given["target"] = ""
        self.read = lambda text: attention(model, tokenizer, text, **given)

    def records(self, text: str) -> Sequence[AttentionRecord]:
        """What is attended to in a text; nothing where it is too long."""
        try:
            return self.read(text).records
        except TooLongError:
            self.too_long += 1
            return ()

    def sentence(self, words: Any) -> AttentionRecord | None:
        """What is attended to in a sentence, by the encoder where there is one; nothing where it is too long."""
        try:
            return self.read(words).records[0]
        except TooLongError:
            return None


def _found(model: _Asked, text: Path | None, treebank: Path | None, coreference: Path | None) -> Heads:
    from seqwright.heads import coreference as coreference_of
    from seqwright.heads import relations, roles
    from seqwright.heads.coreference import questions
    from seqwright.heads.page import Heads
    from seqwright.heads.treebank import sentences

    if model.is_run and (treebank or coreference):
        raise SeqwrightError(
            "a run's symbols are no words, so grammar and pronouns cannot be looked for",
            fix="leave --treebank and --coreference out, or name a Hugging Face model",
        )
    texts = _texts(text, model)
    trees = None if treebank is None else list(sentences(treebank))
    asked, skipped = ([], 0) if coreference is None else questions(coreference)
    role = roles(record for each in _bar("patterns", texts) for record in model.records(each))
    if model.too_long:
        print(f"seqwright: {model.too_long} texts are longer than the model can read, and left out", file=sys.stderr)
    if not role:
        raise SeqwrightError("every text is longer than the model can read", fix="give shorter ones with --text")
    numbers_of = {"layers": role[0].layers, "heads": role[0].heads}
    related = None if trees is None else relations(model.sentence, _bar("grammar", trees), **numbers_of)
    linked = None
    if coreference is not None:
        linked = coreference_of(model.sentence, _bar("pronouns", asked), skipped=skipped, **numbers_of)
    return Heads(model.name, role, related, linked)


def _texts(path: Path | None, model: _Asked) -> list[str]:
    from seqwright.heads.sample_texts import PASSAGES

    if path is None:
        if model.is_run:
            raise SeqwrightError(
                "there is nothing for it to read", fix="give --text FILE with a source (or text) a line"
            )
        return list(PASSAGES)
    try:
        found = [line.split("\t")[0] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        told = reason(error) if isinstance(error, OSError) else "it is not UTF-8"
        raise SeqwrightError(f"the texts cannot be read: {told}", where=str(path), fix="give a text file") from error
    if not found:
        raise SeqwrightError("there is no text in it", where=str(path), fix="write a text a line")
    if len(found) > TEXTS:
        print(f"seqwright: the first {TEXTS} of {len(found):,} texts are read", file=sys.stderr)
    return found[:TEXTS]


def _bar(what: str, items: Iterable[Any]) -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import track

    yield from track(list(items), what, console=Console(stderr=True), transient=True)


def _tell(found: Heads) -> None:
    from rich.console import Console
    from rich.table import Table

    from seqwright.heads.page import between, far_of, gained, written
    from seqwright.heads.relations import LEAST

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    for role in found.roles:
        table = Table(
            title=f"{role.kind}, {role.texts} text{'' if role.texts == 1 else 's'}; layer-head, % of its attention (95 % interval)",
            title_justify="left",
        )
        for heading in ("pattern", "best", "second", "third"):
            table.add_column(heading)
        for name, scores in role.best.items():
            if name != "distance":
                told = [f"{written(each.layer, each.head)}  {between(each.score, each.interval)}" for each in scores]
                table.add_row(name, *told)
        console.print(table)
    if found.relations is not None and not found.relations.relations:
        console.print(f"relations: none occurs {LEAST} times in {found.relations.sentences} sentences")
    elif found.relations is not None:
        table = Table(title=f"relations, {found.relations.sentences} sentences", title_justify="left")
        for heading in ("relation", "count", "head", "looks", "right, %", "held out", "offset", "its, %", "gain"):
            table.add_column(heading)
        for each in found.relations.relations:
            looks = "→" if each.direction.startswith("dependent") else "←"
            table.add_row(
                each.name, f"{each.count:,}", written(each.layer, each.head), looks, between(each.accuracy, each.interval),
                f"{100 * each.held_out:.0f}", f"{each.offset:+}", f"{100 * each.baseline:.0f}", gained(each.gain),
            )  # fmt: skip
        console.print(table)
    if found.coreference is not None:
        link = found.coreference
        table = Table(title=f"pronouns, {link.sentences} sentences; 50 by chance, nearer {100 * link.nearer:.0f}, first {100 * link.first:.0f}, held out {100 * link.held_out:.0f}", title_justify="left")  # fmt: skip
        for heading in ("head", "right, %", "where the other is nearer, %"):
            table.add_column(heading)
        for each in link.links[:5]:
            table.add_row(written(each.layer, each.head), between(each.accuracy, each.interval), far_of(each))
        console.print(table)

"""``seqwright attention``: a page that shows what a model attends to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqwright.cli.options import AsJson, Target, Which, numbers, positive
from seqwright.core.errors import SeqwrightError

if TYPE_CHECKING:
    from seqwright.runs.run import Run
    from seqwright.viewer import Pass

SHORT = 60
"""A pass's name is told with so many letters."""


def attention(
    target: Target,
    text: Annotated[str | None, typer.Option(help="The text that the model reads.")] = None,
    pair: Annotated[str | None, typer.Option(help="A second text in the same row, as BERT reads pairs.")] = None,
    source: Annotated[str | None, typer.Option(help="The source that an encoder and decoder reads.")] = None,
    target_text: Annotated[
        str | None, typer.Option("--target", help="The answer it is made to give. (default: its own)")
    ] = None,
    generate: Annotated[
        bool, typer.Option("--generate", help="Let it go on by itself, and step through that.")
    ] = False,
    limit: Annotated[int | None, typer.Option(help="How many tokens it generates at most.")] = None,
    beam: Annotated[int | None, typer.Option(help="Generate by beam search of this width.")] = None,
    compare: Annotated[str | None, typer.Option(help="Another model (or checkpoint) beside it.")] = None,
    compare_text: Annotated[str | None, typer.Option(help="Another text (or source) beside it.")] = None,
    layers: Which = None,
    heads: Which = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The page.")] = Path("attention.html"),
    as_json: AsJson = False,
) -> None:
    """Write a page on which to look at attention: one file, no network, every head, its numbers and what it is made of."""
    goes_on = generate or limit is not None or beam is not None
    asked = _asked(text, source, pair, target_text, goes_on=goes_on)
    positive(limit=limit, beam=beam)
    if not out.parent.is_dir():
        raise SeqwrightError("its folder does not exist", where=str(out), fix="name another file with -o")
    from rich.console import Console

    from seqwright.viewer import AttentionPage

    given: dict[str, Any] = {"pair": pair, "answer": target_text, "goes_on": goes_on, "limit": limit, "beam": beam,
                             "layers": numbers("--layers", layers), "heads": numbers("--heads", heads)}  # fmt: skip
    with Console(stderr=True).status("reading"):
        looking, title = looker(target), ""
        passes = [looking(asked, name="", **given)]
        if compare is not None or compare_text is not None:
            other = looker(compare) if compare else looking
            second = asked if compare_text is None else compare_text
            passes.append(other(second, name="", **given))
            told = (asked, second) if compare_text is not None else (target, str(compare))
            passes = [
                replace(one, name=f"{letter}: {text}") for one, letter, text in zip(passes, "AB", told, strict=True)
            ]
            title = "Two texts" if compare_text is not None else "Two models"
        written = AttentionPage(tuple(passes), title).write(out)
    _tell(written, passes, as_json=as_json)


def _asked(text: str | None, source: str | None, pair: str | None, target: str | None, *, goes_on: bool) -> str:
    asked = text if text is not None else source
    if asked is None or (text is not None and source is not None):
        raise SeqwrightError("there is no text to look at" if asked is None else "--text and --source are one thing", fix='give --text "…" or --source "…"')  # fmt: skip
    if target is not None and text is not None:
        raise SeqwrightError("--target belongs to --source", fix='give --source "…" --target "…"')
    if target is not None and goes_on:
        raise SeqwrightError(
            "--target is what it is made to say; --generate, --limit and --beam let it speak",
            fix="give one of the two",
        )
    if pair is not None and source is not None:
        raise SeqwrightError("--pair belongs to --text", fix='give --text "…" --pair "…"')
    return asked


def looker(target: str) -> Any:
    """A function that lets the model which ``target`` names read something, and returns the pass.

    Raises:
        SeqwrightError: it names no model.
    """
    if (Path(target) / "run.json").exists():
        from seqwright.runs.run import load

        run = load(target)
        return lambda asked, **given: _of_run(run, asked, **given)
    from seqwright.huggingface.loading import load_model, load_tokenizer

    model, tokenizer = load_model(target), load_tokenizer(target)
    return lambda asked, **given: _of_model(model, tokenizer, asked, **given)


def _of_run(
    run: Run, asked: str, *, pair: str | None, answer: str | None, goes_on: bool, limit: int | None, beam: int | None, **chosen: Any
) -> Pass:  # fmt: skip
    from seqwright.cli.predict import in_range, print_unknown
    from seqwright.decoding.beam import Beam
    from seqwright.decoding.greedy import Greedy

    if pair is not None:
        raise SeqwrightError("a run reads one text at a time", fix="leave --pair out")
    decoder = None if not goes_on else Greedy() if beam is None else in_range(Beam(width=beam))
    found = run.attention(asked, answer, decoding=decoder, limit=limit, **chosen)
    print_unknown(run)
    return found


def _of_model(
    model: Any, tokenizer: Any, asked: str, *, pair: str | None, answer: str | None, goes_on: bool, limit: int | None, beam: int | None, **chosen: Any
) -> Pass:  # fmt: skip
    from seqwright.huggingface import attention as attention_of

    both = getattr(model.config, "is_encoder_decoder", False) and answer is None
    return attention_of(
        model, tokenizer, asked, pair, target=answer, generate=(limit or 40) if goes_on or both else 0, beams=beam or 1, **chosen
    )  # fmt: skip


def _tell(page: Path, passes: list[Pass], *, as_json: bool) -> None:
    if as_json:
        told = [
            {"name": one.name, "model": one.model, "attention": [
                {"kind": record.kind, "layers": record.layers, "heads": record.heads, "tokens": record.tokens, "looked_at": record.columns}
                for record in one.records]}
            for one in passes
        ]  # fmt: skip
        print(json.dumps({"page": str(page), "bytes": page.stat().st_size, "passes": told}, ensure_ascii=False))
        return
    for one in passes:
        for record in one.records:
            size = f"{len(record.layers)} layers × {len(record.heads)} heads, {len(record.tokens)} × {len(record.columns)} tokens"
            name = one.name or one.model
            print(f"{name if len(name) <= SHORT else name[:SHORT] + '…'}: {record.kind}, {size}")
        if one.note:
            print(one.note)
    print(f"page: {page} ({page.stat().st_size / 1e6:.2f} MB)")

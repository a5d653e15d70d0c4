"""``seqwright attention``: a page that shows the attention of a model over a text."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from seqwright.cli.options import AsJson, Target, Which, numbers, page_file, positive, shorten
from seqwright.core.errors import SeqwrightError

if TYPE_CHECKING:
    from seqwright.runs.run import Run
    from seqwright.viewer import Pass


def attention(
    target: Target,
    text: Annotated[str | None, Option(help="The text that the model reads.")] = None,
    pair: Annotated[str | None, Option(help="A second text in the same row, as for BERT's sentence pairs.")] = None,
    source: Annotated[str | None, Option(help="The source of an encoder-decoder model.")] = None,
    target_text: Annotated[
        str | None, Option("--target", help="A decoder's answer. (default: a generated one)")
    ] = None,
    generate: Annotated[
        bool, Option("--generate", help="Generate a continuation, whose steps the page shows.")
    ] = False,
    limit: Annotated[int | None, Option(help="Tokens to generate at most.", callback=positive("--limit"))] = None,
    beam: Annotated[
        int | None, Option(help="Generate by beam search of this width.", callback=positive("--beam"))
    ] = None,
    compare: Annotated[str | None, Option(help="Another model (or checkpoint) to compare with.")] = None,
    compare_text: Annotated[str | None, Option(help="Another text (or source) to compare with.")] = None,
    layers: Which = None,
    heads: Which = None,
    out: Annotated[Path, Option("--out", "-o", help="The page.", callback=page_file)] = Path("attention.html"),
    as_json: AsJson = False,
) -> None:
    """Write a page that shows attention: one file without network, with every head, its weights and how they are computed."""
    generate = generate or limit is not None or beam is not None
    prompt = _prompt(text, source, pair, target_text, generate=generate)
    from rich.console import Console

    from seqwright.viewer import AttentionPage

    options: dict[str, Any] = {"pair": pair, "answer": target_text, "generate": generate, "limit": limit, "beam": beam,
                               "layers": numbers("--layers", layers), "heads": numbers("--heads", heads)}  # fmt: skip
    with Console(stderr=True).status("computing attention"):
        attend, title = attention_function(target), ""
        passes = [attend(prompt, name="", **options)]
        if compare is not None or compare_text is not None:
            attend_other = attention_function(compare) if compare else attend
            other = prompt if compare_text is None else compare_text
            passes.append(attend_other(other, name="", **options))
            names = (prompt, other) if compare_text is not None else (target, str(compare))
            passes = [
                replace(one, name=f"{letter}: {name}") for one, letter, name in zip(passes, "AB", names, strict=True)
            ]
            title = "Two texts" if compare_text is not None else "Two models"
        written = AttentionPage(tuple(passes), title).write(out)
    _print(written, passes, as_json=as_json)


def _prompt(text: str | None, source: str | None, pair: str | None, target: str | None, *, generate: bool) -> str:
    if text is not None and source is not None:
        raise SeqwrightError("--text and --source exclude each other", fix='give --text "…" or --source "…"')
    prompt = text if text is not None else source
    if prompt is None:
        raise SeqwrightError("there is no text to read", fix='give --text "…" or --source "…"')
    if target is not None and text is not None:
        raise SeqwrightError("--target belongs to --source", fix='give --source "…" --target "…"')
    if target is not None and generate:
        raise SeqwrightError(
            "--target is a given answer; --generate, --limit and --beam are for a generated one",
            fix="give one of the two",
        )
    if pair is not None and source is not None:
        raise SeqwrightError("--pair belongs to --text", fix='give --text "…" --pair "…"')
    return prompt


def attention_function(target: str) -> Any:
    """Return a function from a text and options to a pass, for a run's folder or a Hugging Face model.

    Raises:
        SeqwrightError: The name is neither.
    """
    if (Path(target) / "run.json").exists():
        from seqwright.cli.loading import load_run

        run = load_run(target)
        return lambda prompt, **options: _of_run(run, prompt, **options)
    from seqwright.huggingface.loading import load_model, load_tokenizer

    model, tokenizer = load_model(target), load_tokenizer(target)
    return lambda prompt, **options: _of_model(model, tokenizer, prompt, **options)


def _of_run(
    run: Run, prompt: str, *, pair: str | None, answer: str | None, generate: bool, limit: int | None, beam: int | None, **selection: Any
) -> Pass:  # fmt: skip
    from seqwright.cli.predict import in_range, print_unknown
    from seqwright.decoding.beam import Beam
    from seqwright.decoding.greedy import Greedy

    if pair is not None:
        raise SeqwrightError("a run reads one text at a time", fix="leave --pair out")
    decoding = None if not generate else Greedy() if beam is None else in_range(Beam(width=beam))
    found = run.attention(prompt, answer, decoding=decoding, limit=limit, **selection)
    print_unknown(run)
    return found


def _of_model(
    model: Any, tokenizer: Any, prompt: str, *, pair: str | None, answer: str | None, generate: bool, limit: int | None, beam: int | None, **selection: Any
) -> Pass:  # fmt: skip
    from seqwright.huggingface import attention as attention_of

    answers = getattr(model.config, "is_encoder_decoder", False) and answer is None
    return attention_of(
        model, tokenizer, prompt, pair, target=answer, generate=(limit or 40) if generate or answers else 0, beams=beam or 1, **selection
    )  # fmt: skip


def _print(page: Path, passes: list[Pass], *, as_json: bool) -> None:
    if as_json:
        described = [
            {"name": one.name, "model": one.model, "attention": [
                {"kind": record.kind, "layers": record.layers, "heads": record.heads, "tokens": record.tokens, "key_tokens": record.columns}
                for record in one.records]}
            for one in passes
        ]  # fmt: skip
        print(json.dumps({"page": str(page), "bytes": page.stat().st_size, "passes": described}, ensure_ascii=False))
        return
    for one in passes:
        for record in one.records:
            size = f"{len(record.layers)} layers × {len(record.heads)} heads, {len(record.tokens)} × {len(record.columns)} tokens"
            print(f"{shorten(one.name or one.model)}: {record.kind}, {size}")
        if one.note:
            print(one.note)
    print(f"page: {page} ({page.stat().st_size / 1e6:.2f} MB)")

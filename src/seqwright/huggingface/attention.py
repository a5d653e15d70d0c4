"""The attention of a Hugging Face model over a text, two texts, a source and its target, or its own continuation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seqwright.core.errors import SeqwrightError
from seqwright.huggingface.capture import captured, take_returned
from seqwright.huggingface.configuration import head_counts, kinds_of, max_length
from seqwright.huggingface.tokenise import TokenisedText, of_ids, tokenise
from seqwright.viewer.assemble import TokenPair, record_of, steps_of
from seqwright.viewer.limits import check_length, check_page_size, generation_limit
from seqwright.viewer.page import Pass
from seqwright.viewer.record import Kind, Step
from seqwright.viewer.selection import Selection

WEIGHTS_ONLY = "Queries, keys and values of this model cannot be read; its weights can."


@torch.no_grad()
def attention(
    model: Any,
    tokenizer: Any,
    text: str | Sequence[str],
    pair: str | None = None,
    *,
    target: str | None = None,
    generate: int = 0,
    beams: int = 1,
    layers: Iterable[int] | None = None,
    heads: Iterable[int] | None = None,
    projections: bool = True,
    name: str = "",
) -> Pass:
    """Run a model once and return its attention. The model is left as it was, its attention implementation too.

    An answer is generated first and then read in one pass: its attention equals that of the single steps, in the order of
    the answer with any number of beams (:func:`generated` reads the output of your own ``generate()``).

    Args:
        model, tokenizer: of the ``transformers`` library.
        text: the input, a string or words; for an encoder-decoder model the source.
        pair: a second text in the same row, as for BERT's sentence pairs.
        target: the decoder's text in an encoder-decoder model.
        generate: the number of tokens to generate.
        beams: the width of the beam search.
        layers, heads: their numbers, counted from 0; all if left out.
        projections: whether to keep queries, keys, values and scores beside the weights.
        name: the name of the pass beside another; the text if left out.

    Raises:
        SeqwrightError: There is no such layer or head, the text is too long, or the model forms no attention.
    """
    was_training, kinds = model.training, kinds_of(model)
    if was_training:
        model.eval()
    try:
        source = tokenise(tokenizer, text, pair)
        crosses, positions = "cross" in kinds, max_length(model)
        prompt = 1 if crosses else len(source.ids)
        generate, note = generation_limit(positions, prompt, generate) if generate else (0, "")
        answer = _answer(model, tokenizer, source, target, generate, beams, crosses)
        inputs, written, first = _inputs(model, tokenizer, source, answer, crosses)
        check_length(max(len(source.ids), len(written.ids)), positions)
        tokens = TokenPair(source if crosses else None, written)
        chosen = Selection.of(layers, heads).among({kind: head_counts(model, kind) for kind in kinds})
        check_page_size(*(tokens.shape(kind, those) for kind, those in chosen.items()))
        with captured(model, chosen, projections=projections) as capture:
            output = model(**inputs, **_options(model, kinds))
        take_returned(capture, output)
    finally:
        if was_training:
            model.train()
    steps: tuple[Step, ...] = ()
    if answer and "logits" in output:
        logits = output["logits"][0, first : first + len(answer)]
        steps = steps_of(logits, answer, first, lambda ids: of_ids(tokenizer, ids).tokens)
    records = tuple(record_of(kind, tokens, those, capture.layers(kind), steps) for kind, those in chosen.items())
    missing = projections and any(record.projections is None for record in records)
    return Pass(
        name or (text if isinstance(text, str) else " ".join(text)),
        records,
        Path(getattr(model.config, "name_or_path", "")).name or type(model).__name__,
        f"{note} {WEIGHTS_ONLY if missing else ''}".strip(),
    )


def _answer(
    model: Any, tokenizer: Any, source: TokenisedText, target: str | None, generate: int, beams: int, crosses: bool
) -> list[int]:
    """Return the ids of the target or of a generated answer; none for a text that is only read."""
    if target is not None:
        if not crosses:
            raise SeqwrightError("only an encoder-decoder model has a target", fix="give the whole text")
        return tokenizer(text_target=target)["input_ids"]
    if not generate:
        if crosses:
            raise SeqwrightError("the decoder of this model needs a text", fix="give a target, or let it generate")
        return []
    if not model.can_generate():
        raise SeqwrightError(f"a {type(model).__name__} does not generate", fix="look at a text instead")
    ids = torch.tensor([source.ids], device=model.device)
    generated = model.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=generate, num_beams=beams, do_sample=False
    )[0].tolist()
    return generated[1:] if crosses else generated[len(source.ids) :]


def _inputs(
    model: Any, tokenizer: Any, source: TokenisedText, answer: Sequence[int], crosses: bool
) -> tuple[dict[str, Tensor], TokenisedText, int]:
    """Return the model's inputs, the tokens of its decoder (or only stack), and the index that predicts the answer's first id."""

    def row(ids: Sequence[int]) -> Tensor:
        return torch.tensor([list(ids)], device=model.device)

    if crosses:
        start = model.config.decoder_start_token_id
        start = model.generation_config.decoder_start_token_id if start is None else start
        written = of_ids(tokenizer, [start, *answer[:-1]])
        return {"input_ids": row(source.ids), "decoder_input_ids": row(written.ids)}, written, 0
    if not answer:
        others = {name: tensor.to(model.device) for name, tensor in source.others.items()}
        return {"input_ids": row(source.ids)} | others, source, 0
    written = of_ids(tokenizer, [*source.ids, *answer[:-1]])
    return {"input_ids": row(written.ids)}, written, len(source.ids) - 1


def _options(model: Any, kinds: tuple[Kind, ...]) -> dict[str, bool]:
    """Return the options of a forward without a cache, which returns attentions where they cannot be captured."""
    options = {} if kinds == ("encoder",) else {"use_cache": False}
    return options | ({"output_attentions": True} if model.config._attn_implementation == "eager" else {})

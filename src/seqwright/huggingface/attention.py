"""What a Hugging Face model attends to while it reads a text, two texts, a source and its target, or its own continuation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seqwright.core.errors import SeqwrightError, TooLongError
from seqwright.huggingface.capture import Wanted, fill, kinds_of, watched
from seqwright.huggingface.max_length import room
from seqwright.huggingface.tokenise import Read, called, read
from seqwright.viewer.capture import Selection, assembled, going_on, recorded, steps_of
from seqwright.viewer.page import Pass, within_reach
from seqwright.viewer.record import Kind, Step

UNREAD = "Queries, keys and values of this model cannot be read; its weights can."


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
    """Let a model read once, and keep what it attends to. The model is left as it was, its attention implementation too.

    What is generated is generated first and then read in one pass: that is the same attention as step by step, in the
    order of the answer whatever beams did (:func:`generated` reads the output of your own ``generate()``).

    Args:
        model, tokenizer: of the ``transformers`` library.
        text: what it reads, a string or words; for an encoder and decoder the source.
        pair: a second text in the same row, as BERT reads pairs.
        target: what the decoder of an encoder and decoder is made to say.
        generate: how many tokens it says by itself.
        beams: how many beams it searches with.
        layers, heads: which ones, counted from 0; all if left out.
        projections: whether queries, keys, values and scores are kept beside the weights.
        name: what the pass is called beside another; the text if left out.

    Raises:
        SeqwrightError: there is no such layer or head, the text is too long, or the model forms no attention.
    """
    was_training, kinds = model.training, kinds_of(model)
    if was_training:
        model.eval()
    try:
        source = read(tokenizer, text, pair)
        both, places = "cross" in kinds, room(model)
        generate, cut = going_on(places, 1 if both else len(source.ids), generate) if generate else (0, "")
        said = _said(model, tokenizer, source, target, generate, beams, both)
        inputs, looking, steps_from = _inputs(model, tokenizer, source, said, both)
        _fits(places, max(len(source.ids), len(looking.ids)))
        lengths: dict[Kind, tuple[int, int]] = {
            "encoder": (len(source.ids), len(source.ids)),
            "decoder": (len(looking.ids), len(looking.ids)),
            "cross": (len(looking.ids), len(source.ids)),
        }
        wanted = _wanted(model, kinds, lengths, Selection.of(layers, heads))
        with watched(model, wanted, projections=projections) as sight:
            output = model(**inputs, **_quiet(model, kinds))
        fill(sight, output)
    finally:
        if was_training:
            model.train()
    steps: tuple[Step, ...] = ()
    if said and "logits" in output:
        logits = output["logits"][0, steps_from : steps_from + len(said)]
        steps = steps_of(logits, said, steps_from, lambda ids: called(tokenizer, ids).tokens)
    sides = {"encoder": source, "decoder": looking}
    records = []
    for kind, those in wanted.items():
        weights, made_of = assembled(sight.layers(kind))
        records.append(recorded(kind, sides, those, weights, steps, made_of))
    unread = UNREAD if projections and any(record.projections is None for record in records) else ""
    return Pass(
        name or (text if isinstance(text, str) else " ".join(text)),
        tuple(records),
        Path(getattr(model.config, "name_or_path", "")).name or type(model).__name__,
        f"{cut} {unread}".strip(),
    )


def _fits(places: int | None, tokens: int) -> None:
    if places is not None and tokens > places:
        raise TooLongError(
            f"a text of {tokens} tokens, and the model has {places} positions", fix="give a shorter text"
        )


def _said(
    model: Any, tokenizer: Any, source: Read, target: str | None, generate: int, beams: int, both: bool
) -> list[int]:
    """The ids that the decoder says: given, or generated; none for a text that is only read."""
    if target is not None:
        if not both:
            raise SeqwrightError("only an encoder and decoder has a target", fix="give the whole text")
        return tokenizer(text_target=target)["input_ids"]
    if not generate:
        if both:
            raise SeqwrightError(
                "an encoder and decoder needs something to say", fix="give a target, or let it generate"
            )
        return []
    if not model.can_generate():
        raise SeqwrightError(f"a {type(model).__name__} does not generate", fix="look at a text instead")
    ids = torch.tensor([source.ids], device=model.device)
    made = model.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=generate, num_beams=beams, do_sample=False
    )[0].tolist()
    return made[1:] if both else made[len(source.ids) :]


def _inputs(
    model: Any, tokenizer: Any, source: Read, said: Sequence[int], both: bool
) -> tuple[dict[str, Tensor], Read, int]:
    """What the model is given, the decoder's (or only) side of it, and the place at which the first of ``said`` is chosen."""

    def row(ids: Sequence[int]) -> Tensor:
        return torch.tensor([list(ids)], device=model.device)

    if both:
        first = model.config.decoder_start_token_id
        first = model.generation_config.decoder_start_token_id if first is None else first
        looking = called(tokenizer, [first, *said[:-1]])
        return {"input_ids": row(source.ids), "decoder_input_ids": row(looking.ids)}, looking, 0
    if not said:
        return {"input_ids": row(source.ids)} | {name: given.to(model.device) for name, given in source.given.items()}, source, 0  # fmt: skip
    looking = called(tokenizer, [*source.ids, *said[:-1]])
    return {"input_ids": row(looking.ids)}, looking, len(source.ids) - 1


def _quiet(model: Any, kinds: tuple[Kind, ...]) -> dict[str, bool]:
    """No cache; and attentions returned where they cannot be watched."""
    quiet = {"use_cache": False} if kinds != ("encoder",) else {}
    watching = model.config._attn_implementation != "eager"
    return quiet if watching else quiet | {"output_attentions": True}


def _wanted(model: Any, kinds: tuple[Kind, ...], lengths: dict[Kind, tuple[int, int]], chosen: Selection) -> Wanted:
    """Which layers and heads of which attention, all of it within what a page can hold."""
    stacks: dict[Kind, tuple[int, int]] = {}
    for kind in kinds:
        side = "encoder" if kind == "encoder" else "decoder"
        own = getattr(model.config, side, None)  # a model of two models has a configuration for each
        config = own if hasattr(own, "to_dict") else model.config.get_text_config()
        layers, heads = (
            next((int(getattr(config, name)) for name in names if isinstance(getattr(config, name, None), int)), 0)
            for names in (
                (f"{side}_layers", f"num_{side}_layers", "num_hidden_layers", "num_layers", "n_layer"),
                (f"{side}_attention_heads", "num_attention_heads", "num_heads", "n_head"),
            )
        )
        stacks[kind] = (layers, heads)
    found = chosen.among(stacks)
    within_reach(*((len(layers), len(heads), *lengths[kind]) for kind, (layers, heads) in found.items()))
    return found

"""What a trained model attends to: one pass over a source and its answer, or over a text."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from seqwright.core.errors import TooLongError
from seqwright.core.tokens import Tokens
from seqwright.data.vocabulary import Vocabulary
from seqwright.models.transformer import Transformer, TransformerSpec
from seqwright.nn.attention import AttentionSpec
from seqwright.nn.block import StackSpec
from seqwright.nn.position import room
from seqwright.viewer.capture import PARTS, Capture, LayerAttention, Selection, Side, assembled, recorded, steps_of
from seqwright.viewer.page import Pass, within_reach
from seqwright.viewer.record import Kind
from seqwright.viewer.word_spans import words_of

KINDS: dict[str, Kind] = {
    "encoder.self_attention": "encoder", "decoder.self_attention": "decoder", "decoder.cross_attention": "cross",
}  # fmt: skip
SEES_AHEAD = "The decoder has no causal mask: it computes everything anew at every step, so only weights are recorded."


@torch.inference_mode()
def attention_of(
    model: Transformer,
    vocabulary: Vocabulary,
    source: Sequence[int] | None,
    target: Sequence[int],
    labels: Sequence[int],
    *,
    chosen: Selection,
    forbidden: Sequence[int] = (),
    name: str = "",
    model_name: str = "",
) -> Pass:
    """Let a model read ``source`` and ``target`` once, and keep what it attends to.

    Args:
        model: in eval mode.
        vocabulary: what its ids are called.
        source: what the encoder reads, if there is one.
        target: what the decoder reads.
        labels: what is chosen at the last so many of the target's tokens.
        chosen: which layers and heads.
        forbidden: symbols that cannot be chosen.
        name, model_name: how the pass and the model are called.

    Raises:
        SeqwrightError: there is no such layer or head, the sequences are longer than the model's positions, or there
            would be more weights than a page holds.
    """
    lengths = {"encoder": len(source or ()), "decoder": len(target)}
    wanted = _wanted(model.spec, lengths, chosen)
    device = next(model.parameters()).device
    capture = Capture(model, wanted, PARTS if model.incremental else ("weights",))
    read = None if source is None else Tokens.of([source]).to(device)
    logits, caught = _read(model, read, Tokens.of([target]).to(device), capture)
    logits = logits.index_fill(1, torch.tensor(forbidden, dtype=torch.long, device=device), -torch.inf)
    first = len(target) - len(labels)
    steps = steps_of(logits[first:], labels, first, vocabulary.decode)
    sides = {"encoder": _side(vocabulary, source or ()), "decoder": _side(vocabulary, target)}
    records = []
    for attention, those in wanted.items():
        weights, projections = assembled(caught[attention])
        records.append(recorded(KINDS[attention], sides, those, weights, steps, projections))
    return Pass(name, tuple(records), model_name, "" if model.incremental else SEES_AHEAD)


def _wanted(
    spec: TransformerSpec, lengths: dict[str, int], chosen: Selection
) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    """Which layers and heads of which attention, all of it within what the model and a page can hold."""
    stacks, shapes = {}, {}
    for attention in KINDS:
        side, kind = attention.split(".")
        stack: StackSpec | None = getattr(spec, side)
        part: AttentionSpec | None = stack and getattr(stack, kind)
        if stack is None or part is None or (kind == "cross_attention" and spec.encoder is None):
            continue
        places = room(stack.position)
        if places is not None and lengths[side] > places:
            raise TooLongError(
                f"{lengths[side]} tokens for the {side}, and it has {places} positions", fix="give a shorter text"
            )
        stacks[attention] = (stack.layers, part.heads)
        shapes[attention] = (lengths[side], lengths["encoder"] if kind == "cross_attention" else lengths[side])
    found = chosen.among(stacks)
    within_reach(*((len(layers), len(heads), *shapes[attention]) for attention, (layers, heads) in found.items()))
    return found


def _read(
    model: Transformer, source: Tokens | None, target: Tokens, capture: Capture
) -> tuple[Tensor, dict[str, list[LayerAttention]]]:
    """The logits ``[t v]`` and what was attended to; by a decoder that sees ahead, what each prefix's last token attends to."""
    state = model.start(source, capture)
    if model.incremental:
        output, _ = model.advance(target, state, capture)
        return output.logits[0], {attention: capture.layers(attention) for attention in capture.wanted}
    lines, logits = [], []
    for length in range(1, target.ids.shape[1] + 1):
        output, _ = model.advance(Tokens(target.ids[:, :length], target.at[:, :length]), state, capture)
        logits.append(output.logits[0, -1])
        lines.append({attention: capture.layers(attention) for attention in capture.wanted})
    last = lines[-1]
    for line in lines[:-1]:
        for attention in last:
            if not attention.startswith("decoder"):
                continue
            for whole, part in zip(last[attention], line[attention], strict=True):
                place = part.weights.shape[1] - 1
                whole.weights[:, place] = 0
                whole.weights[:, place, : part.weights.shape[2]] = part.weights[:, place]
    return torch.stack(logits), last


def _side(vocabulary: Vocabulary, ids: Sequence[int]) -> Side:
    tokens = vocabulary.decode(ids)
    special = frozenset(place for place, number in enumerate(ids) if number >= len(vocabulary.symbols))
    return Side(tokens, words_of(tokens, special), special)

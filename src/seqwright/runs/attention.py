"""What a trained model attends to: one pass over a source and its answer, or over a text."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from seqwright.core.errors import TooLongError
from seqwright.core.tokens import Tokens
from seqwright.nn.attention import AttentionSpec
from seqwright.nn.block import StackSpec
from seqwright.nn.position import room
from seqwright.nn.transformer import Transformer, TransformerSpec
from seqwright.tasks.vocabulary import Vocabulary
from seqwright.viewer.capture import PARTS, Capture, Caught, Chosen, assembled
from seqwright.viewer.page import Pass, within_reach
from seqwright.viewer.record import AttentionRecord, Candidate, Kind, Step
from seqwright.viewer.words import words_of

CANDIDATES = 5
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
    chosen: Chosen,
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
    steps = _steps(vocabulary, logits, labels)
    called = {side: vocabulary.spelt(ids) for side, ids in (("encoder", source or ()), ("decoder", target))}
    marks = {side: _special(vocabulary, ids) for side, ids in (("encoder", source or ()), ("decoder", target))}
    records = []
    for attention, (layers, heads) in wanted.items():
        kind = KINDS[attention]
        side = "encoder" if kind == "encoder" else "decoder"
        weights, projections = assembled(caught[attention])
        across = called["encoder"] if kind == "cross" else None
        records.append(
            AttentionRecord(
                tokens=called[side],
                kind=kind,
                weights=weights,
                source_tokens=across,
                layers=layers,
                heads=heads,
                words=words_of(called[side], marks[side]),
                source_words=None if across is None else words_of(across, marks["encoder"]),
                special=marks[side],
                source_special=marks["encoder"] if across else frozenset(),
                steps=steps if side == "decoder" else (),
                projections=projections,
            )
        )
    return Pass(name, tuple(records), model_name, "" if model.incremental else SEES_AHEAD)


def _wanted(
    spec: TransformerSpec, lengths: dict[str, int], chosen: Chosen
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
                f"{lengths[side]} tokens for the {side}, and it has {places} positions", mend="give a shorter text"
            )
        stacks[attention] = (stack.layers, part.heads)
        shapes[attention] = (lengths[side], lengths["encoder"] if kind == "cross_attention" else lengths[side])
    found = chosen.among(stacks)
    within_reach(*((len(layers), len(heads), *shapes[attention]) for attention, (layers, heads) in found.items()))
    return found


def _read(
    model: Transformer, source: Tokens | None, target: Tokens, capture: Capture
) -> tuple[Tensor, dict[str, list[Caught]]]:
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


def _steps(vocabulary: Vocabulary, logits: Tensor, labels: Sequence[int]) -> tuple[Step, ...]:
    first = len(logits) - len(labels)
    probabilities = logits[first:].float().softmax(-1)
    most = min(CANDIDATES, probabilities.shape[-1])
    found = []
    for place, (label, row) in enumerate(zip(labels, probabilities, strict=True)):
        top = row.topk(most)
        names = vocabulary.spelt([*top.indices.tolist(), label])
        candidates = tuple(map(Candidate, names, top.values.tolist()))
        found.append(Step(first + place, names[-1], float(row[label]), candidates))
    return tuple(found)


def _special(vocabulary: Vocabulary, ids: Sequence[int]) -> frozenset[int]:
    return frozenset(place for place, number in enumerate(ids) if number >= len(vocabulary.symbols))

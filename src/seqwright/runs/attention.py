"""The attention of a model of any family over a source and its answer, or over a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from seqwright.core.errors import SeqwrightError
from seqwright.core.model import ModelSpec, Side
from seqwright.core.probe import Record
from seqwright.core.tokens import Tokens
from seqwright.data.vocabulary import Vocabulary
from seqwright.viewer.assemble import TokenPair, TokenSequence, record_of, steps_of
from seqwright.viewer.capture import PARTS, Capture, attention_paths
from seqwright.viewer.limits import check_length, check_page_size
from seqwright.viewer.page import Pass
from seqwright.viewer.record import Kind
from seqwright.viewer.selection import Selection
from seqwright.viewer.word_spans import words_of

WEIGHTS_ONLY = "The decoder has no causal mask, so every step computes all tokens again; only weights are recorded."


@torch.inference_mode()
def attention_of(
    model: Any,
    spec: ModelSpec,
    vocabulary: Vocabulary,
    source: Sequence[int] | None,
    target: Sequence[int],
    labels: Sequence[int],
    *,
    selection: Selection | None = None,
    forbidden: Sequence[int] = (),
    name: str = "",
    model_name: str = "",
) -> Pass:
    """Run a model once over a source and a target, and return its attention.

    Args:
        model: a :class:`seqwright.core.model.Model` in eval mode.
        spec: the model's spec.
        vocabulary: the tokens of the ids.
        source: the ids of the source, if there is one.
        target: the ids of the target.
        labels: the ids that were chosen at the last ``len(labels)`` tokens of the target.
        selection: the layers and heads to record; all if left out.
        forbidden: ids that could not be chosen.
        name, model_name: the names of the pass and of the model.

    Raises:
        SeqwrightError: The model forms no attention weights, there is no such layer or head, a sequence is longer than
            the model's positions, or there would be more weights than a page holds.
    """
    check_length(len(source or ()), spec.max_length("source"))
    check_length(len(target), spec.max_length("target"))
    paths = attention_paths(model.probe_names())
    device = next(model.parameters()).device
    source_tokens = None if source is None else Tokens.of([source]).to(device)
    target_tokens = Tokens.of([target]).to(device)
    counts = _head_counts(model, source_tokens, target_tokens)
    stacks: dict[Kind, dict[int, int]] = {
        kind: {layer: counts[path] for layer, path in own.items() if path in counts} for kind, own in paths.items()
    }
    if not any(stacks.values()):
        raise SeqwrightError("this model forms no attention weights", fix="name a model that has attention")
    chosen = (selection or Selection()).among(stacks)
    tokens = TokenPair(
        None if source is None else _tokens(vocabulary, source, "source"), _tokens(vocabulary, target, "target")
    )
    check_page_size(*(tokens.shape(kind, those) for kind, those in chosen.items()))

    heads = {paths[kind][layer]: those.heads for kind, those in chosen.items() for layer in those.layers}
    logits, capture = _forward(model, source_tokens, target_tokens, heads)
    logits = logits.index_fill(1, torch.tensor(forbidden, dtype=torch.long, device=device), -torch.inf)
    first = len(target) - len(labels)
    steps = steps_of(logits[first:], labels, first, vocabulary.decode)
    modules = dict(model.named_modules())
    records = []
    for kind, those in chosen.items():
        own = [paths[kind][layer] for layer in those.layers]
        layers = [capture.layer(path, 1 / float(getattr(modules.get(path), "scale", 1))) for path in own]
        records.append(record_of(kind, tokens, those, layers, steps))
    return Pass(name, tuple(records), model_name, "" if model.incremental else WEIGHTS_ONLY)


def _head_counts(model: Any, source: Tokens | None, target: Tokens) -> dict[str, int]:
    """Return the number of heads at the path of each attention, from a pass over one token of each side."""
    offered = Record(".weights")
    state = model.start(None if source is None else _prefix(source, 1), offered)
    model.advance(_prefix(target, 1), state, offered)
    shapes = {name.removesuffix(".weights"): pieces[0].shape for name, pieces in offered.seen.items()}
    return {path: shape[1] if len(shape) == 4 else 1 for path, shape in shapes.items()}


def _forward(
    model: Any, source: Tokens | None, target: Tokens, heads: Mapping[str, Sequence[int]]
) -> tuple[Tensor, Capture]:
    """Return the logits ``[t v]`` and the captured attention.

    A decoder that is not incremental computes every prefix again, as it does when it generates; of each prefix the last
    query is kept.
    """
    capture = Capture(heads, PARTS if model.incremental else ("weights",))
    state = model.start(source, capture)
    if model.incremental:
        output, _ = model.advance(target, state, capture)
        return output.logits[0], capture
    logits = []
    for length in range(1, target.ids.shape[1] + 1):
        step = Capture(heads, ("weights",))
        output, _ = model.advance(_prefix(target, length), state, step)
        logits.append(output.logits[0, -1])
        capture.add_last_query(step)
    return torch.stack(logits), capture


def _prefix(tokens: Tokens, length: int) -> Tokens:
    return Tokens(tokens.ids[:, :length], tokens.at[:, :length])


def _tokens(vocabulary: Vocabulary, ids: Sequence[int], side: Side) -> TokenSequence:
    tokens, table = vocabulary.decode(ids, side), vocabulary.table(side)
    special = frozenset(index for index, number in enumerate(ids) if number >= table.start)
    return TokenSequence(tokens, words_of(tokens, special), special)

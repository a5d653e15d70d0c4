"""Attention out of ``generate(…, output_attentions=True, return_dict_in_generate=True)``: pieces of steps, beams reordered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqwright.core.errors import SeqwrightError
from seqwright.huggingface.reading import Read, called
from seqwright.viewer.capture import Chosen
from seqwright.viewer.page import Pass
from seqwright.viewer.record import Array, AttentionRecord, Kind, Step


def generated(
    output: Any,
    tokenizer: Any,
    source: Any = None,
    *,
    sequence: int = 0,
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
    name: str = "",
) -> Pass:
    """The decoder's and cross attention of one generated sequence, every step's row that of the beam it came from.

    Args:
        output: what ``generate`` returned, with ``output_attentions=True`` and ``return_dict_in_generate=True``.
        tokenizer: what the ids are called by.
        source: the ids ``[b s]`` that an encoder and decoder was asked about; nothing for a decoder alone.
        sequence: which of ``output.sequences``.
        layers, heads: which ones, counted from 0; all if left out.
        name: what the pass is called.

    Raises:
        SeqwrightError: the output has no attentions.
    """
    both = "decoder_attentions" in output
    steps = output["decoder_attentions"] if both else output.get("attentions")
    if not steps or not steps[0]:
        raise SeqwrightError(
            "generate() returned no attentions",
            mend="give output_attentions=True, return_dict_in_generate=True, and a model with attn_implementation='eager'",
        )
    ids = output["sequences"][sequence].tolist()
    rows = _rows(output, sequence, len(steps))
    given = len(ids) - _new(output, len(ids), len(steps), both)
    looking = called(tokenizer, ids[: given + len(rows) - 1])
    chosen = Chosen.of(layers, heads)
    kinds: dict[Kind, Sequence[Any]] = {"decoder": steps}
    across: Read | None = None
    if both and output.get("cross_attentions") and source is not None:
        kinds["cross"] = output["cross_attentions"]
        across = called(tokenizer, source[sequence * len(source) // len(output["sequences"])].tolist())
    records = []
    choices = tuple(
        Step(given - 1 + place, called(tokenizer, [number]).tokens[0], 0.0)
        for place, number in enumerate(ids[given:][: len(rows)])
    )
    for kind, stepped in kinds.items():
        some, those = chosen.among(len(stepped[0]), stepped[0][0].shape[1])
        columns = across if kind == "cross" else looking
        assert columns is not None
        records.append(
            AttentionRecord(
                tokens=looking.tokens,
                kind=kind,
                weights=_joined(stepped, rows, some, those, (len(looking.ids), len(columns.ids))),
                source_tokens=across.tokens if across and kind == "cross" else None,
                layers=some,
                heads=those,
                words=looking.words,
                source_words=across.words if across and kind == "cross" else None,
                special=looking.special,
                source_special=across.special if across and kind == "cross" else frozenset(),
                steps=choices,
            )
        )
    return Pass(name, tuple(records))


def _rows(output: Any, sequence: int, steps: int) -> list[int]:
    """Which row of the batch each step of a sequence was computed in: its own, or with beams those it was passed along."""
    beams = output.get("beam_indices")
    if beams is None:
        return [sequence] * steps
    return [row for row in beams[sequence].tolist() if row >= 0]


def _new(output: Any, length: int, steps: int, both: bool) -> int:
    """How many of a sequence's ids were generated."""
    return length - 1 if both else min(steps, length)


def _joined(
    steps: Sequence[Any], rows: Sequence[int], layers: Sequence[int], heads: Sequence[int], shape: tuple[int, int]
) -> Array:
    """Each step's rows below one another: the first has a prompt's, every other one."""
    found = np.zeros((len(layers), len(heads), *shape), dtype=np.float32)
    for place, layer in enumerate(layers):
        at = 0
        for step, row in zip(steps, rows, strict=False):
            weights = step[layer][row][list(heads)].float().cpu().numpy()
            _, queries, keys = weights.shape
            found[place, :, at : at + queries, : min(keys, shape[1])] = weights[:, :, : shape[1]]
            at += queries
    return found

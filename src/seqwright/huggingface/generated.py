"""Attention out of ``generate(…, output_attentions=True, return_dict_in_generate=True)``: pieces of steps, beams reordered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from seqwright.core.errors import SeqwrightError
from seqwright.huggingface.tokenise import Read, called
from seqwright.viewer.capture import Selection, recorded, steps_of
from seqwright.viewer.page import Pass
from seqwright.viewer.record import Array, Kind, Step

GIVE = "give output_attentions=True, return_dict_in_generate=True, and a model with attn_implementation='eager'"


@dataclass(frozen=True)
class _Taken:
    """One sequence of an output: what the decoder read, how much of it was given, and the batch's row of each step."""

    ids: list[int]
    given: int
    rows: list[int]

    @property
    def read(self) -> list[int]:
        """All but the last that was chosen: nobody read that."""
        return self.ids[: self.given + len(self.rows) - 1]


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
    """The attention of one generated sequence, every step's row that of the beam it came from.

    Args:
        output: what ``generate`` returned, with ``output_attentions=True`` and ``return_dict_in_generate=True``; with
            ``output_logits=True`` (or ``output_scores=True``) the candidates are known, too.
        tokenizer: what the ids are called by.
        source: the ids ``[b s]`` that an encoder and decoder was asked about; nothing for a decoder alone.
        sequence: which of ``output.sequences``.
        layers, heads: which ones, counted from 0; all if left out.
        name: what the pass is called.

    Raises:
        SeqwrightError: the output has no attentions, there is no such sequence, or ``source`` is no table of ids.
    """
    if not hasattr(output, "keys"):
        raise SeqwrightError("generate() returned no attentions", fix=GIVE)
    both = "decoder_attentions" in output
    steps = output.get("decoder_attentions" if both else "attentions")
    if not steps or not steps[0]:
        raise SeqwrightError("generate() returned no attentions", fix=GIVE)
    count = len(output["sequences"])
    if not 0 <= sequence < count:
        raise SeqwrightError(f"there is no sequence {sequence}", fix=f"choose from 0 to {count - 1}")
    taken = _taken(output, sequence, steps, tokenizer)
    looking = called(tokenizer, taken.read)
    sides: dict[Kind, tuple[Sequence[Any], Read]] = {"decoder": (steps, looking)}
    across = _source(source, sequence, count, tokenizer) if both and source is not None else None
    if across is not None and output.get("cross_attentions"):
        sides["cross"] = (output["cross_attentions"], across)
    stacks: dict[Kind, tuple[int, int]] = {
        kind: (len(stepped[0]), stepped[0][0].shape[1]) for kind, (stepped, _) in sides.items()
    }
    chosen = Selection.of(layers, heads).among(stacks)
    choices = _choices(output, taken, tokenizer)
    both_sides = {"decoder": looking} | ({} if across is None else {"encoder": across})
    records = []
    for kind, wanted in chosen.items():
        stepped, columns = sides[kind]
        weights = _joined(stepped, taken, *wanted, len(columns.ids))
        records.append(recorded(kind, both_sides, wanted, weights, choices))
    return Pass(name, tuple(records))


def _taken(output: Any, sequence: int, steps: Sequence[Any], tokenizer: Any) -> _Taken:
    ids = output["sequences"][sequence].tolist()
    given = steps[0][0].shape[-2]  # what the first step read: the prompt, or the decoder's beginning
    beams = output.get("beam_indices")
    rows = [sequence] * len(steps) if beams is None else [row for row in beams[sequence].tolist() if row >= 0]
    rows = rows[: len(ids) - given]
    ended = [place for place, number in enumerate(ids[given : given + len(rows)]) if number == tokenizer.eos_token_id]
    return _Taken(ids, given, rows[: ended[0] + 1] if ended else rows)


def _source(source: Any, sequence: int, count: int, tokenizer: Any) -> Read:
    ids = torch.as_tensor(source)
    if ids.ndim != 2 or count % len(ids):
        raise SeqwrightError(
            f"the source is of shape {list(ids.shape)}, for {count} sequences",
            fix="give the ids [batch, tokens] that were asked about",
        )
    return called(tokenizer, ids[sequence * len(ids) // count].tolist())


def _choices(output: Any, taken: _Taken, tokenizer: Any) -> tuple[Step, ...]:
    """What was chosen at each step; among what, where the output tells."""

    def names(ids: list[int]) -> tuple[str, ...]:
        return called(tokenizer, ids).tokens

    labels, first = taken.ids[taken.given :][: len(taken.rows)], taken.given - 1
    told = output.get("logits") or output.get("scores")
    if not told:
        return tuple(Step(first + place, name, None) for place, name in enumerate(names(labels)))
    return steps_of(torch.stack([told[place][row] for place, row in enumerate(taken.rows)]), labels, first, names)


def _joined(steps: Sequence[Any], taken: _Taken, layers: Sequence[int], heads: Sequence[int], keys: int) -> Array:
    """Each step's rows below one another: the first has those of all that was given, of every other the last is new."""
    found = np.zeros((len(layers), len(heads), len(taken.read), keys), dtype=np.float32)
    for place, layer in enumerate(layers):
        for step, row in enumerate(taken.rows):
            weights = steps[step][layer][row][list(heads)].float().cpu().numpy()[:, :, :keys]
            if step:
                at = taken.given + step - 1
                found[place, :, at, : weights.shape[2]] = weights[:, -1]
            else:
                found[place, :, : taken.given, : weights.shape[2]] = weights
    return found

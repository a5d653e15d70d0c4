"""Attention from the output of ``generate(…, output_attentions=True, return_dict_in_generate=True)``, joined over steps and beams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from seqwright.core.errors import SeqwrightError
from seqwright.huggingface.tokenise import TokenisedText, of_ids
from seqwright.viewer.assemble import TokenPair, record_of, steps_of
from seqwright.viewer.capture import LayerAttention
from seqwright.viewer.page import Pass
from seqwright.viewer.record import Array, Kind, Step
from seqwright.viewer.selection import Selection


@dataclass(frozen=True)
class _Sequence:
    """One sequence of an output: its ids, the length of its prompt, and its row of the batch at each step."""

    ids: list[int]
    prompt: int
    rows: list[int]

    @property
    def read(self) -> list[int]:
        """All ids but the last, which was never read."""
        return self.ids[: self.prompt + len(self.rows) - 1]


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
    """Return the attention of one generated sequence; the row of each step is that of the beam the sequence came from.

    Args:
        output: returned by ``generate`` with ``output_attentions=True`` and ``return_dict_in_generate=True``; with
            ``output_logits=True`` (or ``output_scores=True``) steps have candidates, too.
        tokenizer: of the model.
        source: the ids ``[b s]`` of an encoder-decoder model's sources; nothing for a decoder alone.
        sequence: the index in ``output.sequences``.
        layers, heads: their numbers, counted from 0; all if left out.
        name: the name of the pass.

    Raises:
        SeqwrightError: The output has no attentions, there is no such sequence, or ``source`` is not a table of ids.
    """
    both = hasattr(output, "keys") and "decoder_attentions" in output
    steps = output.get("decoder_attentions" if both else "attentions") if hasattr(output, "keys") else None
    if not steps or not steps[0]:
        options = "output_attentions=True, return_dict_in_generate=True, and a model with attn_implementation='eager'"
        raise SeqwrightError("generate() returned no attentions", fix=f"give {options}")
    count = len(output["sequences"])
    if not 0 <= sequence < count:
        raise SeqwrightError(f"there is no sequence {sequence}", fix=f"choose from 0 to {count - 1}")
    own = _sequence(output, sequence, steps, tokenizer)
    written = of_ids(tokenizer, own.read)
    attentions: dict[Kind, tuple[Sequence[Any], TokenisedText]] = {"decoder": (steps, written)}
    read = _source(source, sequence, count, tokenizer) if both and source is not None else None
    if read is not None and output.get("cross_attentions"):
        attentions["cross"] = (output["cross_attentions"], read)
    tokens, choices = TokenPair(read, written), _choices(output, own, tokenizer)
    stacks: dict[Kind, dict[int, Any]] = {
        kind: dict.fromkeys(range(len(at[0])), at[0][0].shape[1]) for kind, (at, _) in attentions.items()
    }
    records = []
    for kind, chosen in Selection.of(layers, heads).among(stacks).items():
        stepped, keys = attentions[kind]
        weights = [LayerAttention(_joined(stepped, own, layer, chosen.heads, len(keys.ids))) for layer in chosen.layers]
        records.append(record_of(kind, tokens, chosen, weights, choices))
    return Pass(name, tuple(records))


def _sequence(output: Any, sequence: int, steps: Sequence[Any], tokenizer: Any) -> _Sequence:
    ids = output["sequences"][sequence].tolist()
    prompt = steps[0][0].shape[-2]  # the first step reads the prompt, or the decoder's start
    beams = output.get("beam_indices")
    rows = [sequence] * len(steps) if beams is None else [row for row in beams[sequence].tolist() if row >= 0]
    rows = rows[: len(ids) - prompt]
    ends = [at for at, number in enumerate(ids[prompt : prompt + len(rows)]) if number == tokenizer.eos_token_id]
    return _Sequence(ids, prompt, rows[: ends[0] + 1] if ends else rows)


def _source(source: Any, sequence: int, count: int, tokenizer: Any) -> TokenisedText:
    ids = torch.as_tensor(source)
    if ids.ndim != 2 or count % len(ids):
        problem = f"the source is of shape {list(ids.shape)}, for {count} sequences"
        raise SeqwrightError(problem, fix="give the sources' ids [batch, tokens]")
    return of_ids(tokenizer, ids[sequence * len(ids) // count].tolist())


def _choices(output: Any, own: _Sequence, tokenizer: Any) -> tuple[Step, ...]:
    """Return the generated tokens, with their candidates where the output has logits."""
    labels, first = own.ids[own.prompt :][: len(own.rows)], own.prompt - 1
    logits = output.get("logits") or output.get("scores")
    if not logits:
        return tuple(Step(first + at, token, None) for at, token in enumerate(of_ids(tokenizer, labels).tokens))
    chosen = torch.stack([logits[at][row] for at, row in enumerate(own.rows)])
    return steps_of(chosen, labels, first, lambda ids: of_ids(tokenizer, ids).tokens)


def _joined(steps: Sequence[Any], own: _Sequence, layer: int, heads: Sequence[int], keys: int) -> Array:
    """Join the weights of all steps ``[h q k]``: the first step has the prompt's queries, each further one adds its last query."""
    joined = np.zeros((len(heads), len(own.read), keys), dtype=np.float32)
    for step, row in enumerate(own.rows):
        weights = steps[step][layer][row][list(heads)].float().cpu().numpy()[:, :, :keys]
        if step:
            joined[:, own.prompt + step - 1, : weights.shape[2]] = weights[:, -1]
        else:
            joined[:, : own.prompt, : weights.shape[2]] = weights
    return joined

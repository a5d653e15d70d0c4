"""Decoding of a stream of sources, in order and in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch

from seqwright.core.model import Model
from seqwright.data.batch import Coder, Pair
from seqwright.decoding.decoding import Decoding
from seqwright.decoding.request import GenerationRequest, Hypothesis, draw_seeds


def answer_stream(
    model: Model,
    coder: Coder,
    sources: Iterable[tuple[str, ...] | None],
    decoding: Decoding,
    *,
    limit: Callable[[int], int] | int,
    tokens_per_batch: int = 4096,
    window: int = 4096,
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
    forbidden: Sequence[int] = (),
    context: int | None = None,
) -> Iterator[list[Hypothesis]]:
    """Yield each source's answers, best first, in the order of the sources.

    A window of sources is read, sorted by length, cut into batches and answered before the next is read, so a million
    lines need no more memory than a window of them. Answers do not depend on the batches, but for rounding: each row has
    its own limit, and draws from its own seed, the generator's next number in the order of the sources.

    Args:
        model: in eval mode, on ``device``.
        coder: the encoding of sources and answers.
        sources: symbols; where the model has no source, prefixes. After ``None``, which means that the next source is not
            available yet, all sources before it are answered first.
        decoding: the choice of answers.
        limit: the greatest number of tokens of an answer, or a function from a source's length to it.
        tokens_per_batch: the number of source tokens of a batch, padding counted; a longer source is a batch of its own.
        window: the number of sources that are read at a time.
        generator: on the CPU; random numbers for sampling.
        device: the model's.
        forbidden: ids that are never generated.
        context: see :class:`GenerationRequest`; batches then hold sources of equal length, as padding would count as context.
    """
    for group in _windows(sources, window):
        pairs = [Pair(source, ()) for source in group]
        lengths = [len(pair.source) for pair in pairs]
        limits = [limit if isinstance(limit, int) else limit(length) for length in lengths]
        seeds = draw_seeds(len(pairs), generator)
        answers: list[list[Hypothesis]] = [[]] * len(pairs)
        for rows in _batches(lengths, tokens_per_batch, equal=context is not None):
            prompts = coder.prompts([pairs[row] for row in rows], max(limits[row] for row in rows))
            request = GenerationRequest.of(prompts, [limits[row] for row in rows], seeds[rows], forbidden, context)
            for row, found in zip(rows, decoding.decode(model, request.to(device)), strict=True):
                answers[row] = found
        yield from answers


def _windows(sources: Iterable[tuple[str, ...] | None], most: int) -> Iterator[list[tuple[str, ...]]]:
    """Group the sources by ``most``, and by less where the next one is not available yet."""
    window: list[tuple[str, ...]] = []
    for source in sources:
        if source is not None:
            window.append(source)
        if window and (source is None or len(window) == most):
            yield window
            window = []
    if window:
        yield window


def _batches(lengths: list[int], tokens: int, *, equal: bool) -> Iterator[list[int]]:
    """Sort rows by length, longest first, and cut where the next would make a batch too large."""
    rows: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        longest = lengths[rows[0]] if rows else 0
        if rows and ((len(rows) + 1) * (longest + 1) > tokens or (equal and lengths[row] != longest)):
            yield rows
            rows = []
        rows.append(row)
    if rows:
        yield rows

"""Any number of sources, answered in the order in which they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch

from seqwright.core.model import Model
from seqwright.data.batch import Coder, Pair
from seqwright.decoding.decoding import DecodingSpec
from seqwright.decoding.request import GenerationRequest, Hypothesis, draw_seeds


def answer_stream(
    model: Model,
    coder: Coder,
    sources: Iterable[tuple[str, ...] | None],
    decoder: DecodingSpec,
    *,
    limit: Callable[[int], int] | int,
    tokens_per_batch: int = 4096,
    window: int = 4096,
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
    forbidden: Sequence[int] = (),
    context: int | None = None,
) -> Iterator[list[Hypothesis]]:
    """Each source's answers, best first, in the order of the sources.

    A window of sources is read, sorted by length, cut into batches and answered before the next is read, so a million
    lines need no more memory than a window of them. Answers do not depend on the batches, but for rounding: a row keeps
    to its own limit, and draws from a seed of its own, the generator's next number as the sources come.

    Args:
        model: in eval mode, on ``device``.
        coder: how the sources are written.
        sources: symbols; where the model only continues, prompts. ``None`` says that the next has yet to come: those before
            it are answered first.
        decoder: how answers are chosen.
        limit: how many tokens an answer may have, or a function from a source's length to that.
        tokens_per_batch: how many source tokens, padding counted, are answered at once; a source that is longer is
            answered alone.
        window: how many sources are read at a time.
        generator: on the CPU; what sampling draws from.
        device: where the model is.
        forbidden: symbols that are never said.
        context: see :class:`GenerationRequest`; batches then hold sources of equal length, as padding would count as context.
    """
    for asked in _windows(sources, window):
        pairs = [Pair(source, ()) for source in asked]
        lengths = [len(pair.source) for pair in pairs]
        limits = [limit if isinstance(limit, int) else limit(length) for length in lengths]
        seeds = draw_seeds(len(pairs), generator)
        answers: list[list[Hypothesis]] = [[]] * len(pairs)
        for rows in _batches(lengths, tokens_per_batch, equal=context is not None):
            question = coder.question([pairs[row] for row in rows], max(limits[row] for row in rows))
            request = GenerationRequest.of(question, [limits[row] for row in rows], seeds[rows], forbidden, context)
            for row, found in zip(rows, decoder.decode(model, request.to(device)), strict=True):
                answers[row] = found
        yield from answers


def _windows(sources: Iterable[tuple[str, ...] | None], most: int) -> Iterator[list[tuple[str, ...]]]:
    """At most so many sources at a time, fewer where the next has yet to come."""
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
    """Rows by length, longest first, cut where the next would make a batch too large."""
    rows: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        longest = lengths[rows[0]] if rows else 0
        if rows and ((len(rows) + 1) * (longest + 1) > tokens or (equal and lengths[row] != longest)):
            yield rows
            rows = []
        rows.append(row)
    if rows:
        yield rows

"""Beam search: several prefixes of each answer are extended in parallel, and the best complete ones kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from seqwright.core.errors import SeqwrightError
from seqwright.core.model import Model
from seqwright.core.spec import Count, Spec
from seqwright.decoding.decoding import Decoding
from seqwright.decoding.generate import COMPACT_AT, SYNCHRONISE_EVERY
from seqwright.decoding.incremental import IncrementalDecoder
from seqwright.decoding.request import GenerationRequest, Hypothesis


class Beam(Spec, Decoding):
    """Beam search: the ``width`` likeliest prefixes of each length, and the ``answers`` best of their complete continuations.

    An answer's score is ``ln p / ((5 + length) / 6)^length_penalty`` (Wu et al. 2016, eq. 14, without coverage), END counted
    in both. At each length

    * a prefix is complete where END is among the ``width`` likeliest tokens after it; complete answers do not count towards
      the beam's width;
    * of all other continuations the ``width`` likeliest are extended.

    So width 1 without penalty is greedy decoding, and a width of all prefixes is exhaustive search. A row ends when it has
    its ``answers`` and no prefix can still get a higher score than the worst of them, even if all its further tokens were
    certain and its answer as long as the limit allows: stopping misses no answer. At the limit, the best prefixes follow
    the complete answers where these are too few; they are not ``stopped``.

    Common implementations differ in that stopping rule; they stop at the ``width``-th complete answer.
    """

    width: Count = 5
    length_penalty: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    answers: Count = 1

    def decode(self, model: Model, request: GenerationRequest) -> list[list[Hypothesis]]:
        spec = self.checked()
        if spec.answers > spec.width:
            raise SeqwrightError(
                f"a beam of width {spec.width} does not find {spec.answers} answers",
                fix="give it a width of at least that many",
            )
        return _Search(spec, model, request.of_symbols()).run()

    def divisor(self, length: Tensor) -> Tensor:
        """Return the divisor of ln p for an answer of this length."""
        return ((5 + length.double()) / 6) ** self.length_penalty


@dataclass(frozen=True)
class RankedAnswers:
    """The best ``n`` answers of each row, best first; a score of −∞ marks an empty entry.

    Attributes:
        score, log_probability: ``[r n]``.
        ids: ``[r n t]``.
        length: ``[r n]``, END counted.
        stopped: ``[r n]``.
    """

    score: Float[Tensor, "r n"]
    log_probability: Float[Tensor, "r n"]
    ids: Shaped[Tensor, "r n t"]
    length: Int[Tensor, "r n"]
    stopped: Shaped[Tensor, "r n"]

    @classmethod
    def none(cls, rows: int, count: int, length: int, device: torch.device) -> RankedAnswers:
        """Return ``count`` empty entries for each row."""
        worst = torch.full((rows, count), -torch.inf, dtype=torch.double, device=device)
        zeros = torch.zeros(rows, count, dtype=torch.long, device=device)
        return cls(worst, worst, zeros.new_zeros(rows, count, length), zeros, zeros.bool())

    def best(self, other: RankedAnswers) -> RankedAnswers:
        """Return the best of both, as many as there are entries here."""
        columns = [torch.cat([own, added], 1) for own, added in zip(self.columns, other.columns, strict=True)]
        _, best = columns[0].topk(self.score.shape[1], 1)
        return RankedAnswers(
            *(
                column.gather(1, best if column.dim() == 2 else best[..., None].expand(-1, -1, column.shape[-1]))
                for column in columns
            )
        )

    @property
    def columns(self) -> tuple[Tensor, ...]:
        return self.score, self.log_probability, self.ids, self.length, self.stopped

    def select(self, rows: Tensor) -> RankedAnswers:
        """Return the given rows, in that order."""
        return RankedAnswers(*(column[rows] for column in self.columns))

    def hypotheses(self) -> list[list[Hypothesis]]:
        """Return each row's answers, without empty entries."""
        return [
            [
                Hypothesis(tuple(ids[: length - stopped]), log_probability, score, stopped)
                for score, log_probability, ids, length, stopped in zip(*row, strict=True)
                if score > -torch.inf
            ]
            for row in zip(*(column.tolist() for column in self.columns), strict=True)
        ]


class _Search:
    """The state of a search over all rows at once: ``r`` rows of ``w`` prefixes each, one prefix at first."""

    def __init__(self, beam: Beam, model: Model, request: GenerationRequest) -> None:
        self.beam, self.end, self.limits = beam, request.end, request.limits
        self.decoder = IncrementalDecoder(model, request)
        self.last_steps = set(self.limits.tolist())
        self.longest = max(self.last_steps, default=0)
        size, self.device = len(self.limits), self.limits.device
        self.rows = torch.arange(size, device=self.device)
        self.total = torch.zeros(size, 1, dtype=torch.double, device=self.device)  # [r w]
        self.complete = self.incomplete = RankedAnswers.none(size, beam.answers, self.longest, self.device)
        self.found: list[list[Hypothesis]] = [[] for _ in range(size)]

    @torch.inference_mode()
    def run(self) -> list[list[Hypothesis]]:
        """Search, and return each row's answers, best first."""
        for step in range(1, self.longest + 1):
            log_p = self.decoder.logits().log_softmax(-1).unflatten(0, self.total.shape)  # [r w v]
            if self.end is not None:
                self._complete(log_p, self.end, step)
            parent, token = self._extend(log_p)
            if step in self.last_steps:
                at_limit = self.total.masked_fill((self.limits != step)[:, None], -torch.inf)
                self.incomplete = self.incomplete.best(self._answers(at_limit, parent, token, step, stopped=False))
            ended = (self.limits <= step) | (
                self.total.amax(1) / self.beam.divisor(self.limits) <= self.complete.score[:, -1]
            )
            self.total = self.total.masked_fill(ended[:, None], -torch.inf)
            counts = self.device.type == "cpu" or step % SYNCHRONISE_EVERY == 0 or step == self.longest
            left = int((~ended).sum()) if counts else len(ended)
            if left <= COMPACT_AT * len(ended):
                self._drop(ended)
                parent, token = parent[~ended], token[~ended]
            if left == 0:
                break
            self.decoder.select(parent.flatten())
            self.decoder.write(token.flatten())
        return self.found

    def _complete(self, log_p: Tensor, end: int, step: int) -> None:
        """Keep the prefixes that END completes here, and set its probability to 0 for the other continuations."""
        likelier = (log_p > log_p[..., end, None]).sum(-1)
        stops = (self.total + log_p[..., end]).masked_fill(likelier >= self.beam.width, -torch.inf)
        here = torch.arange(stops.numel(), device=self.device).view(stops.shape)
        self.complete = self.complete.best(self._answers(stops, here, torch.full_like(here, end), step, stopped=True))
        log_p[..., end] = -torch.inf

    def _extend(self, log_p: Tensor) -> tuple[Tensor, Tensor]:
        """Find the likeliest prefixes that are one token longer: ``[r w]`` indices of their parents, and their tokens."""
        r, w, v = log_p.shape
        candidates = (self.total[..., None] + log_p).flatten(1)  # [r w·v]
        self.total, chosen = candidates.topk(min(self.beam.width, w * v), 1)
        first = torch.arange(r, device=self.device)[:, None] * w
        return first + chosen // v, chosen % v

    def _answers(
        self, log_probability: Tensor, prefix: Tensor, last: Tensor, length: int, *, stopped: bool
    ) -> RankedAnswers:
        """Return prefixes with a last token as answers; all tensors are ``[r w]``."""
        given = self.decoder.given
        ids = self.decoder.ids[:, given : given + self.longest][prefix]  # [r w t]
        ids[..., length - 1] = last
        lengths = torch.full_like(prefix, length)
        score = log_probability / self.beam.divisor(lengths)
        return RankedAnswers(score, log_probability, ids, lengths, torch.full_like(prefix, stopped, dtype=torch.bool))

    def _drop(self, ended: Tensor) -> None:
        """Keep the answers of the rows that have ended, and continue without these rows."""
        complete, incomplete = self.complete.select(ended).hypotheses(), self.incomplete.select(ended).hypotheses()
        for row, best, more in zip(self.rows[ended].tolist(), complete, incomplete, strict=True):
            self.found[row] = (best + more)[: self.beam.answers]
        self.rows, self.limits, self.total = self.rows[~ended], self.limits[~ended], self.total[~ended]
        self.complete, self.incomplete = self.complete.select(~ended), self.incomplete.select(~ended)

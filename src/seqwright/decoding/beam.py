"""Beam search: several prefixes of each answer are carried on side by side, the best ended ones kept."""

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
from seqwright.decoding.generate import CROWDED, PATIENCE
from seqwright.decoding.incremental import IncrementalDecoder
from seqwright.decoding.request import GenerationRequest, Hypothesis


class Beam(Spec):
    """The ``width`` likeliest prefixes of each length, and the ``answers`` best that ended among their continuations.

    An answer's score is ``ln p / ((5 + length) / 6)^length_penalty`` (Wu et al. 2016, eq. 14, without coverage), END counted
    in both. At each length

    * a prefix has ended where END is among the ``width`` likeliest tokens after it; ended answers take no place in
      the beam;
    * of all other continuations the ``width`` likeliest go on.

    So width 1 without penalty is greedy decoding, and a width of all prefixes is exhaustive search. A row is over when it has
    its ``answers`` and no prefix can still beat the least of them, even were all its further tokens certain and its answer as
    long as the limit allows: no answer is missed by stopping. At the limit, the best prefixes follow behind the ended
    answers where these are too few; they are not ``stopped``.

    We differ from common implementations in that rule to stop; they stop at the ``width``-th ended answer.
    """

    width: Count = 5
    length_penalty: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    answers: Count = 1

    def decode(self, model: Model, request: GenerationRequest) -> list[list[Hypothesis]]:
        """Each row's answers, best first."""
        spec = self.checked()
        if spec.answers > spec.width:
            raise SeqwrightError(
                f"a beam of width {spec.width} does not find {spec.answers} answers",
                fix="give it a width of at least that many",
            )
        return _Search(spec, model, request.of_symbols()).run()

    def divisor(self, length: Tensor) -> Tensor:
        """What ln p is divided by."""
        return ((5 + length.double()) / 6) ** self.length_penalty


@dataclass(frozen=True)
class Ended:
    """Answers of each row, best first; a score of −∞ marks an empty place.

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
    def none(cls, rows: int, places: int, width: int, device: torch.device) -> Ended:
        """Empty places."""
        worst = torch.full((rows, places), -torch.inf, dtype=torch.double, device=device)
        zeros = torch.zeros(rows, places, dtype=torch.long, device=device)
        return cls(worst, worst, zeros.new_zeros(rows, places, width), zeros, zeros.bool())

    def best(self, other: Ended) -> Ended:
        """The best of both, as many as there are places here."""
        columns = [torch.cat([mine, theirs], 1) for mine, theirs in zip(self.columns, other.columns, strict=True)]
        _, places = columns[0].topk(self.score.shape[1], 1)
        return Ended(
            *(
                column.gather(1, places if column.dim() == 2 else places[..., None].expand(-1, -1, column.shape[-1]))
                for column in columns
            )
        )

    @property
    def columns(self) -> tuple[Tensor, ...]:
        return self.score, self.log_probability, self.ids, self.length, self.stopped

    def select(self, rows: Tensor) -> Ended:
        """The given rows, in that order."""
        return Ended(*(column[rows] for column in self.columns))

    def hypotheses(self) -> list[list[Hypothesis]]:
        """Each row's answers."""
        return [
            [
                Hypothesis(tuple(ids[: length - stopped]), log_probability, score, stopped)
                for score, log_probability, ids, length, stopped in zip(*row, strict=True)
                if score > -torch.inf
            ]
            for row in zip(*(column.tolist() for column in self.columns), strict=True)
        ]


class _Search:
    """A search under way, all rows at once: ``r`` rows of ``w`` prefixes each, one prefix at first."""

    def __init__(self, beam: Beam, model: Model, request: GenerationRequest) -> None:
        self.beam, self.end, self.limits = beam, request.end, request.limits
        self.prefixes = IncrementalDecoder(model, request)
        self.last_steps = set(self.limits.tolist())
        self.longest = max(self.last_steps, default=0)
        size, self.device = len(self.limits), self.limits.device
        self.rows = torch.arange(size, device=self.device)
        self.total = torch.zeros(size, 1, dtype=torch.double, device=self.device)  # [r w]
        self.ended = self.unended = Ended.none(size, beam.answers, self.longest, self.device)
        self.found: list[list[Hypothesis]] = [[] for _ in range(size)]

    @torch.inference_mode()
    def run(self) -> list[list[Hypothesis]]:
        """Each row's answers, best first."""
        for step in range(1, self.longest + 1):
            said = self.prefixes.logits().log_softmax(-1).unflatten(0, self.total.shape)  # [r w v]
            if self.end is not None:
                self._end(said, self.end, step)
            parent, token = self._continue(said)
            if step in self.last_steps:
                at_limit = self.total.masked_fill((self.limits != step)[:, None], -torch.inf)
                self.unended = self.unended.best(self._answers(at_limit, parent, token, step, stopped=False))
            over = (self.limits <= step) | (
                self.total.amax(1) / self.beam.divisor(self.limits) <= self.ended.score[:, -1]
            )
            self.total = self.total.masked_fill(over[:, None], -torch.inf)
            asks = self.device.type == "cpu" or step % PATIENCE == 0 or step == self.longest
            left = int((~over).sum()) if asks else len(over)
            if left <= CROWDED * len(over):
                self._leave(over)
                parent, token = parent[~over], token[~over]
            if left == 0:
                break
            self.prefixes.select(parent.flatten())
            self.prefixes.write(token.flatten())
        return self.found

    def _end(self, said: Tensor, end: int, step: int) -> None:
        """Keep the prefixes that end here; from here on END has no probability."""
        likelier = (said > said[..., end, None]).sum(-1)
        stops = (self.total + said[..., end]).masked_fill(likelier >= self.beam.width, -torch.inf)
        here = torch.arange(stops.numel(), device=self.device).view(stops.shape)
        self.ended = self.ended.best(self._answers(stops, here, torch.full_like(here, end), step, stopped=True))
        said[..., end] = -torch.inf

    def _continue(self, said: Tensor) -> tuple[Tensor, Tensor]:
        """The likeliest prefixes that are one token longer: ``[r w]``, whose prefix each continues, and by what token."""
        r, w, v = said.shape
        candidates = (self.total[..., None] + said).flatten(1)  # [r w·v]
        self.total, chosen = candidates.topk(min(self.beam.width, w * v), 1)
        first = torch.arange(r, device=self.device)[:, None] * w
        return first + chosen // v, chosen % v

    def _answers(self, log_probability: Tensor, prefix: Tensor, last: Tensor, length: int, *, stopped: bool) -> Ended:
        """Prefixes and a last token as answers; everything is ``[r w]``."""
        given = self.prefixes.given
        ids = self.prefixes.ids[:, given : given + self.longest][prefix]  # [r w t]
        ids[..., length - 1] = last
        lengths = torch.full_like(prefix, length)
        score = log_probability / self.beam.divisor(lengths)
        return Ended(score, log_probability, ids, lengths, torch.full_like(prefix, stopped, dtype=torch.bool))

    def _leave(self, over: Tensor) -> None:
        """Note the answers of rows that are over, and go on without them."""
        ended, unended = self.ended.select(over).hypotheses(), self.unended.select(over).hypotheses()
        for row, best, more in zip(self.rows[over].tolist(), ended, unended, strict=True):
            self.found[row] = (best + more)[: self.beam.answers]
        self.rows, self.limits, self.total = self.rows[~over], self.limits[~over], self.total[~over]
        self.ended, self.unended = self.ended.select(~over), self.unended.select(~over)

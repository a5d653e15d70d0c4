"""Recurrences: the gated recurrent unit, and the state of a recurrence as a value, which no module holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


@dataclass(frozen=True)
class RecurrentState:
    """The hidden vectors before the first token and after each token read so far, so that a recurrence can be rewound.

    Attributes:
        h: ``[b 1+t d]``, padding included.
        source: what a decoder keeps of its source, a tensor ``[b ...]`` each, and reads at every step.

    >>> state = RecurrentState.zeros(torch.ones(1, 2, 1)).read(lambda x, h: x + h, torch.ones(1, 3, 1), torch.tensor([[0, 1, 1]]) > 0)
    >>> state.h.flatten().tolist(), state.length
    ([0.0, 0.0, 1.0, 2.0], 3)
    >>> state.rewind(torch.tensor([2])).last.tolist()
    [[1.0]]
    """

    h: Float[Tensor, "b n d"]
    source: tuple[Tensor, ...] = ()

    @classmethod
    def zeros(cls, x: Float[Tensor, "b t d"]) -> RecurrentState:
        """Return a state of zeros before the first token, as many and as wide as the tokens' own."""
        return cls(torch.zeros_like(x[:, :1]))

    @property
    def length(self) -> int:
        """The number of tokens read in each row, padding included."""
        return self.h.shape[1] - 1

    @property
    def last(self) -> Float[Tensor, "b d"]:
        """The vectors after the last token."""
        return self.h[:, -1]

    def read(
        self,
        step: Callable[[Tensor, Tensor], Tensor],
        x: Float[Tensor, "b t i"],
        real: Bool[Tensor, "b t"],
    ) -> RecurrentState:
        """Run a recurrence over more tokens: ``step(x [b i], h [b d]) -> h [b d]`` at each, which padding passes by."""
        found = [self.last]
        for index in range(x.shape[1]):
            found.append(torch.where(real[:, index, None], step(x[:, index], found[-1]), found[-1]))
        return replace(self, h=torch.cat([self.h, torch.stack(found, 1)[:, 1:]], 1))

    def after(self, tokens: int) -> Float[Tensor, "b t d"]:
        """Return the vectors after each of the last so many tokens."""
        return self.h[:, self.h.shape[1] - tokens :]

    def select(self, rows: Int[Tensor, "r"]) -> RecurrentState:
        """Return the given rows, in that order."""
        source = tuple(kept.index_select(0, rows) for kept in self.source)
        return replace(self, h=self.h.index_select(0, rows), source=source)

    def rewind(self, lengths: Int[Tensor, "b"]) -> RecurrentState:
        """Return the state after the first ``lengths`` tokens of each row; a shorter row keeps its own last vector."""
        steps = torch.arange(int(lengths.max()) + 1, device=self.h.device)
        kept = torch.minimum(steps, lengths[:, None])  # [b 1+t]
        return replace(self, h=self.h.gather(1, kept[..., None].expand(-1, -1, self.h.shape[-1])))


class GRUCell(nn.Module):
    """A gated recurrent unit (Cho et al. 2014), with the parameters of ``torch.nn.GRUCell`` and its result.

    PyTorch's own has no rule for ``vmap``, by which a study trains many models at once.

    Args:
        inputs, width: the number of features of a token and of the hidden vector.
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.weight_ih, self.weight_hh = (
            nn.Parameter(torch.empty(3 * width, inputs)),
            nn.Parameter(torch.empty(3 * width, width)),
        )
        self.bias_ih, self.bias_hh = nn.Parameter(torch.empty(3 * width)), nn.Parameter(torch.empty(3 * width))

    def reset(self, generator: torch.Generator) -> None:
        """Draw the parameters anew, all from U(±1/√width)."""
        bound = self.weight_hh.shape[1] ** -0.5
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound, generator=generator)

    def forward(self, x: Float[Tensor, "b i"], h: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """Return the hidden vectors one token on."""
        own = F.linear(x, self.weight_ih, self.bias_ih).chunk(3, -1)
        past = F.linear(h, self.weight_hh, self.bias_hh).chunk(3, -1)
        reset, update = (own[0] + past[0]).sigmoid(), (own[1] + past[1]).sigmoid()
        new = (own[2] + reset * past[2]).tanh()
        return new + update * (h - new)

"""Position encodings: the order of tokens, as embeddings, rotations or biases carry it into attention.

A kind of position acts in one of three ways. ``embed`` adds to the tokens' vectors, once, at the foot of a stack;
``rotation`` turns queries and keys in every attention of it; ``bias`` adds to their scores. Each may first ``remap`` the
tokens' positions. Cross-attention has a position encoding of its own, absent by default: positions in the source and in
the target need not have anything in common.
"""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqwright.core.errors import SeqwrightError
from seqwright.core.place import Place
from seqwright.core.spec import Count, Spec
from seqwright.nn.kernels.vmap import shared


class PositionEncoding(nn.Module):
    """The module of no position, and the base class of every kind, which overrides the method that it acts by."""

    def remap(self, at: Int[Tensor, "b t"]) -> Int[Tensor, "b t"]:
        """Map the tokens' positions to those that are encoded; their order is kept."""
        return at

    def embed(self, x: Float[Tensor, "b t d"], at: Int[Tensor, "b t"]) -> Float[Tensor, "b t d"]:
        """Add the encoding of the positions to the tokens' vectors."""
        return x

    def rotation(
        self, at: Int[Tensor, "b t"], width: int, dtype: torch.dtype
    ) -> tuple[Float[Tensor, "b 1 t c"], Float[Tensor, "b 1 t c"]] | None:
        """Return cosine and signed sine of the angle of each of ``width`` features; ``None`` for no rotation.

        The sine has the sign with which the other feature of a pair enters.
        """
        return None

    def bias(
        self, query_at: Int[Tensor, "b q"], key_at: Int[Tensor, "b k"], heads: int
    ) -> Float[Tensor, "b h q k"] | None:
        """Return the bias of the score of each query and key; ``None`` for none."""
        return None


class Position(Place):
    """A kind of position encoding for the tokens of a stack."""

    __slots__ = ()

    @property
    def max_length(self) -> int | None:
        """The longest sequence that it can encode; ``None`` where any length can be."""
        return None

    @abstractmethod
    def build(self, width: int, heads: frozenset[int]) -> PositionEncoding:
        """Build the module.

        Args:
            width: of the tokens' vectors.
            heads: the numbers of heads that the stack's layers have; none for layers without attention.

        Raises:
            SeqwrightError: the kind does not fit the width or the heads.
        """


class CrossPosition(Place):
    """A kind of position encoding that depends on pairs of positions, and so applies between two sequences too."""

    __slots__ = ()

    @abstractmethod
    def build(self, width: int, heads: frozenset[int]) -> PositionEncoding:
        """Build the module; see :meth:`Position.build`."""


class Sinusoidal(PositionEncoding):
    """See :class:`SinusoidalPosition`."""

    def __init__(self, base: float) -> None:
        super().__init__()
        self.base = base

    def embed(self, x: Tensor, at: Tensor) -> Tensor:
        return x + sinusoids(at, x.shape[-1], self.base, x.dtype)


def sinusoids(at: Int[Tensor, "b t"], width: int, base: float, dtype: torch.dtype) -> Float[Tensor, "b t d"]:
    """Alternate sine and cosine, of frequencies from 1 down to nearly 1/base."""
    even = torch.arange(0, width, 2, device=at.device, dtype=torch.float64)
    angle = at.clamp_min(0)[..., None] * base ** (-even / width)
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(-2)[..., :width].to(dtype)


class Learned(PositionEncoding):
    """See :class:`LearnedPosition`."""

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(length, width))

    def reset(self, generator: torch.Generator) -> None:
        nn.init.normal_(self.table, std=0.02, generator=generator)

    def embed(self, x: Tensor, at: Tensor) -> Tensor:
        longest = length(at)
        if longest > self.table.shape[0]:
            raise SeqwrightError(
                f"a sequence of {longest} tokens is longer than the {self.table.shape[0]} learned positions",
                fix="give LearnedPosition a greater length, or use a kind of position that has none",
            )
        return x + self.table[at.clamp_min(0)]


def length(at: Int[Tensor, "b t"]) -> int:
    """Return the number of positions up to the last of the longest row."""
    return int(at.max()) + 1 if at.numel() else 0


class Rotary(PositionEncoding):
    """See :class:`RotaryPosition`."""

    def __init__(self, base: float) -> None:
        super().__init__()
        self.base = base

    def rotation(self, at: Tensor, width: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        even = torch.arange(0, width, 2, device=at.device, dtype=torch.float64)
        angle = at.clamp_min(0)[:, None, :, None] * self.base ** (-even / width)  # [b 1 t c/2]
        cos, sin = angle.cos(), angle.sin()
        cos, sin = torch.stack([cos, cos], -1), torch.stack([-sin, sin], -1)  # [b 1 t c/2 2]
        return cos.flatten(-2).to(dtype), sin.flatten(-2).to(dtype)


class ALiBi(PositionEncoding):
    """See :class:`ALiBiPosition`."""

    def bias(self, query_at: Tensor, key_at: Tensor, heads: int) -> Tensor:
        distance = (query_at[:, :, None] - key_at[:, None, :]).abs()[:, None]  # [b 1 q k]
        slopes = [2 ** (-8 * (head + 1) / heads) for head in range(heads)]
        slope = torch.tensor(slopes, device=distance.device, dtype=torch.get_default_dtype())
        return -slope[None, :, None, None] * distance


class T5Relative(PositionEncoding):
    """See :class:`T5RelativePosition`."""

    def __init__(self, heads: int, buckets: int, furthest: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(buckets, heads))
        self.buckets, self.furthest = buckets, furthest

    def reset(self, generator: torch.Generator) -> None:
        nn.init.normal_(self.table, std=0.02, generator=generator)

    def bias(self, query_at: Tensor, key_at: Tensor, heads: int) -> Tensor:
        ahead = key_at[:, None, :] - query_at[:, :, None]  # [b q k]
        half = self.buckets // 2
        exact = half // 2
        distance = ahead.abs()
        logarithmic = exact + (
            (distance.clamp_min(1) / exact).log() / math.log(self.furthest / exact) * (half - exact)
        ).long().clamp_max(half - exact - 1)
        bucket = torch.where(distance < exact, distance, logarithmic) + half * (ahead > 0)
        return self.table[bucket].movedim(-1, 1)  # [b q k h] to [b h q k]


class Randomised(PositionEncoding):
    """See :class:`RandomisedPosition`. While training, rows have to be read whole: pieces would be drawn separately."""

    def __init__(self, encoding: PositionEncoding, positions: int, longest: int) -> None:
        super().__init__()
        self.position = encoding
        self.positions, self.longest = positions, longest
        self.generator: torch.Generator | None = None  # torch's own, until :func:`draw_from` sets one

    def remap(self, at: Tensor) -> Tensor:
        tokens, most = length(at), self.positions if self.training else self.longest
        if tokens > most:
            raise SeqwrightError(
                f"a sequence of {tokens} tokens is longer than the {most} randomised positions",
                fix="give RandomisedPosition " + ("more positions" if self.training else "a greater length"),
            )
        if not self.training or not tokens:
            return torch.where(at < 0, at, at * (self.positions // self.longest))
        return torch.where(at < 0, at, shared(random_positions, at, tokens, self.positions, self.generator))

    def embed(self, x: Tensor, at: Tensor) -> Tensor:
        return self.position.embed(x, at)

    def rotation(self, at: Tensor, width: int, dtype: torch.dtype) -> tuple[Tensor, Tensor] | None:
        return self.position.rotation(at, width, dtype)

    def bias(self, query_at: Tensor, key_at: Tensor, heads: int) -> Tensor | None:
        return self.position.bias(query_at, key_at, heads)


def random_positions(
    at: Int[Tensor, "b t"], tokens: int, positions: int, generator: torch.Generator | None
) -> Int[Tensor, "b t"]:
    """Draw as many positions for every row as it has tokens, without replacement, and assign them in order.

    Of independent uniform numbers, one a position, the ``n`` greatest lie at ``n`` positions chosen at random. Padding
    receives an invalid index.
    """
    numbers = torch.rand(at.shape[0], positions, generator=generator, device=at.device, dtype=torch.float64)
    drawn = numbers.topk(tokens).indices  # [b n], the greatest first: a shorter row's are the first of them
    spare = torch.arange(tokens, device=at.device) > at.amax(1, keepdim=True)  # [b n]
    return drawn.masked_fill(spare, positions).sort(1).values.gather(1, at.clamp_min(0))


class NoPosition(Spec, Position, CrossPosition):
    """No position encoding: an encoder then reads a bag of tokens."""

    def build(self, width: int, heads: frozenset[int]) -> PositionEncoding:
        return PositionEncoding()


class SinusoidalPosition(Spec, Position):
    """Fixed sinusoids added to the embedding (Vaswani et al. 2017, §3.5).

    ``PE(p, 2i) = sin(p / base^(2i/d))`` and ``PE(p, 2i+1) = cos(p / base^(2i/d))``.
    """

    base: float = 10000.0

    def build(self, width: int, heads: frozenset[int]) -> PositionEncoding:
        return Sinusoidal(self.base)


class LearnedPosition(Spec, Position):
    """A trained vector for each of ``length`` positions, added to the embedding (Gehring et al. 2017)."""

    length: Count

    @property
    def max_length(self) -> int:
        return self.length

    def build(self, width: int, heads: frozenset[int]) -> PositionEncoding:
        return Learned(self.length, width)


class RotaryPosition(Spec, Position, CrossPosition):
    """Queries and keys rotated by an angle that grows with their position (Su et al. 2021, eq. 15).

    The score then depends on the distance alone. Neighbouring features form the pairs, as in the paper. An odd head
    width cannot be paired.
    """

    base: float = 10000.0

    def build(self, width: int, heads: frozenset[int]) -> PositionEncoding:
        for odd in (width // each for each in heads if (width // each) % 2):
            raise SeqwrightError(
                f"rotary positions rotate pairs of features, and a head of {odd} has an odd number",
                fix="choose width and heads so that width / heads is even",
            )
        return Rotary(self.base)


class ALiBiPosition(Spec, Position, CrossPosition):
    """A penalty on each score that grows with the distance, its slope fixed by the head (Press et al. 2022, §3)."""

    def build(self, width: int, heads: frozenset[int]) -> PositionEncoding:
        return ALiBi()


class T5RelativePosition(Spec, Position, CrossPosition):
    """A trained bias for each head and range of distances, shared by a stack's layers (Raffel et al. 2020, §2.1).

    Half of the ``buckets`` are for keys ahead, half for keys behind; small distances have a bucket each, larger ones share
    buckets that widen up to ``furthest``.
    """

    buckets: Count = 32
    furthest: Count = 128

    def build(self, width: int, heads: frozenset[int]) -> PositionEncoding:
        if len(heads) != 1:
            raise SeqwrightError(
                f"T5's position biases are one for each head, and the layers have {sorted(heads) or 'no'} heads",
                fix="give every layer the same number of heads, or choose another position",
            )
        return T5Relative(min(heads), self.buckets, self.furthest)


class RandomisedPosition(Spec, Position):
    """Positions drawn at random while training, in the tokens' order (Ruoss et al. 2023, §3).

    A row of n tokens gets n of the ``positions``, without replacement and sorted, anew at every step: short sequences
    then train the positions that long ones need. In eval mode position p becomes ``p ⌊positions / length⌋``, evenly
    spread and the same each time; sequences of up to ``length`` tokens then fit. The paper has one draw for all rows of a
    batch, and draws in eval mode too.
    """

    position: Position
    positions: Count = 512
    length: Count = 128

    @property
    def max_length(self) -> int:
        return self.length

    def build(self, width: int, heads: frozenset[int]) -> PositionEncoding:
        if self.length > self.positions:
            raise SeqwrightError(
                f"{self.length} tokens cannot have {self.positions} different positions",
                fix="give RandomisedPosition at least as many positions as its length",
            )
        if self.position.max_length not in (None, self.positions):
            raise SeqwrightError(
                f"{self.position.max_length} positions of {type(self.position).__name__} cannot serve"
                f" {self.positions} randomised ones",
                fix=f"give {type(self.position).__name__} the length {self.positions}",
            )
        return Randomised(self.position.build(width, heads), self.positions, self.length)

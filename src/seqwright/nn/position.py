"""Positions: how a model is told the order of its tokens.

A position can act in three places, and each kind uses one: ``embed`` adds to the token's vector, once, at the foot of
a stack; ``places`` says how queries and keys are turned in every attention of it; ``bias`` adds to their scores. All
three are told where the tokens ``stand``, which is where they are unless a kind says otherwise. Cross
attention has a kind of its own, absent unless it is asked for: places in the source and in the target need not have
anything in common.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Count, Spec
from seqwright.nn.kernels.vmap import shared


class Position(nn.Module):
    """No position at all, and the base of every kind: what a kind does not use, it leaves as it is here."""

    def stand(self, at: Int[Tensor, "b t"]) -> Int[Tensor, "b t"]:
        """Where the tokens of a stack are said to stand. Their order is kept, so what a mask allows is too."""
        return at

    def embed(self, x: Float[Tensor, "b t d"], at: Int[Tensor, "b t"]) -> Float[Tensor, "b t d"]:
        """The tokens' vectors with their places marked."""
        return x

    def places(self, at: Int[Tensor, "b t"], dtype: torch.dtype) -> AttentionPositions:
        """Where the queries or keys of an attention stand; the same for every layer of a stack."""
        return AttentionPositions(self, at)

    def bias(self, query_at: Int[Tensor, "b q"], key_at: Int[Tensor, "b k"]) -> Float[Tensor, "b h q k"] | None:
        """What is added to the score of each query and key; ``None`` for nothing."""
        return None


@dataclass(frozen=True)
class AttentionPositions:
    """Where tokens stand, and what a kind of position makes of that in attention.

    Attributes:
        position: the kind.
        at: ``[b t]``.
        cos, sin: ``[b 1 t c]``, of the angle that each feature of a query or key is turned by, if it is; the sine has the
            sign with which a pair's other feature comes in.
    """

    position: Position
    at: Int[Tensor, "b t"]
    cos: Float[Tensor, "b 1 t c"] | None = None
    sin: Float[Tensor, "b 1 t c"] | None = None

    def turn(self, heads: Float[Tensor, "b h t c"]) -> Float[Tensor, "b h t c"]:
        """Queries or keys, rotated by their places."""
        if self.cos is None or self.sin is None:
            return heads
        others = heads.unflatten(-1, (-1, 2)).flip(-1).flatten(-2)  # the two features of each pair change places
        return torch.addcmul(heads * self.cos.to(heads.dtype), others, self.sin.to(heads.dtype))

    def bias(self, key_at: Int[Tensor, "b k"]) -> Float[Tensor, "b h t k"] | None:
        """What is added to the scores of queries that stand here."""
        return self.position.bias(self.at, key_at)


class Sinusoidal(Position):
    """See :class:`SinusoidalPosition`."""

    def __init__(self, base: float) -> None:
        super().__init__()
        self.base = base

    def embed(self, x: Tensor, at: Tensor) -> Tensor:
        return x + waves(at, x.shape[-1], self.base, x.dtype)


def waves(at: Int[Tensor, "b t"], width: int, base: float, dtype: torch.dtype) -> Float[Tensor, "b t d"]:
    """sin and cos by turns, of frequencies from 1 down to nearly 1/base."""
    even = torch.arange(0, width, 2, device=at.device, dtype=torch.float64)
    angle = at.clamp_min(0)[..., None] * base ** (-even / width)
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(-2)[..., :width].to(dtype)


class Learned(Position):
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
    """How many places the longest row takes."""
    return int(at.max()) + 1 if at.numel() else 0


class Rotary(Position):
    """See :class:`RotaryPosition`."""

    def __init__(self, base: float, width: int) -> None:
        super().__init__()
        self.base, self.width = base, width

    def places(self, at: Tensor, dtype: torch.dtype) -> AttentionPositions:
        even = torch.arange(0, self.width, 2, device=at.device, dtype=torch.float64)
        angle = at.clamp_min(0)[:, None, :, None] * self.base ** (-even / self.width)  # [b 1 t c/2]
        cos, sin = angle.cos(), angle.sin()
        cos, sin = torch.stack([cos, cos], -1), torch.stack([-sin, sin], -1)  # [b 1 t c/2 2]
        return AttentionPositions(self, at, cos.flatten(-2).to(dtype), sin.flatten(-2).to(dtype))


class ALiBi(Position):
    """See :class:`ALiBiPosition`."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.slopes = [2 ** (-8 * (head + 1) / heads) for head in range(heads)]

    def bias(self, query_at: Tensor, key_at: Tensor) -> Tensor:
        distance = (query_at[:, :, None] - key_at[:, None, :]).abs()[:, None]  # [b 1 q k]
        slopes = torch.tensor(self.slopes, device=distance.device, dtype=torch.get_default_dtype())
        return -slopes[None, :, None, None] * distance


class T5Relative(Position):
    """See :class:`T5RelativePosition`."""

    def __init__(self, heads: int, buckets: int, furthest: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(buckets, heads))
        self.buckets, self.furthest = buckets, furthest

    def reset(self, generator: torch.Generator) -> None:
        nn.init.normal_(self.table, std=0.02, generator=generator)

    def bias(self, query_at: Tensor, key_at: Tensor) -> Tensor:
        ahead = key_at[:, None, :] - query_at[:, :, None]  # [b q k]
        half = self.buckets // 2
        exact = half // 2
        distance = ahead.abs()
        logarithmic = exact + (
            (distance.clamp_min(1) / exact).log() / math.log(self.furthest / exact) * (half - exact)
        ).long().clamp_max(half - exact - 1)
        bucket = torch.where(distance < exact, distance, logarithmic) + half * (ahead > 0)
        return self.table[bucket].movedim(-1, 1)


class Randomised(Position):
    """See :class:`RandomisedPosition`. While training, rows are to be read whole: their pieces would be drawn apart."""

    def __init__(self, position: Position, places: int, longest: int) -> None:
        super().__init__()
        self.position = position
        self.among, self.longest = places, longest
        self.generator: torch.Generator | None = None  # torch's own, until :func:`draw_from` names one

    def stand(self, at: Tensor) -> Tensor:
        taken, most = length(at), self.among if self.training else self.longest
        if taken > most:
            raise SeqwrightError(
                f"a sequence of {taken} tokens is longer than the {most} that randomised positions have room for",
                fix="give RandomisedPosition a greater " + ("number of places" if self.training else "longest"),
            )
        if not self.training or not taken:
            return torch.where(at < 0, at, at * (self.among // self.longest))
        return torch.where(at < 0, at, shared(drawn, at, taken, self.among, self.generator))

    def embed(self, x: Tensor, at: Tensor) -> Tensor:
        return self.position.embed(x, at)

    def places(self, at: Tensor, dtype: torch.dtype) -> AttentionPositions:
        return self.position.places(at, dtype)

    def bias(self, query_at: Tensor, key_at: Tensor) -> Tensor | None:
        return self.position.bias(query_at, key_at)


def drawn(at: Int[Tensor, "b t"], taken: int, among: int, generator: torch.Generator | None) -> Int[Tensor, "b t"]:
    """For every row as many places as it has tokens, drawn without replacement and given to the tokens in their order.

    Of numbers drawn one a place, the ``n`` greatest stand at ``n`` places chosen at random. What padding gets is no place.
    """
    lots = torch.rand(at.shape[0], among, generator=generator, device=at.device, dtype=torch.float64)
    chosen = lots.topk(taken).indices  # [b n], the greatest first: a shorter row's are the first of them
    spare = torch.arange(taken, device=at.device) > at.amax(1, keepdim=True)  # [b n]
    return chosen.masked_fill(spare, among).sort(1).values.gather(1, at.clamp_min(0))


class NoPosition(Spec):
    """The model is not told the order: an encoder then sees a bag of tokens."""

    def build(self, width: int, heads: int) -> Position:
        return Position()


class SinusoidalPosition(Spec):
    """Fixed waves added to the embedding (Vaswani et al. 2017, §3.5).

    ``PE(p, 2i) = sin(p / base^(2i/d))`` and ``PE(p, 2i+1) = cos(p / base^(2i/d))``.
    """

    base: float = 10000.0

    def build(self, width: int, heads: int) -> Position:
        return Sinusoidal(self.base)


class LearnedPosition(Spec):
    """A trained vector for each place, added to the embedding (Gehring et al. 2017); there are ``length`` places."""

    length: Count

    def build(self, width: int, heads: int) -> Position:
        return Learned(self.length, width)


class RotaryPosition(Spec):
    """Queries and keys turned by an angle that grows with their place (Su et al. 2021, eq. 15).

    The score then depends on the distance alone. Neighbouring features form the pairs, as in the paper. An odd head
    width cannot be paired.
    """

    base: float = 10000.0

    def build(self, width: int, heads: int) -> Position:
        if (width // heads) % 2:
            raise SeqwrightError(
                f"rotary positions turn pairs of features, and a head of {width // heads} has an odd number",
                fix="choose width and heads so that width / heads is even",
            )
        return Rotary(self.base, width // heads)


class ALiBiPosition(Spec):
    """A penalty on each score that grows with the distance, its slope fixed by the head (Press et al. 2022, §3)."""

    def build(self, width: int, heads: int) -> Position:
        return ALiBi(heads)


class T5RelativePosition(Spec):
    """A trained bias for each head and range of distances, shared by a stack's layers (Raffel et al. 2020, §2.1).

    Half of the ``buckets`` serve keys ahead, half keys behind; small distances have a bucket each, larger ones share
    buckets that widen up to ``furthest``.
    """

    buckets: Count = 32
    furthest: Count = 128

    def build(self, width: int, heads: int) -> Position:
        return T5Relative(heads, self.buckets, self.furthest)


class RandomisedPosition(Spec):
    """While training, tokens stand at a random choice of many places, in their order (Ruoss et al. 2023, §3).

    A row of n tokens gets n of the ``places``, without replacement and sorted, anew at every step: short sequences so train
    the places that long ones will need. When answering, place p stands at ``p ⌊places / longest⌋``, evenly spread
    and the same each time; sequences of up to ``longest`` tokens then fit. The paper has one draw for all rows of a batch, and
    draws when answering too.
    """

    position: SinusoidalPosition | LearnedPosition | RotaryPosition
    places: Count = 512
    longest: Count = 128

    def build(self, width: int, heads: int) -> Position:
        if self.longest > self.places:
            raise SeqwrightError(
                f"{self.longest} tokens cannot stand at {self.places} places",
                fix="give RandomisedPosition at least as many places as its longest",
            )
        if isinstance(self.position, LearnedPosition) and self.position.length != self.places:
            raise SeqwrightError(
                f"{self.position.length} learned positions cannot serve {self.places} randomised places",
                fix=f"give LearnedPosition the length {self.places}",
            )
        return Randomised(self.position.build(width, heads), self.places, self.longest)


PositionSpec = (
    NoPosition
    | SinusoidalPosition
    | LearnedPosition
    | RotaryPosition
    | ALiBiPosition
    | T5RelativePosition
    | RandomisedPosition
)


def room(position: PositionSpec) -> int | None:
    """How many tokens a sequence may have; ``None`` where any number.

    >>> room(LearnedPosition(length=8)), room(RotaryPosition())
    (8, None)
    """
    if isinstance(position, LearnedPosition):
        return position.length
    return position.longest if isinstance(position, RandomisedPosition) else None


CrossPositionSpec = NoPosition | RotaryPosition | ALiBiPosition | T5RelativePosition
"""The kinds that act on pairs of places, and so between two sides too."""

"""What a sequence model promises: what it reads, who may see whom, and which numbers are no words.

A contract is what the checks hold a model against. Nothing in it can be measured: the same dependencies are right for BERT and
wrong for a GPT.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch
from jaxtyping import Bool
from torch import Tensor

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Count, Spec

Kind = Literal["decoder", "encoder", "encoder-decoder"]
Side = Literal["right", "left", "both"]


class Prefix(Spec):
    """The first ``length`` tokens see one another; those after them see what stands before them, and themselves.

    >>> Prefix(2).allowed(3).int().tolist()
    [[1, 1, 0], [1, 1, 0], [1, 1, 1]]
    """

    length: Count

    def allowed(self, tokens: int) -> Bool[Tensor, "q k"]:
        """Which outputs (rows) may depend on which tokens (columns)."""
        at = torch.arange(tokens)
        return (at[None] <= at[:, None]) | ((at[None] < self.length) & (at[:, None] < self.length))


class Window(Spec):
    """In each attention a token sees itself and what stands before it, ``size`` tokens in all.

    Through ``layers`` such attentions an output depends on ``layers (size − 1)`` tokens before its own. Where ``layers`` is left
    out, nothing is said of the past.

    >>> Window(2, layers=1).allowed(3).int().tolist()
    [[1, 0, 0], [1, 1, 0], [0, 1, 1]]
    """

    size: Count
    layers: Count | None = None

    def allowed(self, tokens: int) -> Bool[Tensor, "q k"]:
        """Which outputs may depend on which tokens."""
        at = torch.arange(tokens)
        back = at[:, None] - at[None]
        return (back >= 0) & (back <= (self.size - 1) * self.layers if self.layers else back >= 0)


class Contract(Spec):
    """What a model promises.

    Attributes:
        kind: ``decoder`` (logits at a token are about the next one), ``encoder`` (about the token itself, or labels), or
            ``encoder-decoder``; there visibility and what follows from it is the decoder's.
        vocabulary: how many ids there are; ids are ``0 … vocabulary − 1``.
        visibility: at most what an output may depend on. Left out: ``causal`` for what decodes, else ``bidirectional``.
        pad, bos, eos: the ids that mean padding, a beginning and an end, where there are such.
        max_length: how many tokens a sequence may have; ``None`` where nothing is promised.
        padding_side: where padding may stand.

    >>> Contract(kind="decoder", vocabulary=50).allowed(2).int().tolist()
    [[1, 0], [1, 1]]
    """

    kind: Kind
    vocabulary: Count
    visibility: Literal["causal", "bidirectional"] | Prefix | Window | None = None
    pad: int | None = None
    bos: int | None = None
    eos: int | None = None
    max_length: Count | None = None
    padding_side: Side = "right"

    def __post_init__(self) -> None:
        """Hold every field against its kind and range: a promise with a slip of the pen would be held by anything.

        Raises:
            SeqwrightError: a field is none of what it may be, an id is none, or there are too few for any two sequences to differ.
        """
        _one_of("kind", self.kind, get_args(Kind))
        _one_of("padding_side", self.padding_side, get_args(Side))
        if not isinstance(self.visibility, (Prefix, Window)):
            _one_of("visibility", self.visibility, ("causal", "bidirectional", None))
        for name, least in (("vocabulary", 1), ("max_length", 1), ("pad", 0), ("bos", 0), ("eos", 0)):
            _whole(name, getattr(self, name), least, optional=name != "vocabulary")
        for name in ("pad", "bos", "eos"):
            given = getattr(self, name)
            if given is not None and not 0 <= given < self.vocabulary:
                raise SeqwrightError(
                    f"{name}={given} is no id of a vocabulary of {self.vocabulary}",
                    fix=f"ids are 0 to {self.vocabulary - 1}",
                )
        if len(self.words()) < 2:
            raise SeqwrightError(
                f"a vocabulary of {self.vocabulary} has fewer than two ids that are words",
                fix="a model that reads one word only has nothing to be examined on",
            )

    @property
    def decodes(self) -> bool:
        """Whether outputs are about the token that follows."""
        return self.kind != "encoder"

    @property
    def sees(self) -> Literal["causal", "bidirectional"] | Prefix | Window:
        """The visibility, said or not."""
        return self.visibility or ("causal" if self.decodes else "bidirectional")

    def words(self) -> list[int]:
        """The ids that stand for something: no padding, no beginning, no end."""
        return [each for each in range(self.vocabulary) if each not in (self.pad, self.bos, self.eos)]

    def allowed(self, tokens: int) -> Bool[Tensor, "q k"]:
        """Which outputs (rows) may depend on which tokens (columns) of the side that is decoded, or of the only one."""
        if self.sees == "bidirectional":
            return torch.ones(tokens, tokens, dtype=torch.bool)
        if self.sees == "causal":
            return torch.ones(tokens, tokens, dtype=torch.bool).tril()
        return self.sees.allowed(tokens)


def _one_of(name: str, given: Any, allowed: tuple[Any, ...]) -> None:
    if given not in allowed:
        told = ", ".join(map(repr, allowed)) + (", Prefix(…), Window(…)" if name == "visibility" else "")
        raise SeqwrightError(f"{name}={given!r} promises nothing that is known", fix=f"give one of {told}")


def _whole(name: str, given: Any, least: int, *, optional: bool) -> None:
    if given is None and optional:
        return
    if isinstance(given, bool) or not isinstance(given, int) or given < least:
        raise SeqwrightError(
            f"{name}={given!r} is no whole number from {least} on", fix=f"give a number from {least} on"
        )

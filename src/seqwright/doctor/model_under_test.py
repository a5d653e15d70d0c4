"""The model as checks see it: copies of it, as it is and with parameters drawn anew, and what they say of what they read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from seqwright.doctor.contract import Contract
from seqwright.doctor.copies import copied
from seqwright.doctor.finding import Counterexample
from seqwright.doctor.modes import EVAL, EVAL_WITH_GRADIENTS, MODES, TRAIN, Mode, acting, seeded
from seqwright.doctor.reading import ModelInput, Words

Call = Callable[..., Any]

RELATIVE = {torch.float64: 1e-6, torch.float32: 1e-5}
"""Differences smaller than this part of the logits' spread are rounding, whatever noise was measured."""

TIMES = 20
"""So many times the measured noise is a difference."""


class CallbackError(Exception):
    """Something the user gave raised an error while it was asked."""

    def __init__(self, name: str, error: Exception) -> None:
        super().__init__(
            f"{name} raised {type(error).__name__}: {str(error).strip().splitlines()[-1] if str(error).strip() else ''}"
        )
        self.name = name


@dataclass
class Body:
    """A copy that is run.

    Attributes:
        module: the copy.
        contract, call: of the patient.
        name: ``as it is``, or what was done to it.
        dtype: the precision it runs in.
        alone: whether rows are read one at a time, because they are known to mix.
        fresh: the modes in which each pass has a copy of its own, because passes are known to leave something behind.
    """

    module: nn.Module
    contract: Contract
    call: Call
    name: str
    dtype: torch.dtype
    alone: bool = False
    fresh: frozenset[Mode] = frozenset()
    scales: dict[Mode, float] = field(default_factory=dict)

    def logits(self, reading: ModelInput, mode: Mode = EVAL, seed: int = 0) -> Tensor:
        """What it says, ``[b t v]``, in double precision on the CPU.

        Raises:
            CallbackError: the call fails.
        """
        if self.alone and reading.rows > 1:
            rows = torch.arange(reading.rows).split(1)
            return torch.cat([self.logits(reading.select(row), mode, seed) for row in rows])
        with self.ready(mode, seed) as module:
            try:
                said = self.call(module, reading.to(self.device))
            except Exception as error:
                raise CallbackError("call", error) from error
        if said.ndim != 3 or said.shape[:2] != reading.ids.shape:
            raise CallbackError("call", ValueError(_shapes(said, reading)))
        return comparable(said)

    def with_module(self, module: nn.Module, name: str) -> Body:
        """Another copy, asked in the same way."""
        return replace(self, module=module, name=name, scales={})

    @property
    def device(self) -> torch.device:
        return next(self.module.parameters(), torch.empty(0)).device

    def ready(self, mode: Mode = EVAL, seed: int = 0) -> Any:
        """A context in which the module is in a mode and every generator begins from a seed."""
        seeded(seed)
        module = copied(self.module) if mode in self.fresh else self.module
        return _Ready(module, mode)

    def moved(self, before: ModelInput, after: ModelInput, mode: Mode = EVAL) -> Tensor:
        """How far each output moves, ``[b t]``; NaN counts as no movement, and is another check's business."""
        change = (self.logits(before, mode) - self.logits(after, mode)).abs().amax(-1)
        return change.nan_to_num(0.0, 0.0, 0.0)

    def scale(self, mode: Mode = EVAL) -> float:
        """The spread of its logits over words and places."""
        if mode not in self.scales:
            said = self.logits(Words(self.contract, 1).reading(2, min(6, self.contract.max_length or 6)), mode)
            said = said[said.isfinite()]
            self.scales[mode] = said.std().item() if said.numel() > 1 else 0.0
        return self.scales[mode]

    def tolerance(self, noise: float = 0.0, mode: Mode = EVAL) -> float:
        """A movement that is greater is no rounding."""
        return max(RELATIVE[self.dtype] * self.scale(mode), TIMES * noise, 1e-12)


def comparable(logits: Tensor) -> Tensor:
    """Logits ``[b t v]`` in double precision on the CPU; 0 for words that are never said (−∞ everywhere), which could not be subtracted."""
    logits = logits.detach().to("cpu", torch.float64)
    never = (logits == -torch.inf).all(1, keepdim=True).all(0, keepdim=True)
    return logits.masked_fill(never, 0.0)


def _shapes(said: Tensor, reading: ModelInput) -> str:
    wanted = [*reading.ids.shape, "vocabulary"]
    if said.ndim == 3 and said.shape[1] == 1 < reading.ids.shape[1]:
        return f"logits {list(said.shape)} are of one place, and {wanted} are wanted: give a call that returns those of all"
    if said.ndim == 2:
        return f"logits {list(said.shape)} are one answer a row: give a call that returns what is said at every token, {wanted}"
    return f"logits are {list(said.shape)}, and {wanted} are wanted: give a call that returns these"


class _Ready:
    def __init__(self, module: nn.Module, mode: Mode) -> None:
        self.module, self.acting = module, acting(module, mode)

    def __enter__(self) -> nn.Module:
        self.acting.__enter__()
        return self.module

    def __exit__(self, *raised: Any) -> Any:
        return self.acting.__exit__(*raised)


@dataclass
class ModelUnderTest:
    """Everything that is examined, and what the contract says of it.

    Attributes:
        model: the user's own; never run, only copied.
        contract: what it promises.
        actual: a copy as it is.
        redrawn: a copy whose trainable parameters are drawn anew, so that nothing hides behind zeros.
        step, loss, generate, examples: what else was given.
        spec: where the model was built from one.
        room: how many tokens a sequence may have: the contract's, or fewer where longer ones cannot be read.
        modes: those that it runs in.
        refusals: what it says in the others.
        draws: whether in training it draws at random, dropout apart: then it is not examined there.
        thorough: whether more time may be taken.
    """

    model: nn.Module
    contract: Contract
    actual: Body
    redrawn: Body
    step: Call | None = None
    loss: Call | None = None
    generate: Call | None = None
    examples: Mapping[str, Tensor] | None = None
    spec: Any = None
    thorough: bool = False
    room: int = 10**9
    modes: tuple[Mode, ...] = MODES
    refusals: Mapping[Mode, str] = field(default_factory=dict)
    draws: bool = False
    matrices: dict[str, Tensor] = field(default_factory=dict)

    @cached_property
    def outputs(self) -> int:
        """How many logits there are: as many as ids, or fewer where some are never said."""
        return self.actual.logits(Words(self.contract, 0).reading(1, self.length(2))).shape[-1]

    @property
    def learning(self) -> Mode:
        """The mode in which gradients are asked for."""
        return TRAIN if TRAIN in self.modes else EVAL_WITH_GRADIENTS

    @property
    def bodies(self) -> tuple[Body, Body]:
        return self.actual, self.redrawn

    def length(self, most: int) -> int:
        """A length up to ``most`` that there is room for."""
        return min(most, self.room)

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def heavy(self) -> bool:
        """Whether a subset has to do."""
        return self.parameters > 3_000_000 and not self.thorough


def counterexample(
    body: Body, before: ModelInput, after: ModelInput, row: int, place: int, differ: str, mode: Mode = EVAL
) -> Counterexample:
    """Two readings of one row, and what is said of one place."""
    one, other = (body.logits(reading, mode)[row, place] for reading in (before, after))
    at = f"position {place} ({mode.name}, {body.name})"
    return Counterexample.between(before.sides(row), after.sides(row), one, other, differ=differ, at=at)

"""The model that checks examine: two copies of it, and the functions and examples that the user gave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from seqwright.core.model import ModelSpec
from seqwright.doctor.contract import Contract
from seqwright.doctor.copies import deep_copy
from seqwright.doctor.finding import Counterexample
from seqwright.doctor.model_input import InputSampler, ModelInput
from seqwright.doctor.run_modes import EVAL, MODES, RunMode, running_in, seed_generators

Call = Callable[..., Any]

RELATIVE_ROUNDING = {torch.float64: 1e-6, torch.float32: 1e-5}
"""Changes smaller than this share of the logits' standard deviation count as rounding."""

NOISE_FACTOR = 20
"""Changes up to this many times the measured noise count as rounding, too."""


class CallbackError(Exception):
    """An error raised by a function that the user gave."""

    def __init__(self, name: str, error: Exception) -> None:
        lines = str(error).strip().splitlines()
        super().__init__(f"{name} raised {type(error).__name__}: {lines[-1] if lines else ''}")
        self.name = name


@dataclass
class ModelCopy:
    """A copy of the model that is run.

    Attributes:
        module: the copy.
        contract: the contract of the model.
        call: ``call(module, batch) -> logits [b t v]``.
        name: a description of its parameters.
        dtype: its precision.
        row_by_row: whether rows are run one at a time, because the model is known to mix them.
        stateful_modes: modes in which each call gets a new copy, because calls are known to leave something behind.
    """

    module: nn.Module
    contract: Contract
    call: Call
    name: str
    dtype: torch.dtype
    row_by_row: bool = False
    stateful_modes: frozenset[RunMode] = frozenset()
    scales: dict[RunMode, float] = field(default_factory=dict)

    def logits(self, batch: ModelInput, mode: RunMode = EVAL, seed: int = 0) -> Tensor:
        """Return the logits ``[b t v]``, in double precision on the CPU.

        Raises:
            CallbackError: the call fails.
        """
        if self.row_by_row and batch.rows > 1:
            rows = torch.arange(batch.rows).split(1)
            return torch.cat([self.logits(batch.select(row), mode, seed) for row in rows])
        with self.running(mode, seed) as module:
            try:
                logits = self.call(module, batch.to(self.device))
            except Exception as error:
                raise CallbackError("call", error) from error
        if logits.ndim != 3 or logits.shape[:2] != batch.ids.shape:
            raise CallbackError("call", ValueError(_wrong_shape(logits, batch)))
        return comparable(logits)

    def with_module(self, module: nn.Module, name: str) -> ModelCopy:
        """Return another copy that is called in the same way."""
        return replace(self, module=module, name=name, scales={})

    @property
    def device(self) -> torch.device:
        """The device of its parameters."""
        return next(self.module.parameters(), torch.empty(0)).device

    def running(self, mode: RunMode = EVAL, seed: int = 0) -> AbstractContextManager[nn.Module]:
        """Seed all generators, and return a context in which the module is in a mode."""
        seed_generators(seed)
        return running_in(deep_copy(self.module) if mode in self.stateful_modes else self.module, mode)

    def change(self, before: ModelInput, after: ModelInput, mode: RunMode = EVAL) -> Tensor:
        """Return the change of each output, ``[b t]``; a NaN counts as 0, for the check ``nan`` reports it."""
        change = (self.logits(before, mode) - self.logits(after, mode)).abs().amax(-1)
        return change.nan_to_num(0.0, 0.0, 0.0)

    def scale(self, mode: RunMode = EVAL) -> float:
        """Return the standard deviation of its logits."""
        if mode not in self.scales:
            length = min(6, self.contract.max_length or 6)
            logits = self.logits(InputSampler(self.contract, 1).batch(2, length), mode)
            logits = logits[logits.isfinite()]
            self.scales[mode] = logits.std().item() if logits.numel() > 1 else 0.0
        return self.scales[mode]

    def tolerance(self, noise: float = 0.0, mode: RunMode = EVAL) -> float:
        """Return the largest change that still counts as rounding."""
        return max(RELATIVE_ROUNDING[self.dtype] * self.scale(mode), NOISE_FACTOR * noise, 1e-12)


def differences(first: Tensor, second: Tensor) -> Tensor:
    """Return the greatest difference of logits ``[… v]`` at each position, NaN counting as 0."""
    return (first - second).abs().nan_to_num(0.0).amax(-1)


def comparable(logits: Tensor) -> Tensor:
    """Return logits ``[b t v]`` in double precision on the CPU, 0 for ids that are −∞ everywhere and cannot be subtracted."""
    logits = logits.detach().to("cpu", torch.float64)
    never = (logits == -torch.inf).all(1, keepdim=True).all(0, keepdim=True)
    return logits.masked_fill(never, 0.0)


def _wrong_shape(logits: Tensor, batch: ModelInput) -> str:
    shape, wanted = list(logits.shape), [*batch.ids.shape, "vocabulary"]
    if logits.ndim == 3 and logits.shape[1] == 1 < batch.ids.shape[1]:
        return f"it returns logits {shape} of one position: give a call that returns those of all, {wanted}"
    if logits.ndim == 2:
        return f"it returns logits {shape}, one prediction a row: give a call that returns one a token, {wanted}"
    return f"it returns logits {shape}: give a call that returns {wanted}"


@dataclass
class ModelUnderTest:
    """The model that checks examine.

    Attributes:
        model: the user's own; it is copied and never run.
        contract: the properties that it is meant to have.
        original: a copy with the model's parameters.
        reinitialised: a copy whose trainable parameters are drawn again, so that no zero hides a dependency.
        step, loss, generate, examples: the functions and examples that the user gave.
        spec: the spec that the model was built from, if any.
        max_length: the longest input in tokens: the contract's, or less where the model cannot read that much.
        modes: the modes in which it runs.
        mode_errors: the error in each mode in which it does not run.
        random_training: whether training draws random numbers, dropout apart; it is then not examined in training mode.
        thorough: whether an examination may take minutes.
        dependency: the greatest change of each output (row) when each token (column) was replaced; to be drawn.
    """

    model: nn.Module
    contract: Contract
    original: ModelCopy
    reinitialised: ModelCopy
    step: Call | None = None
    loss: Call | None = None
    generate: Call | None = None
    examples: Mapping[str, Tensor] | None = None
    spec: ModelSpec | None = None
    thorough: bool = False
    max_length: int = 10**9
    modes: tuple[RunMode, ...] = MODES
    mode_errors: Mapping[RunMode, str] = field(default_factory=dict)
    random_training: bool = False
    dependency: Tensor | None = None

    @property
    def copies(self) -> tuple[ModelCopy, ModelCopy]:
        """Both copies."""
        return self.original, self.reinitialised

    def length(self, most: int) -> int:
        """Return ``most``, or less where the model cannot read that many tokens."""
        return min(most, self.max_length)

    @property
    def parameters(self) -> int:
        """The number of parameters."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def large(self) -> bool:
        """True where fewer inputs and lengths are tried, to save time."""
        return self.parameters > 3_000_000 and not self.thorough


def counterexample(
    copy: ModelCopy,
    before: ModelInput,
    after: ModelInput,
    row: int,
    position: int,
    difference: str,
    mode: RunMode = EVAL,
) -> Counterexample:
    """Make a counterexample of one row of two batches, and of the logits at one position."""
    logits = [copy.logits(batch, mode)[row, position] for batch in (before, after)]
    output = f"position {position} ({mode.name}, {copy.name})"
    inputs = [batch.row_as_lists(row) for batch in (before, after)]
    return Counterexample.between(inputs, logits, difference=difference, output=output)

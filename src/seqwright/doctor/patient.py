"""The model as checks see it: copies of it, in double precision where it can, as it is and with parameters drawn anew."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from seqwright.core.errors import SeqwrightError
from seqwright.doctor.contract import Contract
from seqwright.doctor.finding import Counterexample
from seqwright.doctor.modes import EVAL, EVAL_WITH_GRADIENTS, MODES, TRAIN, Mode, acting, seeded
from seqwright.doctor.reading import Reading, Words, padded

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

    def logits(self, reading: Reading, mode: Mode = EVAL, seed: int = 0) -> Tensor:
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
        said = said.detach().to("cpu", torch.float64)
        return said.masked_fill(
            (said == -torch.inf).all(1, keepdim=True).all(0, keepdim=True), 0.0
        )  # a word that is never said

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

    def moved(self, before: Reading, after: Reading, mode: Mode = EVAL) -> Tensor:
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


def _shapes(said: Tensor, reading: Reading) -> str:
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
class Patient:
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


def admit(model: nn.Module, contract: Contract, call: Call, **given: Any) -> Patient:
    """Copy a model for examination.

    Raises:
        CallbackError: it cannot be called at all.
    """
    trial = Words(contract, 0).reading(2, min(4, contract.max_length or 4))
    body = _precisest(model, contract, call, trial)
    if not _used(body, trial):
        raise CallbackError("call", ValueError("it does not use the model that it is given, but some other"))
    redrawn = Body(drawn_anew(precise(model, body.dtype)), contract, call, "parameters drawn anew", body.dtype)
    refusals = {mode: told for mode in MODES if (told := _refusal(body, mode, trial))}
    moods = {mode: _mood(body, mode, trial) for mode in MODES if mode not in refusals}
    if moods.get(TRAIN) == KEEPS:
        body.fresh = redrawn.fresh = frozenset({TRAIN})
    modes = tuple(mode for mode, mood in moods.items() if mode != TRAIN or mood != DRAWS)
    return Patient(
        model, contract, body, redrawn, room=_room(body.with_module(copied(body.module), "")), modes=modes, refusals=refusals,
        draws=moods.get(TRAIN) == DRAWS, **given,
    )  # fmt: skip


def whole(model: nn.Module) -> None:
    """Whether a model can be copied and run at all.

    Raises:
        SeqwrightError: its parameters have no values yet, or it holds something that cannot be copied.
    """
    for name, parameter in model.named_parameters():
        if isinstance(parameter, nn.parameter.UninitializedParameter) or parameter.is_meta:
            raise SeqwrightError(
                f"the parameter {name} has no values yet", mend="give it some: load weights, or call the model once"
            )
    try:
        copied(model)
    except Exception as error:
        raise SeqwrightError(
            f"the model cannot be copied ({type(error).__name__}: {error}), and only copies are examined",
            mend="take out of it what cannot be copied, such as locks and open files",
        ) from error


def _precisest(model: nn.Module, contract: Contract, call: Call, trial: Reading) -> Body:
    """A copy in double precision; in single where the model cannot be run, or says no numbers, in double only."""
    usual = next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.float32)
    single = torch.float32
    double = Body(precise(model, torch.float64), contract, call, "as it is", torch.float64)
    try:
        if usual == torch.float64 or _finite(double, trial):
            return double
    except CallbackError:
        single_body = Body(precise(model, single), contract, call, "as it is", single)
        single_body.logits(trial)
        return single_body
    single_body = Body(precise(model, single), contract, call, "as it is", single)
    return single_body if _finite(single_body, trial) else double


def _finite(body: Body, trial: Reading) -> bool:
    """Whether it says numbers where nothing is padded, and where something is."""
    readings = [trial]
    contract = body.contract
    if contract.pad is not None:
        for side in ("right", "left") if contract.padding_side == "both" else (contract.padding_side,):
            rows = trial.side("target" if trial.source is None else "source").tolist()
            ids, mask = padded([rows[0], rows[1][:1]], contract.pad, side)
            readings.append(replace(trial, ids=ids, mask=mask) if trial.source is None else replace(trial, source=ids, source_mask=mask))  # fmt: skip
    for reading in readings:
        said = body.logits(reading)
        if reading.mask is not None:
            said = said[reading.mask]
        if not said.isfinite().all():
            return False
    return True


def _used(body: Body, trial: Reading) -> bool:
    """Whether any module of the copy is called at all; a call may have been written for one model alone."""
    called: list[str] = []
    hooks = [module.register_forward_hook(lambda *seen: called.append("")) for module in body.module.modules()]
    try:
        with suppress(CallbackError):  # some kernels are not taken where there are hooks, and others may fail
            body.logits(trial)
    finally:
        for hook in hooks:
            hook.remove()
    return bool(called) or not any(True for _ in body.module.parameters())


def _refusal(body: Body, mode: Mode, trial: Reading) -> str:
    """What a copy says that cannot be run in a mode; nothing where it can."""
    try:
        body.with_module(copied(body.module), body.name).logits(trial, mode)
    except CallbackError as error:
        return str(error)
    return ""


STEADY, DRAWS, KEEPS = "steady", "draws at random", "keeps something"


def _mood(body: Body, mode: Mode, trial: Reading) -> str:
    """Whether a mode gives the same answer twice, dropout apart; asked of a copy, which is thrown away."""
    if mode != TRAIN:
        return STEADY
    twin = body.with_module(copied(body.module), body.name)
    first = twin.logits(trial, mode)
    if (twin.logits(trial, mode) - first).abs().nan_to_num(0.0).max() > twin.tolerance(0.0, EVAL):
        return KEEPS
    others = [twin.logits(trial, mode, seed) for seed in range(1, 8)]
    moved = max((each - first).abs().nan_to_num(0.0).max().item() for each in others)
    return DRAWS if moved > twin.tolerance(0.0, EVAL) else STEADY


LENGTHS = (160, 40, 24, 12, 8, 6)
"""Lengths that are tried, to see how much a model can read."""


def _room(body: Body) -> int:
    """How long a sequence may be, of the lengths that checks need."""
    promised = body.contract.max_length
    for length in LENGTHS:
        tried = min(length, promised or length)
        try:
            body.logits(Words(body.contract, 0).reading(1, tried, tried))
        except CallbackError:
            continue
        if length == LENGTHS[0]:
            return promised or 10**9
        return tried
    return 4


def copied(model: nn.Module) -> nn.Module:
    """A deep copy, also of a model that keeps tensors with a history."""
    memo: dict[int, Any] = {}
    for module in model.modules():
        for value in vars(module).values():
            for tensor in value if isinstance(value, (list, tuple)) else (value,):
                if isinstance(tensor, Tensor) and not tensor.is_leaf:
                    memo[id(tensor)] = tensor.detach().clone()
    twin = copy.deepcopy(model, memo)
    for parameter in twin.parameters():
        parameter.grad = None
    return twin


def precise(model: nn.Module, dtype: torch.dtype) -> nn.Module:
    twin = copied(model).to(dtype)
    for module in twin.modules():  # tensors that are neither parameters nor buffers are not converted by `to`
        for name, value in list(vars(module).items()):
            if isinstance(value, Tensor) and value.is_floating_point():
                setattr(module, name, value.detach().to(dtype).requires_grad_(value.requires_grad))
            elif isinstance(value, list) and any(isinstance(each, nn.Module) for each in value):
                for each in value:
                    if isinstance(each, nn.Module):
                        each.to(dtype)
    return twin


def drawn_anew(model: nn.Module, seed: int = 0, times: float = 1.0) -> nn.Module:
    """A copy whose trainable parameters are drawn anew; matrices ``times`` as large as keeps a vector's length.

    What is not trained may be a mask or a table of positions, and stays.
    """
    twin = copied(model)
    generator = torch.Generator().manual_seed(seed)
    for parameter in twin.parameters():
        if not (parameter.requires_grad and parameter.is_floating_point()):
            continue
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        if parameter.ndim >= 2:
            fan_in = max(1, parameter.numel() // parameter.shape[0])
            drawn = noise * times * fan_in**-0.5
        else:
            drawn = 1 + 0.1 * noise if bool((parameter.detach() > 0).all()) else 0.1 * noise
        parameter.data.copy_(drawn.to(parameter.dtype))
    return twin


def scaled(model: nn.Module, times: float) -> nn.Module:
    """A copy whose trainable matrices are so many times as large: scores grow as they do in training, only more."""
    twin = copied(model)
    with torch.no_grad():
        for parameter in twin.parameters():
            if parameter.requires_grad and parameter.ndim >= 2:
                parameter.mul_(times)
    return twin


def counterexample(
    body: Body, before: Reading, after: Reading, row: int, place: int, differ: str, mode: Mode = EVAL
) -> Counterexample:
    """Two readings of one row, and what is said of one place."""
    one, other = (body.logits(reading, mode)[row, place] for reading in (before, after))
    at = f"position {place} ({mode.name}, {body.name})"
    return Counterexample.between(before.sides(row), after.sides(row), one, other, differ=differ, at=at)

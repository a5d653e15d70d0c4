"""The same question gets the same answer: whatever was asked before, whoever stands beside it, however the model is run."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from seqwright.doctor.checks.padding import padded_readings
from seqwright.doctor.copies import precise
from seqwright.doctor.finding import Check, Counterexample, Finding
from seqwright.doctor.model_under_test import Body, ModelUnderTest, counterexample
from seqwright.doctor.modes import EVAL, EVAL_WITH_GRADIENTS, MODES, TRAIN, Mode
from seqwright.doctor.reading import ModelInput, Words, rows_of

STATEFUL = Check(
    "stateful",
    "An answer depends on what was asked before: something is kept from call to call.",
    "look for attributes that forward assigns (a hidden state, a cache, a counter) and are not reset",
)
EVAL_NONDETERMINISTIC = Check(
    "eval-nondeterministic",
    "In eval mode the same input gets different answers with different random numbers.",
    "look for dropout as a function without training=self.training, and for noise or sampling in forward",
)
MODE_DEPENDENT = Check(
    "mode-dependent",
    "The model computes something else in another mode, dropout apart.",
    "look for branches on self.training, torch.is_grad_enabled() or a kernel that only one of them takes",
)
NAN = Check(
    "nan",
    "An output at a real token is not a finite number.",
    "look for rows of a softmax that are masked everywhere, for logs and divisions of 0, and for fill values that overflow",
)
BATCH_MIXING = Check(
    "batch-mixing",
    "A row's answer depends on which rows stand beside it in the batch, or on its place among them.",
    "look for (batch, time) taken for (time, batch), for softmax or norms over the batch axis, and for positions added along the batch",
)


def state(patient: ModelUnderTest) -> Iterator[Finding]:
    """``stateful`` and ``eval-nondeterministic``; what is found changes how every later check asks."""
    length = patient.length(6)
    one, other = Words(patient.contract, 3).reading(2, length), Words(patient.contract, 4).reading(2, length)
    body = patient.actual
    first = body.logits(one)
    again = body.logits(one)
    body.logits(other)
    for between in (max(1, length - 2), patient.length(40)):
        body.logits(Words(patient.contract, 5).reading(2, between))
    after = body.logits(one)
    moved = max(_apart(first, again), _apart(first, after))
    if moved > body.tolerance():
        for each in patient.bodies:
            each.fresh = frozenset(MODES)
        body.module = precise(patient.model, body.dtype)
        yield STATEFUL.failed(
            "eval",
            {"moved": moved, "threshold": body.tolerance()},
            _between(one, first, after, *_furthest(first, after), "asked again after others"),
        )
    else:
        yield STATEFUL.passed("The same input got the same answer before and after others.", moved=moved)
    said = [body.logits(one, seed=seed) for seed in range(3)]
    drawn, other_said = max(((_apart(said[0], each), each) for each in said[1:]), key=lambda pair: pair[0])
    if drawn > body.tolerance():
        place = _furthest(said[0], other_said)
        yield EVAL_NONDETERMINISTIC.failed(
            "eval",
            {"moved": drawn, "threshold": body.tolerance()},
            _between(one, said[0], other_said, *place, "other random numbers"),
        )
    else:
        yield EVAL_NONDETERMINISTIC.passed("Random numbers make no difference in eval mode.", moved=drawn)


def _apart(one: Tensor, other: Tensor) -> float:
    return (one - other).abs().nan_to_num(0.0).max().item() if one.shape == other.shape else float("inf")


def _between(reading: ModelInput, first: Tensor, second: Tensor, row: int, place: int, differ: str) -> Counterexample:
    """The same input, answered in two ways."""
    sides = reading.sides(row)
    at = f"position {place}; the same input, {differ}"
    return Counterexample.between(sides, sides, first[row, place], second[row, place], differ=differ, at=at)


def _furthest(first: Tensor, second: Tensor) -> tuple[int, int]:
    """The row and the place at which two answers ``[b t v]`` lie furthest apart."""
    row, place = divmod(int((first - second).abs().nan_to_num(0.0).amax(-1).argmax()), first.shape[1])
    return row, place


def modes(patient: ModelUnderTest) -> Iterator[Finding]:
    """``mode-dependent`` and ``nan``."""
    reading = Words(patient.contract, 6).reading(3, patient.length(7))
    yield _modes(patient, reading)
    yield _nan(patient)


def _modes(patient: ModelUnderTest, reading: ModelInput) -> Finding:
    for mode, told in patient.refusals.items():
        return MODE_DEPENDENT.failed(mode.name, {}, because=f"In this mode it cannot be run at all: {told}.")
    found = None
    for body in patient.bodies:
        said = {mode: body.logits(reading, mode) for mode in patient.modes}
        for mode in patient.modes[1:]:
            moved = _apart(said[EVAL], said[mode])
            if moved > body.tolerance() and (found is None or mode == EVAL_WITH_GRADIENTS):
                place = _furthest(said[EVAL], said[mode])
                example = _between(reading, said[EVAL], said[mode], *place, f"{EVAL.name} and {mode.name}")
                found = mode, moved, example, body
    if found is None and patient.draws:
        return MODE_DEPENDENT.failed(
            "train", {}, because="While it trains it draws at random (noise, or layers left out): it was examined in eval only.",
            only_warn=True,
        )  # fmt: skip
    if found is None:
        return MODE_DEPENDENT.passed("The three modes give the same answers, dropout apart.")
    mode, moved, example, body = found
    keeps = mode in body.fresh and EVAL not in body.fresh
    return MODE_DEPENDENT.failed(
        f"{mode.name} against {EVAL.name}; {body.name}",
        {"moved": moved, "threshold": body.tolerance()},
        example,
        because="While it trains it keeps something from call to call, as running statistics are: it may be meant so."
        if keeps
        else "",
        only_warn=keeps,
    )


def _nan(patient: ModelUnderTest) -> Finding:
    readings = [("no padding", Words(patient.contract, 8).reading(3, patient.length(each))) for each in (1, 6)]
    readings += [(f"{side} padding", reading) for side, reading in padded_readings(patient)]
    for mode in patient.modes:
        for told, reading in readings:
            said = patient.actual.logits(reading, mode)
            real = (
                torch.ones(said.shape[:2], dtype=torch.bool)
                if reading.mask is None or reading.mask.shape != said.shape[:2]
                else reading.mask
            )
            bad = (said.isnan().any(-1) | (said == float("inf")).any(-1) | (said == float("-inf")).all(-1)) & real
            if bad.any():
                row, place = (int(each) for each in bad.nonzero()[0])
                single = reading.select(torch.tensor([row]))
                return NAN.failed(
                    f"{told}; {mode.name}; position {place}",
                    {"outputs": float(bad.sum()), "rows": float(bad.any(1).sum())},
                    counterexample(patient.actual, single, single, 0, place, "", mode),
                )
    for told, reading in readings:
        parameter = _bad_gradient(patient.actual, reading, patient.modes)
        if parameter:
            return NAN.failed(
                f"{told}; the gradient of {parameter}",
                {},
                because="Here it is a gradient that is not finite: one step, and every parameter is NaN.",
            )
    if TRAIN not in patient.modes:
        return NAN.passed("All outputs at real tokens are finite numbers; gradients were not asked for.")
    return NAN.passed("All outputs at real tokens, and all gradients, are finite numbers.")


def _bad_gradient(body: Body, reading: ModelInput, modes: tuple[Mode, ...]) -> str:
    """The first parameter whose gradient is not finite, where only real tokens' outputs are asked."""
    if TRAIN not in modes:
        return ""
    with body.ready(TRAIN) as module:
        named = [(name, each) for name, each in module.named_parameters() if each.requires_grad]
        said = body.call(module, reading.to(body.device))
        if not said.requires_grad or not named:
            return ""
        if reading.mask is not None and reading.mask.shape == said.shape[:2]:
            said = said[reading.mask.to(said.device)]
        gradients = torch.autograd.grad(said.log_softmax(-1).mean(), [each for _, each in named], allow_unused=True)
    return next((n for (n, _), g in zip(named, gradients, strict=True) if g is not None and not g.isfinite().all()), "")


def batch(patient: ModelUnderTest) -> Iterator[Finding]:
    """``batch-mixing``; where rows mix, every later check reads them one at a time."""
    found = None
    for body in patient.bodies:
        for mode in patient.modes:
            for length, rows in ((patient.length(7), 3), (patient.length(5), 5)):
                found = found or _mixed(body, mode, length, rows)
    if found is None:
        mixing = any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in patient.actual.module.modules())
        yield (
            BATCH_MIXING.failed(
                "train",
                {},
                because="Batch norm mixes rows, and places, while it trains; in eval it does not.",
                only_warn=True,
            )
            if mixing
            else BATCH_MIXING.passed(
                "No row's answer moved when its neighbours were replaced, or when it changed its place."
            )
        )
        return
    for body in patient.bodies:
        body.alone = True
    yield found


def _mixed(body: Body, mode: Mode, length: int, rows: int) -> Finding | None:
    words = Words(body.contract, 9)
    reading, others = words.reading(rows, length), words.reading(rows, length)
    changed = rows_of(reading, others)
    said, then = body.logits(reading, mode), body.logits(changed, mode)
    behind = rows_of(others, reading)  # only the first row is another one
    beyond = (said[1:] - body.logits(behind, mode)[1:]).abs().nan_to_num(0.0)
    same = reading.times(rows)
    alike = body.logits(same, mode)
    moved = (said[0] - then[0]).abs().nan_to_num(0.0)
    placed = (alike - alike[:1]).abs().nan_to_num(0.0)
    tolerance = body.tolerance(0.0, mode)
    if moved.max() > tolerance:
        place = int(moved.amax(-1).argmax())
        return BATCH_MIXING.failed(
            f"{mode.name}; {body.name}; {rows} rows of {length}",
            {"moved": moved.max().item(), "threshold": tolerance},
            counterexample(body, reading, changed, 0, place, "the other rows replaced", mode),
        )
    if beyond.max() > tolerance:
        row, place = divmod(int(beyond.amax(-1).argmax()), length)
        return BATCH_MIXING.failed(
            f"{mode.name}; {body.name}; {rows} rows of {length}",
            {"moved": beyond.max().item(), "threshold": tolerance},
            counterexample(body, reading, behind, row + 1, place, "the first row replaced", mode),
        )
    if placed.max() > tolerance:
        row, place = divmod(int(placed.amax(-1).argmax()), length)
        return BATCH_MIXING.failed(
            f"{mode.name}; {body.name}; equal rows at places 0 and {row}",
            {"moved": placed.max().item(), "threshold": tolerance},
            _between(same, alike[:1].expand_as(alike), alike, row, place, f"in row 0 and in row {row}"),
            because="Here equal rows get different answers.",
        )
    return None

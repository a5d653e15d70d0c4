"""Dependence of outputs on tokens: none on a forbidden one, and some on an allowed one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext, suppress

import torch
from torch import Tensor

from seqwright.core.spec import Spec
from seqwright.doctor.check import Check, CheckGroup
from seqwright.doctor.dependency import Dependency, long_length, measure_dependency, short_lengths
from seqwright.doctor.finding import Finding
from seqwright.doctor.localise import first_changed_module
from seqwright.doctor.model_under_test import CallbackError, ModelCopy, ModelUnderTest, counterexample
from seqwright.doctor.remedies import curing
from seqwright.doctor.run_modes import EVAL, RunMode

FUTURE_LEAK = Check(
    "future-leak",
    "An output depends on a token that it must not see. Training then rewards copying later tokens, which are missing when "
    "the model generates.",
    "look at the attention mask (its polarity, its diagonal, whether it reaches every layer and every kernel), and for sums, means or "
    "norms over the time axis",
)
WINDOW_EXCEEDED = Check(
    "window-exceeded",
    "An output depends on tokens further back than the window of the contract.",
    "look at the window's mask, and whether the number of layers in the contract is right",
    applies=lambda contract: contract.effective_visibility.window_size is not None,
)
PAST_BLOCKED = Check(
    "past-blocked",
    "An output depends on no earlier token, though it may.",
    "look for a mask that is inverted or too wide, for attention over the wrong axis, and for a branch that is not added",
)

Measurement = tuple[ModelCopy, RunMode, Dependency]


class VisibilityChecks(Spec, CheckGroup):
    """``future-leak``, ``window-exceeded`` and ``past-blocked``."""

    checks = (FUTURE_LEAK, WINDOW_EXCEEDED, PAST_BLOCKED)
    order = 5

    def examine(self, subject: ModelUnderTest) -> Iterator[Finding]:
        """Replace every token in turn, in each mode, with both sets of parameters."""
        measured = list(_measured(subject))
        if subject.contract.allowed(subject.length(40)).all() and not subject.contract.predicts_next:
            yield FUTURE_LEAK.not_examined("Every output may depend on every token: no token is forbidden.")
        else:
            yield _leak(subject, measured)
        subject.dependency = _shown(subject, measured).change
        if WINDOW_EXCEEDED.applies(subject.contract):
            yield _window(subject, measured)
        yield _blocked(subject, measured)


def _measured(subject: ModelUnderTest) -> Iterator[Measurement]:
    """Measure short sequences in each mode, and some tokens of a longer one."""
    for copy in subject.copies:
        for mode in subject.modes:
            fewer = subject.large and not (copy is subject.original and mode == EVAL)
            for length in short_lengths(subject)[-1:] if fewer else short_lengths(subject):
                with suppress(CallbackError) if length < 3 else nullcontext():  # some models cannot read so little
                    yield copy, mode, measure_dependency(copy, length, mode, inputs=1 if fewer else 2)
    longest = long_length(subject)
    columns = sorted({0, longest // 3, longest - 4, longest - 2, longest - 1} & set(range(longest)))
    for mode in dict.fromkeys((EVAL, subject.modes[-1])):
        for copy in subject.copies:
            yield copy, mode, measure_dependency(copy, longest, mode, inputs=2, columns=columns)


def _shown(subject: ModelUnderTest, measured: list[Measurement]) -> Dependency:
    """Return the dependency to draw: the longest complete one, of a copy and mode that leak if there are any."""
    complete = [each for each in measured if not each[2].change.isnan().any()]
    leaking = [each for each in complete if _forbidden(subject, *each).any()]
    first = (leaking or complete)[0]
    same = [found for copy, mode, found in complete if copy is first[0] and mode == first[1]]
    return max(same, key=lambda found: len(found.change))


def _later(subject: ModelUnderTest, found: Dependency) -> Tensor:
    """Return True where an output must not depend on a later token, ``[t t]``."""
    return (~subject.contract.allowed(len(found.change))).triu(1)


def _forbidden(subject: ModelUnderTest, copy: ModelCopy, mode: RunMode, found: Dependency) -> Tensor:
    """Return True where an output changes with a later token that it must not depend on, ``[t t]``."""
    return (found.change.nan_to_num(0.0) > copy.tolerance(found.noise, mode)) & _later(subject, found)


def _leak(subject: ModelUnderTest, measured: list[Measurement]) -> Finding:
    leaks = [(*each, forbidden) for each in measured if (forbidden := _forbidden(subject, *each)).any()]
    if not leaks:
        return _no_leak(subject, measured)
    copy, mode, found, forbidden = leaks[0]  # the shortest: small enough to read
    change, position, token = found.greatest(forbidden)
    before, after = found.example(position, token)
    same = [each for each in leaks if each[0] is copy and each[1] == mode and not each[2].change.isnan().any()]
    widest = max((each[3] for each in same), key=len, default=forbidden)
    outputs = widest.any(1).nonzero()[:, 0].tolist()
    where = f"positions {_listed(outputs)} of {len(widest)}; {mode.name}; {copy.name}"
    modes = {each.name for _, each, *_ in leaks}
    if modes != {each.name for each in subject.modes}:
        where += f"; only in: {', '.join(sorted(modes))}"
    module = first_changed_module(copy, before, after, position, mode)
    return FUTURE_LEAK.failed(
        f"{where}{f'; first seen after {module}' if module else ''}",
        {"change": change, "threshold": copy.tolerance(found.noise, mode), "outputs": int(widest.sum())},
        counterexample(copy, before, after, 0, position, f"token {token} replaced", mode),
        because=f"The output at {position} changes when token {token} is replaced.",
        edit=curing(subject.spec, "NoMask", "CausalMask", lambda model: model.incremental),
    )


def _no_leak(subject: ModelUnderTest, measured: list[Measurement]) -> Finding:
    if not any(_depends_on_others(found, copy, mode) for copy, mode, found in measured):
        return FUTURE_LEAK.inconclusive("No output depends on any token but its own, so that a leak could not show.")
    change = max(found.greatest(_later(subject, found))[0] for *_, found in measured)
    longest = max(len(found.change) for *_, found in measured)
    return FUTURE_LEAK.passed(
        f"No output changed when a token was replaced that it must not see: {len(subject.modes)} modes, lengths to {longest},"
        " original and re-initialised parameters.",
        change=change, threshold=subject.original.tolerance(),
    )  # fmt: skip


def _window(subject: ModelUnderTest, measured: list[Measurement]) -> Finding:
    reach = subject.contract.effective_visibility.reach
    if reach is None:
        return WINDOW_EXCEEDED.not_examined("Give the number of layers with that window: Window(size, layers=…).")
    for copy, mode, found in measured:
        change, position, token = found.greatest((~subject.contract.allowed(len(found.change))).tril(-1))
        tolerance = copy.tolerance(found.noise, mode)
        if change > tolerance:
            return WINDOW_EXCEEDED.failed(
                f"position {position} depends on token {token}; {mode.name}; {copy.name}",
                {"change": change, "threshold": tolerance},
                counterexample(copy, *found.example(position, token), 0, position, f"token {token} replaced", mode),
            )
    longest = max(len(found.change) for *_, found in measured)
    if reach >= longest - 1:
        return WINDOW_EXCEEDED.inconclusive(f"The window reaches further than the {longest} tokens that were tried.")
    return WINDOW_EXCEEDED.passed("No output depends on a token further back than the window.")


def _depends_on_others(found: Dependency, copy: ModelCopy, mode: RunMode) -> bool:
    """Return whether any output depends on a token that is not its own."""
    others = ~torch.eye(len(found.change), dtype=torch.bool)
    return found.greatest(others)[0] > copy.tolerance(found.noise, mode)


def _blocked(subject: ModelUnderTest, measured: list[Measurement]) -> Finding:
    """Look for positions that depend on no other token with either set of parameters."""
    first = 1 if subject.contract.predicts_next else 0
    if max(len(found.change) for *_, found in measured) < 2:
        return PAST_BLOCKED.inconclusive("Sequences of one token have no past.")
    blocked = {mode: _blocked_in(mode, measured, first) for mode in subject.modes}
    if not any(blocked.values()):
        return PAST_BLOCKED.passed("Every output depends on some other token that it may depend on.")
    mode = next(mode for mode in subject.modes if blocked[mode])
    length = max(blocked[mode])
    positions = sorted(blocked[mode][length])
    whole = len(positions) == length - first
    periodic = _is_periodic(positions, length)
    copy, found = next((copy, found) for copy, each, found in measured if each == mode and len(found.change) == length)
    position = positions[-1]
    token = position - 1 if first else (position + 1) % length
    difference = f"token {token} replaced: the output is the same"
    because = "No output depends on any other token." if whole else "These outputs ignore everything before them."
    regular = " They are at regular distances, like the beginnings of blocks: it may be intended." if periodic else ""
    return PAST_BLOCKED.failed(
        f"positions {_listed(positions)} of {length}; {mode.name}",
        {"positions": len(positions), "threshold": subject.original.tolerance()},
        counterexample(copy, *found.example(position, token), 0, position, difference, mode),
        because=because + regular,
        only_warn=periodic,
    )


def _blocked_in(mode: RunMode, measured: list[Measurement], first: int) -> dict[int, set[int]]:
    """Return for each length the positions from ``first`` on that depend on no other token in a mode."""
    depends: dict[int, Tensor] = {}
    for copy, each, found in measured:
        length = len(found.change)
        if each != mode or length < 2 or found.change.isnan().any():
            continue
        change = found.change.clone().fill_diagonal_(0)
        change = change.tril(-1) if first else change
        rows = (change > copy.tolerance(found.noise, mode)).any(1)
        depends[length] = depends.get(length, torch.zeros(length, dtype=torch.bool)) | rows
    blocked = {length: {at for at in range(first, length) if not rows[at]} for length, rows in depends.items()}
    return {length: positions for length, positions in blocked.items() if positions}


def _is_periodic(positions: list[int], length: int) -> bool:
    """Return whether these are the multiples of some number: the beginnings of blocks."""
    multiples = (list(range(step, length, step)) for step in range(2, length // 2 + 1))
    return len(positions) > 1 and positions in multiples


def _listed(positions: list[int]) -> str:
    if len(positions) > 3 and positions == list(range(positions[0], positions[-1] + 1)):
        return f"{positions[0]}–{positions[-1]}"
    return ", ".join(map(str, positions[:8])) + (" …" if len(positions) > 8 else "")

"""Who sees whom: no output depends on what it must not see, and each depends on something that it may."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext, suppress

import torch
from torch import Tensor

from seqwright.doctor.contract import Window
from seqwright.doctor.dependency import Dependency, dependency, lengths, long_length
from seqwright.doctor.finding import Check, Finding
from seqwright.doctor.localise import first_leak
from seqwright.doctor.model_under_test import Body, CallbackError, ModelUnderTest, counterexample
from seqwright.doctor.modes import EVAL, Mode

FUTURE_LEAK = Check(
    "future-leak",
    "An output depends on a token that it must not see. Training then rewards copying what stands ahead, which is not there when "
    "the model generates.",
    "look at the attention mask (its polarity, its diagonal, whether it reaches every layer and every kernel), and for sums, means or "
    "norms over the time axis",
)
WINDOW_EXCEEDED = Check(
    "window-exceeded",
    "An output depends on tokens further back than the window of the contract.",
    "look at the window's mask, and whether the number of layers in the contract is right",
)
PAST_BLOCKED = Check(
    "past-blocked",
    "An output depends on no earlier token, though it may.",
    "look for a mask that is inverted or too wide, for attention over the wrong axis, and for a branch that is not added",
)


def visibility(patient: ModelUnderTest) -> Iterator[Finding]:
    """``future-leak``, ``past-blocked`` and ``window-exceeded``."""
    seen = list(_seen(patient))
    if patient.contract.sees == "bidirectional" and not patient.contract.decodes:
        yield FUTURE_LEAK.not_examined("Every output may depend on every token: there is no future to hide.")
    else:
        yield _leak(patient, seen)
    patient.matrices["dependency"] = _shown(patient, seen).moved
    if isinstance(patient.contract.sees, Window) and patient.contract.sees.layers is None:
        yield WINDOW_EXCEEDED.not_examined("Say through how many layers the window acts: Window(size, layers=…).")
    elif isinstance(patient.contract.sees, Window):
        yield _window(patient, seen)
    yield _blocked(patient, seen)


def _shown(patient: ModelUnderTest, seen: list[tuple[Body, Mode, Dependency]]) -> Dependency:
    """The dependency to draw: the longest whole one, of a body and mode in which something leaks if there is one."""
    whole = [each for each in seen if not each[2].moved.isnan().any()]
    leaking = [each for each in whole if _forbidden(patient, *each).any()]
    first = (leaking or whole)[0]
    same = [found for body, mode, found in whole if body is first[0] and mode == first[1]]
    return max(same, key=lambda found: len(found.moved))


def _forbidden(patient: ModelUnderTest, body: Body, mode: Mode, found: Dependency) -> Tensor:
    """Where an output moves and must not, ``[t t]``: tokens ahead that the contract hides."""
    length = len(found.moved)
    hidden = ~patient.contract.allowed(length) & torch.ones(length, length, dtype=torch.bool).triu(1)
    return (found.moved.nan_to_num(0.0) > body.tolerance(found.noise, mode)) & hidden


def _seen(patient: ModelUnderTest) -> Iterator[tuple[Body, Mode, Dependency]]:
    """Dependencies in each mode: of a few lengths, and of some tokens of a longer one."""
    for body in patient.bodies:
        for mode in patient.modes:
            few = patient.heavy and not (body is patient.actual and mode == EVAL)
            for length in lengths(patient)[-1:] if few else lengths(patient):
                with (
                    suppress(CallbackError) if length < 3 else nullcontext()
                ):  # it may not read so little; see call-failed
                    yield body, mode, dependency(body, length, mode, inputs=1 if few else 2)
    longest = long_length(patient)
    tried = sorted({0, longest // 3, longest - 4, longest - 2, longest - 1} & set(range(longest)))
    for mode in dict.fromkeys((EVAL, patient.modes[-1])):
        for body in patient.bodies:
            yield body, mode, dependency(body, longest, mode, inputs=2, columns=tried)


def _leak(patient: ModelUnderTest, seen: list[tuple[Body, Mode, Dependency]]) -> Finding:
    contract, worst = patient.contract, []
    for body, mode, found in seen:
        forbidden = _forbidden(patient, body, mode, found)
        if forbidden.any():
            beyond = found.moved.masked_fill(~forbidden, 0).nan_to_num(0.0)
            worst.append((body, mode, found, beyond, body.tolerance(found.noise, mode)))
    if not worst:
        live = any(_crosses(found, body, mode) for body, mode, found in seen)
        if not live:
            return FUTURE_LEAK.inconclusive(
                "No output depends on any token but its own, so that nothing leaks shows nothing."
            )
        least = (
            max(found.moved.triu(1).nan_to_num(0.0).max().item() for _, _, found in seen)
            if contract.sees == "causal"
            else 0.0
        )
        return FUTURE_LEAK.passed(
            f"No output moved when a token was replaced that it must not see: {len(patient.modes)} modes, lengths to {max(len(f.moved) for _, _, f in seen)},"
            " parameters as they are and drawn anew.",
            moved=least, threshold=patient.actual.tolerance(),
        )  # fmt: skip
    body, mode, found, beyond, tolerance = worst[0]  # the shortest: small enough to read
    place, token = divmod(int(beyond.argmax()), len(beyond))
    before, after = found.example(place, token)
    of_same = [each for each in worst if each[0] is body and each[1] == mode and not each[2].moved.isnan().any()]
    *_, widest, limit = max(of_same, key=lambda each: len(each[3]), default=worst[0])
    at = [int(each) for each in (widest > limit).any(1).nonzero()[:, 0]]
    where = f"positions {_some(at)} of {len(widest)}; {mode.name}; {body.name}"
    if {each.name for _, each, *_ in worst} != {each.name for each in patient.modes}:
        where += f"; seen only in: {', '.join(sorted({each.name for _, each, *_ in worst}))}"
    located = first_leak(body, before, after, place, mode)
    return FUTURE_LEAK.failed(
        f"{where}{f'; first seen after {located}' if located else ''}",
        {"moved": beyond.max().item(), "threshold": tolerance, "outputs": float((widest > limit).sum())},
        counterexample(body, before, after, 0, place, f"token {token} replaced", mode),
        because=f"Here the output at {place} moves when token {token} is replaced.",
        edit=_mask_edit(patient),
    )


def _mask_edit(patient: ModelUnderTest) -> dict[str, object]:
    from seqwright.models.transformer import TransformerSpec

    spec = patient.spec
    if isinstance(spec, TransformerSpec) and not spec.decoder.causal:
        return {"decoder.blocks.mixer.mask": {"type": "CausalMask"}}
    return {}


def _window(patient: ModelUnderTest, seen: list[tuple[Body, Mode, Dependency]]) -> Finding:
    for body, mode, found in seen:
        length = len(found.moved)
        past = ~patient.contract.allowed(length) & torch.ones(length, length, dtype=torch.bool).tril(-1)
        beyond = found.moved.masked_fill(~past, 0).nan_to_num(0.0)
        tolerance = body.tolerance(found.noise, mode)
        if beyond.max() > tolerance:
            place, token = divmod(int(beyond.argmax()), length)
            before, after = found.example(place, token)
            return WINDOW_EXCEEDED.failed(
                f"position {place} sees token {token}; {mode.name}; {body.name}",
                {"moved": beyond.max().item(), "threshold": tolerance},
                counterexample(body, before, after, 0, place, f"token {token} replaced", mode),
            )
    longest = max(len(found.moved) for *_, found in seen)
    if bool(patient.contract.allowed(longest).tril()[-1].all()):
        return WINDOW_EXCEEDED.inconclusive(f"The window reaches further than the {longest} tokens that were tried.")
    return WINDOW_EXCEEDED.passed("No output depends on what is further back than the window.")


def _crosses(found: Dependency, body: Body, mode: Mode) -> bool:
    """Whether any output depends on a token that is not its own."""
    others = found.moved.nan_to_num(0.0).clone().fill_diagonal_(0)
    return bool(others.max() > body.tolerance(found.noise, mode))


def _blocked(patient: ModelUnderTest, seen: list[tuple[Body, Mode, Dependency]]) -> Finding:
    """Positions that see nothing before them in any body: one sighting anywhere is enough."""
    blind: dict[Mode, dict[int, set[int]]] = {}
    context = patient.contract.decodes
    for mode in patient.modes:
        by_length: dict[int, Tensor] = {}
        for body, each, found in seen:
            length = len(found.moved)
            if each != mode or length < 2 or found.moved.isnan().any():
                continue
            moved = found.moved.clone().fill_diagonal_(0)
            moved = moved.tril(-1) if context else moved
            sees = (moved > body.tolerance(found.noise, mode)).any(1)
            by_length[length] = by_length.get(length, torch.zeros(length, dtype=torch.bool)) | sees
        blind[mode] = {}
        for length, sees in by_length.items():
            lost = {place for place in range(1 if context else 0, length) if not sees[place]}
            if lost:
                blind[mode][length] = lost
    if max(len(found.moved) for *_, found in seen) < 2:
        return PAST_BLOCKED.inconclusive("Sequences of one token have no past.")
    if not any(blind.values()):
        return PAST_BLOCKED.passed("Every output depends on some token before it, as far as it may.")
    mode = next(mode for mode in patient.modes if blind[mode])
    length = max(blind[mode])
    lost = sorted(blind[mode][length])
    if len(lost) == length - (1 if context else 0):
        because = "None sees any other token: the model reads each token alone."
    else:
        because = "They read as if nothing stood before them."
    periodic = _periodic(lost, length)
    body, found = next((body, found) for body, each, found in seen if each == mode and len(found.moved) == length)
    place = lost[-1]
    token = place - 1 if context else (place + 1) % length
    before, after = found.example(place, token)
    return PAST_BLOCKED.failed(
        f"positions {_some(lost)} of {length}; {mode.name}",
        {"positions": float(len(lost)), "threshold": patient.actual.tolerance()},
        counterexample(body, before, after, 0, place, f"token {token} replaced: the same is said", mode),
        because=because
        + (" They stand at regular distances, as where blocks begin: perhaps it is meant so." if periodic else ""),
        only_warn=periodic,
    )


def _periodic(places: list[int], length: int) -> bool:
    """Whether these are all multiples of some number: the beginnings of blocks."""
    return any(places == list(range(step, length, step)) for step in range(2, length // 2 + 1)) and len(places) > 1


def _some(places: list[int]) -> str:
    if len(places) > 3 and places == list(range(places[0], places[-1] + 1)):
        return f"{places[0]}–{places[-1]}"
    return ", ".join(map(str, places[:8])) + (" …" if len(places) > 8 else "")

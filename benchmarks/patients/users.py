"""Tests that users try today: overfitting one batch, gradients of future tokens, a row alone against the row in a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from seqwright.doctor.adapters import adapter_of
from seqwright.doctor.calling import ModelCall, user_call
from seqwright.doctor.model_input import InputSampler, ModelInput, pad_rows

from .case import Case, Subject


def call_of(subject: Subject) -> ModelCall:
    """Return the way to call a model."""
    call = subject.extras.get("call")
    return user_call(call, subject.contract) if call else adapter_of(subject.model).call(subject.contract)


def overfits_one_batch(subject: Subject) -> bool:
    """Return whether eighty steps on one batch, with the user's loss if there is one, reduce the loss to a third."""
    model, call = subject.model.train(), call_of(subject)
    batch = InputSampler(subject.contract, 0).batch(4, 8)
    optimiser = torch.optim.Adam([each for each in model.parameters() if each.requires_grad], 3e-3)
    losses = []
    for _ in range(80):
        if "loss" in subject.extras and "examples" in subject.extras:
            loss = subject.extras["loss"](model, subject.extras["examples"])
        else:
            logits = call(model, batch)
            shift = 1 if subject.contract.predicts_next else 0
            loss = nn.functional.cross_entropy(logits[:, : 8 - shift].flatten(0, 1), batch.ids[:, shift:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses[-1] < losses[0] / 3


def gradient_stays_in_the_past(subject: Subject) -> bool:
    """Return whether an output's gradient is zero at the embeddings of later tokens, in eval mode."""
    if not subject.contract.predicts_next:
        return True
    model, call, embedded = subject.model.eval(), call_of(subject), []
    batch = InputSampler(subject.contract, 0).batch(1, 8, 11)

    def keep(module: nn.Module, args: tuple[Tensor, ...], out: Tensor) -> None:
        if args and isinstance(args[0], Tensor) and torch.equal(args[0], batch.ids):
            embedded.append(out)

    hooks = [each.register_forward_hook(keep) for each in model.modules() if isinstance(each, nn.Embedding)]
    try:
        logits = call(model, batch)
    finally:
        for hook in hooks:
            hook.remove()
    if not embedded or not embedded[0].requires_grad:
        return True
    (gradient,) = torch.autograd.grad(logits[0, 3].sum(), embedded[0], allow_unused=True)
    return gradient is None or not bool(gradient[0, 4:].abs().max() > 0)


def a_row_alone_agrees(subject: Subject) -> bool:
    """Return whether a short row has the same logits alone as among longer ones, padded on the right, to 1e-5."""
    pad = subject.contract.pad
    if pad is None:
        return True
    model, call = subject.model.eval(), call_of(subject)
    rows = [
        row[:length] for row, length in zip(InputSampler(subject.contract, 1).ids(2, 8).tolist(), (8, 5), strict=True)
    ]
    ids, mask = pad_rows(rows, pad, "right")
    with torch.no_grad():
        if subject.contract.reads_source:
            target = InputSampler(subject.contract, 2).ids(2, 4)
            together = call(model, ModelInput(target, None, ids, mask))[1]
            alone = call(model, ModelInput(target[1:], None, ids[1:, :5]))[0]
        else:
            together, alone = call(model, ModelInput(ids, mask))[1, :5], call(model, ModelInput(ids[1:, :5]))[0]
    return bool((together - alone).abs().max() < 1e-5)


TRIED: dict[str, Callable[[Subject], bool]] = {
    "overfits one batch": overfits_one_batch,
    "gradient stays in the past": gradient_stays_in_the_past,
    "a row alone agrees": a_row_alone_agrees,
}


def tried_by_users(cases: Sequence[Case]) -> None:
    """Print for each test the faults that it shows (it fails, or raises) and the healthy models that it fails."""
    print(f"\n{'what one would try':28} {'faults shown':>14} {'healthy accused':>16}")
    for name, passes in TRIED.items():
        shown = accused = 0
        for case in cases:
            try:
                bad = not passes(case.build(0))
            except Exception:
                bad = True
            shown += bad and case.fault is not None
            accused += bad and case.fault is None
        faults = sum(case.fault is not None for case in cases)
        print(f"{name:28} {shown:7} of {faults:3} {accused:9} of {len(cases) - faults:3}", flush=True)

"""What one would try today, on the same models: does it overfit one batch, does gradient reach the future, does a row alone agree?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from seqwright.doctor.calling import Ask, asking
from seqwright.doctor.reading import ModelInput, Words, padded

from .case import Case, Patient


def ask_of(patient: Patient) -> Ask:
    """How the model is called."""
    return asking(patient.contract, patient.extras.get("call"), patient.model)


def overfits_one_batch(patient: Patient) -> bool:
    """Eighty steps on one batch, with the loss of the user if there is one: does it come down to a third?"""
    model, ask = patient.model.train(), ask_of(patient)
    reading = Words(patient.contract, 0).reading(4, 8)
    optimiser = torch.optim.Adam([each for each in model.parameters() if each.requires_grad], 3e-3)
    losses = []
    for _ in range(80):
        if "loss" in patient.extras and "examples" in patient.extras:
            loss = patient.extras["loss"](model, patient.extras["examples"])
        else:
            said = ask(model, reading)
            shift = 1 if patient.contract.decodes else 0
            loss = nn.functional.cross_entropy(said[:, : 8 - shift].flatten(0, 1), reading.ids[:, shift:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses[-1] < losses[0] / 3


def gradient_stays_in_the_past(patient: Patient) -> bool:
    """Whether an output's gradient is zero at the embeddings of tokens ahead, in eval mode."""
    if not patient.contract.decodes:
        return True
    model, ask, embedded = patient.model.eval(), ask_of(patient), []
    reading = Words(patient.contract, 0).reading(1, 8, 11)

    def keep(module: nn.Module, args: tuple[Tensor, ...], out: Tensor) -> None:
        if args and isinstance(args[0], Tensor) and torch.equal(args[0], reading.ids):
            embedded.append(out)

    hooks = [each.register_forward_hook(keep) for each in model.modules() if isinstance(each, nn.Embedding)]
    try:
        said = ask(model, reading)
    finally:
        for hook in hooks:
            hook.remove()
    if not embedded or not embedded[0].requires_grad:
        return True
    (gradient,) = torch.autograd.grad(said[0, 3].sum(), embedded[0], allow_unused=True)
    return gradient is None or not bool(gradient[0, 4:].abs().max() > 0)


def a_row_alone_agrees(patient: Patient) -> bool:
    """Whether a short row answers alone as it does among longer ones, padded on the right, to 1e-5."""
    pad = patient.contract.pad
    if pad is None:
        return True
    model, ask = patient.model.eval(), ask_of(patient)
    rows = [row[:length] for row, length in zip(Words(patient.contract, 1).draw(2, 8).tolist(), (8, 5), strict=True)]
    ids, mask = padded(rows, pad, "right")
    with torch.no_grad():
        if patient.contract.kind == "encoder-decoder":
            target = Words(patient.contract, 2).draw(2, 4)
            together = ask(model, ModelInput(target, None, ids, mask))[1]
            alone = ask(model, ModelInput(target[1:], None, ids[1:, :5]))[0]
        else:
            together, alone = ask(model, ModelInput(ids, mask))[1, :5], ask(model, ModelInput(ids[1:, :5]))[0]
    return bool((together - alone).abs().max() < 1e-5)


TRIED: dict[str, Callable[[Patient], bool]] = {
    "overfits one batch": overfits_one_batch,
    "gradient stays in the past": gradient_stays_in_the_past,
    "a row alone agrees": a_row_alone_agrees,
}


def tried_by_users(cases: Sequence[Case]) -> None:
    """A line for each thing to try: faults that it shows (it fails, or raises), and healthy models that it accuses."""
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

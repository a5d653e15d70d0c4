"""What the loss asks for: which token at which place, and which places count. It is read off the loss's own gradient.

The gradient of a cross entropy at a place's logits is softmax minus the label: the label is the one logit that it raises. So
labels are recovered whatever the loss does before, and places that do not count show a gradient of zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from seqwright.doctor.calling import logits_of
from seqwright.doctor.contract import Contract
from seqwright.doctor.examples import SIDES
from seqwright.doctor.finding import Check, Finding
from seqwright.doctor.model_under_test import Body, CallbackError, ModelUnderTest
from seqwright.doctor.modes import TRAIN
from seqwright.doctor.reading import Words, padded

TARGET_SHIFT = Check(
    "target-shift",
    "The loss asks for the wrong token at each place.",
    "labels are to be the inputs one place on (logits[:, :-1] against ids[:, 1:]), shifted once: by the data, the loss or the model, and not by two of them",
)
LABELS_WITHOUT_EOS = Check(
    "labels-without-eos",
    "The end is never asked for, so the model never learns to stop.",
    "look whether pad and eos are the same id and are ignored together, and whether an end is added to the targets",
)
PADDING_IN_LOSS = Check(
    "padding-in-loss",
    "Padding counts in the loss: the model is trained to say it.",
    "give the loss ignore_index=pad (or labels of −100 there), and mind label smoothing and means over all places",
)
CHECKS = (TARGET_SHIFT, LABELS_WITHOUT_EOS, PADDING_IN_LOSS)


CLEAR = 0.9
"""So many of the labels must be the token at one distance for that to be what is asked for."""


@dataclass(frozen=True)
class LossCase:
    """What a loss asks for: at each place the label, how much it weighs (0 where it does not count), and the token read there."""

    labels: Tensor
    weights: Tensor
    read: Tensor

    @property
    def counted(self) -> Tensor:
        """Which places count, ``[b t]``."""
        return self.weights > 1e-7 * self.weights.max()

    def agreement(self) -> dict[int, float]:
        """For each distance, the share of counted labels that are the token read so far on."""
        agreed = {}
        for shift in range(-1, 4):
            rows, places = self.counted.nonzero(as_tuple=True)
            inside = (places + shift >= 0) & (places + shift < self.read.shape[1]) & (rows < len(self.read))
            rows, places = rows[inside], places[inside]
            hits = self.labels[rows, places] == self.read[rows, places + shift]
            agreed[shift] = hits.double().mean().item() if len(hits) else 0.0
        return agreed


def loss(patient: ModelUnderTest) -> Iterator[Finding]:
    """``target-shift``, ``labels-without-eos`` and ``padding-in-loss``."""
    if patient.loss is None:
        for check in CHECKS:
            yield check.not_examined(
                "Give loss(model, examples) -> scalar, and what it asks for is read off its gradient."
            )
        return
    side = "target" if patient.contract.kind == "encoder-decoder" else "ids"
    examples = patient.examples if patient.examples and side in patient.examples else made_up(patient)
    asked = read_off(patient, patient.actual, examples)
    if (
        asked is None or max(asked.agreement().values()) < CLEAR
    ):  # one that is surer than smoothed labels are lowers these
        asked = read_off(patient, patient.redrawn, examples) or asked
    if asked is None:
        for check in CHECKS:
            yield check.inconclusive("The loss does not go through logits that can be seen.")
        return
    ids = examples[side].cpu()
    yield _shift(patient, asked)
    yield _ends(patient, asked, ids)
    yield _padding(patient, asked, examples)


def made_up(patient: ModelUnderTest) -> dict[str, Tensor]:
    """Rows of unequal lengths, begun, ended and padded as the contract has it."""
    contract, words = patient.contract, Words(patient.contract, 23)
    longest = patient.length(10)
    ends = (0 if contract.bos is None else 1) + (0 if contract.eos is None else 1)
    lengths = [longest, max(3, longest - 3), max(3, longest - 5)] if contract.pad is not None else [longest] * 3

    def rows() -> Tensor:
        drawn = words.draw(3, longest).tolist()
        begun = [
            ([] if contract.bos is None else [contract.bos])
            + row[: max(1, n - ends)]
            + ([] if contract.eos is None else [contract.eos])
            for row, n in zip(drawn, lengths, strict=True)
        ]
        return padded(begun, contract.pad or 0, "left" if contract.padding_side == "left" else "right")[0]

    return {"source": rows(), "target": rows()} if contract.kind == "encoder-decoder" else {"ids": rows()}


class _Losses(TorchFunctionMode):
    """Keeps what goes into cross entropies (logits that no module returns) and what embeddings are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []
        self.read: list[Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if (
            func in (F.cross_entropy, F.log_softmax, torch.log_softmax, Tensor.log_softmax)
            and args
            and isinstance(args[0], Tensor)
        ):
            self.seen.append(args[0])
        if func is F.embedding and args and isinstance(args[0], Tensor):
            self.read.append(args[0].detach().to("cpu", torch.long))
        return func(*args, **(kwargs or {}))


def read_off(patient: ModelUnderTest, body: Body, examples: Mapping[str, Tensor]) -> LossCase | None:
    """What the loss asks for on some examples; ``None`` where its logits cannot be seen.

    Raises:
        CallbackError: the loss fails.
    """
    assert patient.loss is not None
    size, said = patient.outputs, list[Tensor]()

    def hook(module: Any, args: Any, out: Any) -> None:
        try:
            said.append(logits_of(out))
        except Exception:
            return

    with body.ready(TRAIN) as module:
        given = {name: ids.clone().to(body.device) for name, ids in examples.items()}
        handle = module.register_forward_hook(hook)
        losses = _Losses()
        try:
            with losses:
                scalar = patient.loss(module, given)
        except Exception as error:
            raise CallbackError("loss", error) from error
        finally:
            handle.remove()
        if not isinstance(scalar, Tensor) or scalar.numel() != 1:
            told = (
                f"a tensor of shape {list(scalar.shape)}"
                if isinstance(scalar, Tensor)
                else f"a {type(scalar).__name__}"
            )
            raise CallbackError(
                "loss", ValueError(f"it returns {told}, and one number as a tensor is wanted, before .item()")
            )
        if not scalar.requires_grad:
            return None
        for logits in [*said[::-1], *losses.seen]:
            if logits.ndim < 2 or not logits.requires_grad or size not in logits.shape:
                continue
            (gradient,) = torch.autograd.grad(scalar, logits, retain_graph=True, allow_unused=True)
            if gradient is None or gradient.abs().max() == 0:
                continue
            return _labels(gradient.detach().to("cpu", torch.float64), size, examples, losses.read)
    return None


def _labels(gradient: Tensor, size: int, examples: Mapping[str, Tensor], read: list[Tensor]) -> LossCase | None:
    if gradient.shape[-1] != size:  # [b v t], as cross_entropy wants it
        gradient = gradient.movedim(list(gradient.shape).index(size), -1)
    rows = next(examples[name] for name in SIDES if name in examples).shape[0]
    if gradient.ndim == 2 and len(gradient) % rows == 0:
        gradient = gradient.view(rows, -1, size)
    if gradient.ndim != 3:
        return None
    if gradient.shape[0] != rows and gradient.shape[1] == rows:
        gradient = gradient.transpose(0, 1)
    lowest, label = gradient.min(-1)
    weight = torch.where(lowest < 0, -lowest, torch.zeros_like(lowest))
    strong = gradient.abs().amax(-1)
    weights = torch.maximum(weight, strong * (strong > 1e-9 * strong.max()))
    side = examples["target"] if "target" in examples else examples["ids"]
    candidates = [
        side.cpu(),
        *(each for each in read if each.shape == label.shape),
    ]  # what its decoder reads comes last
    asked = [LossCase(label, weights, tokens) for tokens in candidates]
    return max(reversed(asked), key=lambda each: max(each.agreement().values()))


def _shift(patient: ModelUnderTest, asked: LossCase) -> Finding:
    """How far on the labels stand in the input."""
    contract, ids, agreed = patient.contract, asked.read, asked.agreement()
    best = max(agreed, key=lambda shift: agreed[shift])
    wanted = 1 if contract.decodes else 0
    evidence: dict[str, float | str] = {f"labels that stand {shift} on": share for shift, share in agreed.items()}
    if not contract.decodes:  # labels of an encoder may be anything (masked words, tags)
        return (
            TARGET_SHIFT.passed(
                "Labels of an encoder may be anything; they are at the places of their tokens or nowhere."
            )
            if best == 0 or agreed[best] < 0.5
            else TARGET_SHIFT.failed(f"labels stand {best} on", evidence)
        )
    if agreed[wanted] > CLEAR:
        return TARGET_SHIFT.passed("Every place is asked for the next token.", share=agreed[wanted])
    if agreed[best] > CLEAR:
        told = {
            0: "Each place is asked for its own token, so that the model learns to copy its input.",
            2: "Labels are shifted twice: each place is asked for the token after the next.",
        }
        row, place = (int(each) for each in asked.counted.nonzero()[0])
        where = f"position {place} of {ids[row].tolist()} is asked for {int(asked.labels[row, place])}"
        return TARGET_SHIFT.failed(where, evidence, because=told.get(best, f"Labels stand {best} places on."))
    return TARGET_SHIFT.inconclusive("The labels are no tokens of the input at one distance.", **evidence)


def _ends(patient: ModelUnderTest, asked: LossCase, ids: Tensor) -> Finding:
    contract = patient.contract
    if contract.eos is None or not contract.decodes:
        return LABELS_WITHOUT_EOS.not_examined("The contract names no end (eos=…), or the model does not generate.")
    if not (ids == contract.eos).any():
        return LABELS_WITHOUT_EOS.failed("the examples", {"ends": 0.0}, because="No example has an end.")
    ends = int(((asked.labels == contract.eos) & asked.counted).sum())
    rows = int((ids == contract.eos).any(1).sum())
    if ends == 0:
        return LABELS_WITHOUT_EOS.failed("the loss", {"ends in the examples": float(rows), "asked for": 0.0})
    return LABELS_WITHOUT_EOS.passed("The end is asked for.", asked=float(ends))


def _padding(patient: ModelUnderTest, asked: LossCase, examples: Mapping[str, Tensor]) -> Finding:
    contract, ids = patient.contract, asked.read
    if contract.pad is None or not (ids == contract.pad).any():
        return PADDING_IN_LOSS.not_examined(
            "There is no padding: give pad=… in the contract, and examples of unequal lengths."
        )
    counted = asked.counted
    shift = 1 if contract.decodes else 0
    real = torch.tensor(_real(ids, contract.pad, contract.eos))
    bad = []
    for row in range(min(len(ids), len(counted))):
        for place in range(counted.shape[1]):
            to = place + shift
            if (
                counted[row, place]
                and (to >= ids.shape[1] or not real[row, to])
                and not (to >= ids.shape[1] and counted.shape[1] == ids.shape[1] and real[row, -1])
            ):
                bad.append((row, place))
    if bad:
        row, place = bad[0]
        share = float(asked.weights[tuple(zip(*bad, strict=True))].sum() / asked.weights.sum())
        return PADDING_IN_LOSS.failed(
            f"row {row}, position {place} of {ids[row].tolist()}",
            {"places": float(len(bad)), "share of the gradient": share},
        )
    before = after = None
    if set(examples) <= set(SIDES):  # how other things are to be padded is not known
        before, after = (_of(patient, given) for given in (examples, _wider(examples, contract)))
    if before is not None and after is not None and abs(after - before) > 1e-4 * abs(before):
        return PADDING_IN_LOSS.failed(
            "the loss of the same rows, two columns of padding more",
            {"loss": before, "with more padding": after},
            because="Padding asks for nothing, and yet it is counted: the mean is over all places.",
        )
    return PADDING_IN_LOSS.passed("No place that is padding, or is asked for padding, counts.")


def _of(patient: ModelUnderTest, examples: Mapping[str, Tensor]) -> float | None:
    """The loss of some examples; ``None`` where they cannot be read."""
    assert patient.loss is not None
    body = patient.redrawn
    with body.ready(TRAIN) as module:
        try:
            said = patient.loss(module, {name: ids.clone().to(body.device) for name, ids in examples.items()})
            return said.detach().item()
        except Exception:  # they may be too long now: then nothing is said
            return None


def _wider(examples: Mapping[str, Tensor], contract: Contract) -> dict[str, Tensor]:
    """The same rows with two more columns of padding, where padding stands."""
    assert contract.pad is not None
    left = contract.padding_side == "left"
    return {name: F.pad(ids, (2, 0) if left else (0, 2), value=contract.pad) for name, ids in examples.items()}


def _real(ids: Tensor, pad: int, eos: int | None) -> list[list[bool]]:
    """Where rows are real. Where padding and the end are one id, the first (or, padded on the left, the last) is an end."""
    found = []
    for row in ids.tolist():
        real = [each != pad for each in row]
        if pad == eos and False in real:
            inside = [place for place, each in enumerate(real) if each]
            if inside and inside[-1] + 1 < len(row):
                real[inside[-1] + 1] = True
        found.append(real)
    return found

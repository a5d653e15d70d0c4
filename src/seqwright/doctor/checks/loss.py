"""Labels and weights of a loss, recovered from its gradient.

The gradient of a cross entropy with respect to the logits of a position is softmax minus label, so that it is negative at the label
alone. Labels are thus recovered whatever the loss does first; positions that do not count have a gradient of zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from seqwright.core.model import Model
from seqwright.core.spec import Spec
from seqwright.doctor.calling import logits_of
from seqwright.doctor.check import Check, CheckGroup
from seqwright.doctor.contract import Contract
from seqwright.doctor.examples import SIDES
from seqwright.doctor.finding import Finding
from seqwright.doctor.model_input import InputSampler, pad_rows
from seqwright.doctor.model_under_test import CallbackError, ModelCopy, ModelUnderTest
from seqwright.doctor.run_modes import TRAIN

TARGET_SHIFT = Check(
    "target-shift",
    "The labels are not the tokens that follow.",
    "labels have to be the inputs shifted by one (logits[:, :-1] against ids[:, 1:]), shifted once: by the data, the loss or the model, and not by two of them",
)
LABELS_WITHOUT_EOS = Check(
    "labels-without-eos",
    "The end is never a label, so that the model cannot learn to stop.",
    "look whether pad and eos are the same id and are ignored together, and whether an end is added to the targets",
)
PADDING_IN_LOSS = Check(
    "padding-in-loss",
    "Padding counts in the loss: the model is trained to predict it.",
    "give the loss ignore_index=pad (or labels of −100 there), and look at label smoothing and means over all positions",
)


CLEAR = 0.9
"""The share of labels that must be the token at one distance for that distance to be the shift."""


@dataclass(frozen=True)
class LossCase:
    """The labels of a loss, their weights (0 where they do not count) and the tokens that were read, all ``[b t]``."""

    labels: Tensor
    weights: Tensor
    inputs: Tensor

    @property
    def counted(self) -> Tensor:
        """The positions that count, ``[b t]``."""
        return self.weights > 1e-7 * self.weights.max()

    def agreement(self) -> dict[int, float]:
        """Return for each shift the share of counted labels that are the input that many positions later."""
        agreed = {}
        for shift in range(-1, 4):
            rows, at = self.counted.nonzero(as_tuple=True)
            inside = (at + shift >= 0) & (at + shift < self.inputs.shape[1]) & (rows < len(self.inputs))
            rows, at = rows[inside], at[inside]
            hits = self.labels[rows, at] == self.inputs[rows, at + shift]
            agreed[shift] = hits.double().mean().item() if len(hits) else 0.0
        return agreed


class LossChecks(Spec, CheckGroup):
    """``target-shift``, ``labels-without-eos`` and ``padding-in-loss``."""

    checks = (TARGET_SHIFT, LABELS_WITHOUT_EOS, PADDING_IN_LOSS)
    order = 12

    def examine(self, subject: ModelUnderTest) -> Iterator[Finding]:
        """Recover the labels of the examples."""
        if subject.loss is None:
            for check in self.checks:
                yield check.not_examined(
                    "Give loss(model, examples) -> scalar, and its labels are recovered from its gradient."
                )
            return
        side = "target" if subject.contract.reads_source else "ids"
        examples = subject.examples if subject.examples and side in subject.examples else made_up_examples(subject)
        found = recovered_labels(subject, subject.original, examples)
        if found is None or max(found.agreement().values()) < CLEAR:
            # with smoothed labels the logit of a very confident model is lowered at the label, too
            found = recovered_labels(subject, subject.reinitialised, examples) or found
        if found is None:
            for check in self.checks:
                yield check.inconclusive("The loss does not depend on logits that can be observed.")
            return
        yield _shift(subject, found)
        yield _ends(subject, found, examples[side].cpu())
        yield _padding(subject, found, examples)


def made_up_examples(subject: ModelUnderTest) -> dict[str, Tensor]:
    """Draw rows of unequal lengths, with the beginning, end and padding of the contract."""
    contract, sampler = subject.contract, InputSampler(subject.contract, 23)
    longest = subject.length(10)
    begin, end = ([] if each is None else [each] for each in (contract.bos, contract.eos))
    lengths = [longest, max(3, longest - 3), max(3, longest - 5)] if contract.pad is not None else [longest] * 3

    def rows() -> Tensor:
        drawn = sampler.ids(3, longest).tolist()
        marked = [begin + row[: max(1, n - len(begin) - len(end))] + end for row, n in zip(drawn, lengths, strict=True)]
        return pad_rows(marked, contract.pad or 0, "left" if contract.padding_side == "left" else "right")[0]

    return {"source": rows(), "target": rows()} if contract.reads_source else {"ids": rows()}


class _LossRecorder(TorchFunctionMode):
    """Records inputs of cross entropies (logits that no module returns) and indices of embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.logits: list[Tensor] = []
        self.indices: list[Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if args and isinstance(args[0], Tensor):
            if func in (F.cross_entropy, F.log_softmax, torch.log_softmax, Tensor.log_softmax):
                self.logits.append(args[0])
            if func is F.embedding:
                self.indices.append(args[0].detach().to("cpu", torch.long))
        return func(*args, **(kwargs or {}))


@contextmanager
def _logits_returned(module: nn.Module) -> Iterator[list[Tensor]]:
    """Record the logits that a model's forward returns, or its ``advance`` where it has one."""
    logits: list[Tensor] = []

    def record(module: Any, args: Any, output: Any) -> None:
        try:
            logits.append(logits_of(output))
        except Exception:
            return

    def advance(*args: Any, **kwargs: Any) -> Any:
        output, state = type(module).advance(module, *args, **kwargs)  # pyright: ignore[reportAttributeAccessIssue]
        logits.append(output.logits)
        return output, state

    handle = module.register_forward_hook(record)
    if isinstance(module, Model):
        module.__dict__["advance"] = advance
    try:
        yield logits
    finally:
        handle.remove()
        module.__dict__.pop("advance", None)


def recovered_labels(subject: ModelUnderTest, copy: ModelCopy, examples: Mapping[str, Tensor]) -> LossCase | None:
    """Return the labels of the loss on some examples; ``None`` where its logits cannot be observed.

    Raises:
        CallbackError: the loss fails.
    """
    assert subject.loss is not None
    size, recorder = subject.output_size, _LossRecorder()
    with copy.running(TRAIN) as module:
        given = {name: ids.clone().to(copy.device) for name, ids in examples.items()}
        with _logits_returned(module) as returned:
            try:
                with recorder:
                    scalar = subject.loss(module, given)
            except Exception as error:
                raise CallbackError("loss", error) from error
        if not isinstance(scalar, Tensor) or scalar.numel() != 1:
            kind = f"a {type(scalar).__name__}"
            kind = f"a tensor of shape {list(scalar.shape)}" if isinstance(scalar, Tensor) else kind
            message = f"it returns {kind}: return one number as a tensor, before .item()"
            raise CallbackError("loss", ValueError(message))
        if not scalar.requires_grad:
            return None
        for logits in [*returned[::-1], *recorder.logits]:
            if logits.ndim < 2 or not logits.requires_grad or size not in logits.shape:
                continue
            (gradient,) = torch.autograd.grad(scalar, logits, retain_graph=True, allow_unused=True)
            if gradient is None or gradient.abs().max() == 0:
                continue
            return _labels(gradient.detach().to("cpu", torch.float64), size, examples, recorder.indices)
    return None


def _labels(gradient: Tensor, size: int, examples: Mapping[str, Tensor], indices: list[Tensor]) -> LossCase | None:
    """Return the labels by the gradient of the logits, ``[b t v]`` in some layout."""
    if gradient.shape[-1] != size:  # [b v t], as cross_entropy takes it
        gradient = gradient.movedim(list(gradient.shape).index(size), -1)
    rows = next(examples[name] for name in SIDES if name in examples).shape[0]
    if gradient.ndim == 2 and len(gradient) % rows == 0:
        gradient = gradient.view(rows, -1, size)
    if gradient.ndim != 3:
        return None
    if gradient.shape[0] != rows and gradient.shape[1] == rows:
        gradient = gradient.transpose(0, 1)
    lowest, labels = gradient.min(-1)
    strongest = gradient.abs().amax(-1)
    weights = torch.maximum((-lowest).clamp_min(0), strongest * (strongest > 1e-9 * strongest.max()))
    side = examples["target"] if "target" in examples else examples["ids"]
    candidates = [side.cpu(), *(each for each in indices if each.shape == labels.shape)]  # the decoder's input is last
    cases = [LossCase(labels, weights, inputs) for inputs in candidates]
    return max(reversed(cases), key=lambda case: max(case.agreement().values()))


def _shift(subject: ModelUnderTest, found: LossCase) -> Finding:
    """Compare the shift of the labels with the one that the contract implies."""
    agreed = found.agreement()
    best = max(agreed, key=lambda shift: agreed[shift])
    evidence: dict[str, float | str] = {f"share shifted by {shift}": share for shift, share in agreed.items()}
    if not subject.contract.predicts_next:  # labels of an encoder may be anything (masked tokens, tags)
        if best != 0 and agreed[best] >= 0.5:
            return TARGET_SHIFT.failed(f"labels shifted by {best}", evidence)
        return TARGET_SHIFT.passed("Labels of an encoder may be anything; they are not the tokens of other positions.")
    if agreed[1] > CLEAR:
        return TARGET_SHIFT.passed("Each label is the next token.", share=agreed[1])
    if agreed[best] > CLEAR:
        because = {
            0: "Each label is the input token itself, so that the model learns to copy.",
            2: "Labels are shifted twice: each is the token after the next.",
        }
        row, position = (int(each) for each in found.counted.nonzero()[0])
        label = int(found.labels[row, position])
        where = f"the label at position {position} of {found.inputs[row].tolist()} is {label}"
        return TARGET_SHIFT.failed(where, evidence, because=because.get(best, f"Labels are shifted by {best}."))
    return TARGET_SHIFT.inconclusive("The labels are not the input tokens at any one shift.", **evidence)


def _ends(subject: ModelUnderTest, found: LossCase, ids: Tensor) -> Finding:
    contract = subject.contract
    if contract.eos is None or not contract.predicts_next:
        return LABELS_WITHOUT_EOS.not_examined("The contract has no end (eos=…), or the model does not generate.")
    if not (ids == contract.eos).any():
        return LABELS_WITHOUT_EOS.failed("the examples", {"ends": 0.0}, because="No example has an end.")
    ends = int(((found.labels == contract.eos) & found.counted).sum())
    rows = int((ids == contract.eos).any(1).sum())
    if ends == 0:
        return LABELS_WITHOUT_EOS.failed("the loss", {"ends in the examples": float(rows), "labels": 0.0})
    return LABELS_WITHOUT_EOS.passed("The end is a label.", labels=float(ends))


def _padding(subject: ModelUnderTest, found: LossCase, examples: Mapping[str, Tensor]) -> Finding:
    contract, ids = subject.contract, found.inputs
    if contract.pad is None or not (ids == contract.pad).any():
        return PADDING_IN_LOSS.not_examined(
            "There is no padding: give pad=… in the contract, and examples of unequal lengths."
        )
    bad = _counted_padding(contract, found, real_tokens(ids, contract.pad, contract.eos))
    if bad:
        row, position = bad[0]
        share = float(found.weights[tuple(zip(*bad, strict=True))].sum() / found.weights.sum())
        return PADDING_IN_LOSS.failed(
            f"row {row}, position {position} of {ids[row].tolist()}",
            {"positions": float(len(bad)), "share of the gradient": share},
        )
    before = after = None
    if set(examples) <= set(SIDES):  # it is unknown how other tensors are to be padded
        before, after = (_loss_of(subject, given) for given in (examples, _with_more_padding(examples, contract)))
    if before is not None and after is not None and abs(after - before) > 1e-4 * abs(before):
        return PADDING_IN_LOSS.failed(
            "the loss of the same rows with two more columns of padding",
            {"loss": before, "with more padding": after},
            because="Padding has no labels, and yet it is counted: the mean is over all positions.",
        )
    return PADDING_IN_LOSS.passed("No position counts that is padding, or whose label is padding.")


def _counted_padding(contract: Contract, found: LossCase, real: Tensor) -> list[tuple[int, int]]:
    """Return the counted positions whose label is padding or lies beyond the row."""
    shift, counted, length = (1 if contract.predicts_next else 0), found.counted, real.shape[1]
    bad = []
    for row, position in counted[: len(real)].nonzero().tolist():
        to = position + shift
        follows_the_row = to >= length and counted.shape[1] == length and bool(real[row, -1])
        if (to >= length or not real[row, to]) and not follows_the_row:
            bad.append((row, position))
    return bad


def _loss_of(subject: ModelUnderTest, examples: Mapping[str, Tensor]) -> float | None:
    """Return the loss of some examples; ``None`` where they cannot be read, as they may be too long."""
    assert subject.loss is not None
    copy = subject.reinitialised
    with copy.running(TRAIN) as module:
        try:
            loss = subject.loss(module, {name: ids.clone().to(copy.device) for name, ids in examples.items()})
            return loss.detach().item()
        except Exception:
            return None


def _with_more_padding(examples: Mapping[str, Tensor], contract: Contract) -> dict[str, Tensor]:
    """Return the same rows with two more columns of padding."""
    columns = (2, 0) if contract.padding_side == "left" else (0, 2)
    return {name: F.pad(ids, columns, value=contract.pad) for name, ids in examples.items()}


def real_tokens(ids: Tensor, pad: int, eos: int | None) -> Tensor:
    """Return the mask of real tokens. Where padding and end are one id, the first one after a row's tokens is its end."""
    real = ids != pad
    if pad == eos:
        for row in real:
            inside = row.nonzero()[:, 0]
            if len(inside) and int(inside[-1]) + 1 < len(row):
                row[inside[-1] + 1] = True
    return real

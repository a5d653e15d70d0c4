"""The labels of a loss, recovered from its gradient: at each position the gradient of the logits is lowest at the label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from seqwright.core.errors import SeqwrightError
from seqwright.core.model import Model
from seqwright.doctor.calling import logits_of
from seqwright.doctor.examples import SIDES
from seqwright.doctor.model_input import InputSampler
from seqwright.doctor.model_under_test import CallbackError, ModelCopy, ModelUnderTest
from seqwright.doctor.run_modes import TRAIN

CLEAR = 0.9
"""The share of labels that must be the token at one distance for that distance to be the shift."""


@dataclass(frozen=True)
class LossLabels:
    """The labels of a loss, their weights (0 where they do not count) and the tokens that were read, all ``[b t]``."""

    labels: Tensor
    weights: Tensor
    inputs: Tensor

    @property
    def counted(self) -> Tensor:
        """The positions that count, ``[b t]``."""
        return self.weights > 1e-7 * self.weights.max()

    @property
    def agreement(self) -> dict[int, float]:
        """For each shift the share of counted labels that are the input that many positions later."""
        agreed = {}
        for shift in range(-1, 4):
            rows, at = self.counted.nonzero(as_tuple=True)
            inside = (at + shift >= 0) & (at + shift < self.inputs.shape[1]) & (rows < len(self.inputs))
            rows, at = rows[inside], at[inside]
            hits = self.labels[rows, at] == self.inputs[rows, at + shift]
            agreed[shift] = hits.double().mean().item() if len(hits) else 0.0
        return agreed

    def clearest(self) -> float:
        """Return the greatest share of counted labels that are the input at one distance."""
        return max(self.agreement.values())


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
        with suppress(SeqwrightError):
            logits.append(logits_of(output))

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


def recovered_labels(subject: ModelUnderTest, copy: ModelCopy, examples: Mapping[str, Tensor]) -> LossLabels | None:
    """Return the labels of the loss on some examples; ``None`` where its logits cannot be observed.

    Raises:
        CallbackError: the loss fails.
    """
    assert subject.loss is not None
    trial, recorder = InputSampler(subject.contract).batch(1, subject.length(2)), _LossRecorder()
    size = subject.original.logits(trial).shape[-1]
    with copy.running(TRAIN) as module:
        given = {name: ids.clone().to(copy.device) for name, ids in examples.items()}
        with _logits_returned(module) as returned:
            try:
                with recorder:
                    scalar = subject.loss(module, given)
            except Exception as error:
                raise CallbackError("loss", error) from error
        if not isinstance(scalar, Tensor) or scalar.numel() != 1:
            shape = f" of shape {list(scalar.shape)}" if isinstance(scalar, Tensor) else ""
            kind = f"a {type(scalar).__name__}{shape}"
            raise CallbackError("loss", ValueError(f"it returns {kind}: return one number as a tensor, before .item()"))
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


def _labels(gradient: Tensor, size: int, examples: Mapping[str, Tensor], indices: list[Tensor]) -> LossLabels | None:
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
    cases = [LossLabels(labels, weights, inputs) for inputs in candidates]
    return max(reversed(cases), key=LossLabels.clearest)

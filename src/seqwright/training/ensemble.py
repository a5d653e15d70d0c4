"""Many models of one spec, trained side by side as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from seqwright.core.model import build
from seqwright.data.batch import Batch
from seqwright.models.transformer import Transformer, TransformerSpec
from seqwright.nn.dropout import draw_from
from seqwright.training.objective import ObjectiveSpec
from seqwright.training.trainer import total_count

NARROW = 16
"""Up to this width, a CPU is faster when its innermost loops run over rows rather than features."""


class Ensemble:
    """One spec, many seeds: parameters stacked along a first dimension, one forward mapped over them.

    Losses are summed, so every member gets the gradient it would get alone; Adam works element by element, so it
    takes the step it would take alone. Each member has dropout of its own.

    Args:
        spec: what every member is.
        seeds: one a member; also what dropout is drawn from.
        device: where to train.
    """

    def __init__(self, spec: TransformerSpec, seeds: Sequence[int], *, device: str = "cpu") -> None:
        self.spec, self.seeds = spec, tuple(seeds)
        self.device = device
        members = [build(spec, seed=seed).to(device) for seed in seeds]
        each, _ = stack_module_state(members)  # pyright: ignore[reportArgumentType]
        self.flat = nn.Parameter(torch.cat([parameter.detach().flatten() for parameter in each.values()]))
        self.shapes = {name: parameter.shape for name, parameter in each.items()}
        self.template = spec.build().to("meta").train()
        mixed = sum(seed * 1_000_003**place for place, seed in enumerate(self.seeds)) % 2**63
        self.generator = torch.Generator(device).manual_seed(mixed)
        draw_from(self.template, self.generator)
        self._given: Batch | None = None
        self._laid: Batch

    def parameters(self) -> Iterable[nn.Parameter]:
        """Every parameter of every member as one vector: a step of Adam is then a few operations, not a few hundred."""
        return [self.flat]

    @property
    def stacked(self) -> dict[str, Tensor]:
        """Views of the parameters by name, stacked ``[n ...]``."""
        parts = self._split(self.flat)
        return {name: part.view(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}

    def _split(self, flat: Tensor) -> tuple[Tensor, ...]:
        return flat.split([shape.numel() for shape in self.shapes.values()])

    def lay(self, batch: Batch) -> Batch:
        """The batch where the members are, laid out as suits them (:mod:`seqwright.nn.kernels.dispatch`)."""
        if batch is not self._given:  # a full batch is the same one at every step
            there = batch.to(self.device)
            narrow = self.device == "cpu" and self.spec.width <= NARROW
            self._given, self._laid = batch, there.rows_innermost() if narrow else there
        return self._laid

    def count(self, batches: list[Batch], objective: ObjectiveSpec) -> Tensor:
        return total_count(batches, objective)

    def losses(self, batch: Batch, objective: ObjectiveSpec, count: Tensor) -> Float[Tensor, "n"]:
        """Each member's loss on the same batch."""

        def loss(parameters: dict[str, Tensor]) -> Tensor:
            output = functional_call(self.template, parameters, (batch.target, batch.source))[0]
            return objective.total(output, batch.labels) / count

        return vmap(loss, randomness="different")(self.stacked)

    def gathered(self, losses: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
        return losses

    def clip(self, limit: float) -> Float[Tensor, "n"]:
        """Each member's norm is its own, so one that diverges shortens nobody else's steps."""
        gradient = self.flat.grad
        assert gradient is not None, "there is no gradient yet"
        parts = [
            part.view(shape[0], -1) for part, shape in zip(self._split(gradient), self.shapes.values(), strict=True)
        ]
        norms = torch.stack([part.square().sum(1) for part in parts]).sum(0).sqrt()
        factor = (limit / (norms + 1e-6)).clamp_max(1.0)
        for part in parts:
            part.mul_(factor[:, None])
        return norms

    @torch.no_grad()
    def agreement(self, batch: Batch, agrees: Callable[[Tensor, Tensor], Tensor]) -> Float[Tensor, "n"]:
        """The part of the batch's labels that each member says, shown the truth before them and dropout off.

        Args:
            batch: what is asked.
            agrees: ``Bool[b t]`` of logits and labels, as a coder has it; true at padding.
        """
        batch = batch.to(self.device)

        def said(parameters: dict[str, Tensor]) -> Tensor:
            output = functional_call(self.template, parameters, (batch.target, batch.source))[0]
            return agrees(output.logits, batch.labels)

        self.template.eval()
        right = vmap(said)(self.stacked) & batch.target.real
        self.template.train()
        return right.sum((-2, -1)) / batch.target.real.sum()

    def member(self, index: int) -> Transformer:
        """One member as a plain model on the CPU, in eval mode."""
        model = self.spec.build()
        model.load_state_dict({name: stack[index].detach().cpu() for name, stack in self.stacked.items()})
        return model.eval()

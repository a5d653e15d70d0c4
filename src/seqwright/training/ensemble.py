"""Many models of one spec, trained side by side as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from seqwright.core.errors import SeqwrightError
from seqwright.core.model import ModelSpec, build
from seqwright.data.batch import Batch
from seqwright.nn.dropout import draw_from
from seqwright.training.objective import Objective
from seqwright.training.optimiser import Optimiser
from seqwright.training.trainer import Trainable

NARROW = 16
"""Up to this width, a CPU is faster when its innermost loops run over rows rather than features."""


class Ensemble(Trainable):
    """One spec and many seeds: parameters stacked along a first dimension, one forward mapped over them.

    Losses are summed, so every member gets the gradient that it would get alone, and optimisers that move each element by
    its own gradients take the step that they would take alone. Each member has dropout of its own.

    Args:
        spec: the members' model.
        seeds: one for each member; dropout is drawn from them too.
        device: the device to train on.
    """

    def __init__(self, spec: ModelSpec, seeds: Sequence[int], *, device: str = "cpu") -> None:
        self.spec, self.seeds = spec, tuple(seeds)
        self.device = device
        parameters, self.buffers = stack_module_state([build(spec, seed=seed).to(device) for seed in seeds])
        self.shapes = {name: parameter.shape for name, parameter in parameters.items()}
        self.groups = [list(self.shapes)]
        self.vectors = [_flat(parameters, names) for names in self.groups]
        self.template = spec.build().to("meta").train()
        mixed = sum(seed * 1_000_003**index for index, seed in enumerate(self.seeds)) % 2**63
        self.generator = torch.Generator(device).manual_seed(mixed)
        draw_from(self.template, self.generator)
        self._given: Batch | None = None
        self._laid_out: Batch

    def named_parameters(self) -> Mapping[str, nn.Parameter]:
        """Return a vector of all members' parameters for each group that the optimiser treats alike.

        A step is then a few operations, not a few hundred.
        """
        return {f"group{number}": vector for number, vector in enumerate(self.vectors)}

    def optimizer(self, optimiser: Optimiser, rate: float) -> torch.optim.Optimizer:
        """Build an optimiser of the vectors, which are regrouped by the groups that it makes of one member's parameters.

        Raises:
            SeqwrightError: it does not work element by element.
        """
        if not optimiser.elementwise:
            raise SeqwrightError(
                f"{type(optimiser).__name__} cannot train many models as one: it is not elementwise",
                fix="say so with `elementwise`, if each element moves by its own gradients alone",
            )
        member = {name: nn.Parameter(torch.empty(shape[1:], device=self.device)) for name, shape in self.shapes.items()}
        alone = optimiser.build(member, rate)
        names = {id(parameter): name for name, parameter in member.items()}
        groups = [[names[id(parameter)] for parameter in group["params"]] for group in alone.param_groups]
        frozen = [name for name in self.shapes if not any(name in group for group in groups)]
        stacked = self.stacked
        self.groups = [*groups, frozen] if frozen else groups
        self.vectors = [_flat(stacked, group) for group in self.groups]
        if frozen:
            self.vectors[-1].requires_grad_(False)
        together: Any = type(alone)  # torch's optimisers take whole groups, with every option in them
        return together([{**g, "params": [v]} for g, v in zip(alone.param_groups, self.vectors, strict=False)])

    @property
    def stacked(self) -> dict[str, Tensor]:
        """Views of the parameters by name, stacked ``[n ...]``."""
        return self._views(self.vectors)

    def _views(self, vectors: Sequence[Tensor]) -> dict[str, Tensor]:
        return {
            name: part.view(self.shapes[name])
            for names, vector in zip(self.groups, vectors, strict=True)
            for name, part in zip(names, vector.split([self.shapes[name].numel() for name in names]), strict=True)
        }

    def lay_out(self, batch: Batch) -> Batch:
        """Return the batch on the members' device, laid out as suits them (:mod:`seqwright.nn.kernels.dispatch`)."""
        if batch is not self._given:  # a full batch is the same one at every step
            there = batch.to(self.device)
            narrow = self.device == "cpu" and self.spec.width <= NARROW
            self._given, self._laid_out = batch, there.rows_innermost() if narrow else there
        return self._laid_out

    def losses(self, batch: Batch, objective: Objective, count: Tensor) -> Float[Tensor, "n"]:
        """Return each member's loss on the same batch."""

        def loss(weights: dict[str, Tensor]) -> Tensor:
            output = functional_call(self.template, weights, (batch.target, batch.source))[0]
            return objective.total(output, batch.labels) / count

        return vmap(loss, randomness="different")(self.stacked | self.buffers)

    def clip(self, limit: float) -> Float[Tensor, "n"]:
        """Shorten each member's gradient by its own norm, so that one that diverges leaves the others alone."""
        gradients = self._views([torch.zeros_like(v) if v.grad is None else v.grad for v in self.vectors])
        parts = [part.view(len(self.seeds), -1) for part in gradients.values()]
        norms = torch.stack([part.square().sum(1) for part in parts]).sum(0).sqrt()
        factor = (limit / (norms + 1e-6)).clamp_max(1.0)
        for part in parts:
            part.mul_(factor[:, None])
        return norms

    @torch.no_grad()
    def agreement(self, batch: Batch, agrees: Callable[[Tensor, Tensor], Tensor]) -> Float[Tensor, "n"]:
        """Return the fraction of the labels that each member predicts, with teacher forcing and without dropout.

        Args:
            batch: sources and targets.
            agrees: ``Bool[b t]`` of logits and labels, as a coder has it; true at padding.
        """
        batch = batch.to(self.device)

        def matches(weights: dict[str, Tensor]) -> Tensor:
            output = functional_call(self.template, weights, (batch.target, batch.source))[0]
            return agrees(output.logits, batch.labels)

        self.template.eval()
        right = vmap(matches)(self.stacked | self.buffers) & batch.target.real
        self.template.train()
        return right.sum((-2, -1)) / batch.target.real.sum()

    def member(self, index: int) -> Any:
        """Return one member as a plain module on the CPU, in eval mode."""
        model = build(self.spec, seed=self.seeds[index])
        held = {name: stack[index].detach().cpu() for name, stack in (self.stacked | self.buffers).items()}
        model.load_state_dict(
            model.state_dict() | {name: held[name] for name in held.keys() & model.state_dict().keys()}
        )
        return model.eval()


def _flat(stacked: Mapping[str, Tensor], names: Sequence[str]) -> nn.Parameter:
    return nn.Parameter(torch.cat([stacked[name].detach().flatten() for name in names]))

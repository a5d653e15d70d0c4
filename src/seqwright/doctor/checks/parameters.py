"""Parameters: those with an effect get a gradient, none is an accidental copy of another, and initial values have a sane scale."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqwright.core.spec import Spec
from seqwright.doctor.check import Check, CheckGroup
from seqwright.doctor.copies import deep_copy
from seqwright.doctor.finding import Finding
from seqwright.doctor.model_input import InputSampler, ModelInput
from seqwright.doctor.model_under_test import ModelCopy, ModelUnderTest, differences
from seqwright.doctor.run_modes import EVAL_WITH_GRADIENTS, TRAIN, RunMode

UNTRAINED_PART = Check(
    "untrained-part",
    "A parameter has an effect on the output and gets no gradient, or is not among the model's parameters: training never changes it.",
    "look for detach(), no_grad() and .data in forward, and for modules in a plain list (use ModuleList)",
)
INIT_LOSS = Check(
    "init-loss",
    "Before any training the loss is far above that of a uniform guess: the model is confident, and has to unlearn it first.",
    "look at the embedding's standard deviation where it is tied to the head (about 0.02 or 1/√width), and at scales of residual branches",
)
TIED_WEIGHTS = Check(
    "tied-weights",
    "The head should be the embedding, and is another tensor.",
    "assign the parameter itself (head.weight = embedding.weight) after loading, copying and initialising",
)
IDENTICAL_LAYERS = Check(
    "identical-layers",
    "Layers are initialised as exact copies of one another.",
    "PyTorch's stacks of layers copy one layer: initialise their parameters afterwards, or build each layer anew",
)
NORM = re.compile(r"norm|rms|^ln$", re.IGNORECASE)
"""Names of norms."""
CONFIDENT = 2.0
"""A new model whose loss is more than this many times that of a uniform guess (plus 1) is too confident."""
TRIED_PARAMETERS = 12
"""The number of parameters without a gradient that are tried."""


class ParameterChecks(Spec, CheckGroup):
    """``untrained-part``, ``init-loss``, ``tied-weights`` and ``identical-layers``."""

    checks = (UNTRAINED_PART, INIT_LOSS, TIED_WEIGHTS, IDENTICAL_LAYERS)
    order = 11

    def examine(self, subject: ModelUnderTest) -> Iterator[Finding]:
        """Compute gradients and a loss, and compare parameters with one another."""
        yield _untrained(subject)
        yield _initial_loss(subject)
        yield _tied(subject)
        yield _identical(subject)


def norms_are_initial(model: nn.Module) -> bool:
    """Return whether a model looks untrained: every norm still multiplies by one and adds zero."""
    norms = [module for module in model.modules() if NORM.search(type(module).__name__)]
    parameters = [list(module.named_parameters(recurse=False)) for module in norms]
    return any(parameters) and all(
        bool((each == (0 if "bias" in name or name in ("beta", "b") else 1)).all())
        for norm in parameters
        for name, each in norm
    )


def _untrained(subject: ModelUnderTest) -> Finding:
    copy, mode = subject.reinitialised, TRAIN if TRAIN in subject.modes else EVAL_WITH_GRADIENTS
    batch = InputSampler(subject.contract, 24).batch(3, subject.length(8))
    with copy.running(mode) as module:
        logits = copy.call(module, batch.to(copy.device))
        named = dict(module.named_parameters())
        trained = {name: each for name, each in named.items() if each.requires_grad}
        if not logits.requires_grad:
            if not trained:
                return UNTRAINED_PART.passed("All parameters are frozen.")
            because = "No gradient reaches any parameter."
            return UNTRAINED_PART.failed("all", {"parameters": len(trained)}, because=because)
        weights = torch.randn(logits.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(logits)
        total = (logits * weights).sum()
        gradients = torch.autograd.grad(total, list(trained.values()), allow_unused=True, retain_graph=True)
        foreign = _leaves_outside(total, set(named.values()))
    if foreign:
        where = f"{len(foreign)} tensors, the first of shape {list(foreign[0].shape)}"
        because = "They take part in the forward and are not among model.parameters()."
        return UNTRAINED_PART.failed(where, {"tensors": len(foreign)}, because=because)
    by_name = dict(zip(trained, gradients, strict=True))
    silent = [name for name, each in by_name.items() if each is None or not each.abs().max() > 0]
    effective = [name for name in silent[:TRIED_PARAMETERS] if _has_effect(copy, name, batch, mode)]
    unused = [name for name, each in by_name.items() if each is None]
    named = effective or unused
    if named:
        because = "Here it takes no part at all: it may be meant for another use."
        because = "Changing it changes the output; its gradient is zero." if effective else because
        evidence = {"parameters": len(named)}
        return UNTRAINED_PART.failed(", ".join(named[:4]), evidence, because=because, only_warn=not effective)
    return UNTRAINED_PART.passed("Every parameter that is trained gets a gradient.")


def _leaves_outside(total: Tensor, known: set[Tensor]) -> list[Tensor]:
    """Return leaves of a graph that require a gradient and are not among the known tensors."""
    found, visited, waiting = [], set(), [total.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in visited:
            continue
        visited.add(node)
        variable = getattr(node, "variable", None)
        if isinstance(variable, Tensor) and variable not in known:  # tensors are hashed, and found, by identity
            found.append(variable)
        waiting += [each for each, _ in node.next_functions]
    return found


def _has_effect(copy: ModelCopy, name: str, batch: ModelInput, mode: RunMode) -> bool:
    """Return whether noise added to a parameter changes the output."""
    twin = copy.with_module(deep_copy(copy.module), copy.name)
    parameter = twin.module.get_parameter(name)
    noise = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    parameter.data += noise.to(parameter)
    change = differences(twin.logits(batch, mode), copy.logits(batch, mode)).max()
    return bool(change > copy.tolerance(0, mode))


def _initial_loss(subject: ModelUnderTest) -> Finding:
    if not norms_are_initial(subject.original.module):
        return INIT_LOSS.inconclusive("The model has been trained, or has no norms whose values would show it.")
    sampler = InputSampler(subject.contract, 25)
    logits = subject.original.logits(sampler.batch(8, subject.length(12)))
    labels = sampler.ids(8, logits.shape[1])
    if logits.shape[-1] <= int(labels.max()):
        return INIT_LOSS.inconclusive(f"There are {logits.shape[-1]} logits for {subject.contract.vocabulary} ids.")
    loss, uniform = F.cross_entropy(logits.flatten(0, 1), labels.flatten()).item(), math.log(logits.shape[-1])
    evidence = {"loss": loss, "of a uniform guess": uniform}
    if loss > CONFIDENT * uniform + 1:
        return INIT_LOSS.failed("random tokens", evidence)
    return INIT_LOSS.passed("The initial loss is near that of a uniform guess.", **evidence)


def _tied(subject: ModelUnderTest) -> Finding:
    model, size = subject.original.module, subject.contract.vocabulary
    named = list(model.named_modules())
    embeddings = [(n, m.weight) for n, m in named if isinstance(m, nn.Embedding) and m.num_embeddings == size]
    heads = [(n, m.weight) for n, m in named if isinstance(m, nn.Linear) and m.out_features == size]
    pairs = [(e, h) for e in embeddings for h in heads if e[1].shape == h[1].shape]
    if not pairs:
        return TIED_WEIGHTS.not_examined("There is no head that could be the embedding.")
    if any(e[1] is h[1] or e[1].data_ptr() == h[1].data_ptr() for e, h in pairs):
        return TIED_WEIGHTS.passed("Head and embedding are one tensor.")
    equal = [(e, h) for e, h in pairs if torch.equal(e[1].detach(), h[1].detach()) and e[1].detach().std() > 0]
    configured = getattr(getattr(model, "config", None), "tie_word_embeddings", False)
    if not equal and not (configured and getattr(model, "_tied_weights_keys", None)):
        return TIED_WEIGHTS.passed("Head and embedding are two tensors, and nothing requires them to be one.")
    embedding, head = (equal or pairs)[0]
    because = "The configuration ties them (tie_word_embeddings)."
    if equal:
        because = "They hold the same numbers, and training will make them differ."
    return TIED_WEIGHTS.failed(f"{head[0]} and {embedding[0]}", {"equal": bool(equal)}, because=because)


def _identical(subject: ModelUnderTest) -> Finding:
    same, compared = [], 0
    for name, module in subject.original.module.named_modules():
        if not isinstance(module, (nn.ModuleList, nn.Sequential)):
            continue
        layers = [(f"{name}.{key}", dict(child.named_parameters())) for key, child in module.named_children()]
        for (one, first), (other, second) in itertools.pairwise(layers):
            if not first or first.keys() != second.keys() or any(first[key] is second[key] for key in first):
                continue
            compared += 1
            random = any(each.numel() > 1 and each.detach().std() > 0 and each.requires_grad for each in first.values())
            if random and all(torch.equal(first[key].detach(), second[key].detach()) for key in first):
                same.append(f"{one} = {other}")
    if same:
        return IDENTICAL_LAYERS.failed("; ".join(same[:3]), {"pairs": len(same)})
    if not compared:
        return IDENTICAL_LAYERS.not_examined("There are no two layers of one kind side by side.")
    return IDENTICAL_LAYERS.passed("No two layers hold the same numbers.")

"""Parameters: each that matters is trained, none is another one's copy by accident, and they begin at a sane size."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqwright.doctor.finding import Check, Finding
from seqwright.doctor.model_under_test import Body, ModelUnderTest
from seqwright.doctor.modes import Mode
from seqwright.doctor.reading import ModelInput, Words

UNTRAINED_PART = Check(
    "untrained-part",
    "A parameter has a say in the output and gets no gradient, or is not among the model's parameters: training never changes it.",
    "look for detach(), no_grad() and .data in forward, and for modules in a plain list (use ModuleList)",
)
INIT_LOSS = Check(
    "init-loss",
    "Before any training the model is sure of things: its loss is far above that of guessing, and it has to be unlearnt first.",
    "look at the embedding's standard deviation where it is tied to the head (about 0.02 or 1/√width), and at scales of residual branches",
)
TIED_WEIGHTS = Check(
    "tied-weights",
    "The head is promised to be the embedding, and is another tensor.",
    "assign the parameter itself (head.weight = embedding.weight) after loading, copying and initialising",
)
IDENTICAL_LAYERS = Check(
    "identical-layers",
    "Layers begin as exact copies of one another.",
    "torch.nn.TransformerEncoder and TransformerDecoder copy one layer: initialise their parameters afterwards, or build each layer anew",
)
NORM = re.compile(r"norm|rms|^ln$", re.IGNORECASE)
"""What norms are called."""
SURE = 2.0
"""Times the loss of guessing, above which a fresh model is too sure."""


def parameters(patient: ModelUnderTest) -> Iterator[Finding]:
    """``untrained-part``, ``init-loss``, ``tied-weights`` and ``identical-layers``."""
    yield _untrained(patient)
    yield _begins(patient)
    yield from _tied(patient)
    yield _identical(patient)


def fresh(model: nn.Module) -> bool:
    """Whether a model looks untrained: every norm still multiplies by one and adds nothing."""
    called = [module for module in model.modules() if NORM.search(type(module).__name__)]
    norms = [norm for module in called if (norm := list(module.named_parameters(recurse=False)))]
    return bool(norms) and all(
        bool((each == (0 if "bias" in name or name in ("beta", "b") else 1)).all())
        for norm in norms
        for name, each in norm
    )


def _untrained(patient: ModelUnderTest) -> Finding:
    body = patient.redrawn
    reading = Words(patient.contract, 24).reading(3, patient.length(8))
    with body.ready(patient.learning) as module:
        said = body.call(module, reading.to(body.device))
        if not said.requires_grad:
            trained = [name for name, each in module.named_parameters() if each.requires_grad]
            if trained:
                return UNTRAINED_PART.failed(
                    "all", {"parameters": float(len(trained))}, because="No gradient reaches any parameter."
                )
            return UNTRAINED_PART.passed("All parameters are frozen.")
        named = dict(module.named_parameters())
        weights = torch.randn(said.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(said)
        target = (said * weights).sum()
        wanted = [(name, each) for name, each in named.items() if each.requires_grad]
        gradients = torch.autograd.grad(target, [each for _, each in wanted], allow_unused=True, retain_graph=True)
        strangers = _strangers(target, set(named.values()))
    if strangers:
        return UNTRAINED_PART.failed(
            f"{len(strangers)} tensors, the first of shape {list(strangers[0].shape)}", {"tensors": float(len(strangers))},
            because="They take part in the forward and are not among model.parameters().",
        )  # fmt: skip
    silent = [
        name
        for (name, _), gradient in zip(wanted, gradients, strict=True)
        if gradient is None or not gradient.abs().max() > 0
    ]
    heard = [name for name in silent[:12] if _matters(body, name, reading, patient.learning)]
    if heard:
        return UNTRAINED_PART.failed(
            ", ".join(heard[:4]),
            {"parameters": float(len(heard))},
            because="Changing it changes what is said; its gradient is zero.",
        )
    unused = [name for (name, _), gradient in zip(wanted, gradients, strict=True) if gradient is None]
    if unused:
        return UNTRAINED_PART.failed(
            ", ".join(unused[:4]),
            {"parameters": float(len(unused))},
            because="Here they take no part at all: they may be meant for something else.",
            only_warn=True,
        )
    return UNTRAINED_PART.passed("Every parameter that is trained gets a gradient.")


def _strangers(target: Tensor, known: set[Tensor]) -> list[Tensor]:
    """Leaves of the graph that gradients would be kept for, and that are no parameters of the model."""
    ids, found, seen = {id(each) for each in known}, [], set()
    waiting = [target.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        variable = getattr(node, "variable", None)
        if isinstance(variable, Tensor) and id(variable) not in ids:
            found.append(variable)
        waiting += [next_node for next_node, _ in node.next_functions]
    return found


def _matters(body: Body, name: str, reading: ModelInput, mode: Mode) -> bool:
    before = body.logits(reading, mode)
    parameter = dict(body.module.named_parameters())[name]
    kept = parameter.detach().clone()
    with torch.no_grad():
        parameter.add_(
            torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(parameter)
        )
    try:
        return bool((body.logits(reading, mode) - before).abs().nan_to_num(0.0).max() > body.tolerance(0, mode))
    finally:
        with torch.no_grad():
            parameter.copy_(kept)


def _begins(patient: ModelUnderTest) -> Finding:
    if not fresh(patient.actual.module):
        return INIT_LOSS.inconclusive(
            "The model has been trained, or has no norms that would tell: a loss says nothing of how it began."
        )
    words = Words(patient.contract, 25)
    reading = words.reading(8, patient.length(12))
    said = patient.actual.logits(reading)
    labels = words.draw(8, said.shape[1])
    if said.shape[-1] <= int(labels.max()):
        return INIT_LOSS.inconclusive(f"There are {said.shape[-1]} logits for {patient.contract.vocabulary} ids.")
    lost, guessed = F.cross_entropy(said.flatten(0, 1), labels.flatten()).item(), math.log(said.shape[-1])
    evidence: dict[str, float | str] = {"loss": lost, "of guessing": guessed}
    if lost > SURE * guessed + 1:
        return INIT_LOSS.failed("random tokens", evidence)
    return INIT_LOSS.passed("It begins near the loss of guessing.", **evidence)


def _tied(patient: ModelUnderTest) -> Iterator[Finding]:
    model, config = patient.actual.module, getattr(patient.actual.module, "config", None)
    embeddings = [
        (name, module.weight)
        for name, module in model.named_modules()
        if isinstance(module, nn.Embedding) and module.num_embeddings == patient.contract.vocabulary
    ]
    heads = [
        (name, module.weight)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module.out_features == patient.contract.vocabulary
    ]
    promised = bool(getattr(config, "tie_word_embeddings", False)) and bool(getattr(model, "_tied_weights_keys", None))
    pairs = [(e, h) for e in embeddings for h in heads if e[1].shape == h[1].shape]
    if not pairs:
        yield TIED_WEIGHTS.not_examined("There is no head that could be the embedding.")
        return
    if any(e[1] is h[1] or e[1].data_ptr() == h[1].data_ptr() for e, h in pairs):
        yield TIED_WEIGHTS.passed("Head and embedding are one tensor.")
        return
    copied = [(e, h) for e, h in pairs if torch.equal(e[1].detach(), h[1].detach()) and e[1].detach().std() > 0]
    if copied or promised:
        embedding, head = (copied or pairs)[0]
        because = (
            "They hold the same numbers, and training will part them."
            if copied
            else "The configuration ties them (tie_word_embeddings)."
        )
        yield TIED_WEIGHTS.failed(f"{head[0]} and {embedding[0]}", {"equal": float(bool(copied))}, because=because)
        return
    yield TIED_WEIGHTS.passed("Head and embedding are two tensors, and nothing promises otherwise.")


def _identical(patient: ModelUnderTest) -> Finding:
    same, compared = [], 0
    for name, module in patient.actual.module.named_modules():
        if not isinstance(module, (nn.ModuleList, nn.Sequential)):
            continue
        layers = [(f"{name}.{key}", dict(child.named_parameters())) for key, child in module.named_children()]
        for (one, mine), (other, theirs) in itertools.pairwise(layers):
            if not mine or mine.keys() != theirs.keys() or any(mine[key] is theirs[key] for key in mine):
                continue
            compared += 1
            alike = all(
                mine[key].shape == theirs[key].shape and torch.equal(mine[key].detach(), theirs[key].detach())
                for key in mine
            )
            told = any(each.numel() > 1 and each.detach().std() > 0 and each.requires_grad for each in mine.values())
            if alike and told:
                same.append((one, other))
    if same:
        told = "; ".join(f"{one} = {other}" for one, other in same[:3])
        return IDENTICAL_LAYERS.failed(told, {"pairs": float(len(same))})
    if not compared:
        return IDENTICAL_LAYERS.not_examined("There are no two layers of one kind side by side.")
    return IDENTICAL_LAYERS.passed("No two layers hold the same numbers.")

"""Reading run folders of version 0.1: their JSON and the names of their parameters, rewritten to today's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

KINDS = {
    "LookUpEmbedding": "TokenEmbedding",
    "LiftedScalarEmbedding": "LinearScalarEmbedding",
    "Reading": "Preprocessing",
}
"""Classes by their names in version 0.1: their names today."""

PARAMETERS = (
    (r"\.self_attention\.", ".mixer."),
    (r"\.cross_attention\.", ".cross."),
    (r"\.self_residual\.", ".mixer_residual."),
)
"""Patterns and replacements (:func:`re.sub`) for the names of parameters."""


def current(value: Any) -> Any:
    """Rewrite decoded JSON of a ``run.json`` or ``model.json``; what is in today's form already is left as it is.

    >>> current({"type": "TransformerSpec", "embedding": {"type": "LookUpEmbedding", "vocabulary": 4}})
    {'type': 'TransformerSpec', 'embedding': {'type': 'TokenEmbedding', 'vocabulary': 4}}
    """
    if isinstance(value, list):
        return [current(member) for member in value]
    if not isinstance(value, dict):
        return value
    value = {name: current(member) for name, member in value.items()}
    if isinstance(value.get("type"), str):
        value["type"] = KINDS.get(value["type"], value["type"])
    rewrite = REWRITES.get(value.get("type", ""))
    return rewrite(value) if rewrite else value


def _stack(stack: dict[str, Any]) -> dict[str, Any]:
    """Gather the parts of a layer, which were fields of the stack, in a block."""
    if "self_attention" not in stack:
        return stack
    cross = stack["cross_attention"]
    block = {
        "type": "BlockSpec",
        "feedforward": stack["feedforward"],
        "mixer": stack["self_attention"],
        "cross": cross
        and {name: cross[name] for name in ("heads", "scale") if name in cross} | {"type": "CrossAttentionSpec"},
        "residual": stack["residual"],
        "dropout": stack["dropout"],
    }
    kept = ("type", "layers", "position", "cross_position", "final_norm", "embedding_dropout")
    return {"blocks": block} | {name: stack[name] for name in kept}


def _randomised(position: dict[str, Any]) -> dict[str, Any]:
    """Rename the fields of randomised positions."""
    names = {"places": "positions", "longest": "length"}
    return {names.get(name, name): value for name, value in position.items()}


def _recipe(recipe: dict[str, Any]) -> dict[str, Any]:
    """Add the goal, which followed from the model; the marks of sources were a field of the recipe."""
    if "goal" in recipe:
        return recipe
    recipe = dict(recipe)
    sources, model = recipe.pop("sources", {"type": "BareSources"}), recipe.get("model")
    reads_source = isinstance(model, dict) and model.get("encoder") is not None
    goal = {"type": "Transduction", "sources": sources} if reads_source else {"type": "Continuation"}
    return {**recipe, "goal": goal}


REWRITES = {"Recipe": _recipe, "StackSpec": _stack, "RandomisedPosition": _randomised}
"""Functions that rewrite an object of JSON, by the name of its class."""


def current_parameters(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the parameters of a ``model.safetensors``."""
    renamed = {}
    for name, tensor in tensors.items():
        for pattern, replacement in PARAMETERS:
            name = re.sub(pattern, replacement, name)
        renamed[name] = tensor
    return renamed

"""Reading run folders of version 0.1: their JSON and the names of their parameters, rewritten to today's.

Their last checkpoints are not read: such a run answers and is evaluated, and is trained again in a new folder.
"""

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

FIELDS = {"RandomisedPosition": {"places": "positions", "longest": "length"}}
"""Fields by their class and their names in version 0.1: their names today."""

PARAMETERS = (
    (r"\.self_residual\.", ".mixer_residual."),
    (r"\.self_attention\.", ".mixer."),
    (r"\.cross_attention\.", ".cross."),
)
"""Patterns and replacements (:func:`re.sub`) for the names of parameters."""


def current(value: Any) -> Any:
    """Rewrite decoded JSON of a ``run.json`` or ``model.json``; what is in today's form already is left as it is.

    >>> current({"embedding": {"type": "LookUpEmbedding", "vocabulary": 4}})
    {'embedding': {'type': 'TokenEmbedding', 'vocabulary': 4}}
    """
    if isinstance(value, list):
        return [current(member) for member in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("type")
    fields = FIELDS.get(kind, {}) if isinstance(kind, str) else {}
    value = {fields.get(name, name): current(member) for name, member in value.items()}
    if kind == "StackSpec" and "blocks" not in value:
        return _stack(value)
    if kind == "Recipe" and "goal" not in value:
        return _recipe(value)
    return value | {"type": KINDS[kind]} if isinstance(kind, str) and kind in KINDS else value


def _stack(stack: dict[str, Any]) -> dict[str, Any]:
    """Put the parts of a layer, which were fields of the stack, into a block."""
    names = {"feedforward": "feedforward", "self_attention": "mixer", "residual": "residual", "dropout": "dropout"}
    block = {"type": "BlockSpec"} | {new: stack.pop(old) for old, new in names.items() if old in stack}
    cross = stack.pop("cross_attention", None)
    if cross is not None:
        block["cross"] = {name: part for name, part in cross.items() if name != "mask"} | {"type": "CrossAttentionSpec"}
    return {**stack, "blocks": block}


def _recipe(recipe: dict[str, Any]) -> dict[str, Any]:
    """Add the goal, which followed from the model; the marks of sources were a field of the recipe."""
    sources, model = recipe.pop("sources", {"type": "BareSources"}), recipe.get("model")
    reads_source = isinstance(model, dict) and model.get("encoder") is not None
    goal = {"type": "Transduction", "sources": sources} if reads_source else {"type": "Continuation"}
    return {**recipe, "goal": goal}


def current_parameters(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the parameters of a ``model.safetensors``."""
    renamed = {}
    for name, tensor in tensors.items():
        for pattern, replacement in PARAMETERS:
            name = re.sub(pattern, replacement, name)
        renamed[name] = tensor
    return renamed

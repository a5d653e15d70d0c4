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

PARAMETERS: tuple[tuple[str, str], ...] = ()
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
    return _recipe(value) if value.get("type") == "Recipe" and "goal" not in value else value


def _recipe(recipe: dict[str, Any]) -> dict[str, Any]:
    """Add the goal, which followed from the model; the marks of sources were a field of the recipe."""
    recipe = dict(recipe)
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

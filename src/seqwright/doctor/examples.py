"""The user's examples, checked against the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from seqwright.core.errors import SeqwrightError
from seqwright.core.model import Side
from seqwright.doctor.contract import Contract

SIDES = ("ids", "source", "target")
"""Names of ids among the examples; tensors of other names (masks, labels) are passed to the loss as they are."""


def side_of(name: str) -> Side:
    """Return the side of the ids of this name."""
    return "source" if name == "source" else "target"


def check_examples(examples: Any, contract: Contract) -> dict[str, Tensor] | None:
    """Return copies of the examples on the CPU, ids as integers.

    Raises:
        SeqwrightError: a side is missing or is not a table of ids, an id is outside the vocabulary, or the sides have
            different numbers of rows.

    >>> check_examples({"ids": [[1, 2], [3, 0]]}, Contract(kind="decoder", vocabulary=4))["ids"].shape
    torch.Size([2, 2])
    """
    if examples is None:
        return None
    wanted = '{"source": [b, s], "target": [b, t]}' if contract.reads_source else '{"ids": [b, t]}'
    needed = "source" if contract.reads_source else "ids"
    if not isinstance(examples, Mapping) or needed not in examples:
        given = sorted(map(str, examples)) if isinstance(examples, Mapping) else type(examples).__name__
        raise SeqwrightError(f"the examples are {given}", fix=f"for a {contract.kind} give {wanted}")
    found: dict[str, Tensor] = {}
    for name, given in examples.items():
        if name not in SIDES and not isinstance(given, Tensor):
            kind = type(given).__name__
            raise SeqwrightError(f"the examples' {name} is a {kind}", fix="give a tensor, or compute it in the loss")
        size = contract.vocabulary_of(side_of(name))
        found[name] = _as_ids(name, given, size) if name in SIDES else given.detach().to("cpu").clone()
    if len({len(found[name]) for name in SIDES if name in found}) > 1:
        raise SeqwrightError("the examples have other numbers of sources than of targets", fix="give as many of each")
    return found


def _as_ids(name: str, given: Any, vocabulary: int) -> Tensor:
    try:
        ids = torch.as_tensor(given).detach().to("cpu")
    except (TypeError, ValueError, RuntimeError) as error:
        problem = f"the examples' {name} is not a table of ids ({error})"
        raise SeqwrightError(problem, fix="pad all rows to one length") from error
    if ids.ndim != 2 or ids.numel() == 0 or ids.is_floating_point():
        problem = f"the examples' {name} has type {ids.dtype} and shape {list(ids.shape)}"
        raise SeqwrightError(problem, fix="give integers [rows, tokens]")
    least, most = int(ids.min()), int(ids.max())
    if least < 0 or most >= vocabulary:
        wrong = most if most >= vocabulary else least
        raise SeqwrightError(
            f"the examples' {name} has the id {wrong}, outside the vocabulary 0 to {vocabulary - 1}",
            fix="padding needs an id, too: give it as pad=… in the contract",
        )
    return ids.long().clone()

"""The user's examples, held against the contract before anything is asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from seqwright.core.errors import SeqwrightError
from seqwright.doctor.contract import Contract

SIDES = ("ids", "source", "target")
"""What examples are made of; whatever else a loss wants (masks, labels) may stand beside it."""


def checked(examples: Any, contract: Contract) -> dict[str, Tensor] | None:
    """The examples as integers on the CPU, copies of what was given.

    Raises:
        SeqwrightError: a side is missing, is no table of ids, has an id that is none of the vocabulary, or the sides have not
            the same number of rows.

    >>> checked({"ids": [[1, 2], [3, 0]]}, Contract(kind="decoder", vocabulary=4))["ids"].shape
    torch.Size([2, 2])
    """
    if examples is None:
        return None
    both = contract.kind == "encoder-decoder"
    wanted = '{"source": [b, s], "target": [b, t]}' if both else '{"ids": [b, t]}'
    needed = "source" if both else "ids"
    if not isinstance(examples, Mapping) or needed not in examples:
        given = sorted(map(str, examples)) if isinstance(examples, Mapping) else type(examples).__name__
        raise SeqwrightError(f"examples of a {contract.kind} are {wanted}, and these are {given}", fix="give them so")
    found = {
        name: _ids(name, given, contract.vocabulary) if name in SIDES else _kept(name, given)
        for name, given in examples.items()
    }
    if len({len(found[name]) for name in SIDES if name in found}) > 1:
        raise SeqwrightError("the examples have not as many sources as targets", fix="give a row of each")
    return found


def _kept(name: str, given: Any) -> Tensor:
    if not isinstance(given, Tensor):
        raise SeqwrightError(
            f"the examples' {name} is a {type(given).__name__}", fix="give a tensor, or let the loss make it"
        )
    return given.detach().to("cpu").clone()


def _ids(name: str, given: Any, vocabulary: int) -> Tensor:
    try:
        ids = torch.as_tensor(given).detach().to("cpu")
    except (TypeError, ValueError, RuntimeError) as error:
        raise SeqwrightError(
            f"the examples' {name} are no table of ids ({error})", fix="pad them to one length"
        ) from error
    if ids.ndim != 2 or ids.numel() == 0 or ids.is_floating_point():
        raise SeqwrightError(
            f"the examples' {name} are {ids.dtype} of shape {list(ids.shape)}", fix="give whole numbers [rows, tokens]"
        )
    if not (int(ids.min()) >= 0 and int(ids.max()) < vocabulary):
        wrong = int(ids.max()) if int(ids.max()) >= vocabulary else int(ids.min())
        raise SeqwrightError(
            f"the examples' {name} have the id {wrong}, and the vocabulary is 0 to {vocabulary - 1}",
            fix="padding is an id too: give it as pad=… in the contract",
        )
    return ids.long().clone()

"""The user's examples, held against the contract before anything is asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from seqwright.core.errors import SeqwrightError
from seqwright.doctor.contract import Contract


def checked(examples: Any, contract: Contract) -> dict[str, Tensor] | None:
    """The examples as integers on the CPU, copies of what was given.

    Raises:
        SeqwrightError: a name is wrong or missing, a value is no table of ids, an id is none of the vocabulary, or the sides
            have not the same number of rows.

    >>> checked({"ids": [[1, 2], [3, 0]]}, Contract(kind="decoder", vocabulary=4))["ids"].shape
    torch.Size([2, 2])
    """
    if examples is None:
        return None
    both = contract.kind == "encoder-decoder"
    wanted = '{"source": [b, s], "target": [b, t]}' if both else '{"ids": [b, t]}'
    names = {"source", "target"} if both else {"ids"}
    if not isinstance(examples, Mapping) or not examples or not set(examples) <= names:
        given = sorted(map(str, examples)) if isinstance(examples, Mapping) else type(examples).__name__
        raise SeqwrightError(f"examples of a {contract.kind} are {wanted}, and these are {given}", mend="give them so")
    if both and "source" not in examples:
        raise SeqwrightError("the examples have no source", mend=f"give {wanted}")
    found = {name: _ids(name, ids, contract.vocabulary) for name, ids in examples.items()}
    if len({len(ids) for ids in found.values()}) > 1:
        raise SeqwrightError("the examples have not as many sources as targets", mend="give a row of each")
    return found


def _ids(name: str, given: Any, vocabulary: int) -> Tensor:
    try:
        ids = torch.as_tensor(given).detach().to("cpu")
    except (TypeError, ValueError, RuntimeError) as error:
        raise SeqwrightError(
            f"the examples' {name} are no table of ids ({error})", mend="pad them to one length"
        ) from error
    if ids.ndim != 2 or ids.numel() == 0 or ids.is_floating_point():
        raise SeqwrightError(
            f"the examples' {name} are {ids.dtype} of shape {list(ids.shape)}", mend="give whole numbers [rows, tokens]"
        )
    if not (int(ids.min()) >= 0 and int(ids.max()) < vocabulary):
        wrong = int(ids.max()) if int(ids.max()) >= vocabulary else int(ids.min())
        raise SeqwrightError(
            f"the examples' {name} have the id {wrong}, and the vocabulary is 0 to {vocabulary - 1}",
            mend="padding is an id too: give it as pad=… in the contract",
        )
    return ids.long().clone()

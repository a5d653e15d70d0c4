"""Tensors and facts in one file that is either whole or not there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from seqwright.core.errors import SeqwrightError, reason
from seqwright.core.files import write_atomically
from seqwright.core.spec import Spec

F = TypeVar("F", bound=Spec)


def write_checkpoint(path: Path, tensors: Mapping[str, Tensor], facts: Spec) -> None:
    """Write tensors (as safetensors) and what belongs to them (as its metadata).

    Raises:
        SeqwrightError: the disk takes no more; what was there before is still there.
    """
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        write_atomically(path, save(whole, {"facts": facts.to_json()}))
    except OSError as error:
        raise SeqwrightError(
            f"cannot be written: {reason(error)}; the last one written is kept",
            where=str(path),
            fix="make room, then continue with --resume",
        ) from error


def read_checkpoint(path: Path, kind: type[F], device: str = "cpu") -> tuple[dict[str, Tensor], F]:
    """Read them back. Nothing is unpickled.

    Raises:
        SeqwrightError: the file is missing or damaged, or holds something else.
    """
    try:
        with safe_open(path, framework="pt", device=device) as file:
            facts = (file.metadata() or {}).get("facts")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    except FileNotFoundError as error:
        raise SeqwrightError("is missing", where=str(path), fix="the run is incomplete; train it again") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise SeqwrightError(
            f"is damaged: {str(error).splitlines()[0]}", where=str(path), fix="take it from a copy, or train again"
        ) from error
    if facts is None:
        raise SeqwrightError("was not written by seqwright", where=str(path), fix="name a run of ours")
    try:
        return tensors, kind.from_json(facts)
    except SeqwrightError as error:
        raise SeqwrightError(
            error.what, where=str(path), fix="the file is damaged, or is another one of a run"
        ) from error


def load_weights(model: torch.nn.Module, tensors: Mapping[str, Tensor], where: Path) -> None:
    """Give a model the weights of a file, if they are the weights of such a model.

    Raises:
        SeqwrightError: a tensor is missing, unknown or of another shape.
    """
    try:
        model.load_state_dict(dict(tensors), assign=any(p.is_meta for p in model.parameters()))
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise SeqwrightError(
            f"these are not the weights of this model: {first}",
            where=str(where),
            fix="the files of a run belong together",
        ) from error

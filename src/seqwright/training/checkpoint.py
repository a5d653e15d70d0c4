"""Checkpoints: the state of every part of a training in one safetensors file, which is either whole or not there."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from seqwright.core.errors import SeqwrightError, reason
from seqwright.core.files import write_atomically
from seqwright.core.spec import Spec

F = TypeVar("F", bound=Spec)

HEADER = "seqwright"
"""The name of the file's only metadata, which is JSON."""

ELSEWHERE = "it is damaged or of another run; take it from a copy, or train again"
"""The fix for a checkpoint that cannot be used."""


@runtime_checkable
class Stateful(Protocol):
    """A part of a training whose state a checkpoint keeps."""

    def state(self) -> Mapping[str, Tensor]:
        """Return all that the part's next steps depend on; the tensors may change with the next step."""
        ...

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue from a state that lies on the CPU.

        Raises:
            KeyError, ValueError, RuntimeError, TypeError: it is not the state of such a part.
        """
        ...


class Checkpoint:
    """A file with the state of several parts, each tensor under ``part.name``.

    Args:
        path: the file.
        parts: the parts by name. A name has no dot in it.
    """

    def __init__(self, path: Path, parts: Mapping[str, Stateful]) -> None:
        self.path, self.parts = path, parts

    def state(self) -> dict[str, Tensor]:
        """Collect the state of all parts; every process that trains must take part."""
        return {f"{part}.{name}": value for part, held in self.parts.items() for name, value in held.state().items()}

    def restore(self, kind: type[F]) -> F:
        """Restore every part and return the facts.

        Raises:
            SeqwrightError: the file is missing, damaged or of an older version, or a part does not fit.
        """
        tensors, header = _read(self.path, "cpu")
        if "sizes" not in header:
            raise SeqwrightError(
                "was written by an older version, which this one cannot continue",
                where=str(self.path),
                fix="its weights in model.safetensors still answer (seqwright predict); to train on, begin a new run",
            )
        facts = _facts(self.path, header, kind)
        states: dict[str, dict[str, Tensor]] = {part: {} for part in self.parts}
        for full_name, tensor in tensors.items():
            part, _, name = full_name.partition(".")
            states.setdefault(part, {})[name] = tensor
        for part, state in states.items():
            try:
                self.parts[part].restore(state)
            except (KeyError, ValueError, RuntimeError, TypeError, SeqwrightError) as error:
                message = error.what if isinstance(error, SeqwrightError) else str(error).splitlines()[0]
                what = f"does not fit this run: {part}: {message}"
                raise SeqwrightError(what, where=str(self.path), fix=ELSEWHERE) from error
        return facts


class ModelWeights:
    """The weights and buffers of a model as a part of a checkpoint."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def state(self) -> Mapping[str, Tensor]:
        return self.model.state_dict()

    def restore(self, state: Mapping[str, Tensor]) -> None:
        load_weights(self.model, state)


def write_checkpoint(path: Path, tensors: Mapping[str, Tensor], facts: Spec) -> None:
    """Write tensors (as safetensors) and what belongs to them (as its metadata).

    Raises:
        SeqwrightError: the file cannot be written; the previous one is still there.
    """
    header = json.dumps({"facts": json.loads(facts.to_json()), "sizes": _sizes(tensors)}, sort_keys=True)
    try:
        write_atomically(path, save(_apart(tensors), {HEADER: header}))  # two entries would be in any order
    except OSError as error:
        raise SeqwrightError(
            f"cannot be written: {reason(error)}; the last one written is kept",
            where=str(path),
            fix="make room, then continue with --resume",
        ) from error


def read_checkpoint(path: Path, kind: type[F], device: str = "cpu") -> tuple[dict[str, Tensor], F]:
    """Read tensors and facts back. Nothing is unpickled.

    Raises:
        SeqwrightError: the file is missing or damaged, or holds something else.
    """
    tensors, header = _read(path, device)
    return tensors, _facts(path, header, kind)


def load_weights(model: nn.Module, tensors: Mapping[str, Tensor], where: Path | None = None) -> None:
    """Load the weights of a file into a model.

    Raises:
        SeqwrightError: a tensor is missing, unknown or of another shape.
    """
    try:
        model.load_state_dict(dict(tensors), assign=any(p.is_meta for p in model.parameters()))
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise SeqwrightError(
            f"these are not the weights of this model: {first}",
            where="" if where is None else str(where),
            fix="the files of a run belong together",
        ) from error


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors on the CPU of which no two share memory, as tied weights do; the format wants that."""
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        memory = tensor.untyped_storage().data_ptr()
        found[name] = tensor.clone() if memory in seen else tensor
        seen.add(memory)
    return found


def _sizes(tensors: Mapping[str, Tensor]) -> dict[str, int]:
    """Count the tensors of each part, so that a loss is noticed."""
    return Counter(name.partition(".")[0] for name in tensors)


def _read(path: Path, device: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the tensors and the header: ``facts``, and the ``sizes`` of the parts, which older versions did not write."""
    try:
        with safe_open(path, framework="pt", device=device) as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
        older = {"facts": json.loads(metadata["facts"])} if "facts" in metadata else {}
        header = json.loads(metadata[HEADER]) if HEADER in metadata else older
    except FileNotFoundError as error:
        raise SeqwrightError("is missing", where=str(path), fix="the run is incomplete; train it again") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise SeqwrightError(
            f"is damaged: {str(error).splitlines()[0]}", where=str(path), fix="take it from a copy, or train again"
        ) from error
    if "facts" not in header:
        raise SeqwrightError("was not written by seqwright", where=str(path), fix="name a run of ours")
    if header.get("sizes", _sizes(tensors)) != _sizes(tensors):
        raise SeqwrightError("is not whole: some tensors are missing", where=str(path), fix=ELSEWHERE)
    return tensors, header


def _facts(path: Path, header: Mapping[str, Any], kind: type[F]) -> F:
    try:
        return kind.from_json(json.dumps(header["facts"]))
    except SeqwrightError as error:
        raise SeqwrightError(
            error.what, where=str(path), fix="the file is damaged, or is another one of a run"
        ) from error

"""Ways to call a model: by a function of the user's, or by the names of its forward's arguments."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from seqwright.core.errors import SeqwrightError
from seqwright.doctor.contract import Contract
from seqwright.doctor.model_input import ModelInput

ModelCall = Callable[[nn.Module, ModelInput], Tensor]
"""A model and a batch to logits ``[b t v]``."""


def user_call(call: Callable[..., Any], contract: Contract) -> ModelCall:
    """Return the way to call a model by a function of the user's."""
    if contract.reads_source:
        return lambda module, batch: logits_of(call(module, batch.source, batch.source_mask, batch.ids, batch.mask))
    return lambda module, batch: logits_of(call(module, batch.ids, batch.mask))


def logits_of(output: Any) -> Tensor:
    """Return the logits in what a forward returns: the tensor itself, its ``logits``, or those of its first element.

    Raises:
        SeqwrightError: there are none.
    """
    if isinstance(output, Tensor):
        return output
    for name in ("logits", "last_hidden_state"):
        if isinstance(getattr(output, name, None), Tensor):
            return getattr(output, name)
    if isinstance(output, dict) and output:
        return logits_of(output.get("logits", next(iter(output.values()))))
    if isinstance(output, (tuple, list)) and output:
        return logits_of(output[0])
    raise SeqwrightError(
        f"the call returns {type(output).__name__}, in which there are no logits",
        fix="give examine(call=…) that returns them",
    )


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model inside the wrappers of ``torch.compile`` and data parallelism."""
    while name := WRAPPERS.get(type(model).__name__):
        model = getattr(model, name)
    return model


WRAPPERS = {"OptimizedModule": "_orig_mod", "DataParallel": "module", "DistributedDataParallel": "module"}
"""The attribute of each wrapper that holds the model."""

MASK = re.compile(r"mask|pad|real|valid", re.IGNORECASE)
"""Names of masks."""
TARGET = re.compile(r"^(tgt|trg|target|dec)", re.IGNORECASE)
"""Beginnings of names on the target's side."""
OTHER = re.compile(r"pos|past|cache|hidden|state|target|label|len", re.IGNORECASE)
"""Names of arguments that are not masks."""
PADDING_MASK = re.compile(r"padding_mask", re.IGNORECASE)
"""PyTorch's name for masks that are True at padding."""


@dataclass(frozen=True)
class Argument:
    """An argument of a forward, and the part of a batch that it gets.

    Attributes:
        name: its name.
        part: ``ids``, ``mask``, ``source`` or ``source_mask``.
        inverted: whether it is a mask that is True at padding.
        required: whether it has no default.
    """

    name: str
    part: str
    inverted: bool = False
    required: bool = True

    def value(self, batch: ModelInput) -> Tensor | None:
        """Return its value for a batch."""
        value = getattr(batch, self.part)
        return ~value if self.inverted and value is not None else value

    def __str__(self) -> str:
        value = f"~{self.part}" if self.inverted else self.part
        return f"{self.name}={value}" if self.name else value


def forward_arguments(model: nn.Module, contract: Contract) -> tuple[Argument, ...]:
    """Guess the arguments of a forward from their names: ids, and a mask where there is a parameter for one.

    Parameters that have a default and are not masks (``targets=None``, ``hidden=None``) are left out.
    """
    named = inspect.signature(model.forward).parameters.values()
    parameters = [
        each for each in named if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
    ]
    both = contract.reads_source
    values, masks = (["source", "ids"], ["source_mask", "mask"]) if both else (["ids"], ["mask"])
    mask_names = [each.name for each in parameters if PADDING_MASK.search(each.name)]
    mask_names = mask_names or [each.name for each in parameters if MASK.search(each.name)]
    found: list[Argument] = []
    for each in parameters:
        required = each.default is each.empty
        if each.name in mask_names:
            part = "mask" if not both or TARGET.search(each.name) else "source_mask"
            if part in masks:
                masks.remove(part)
                found.append(Argument(each.name, part, bool(PADDING_MASK.search(each.name)), required))
        elif values and (required or not found or TARGET.search(each.name)):
            found.append(Argument(each.name, values.pop(0)))
        elif required and masks and not OTHER.search(each.name):  # required, and nothing else is left to give
            found.append(Argument(each.name, masks.pop(0)))
    return tuple(found) or tuple(Argument("", part) for part in values)  # *args


def call_forward(module: nn.Module, batch: ModelInput, arguments: tuple[Argument, ...]) -> Any:
    """Call a forward with its arguments."""
    if not arguments[0].name:
        return module(*(each.value(batch) for each in arguments))
    values = {each: each.value(batch) for each in arguments}
    return module(**{each.name: value for each, value in values.items() if each.required or value is not None})


def call_as_hugging_face(module: nn.Module, batch: ModelInput, names: Set[str]) -> Any:
    """Call a forward by the names that the ``transformers`` library uses."""
    if batch.source is None:
        named = {"input_ids": batch.ids, "attention_mask": batch.mask}
    else:
        named = {"input_ids": batch.source, "attention_mask": batch.source_mask}
        named |= {"decoder_input_ids": batch.ids, "decoder_attention_mask": batch.mask}
    given: dict[str, Any] = {name: value.long() for name, value in named.items() if value is not None}
    given["use_cache"] = False
    return module(**{name: value for name, value in given.items() if name in names})

"""How a model is called: native ones and Hugging Face's by what they are, others by their forward's signature, or as told."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from seqwright.core.errors import SeqwrightError
from seqwright.core.tokens import PADDING, Tokens
from seqwright.doctor.contract import Contract
from seqwright.doctor.reading import ModelInput
from seqwright.models.transformer import Transformer
from seqwright.nn.embedding import SymbolHead, TokenEmbedding

Ask = Callable[[nn.Module, ModelInput], Tensor]
"""A model and a reading to logits ``[b t v]``."""


def asking(contract: Contract, call: Callable[..., Any] | None, model: nn.Module) -> Ask:
    """The way to ask this model: the user's ``call``, or the one that its kind has."""
    if call is not None:
        return lambda module, reading: logits_of(_called(call, module, reading, contract))
    if isinstance(model, Transformer):
        return lambda module, reading: _native(module, reading, contract)
    names = inspect.signature(model.forward).parameters.keys()
    if "input_ids" in names:
        return lambda module, reading: logits_of(_by_name(module, reading, names, contract))
    given = arguments(model, contract)
    return lambda module, reading: logits_of(_as_named(module, reading, given))


def logits_of(said: Any) -> Tensor:
    """The logits in what a forward returns: itself, its ``logits``, or those of its first element."""
    if isinstance(said, Tensor):
        return said
    for name in ("logits", "last_hidden_state"):
        if isinstance(getattr(said, name, None), Tensor):
            return getattr(said, name)
    if isinstance(said, dict) and said:
        return logits_of(said.get("logits", next(iter(said.values()))))
    if isinstance(said, (tuple, list)) and said:
        return logits_of(said[0])
    raise SeqwrightError(
        f"the call returns {type(said).__name__}, in which there are no logits",
        fix="give examine(call=…) that returns them",
    )


def _called(call: Callable[..., Any], module: nn.Module, reading: ModelInput, contract: Contract) -> Any:
    if contract.kind == "encoder-decoder":
        return call(module, reading.source, reading.source_mask, reading.ids, reading.mask)
    return call(module, reading.ids, reading.mask)


def guessed(model: nn.Module, contract: Contract) -> str:
    """How a stranger's forward is called, as one would write it; masks are true at real tokens, ``~`` turns them round."""
    if isinstance(model, Transformer) or "input_ids" in inspect.signature(model.forward).parameters:
        return ""
    return f"model({', '.join(map(str, arguments(model, contract)))})"


def unwrapped(model: nn.Module) -> nn.Module:
    """The model inside what ``torch.compile`` or data parallelism wraps around it."""
    for name in ("_orig_mod", "module"):
        inner = getattr(model, name, None)
        if isinstance(inner, nn.Module) and type(model).__name__ in WRAPPERS:
            return unwrapped(inner)
    return model


WRAPPERS = ("OptimizedModule", "DataParallel", "DistributedDataParallel")

MASK = re.compile(r"mask|pad|real|valid", re.IGNORECASE)
"""What masks are called."""
TARGET = re.compile(r"^(tgt|trg|target|dec)", re.IGNORECASE)
"""How names of the target's side begin."""
OTHER = re.compile(r"pos|past|cache|hidden|state|target|label|len", re.IGNORECASE)
"""What is no mask, whoever calls it so."""
PADS = re.compile(r"padding_mask", re.IGNORECASE)
"""What PyTorch calls masks that are true at padding."""


@dataclass(frozen=True)
class Argument:
    """What a forward is given at one of its places.

    Attributes:
        name: what the forward calls it.
        part: which part of a reading it is: ``ids``, ``mask``, ``source`` or ``source_mask``.
        inverted: whether it is a mask that is true at padding.
        needed: whether it has to be given.
    """

    name: str
    part: str
    inverted: bool = False
    needed: bool = True

    def of(self, reading: ModelInput) -> Tensor | None:
        """What is given of a reading."""
        value = getattr(reading, self.part)
        return ~value if self.inverted and value is not None else value

    def __str__(self) -> str:
        told = f"~{self.part}" if self.inverted else self.part
        return f"{self.name}={told}" if self.name else told


def arguments(model: nn.Module, contract: Contract) -> tuple[Argument, ...]:
    """What a stranger's forward is given, read off the names of its parameters: ids, and a mask where one is asked for.

    What has a default and is no mask (``targets=None``, ``hidden=None``) is left out.
    """
    named = inspect.signature(model.forward).parameters.values()
    places = [
        each for each in named if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
    ]
    both = contract.kind == "encoder-decoder"
    values, masks = (["source", "ids"], ["source_mask", "mask"]) if both else (["ids"], ["mask"])
    masking = [each.name for each in places if PADS.search(each.name)] or [each.name for each in places if MASK.search(each.name)]  # fmt: skip
    found: list[Argument] = []
    for each in places:
        needed = each.default is each.empty
        if each.name in masking:
            part = "mask" if not both or TARGET.search(each.name) else "source_mask"
            if part in masks:
                masks.remove(part)
                found.append(Argument(each.name, part, bool(PADS.search(each.name)), needed))
        elif values and (needed or not found or TARGET.search(each.name)):
            found.append(Argument(each.name, values.pop(0)))
        elif needed and masks and not OTHER.search(each.name):
            found.append(
                Argument(each.name, masks.pop(0))
            )  # all that is known is that it is wanted: calls are given it there
    return tuple(found) or tuple(Argument("", part) for part in values)  # *args


def _by_name(module: nn.Module, reading: ModelInput, names: Set[str], contract: Contract) -> Any:
    """Hugging Face's names."""
    if contract.kind == "encoder-decoder":
        named: dict[str, Any] = {"input_ids": reading.source, "attention_mask": _number(reading.source_mask)}
        named |= {"decoder_input_ids": reading.ids, "decoder_attention_mask": _number(reading.mask)}
    else:
        named = {"input_ids": reading.ids, "attention_mask": _number(reading.mask)}
    named["use_cache"] = False
    return module(**{name: value for name, value in named.items() if name in names and value is not None})


def _as_named(module: nn.Module, reading: ModelInput, given: Sequence[Argument]) -> Any:
    """A stranger's names."""
    if not given[0].name:
        return module(*(each.of(reading) for each in given))
    values = {each: each.of(reading) for each in given}
    return module(**{each.name: value for each, value in values.items() if each.needed or value is not None})


def _number(mask: Tensor | None) -> Tensor | None:
    return None if mask is None else mask.long()


def places(ids: Tensor, mask: Tensor | None) -> Tensor:
    """Where each token stands in its own sequence; −1 for padding."""
    if mask is None:
        return torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
    return torch.where(mask, mask.cumsum(1) - 1, PADDING)


def _native(model: nn.Module, reading: ModelInput, contract: Contract) -> Tensor:
    assert isinstance(model, Transformer)
    reads = torch.long if isinstance(model.spec.embedding, TokenEmbedding) else next(model.parameters()).dtype
    source = None
    if reading.source is not None:
        source = Tokens(reading.source.to(reads), places(reading.source, reading.source_mask))
    output, _ = model.advance(Tokens(reading.ids.to(reads), places(reading.ids, reading.mask)), model.start(source))
    if not isinstance(model.spec.head, SymbolHead):  # a value is a distribution that falls off with its distance
        values = torch.arange(contract.vocabulary, device=output.logits.device, dtype=output.logits.dtype)
        return -((output.logits - values) ** 2)
    return output.logits

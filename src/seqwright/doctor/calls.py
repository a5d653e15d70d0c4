"""How a model is called: native ones and Hugging Face's by what they are, others by their forward's signature, or as told."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from seqwright.core.errors import SeqwrightError
from seqwright.core.tokens import PADDING, Tokens
from seqwright.doctor.contract import Contract
from seqwright.doctor.reading import Reading
from seqwright.nn.embedding import LookUpEmbedding, SymbolHead
from seqwright.nn.transformer import Transformer

Ask = Callable[[nn.Module, Reading], Tensor]
"""A model and a reading to logits ``[b t v]``."""


def asking(contract: Contract, call: Callable[..., Any] | None, model: nn.Module) -> Ask:
    """The way to ask this model: the user's ``call``, or the one that its kind has."""
    if call is not None:
        return lambda module, reading: logits_of(_called(call, module, reading, contract))
    if isinstance(model, Transformer):
        return lambda module, reading: _native(module, reading, contract)
    wants = _wanted(model)
    return lambda module, reading: logits_of(_by_signature(module, reading, contract, wants))


def logits_of(said: Any) -> Tensor:
    """The logits in what a forward returns: itself, its ``logits``, or its first element."""
    if isinstance(said, Tensor):
        return said
    for name in ("logits", "last_hidden_state"):
        if isinstance(getattr(said, name, None), Tensor):
            return getattr(said, name)
    if isinstance(said, dict):
        said = said.get("logits", next(iter(said.values()), None))
    elif isinstance(said, (tuple, list)) and said:
        said = said[0]
    if isinstance(said, Tensor):
        return said
    raise SeqwrightError(
        f"the call returns {type(said).__name__}, in which there are no logits",
        mend="give examine(call=…) that returns them",
    )


def _called(call: Callable[..., Any], module: nn.Module, reading: Reading, contract: Contract) -> Any:
    if contract.kind == "encoder-decoder":
        return call(module, reading.source, reading.source_mask, reading.ids, reading.mask)
    return call(module, reading.ids, reading.mask)


def _wanted(model: nn.Module) -> set[str] | int:
    """How many arguments a forward takes without names, or the names of Hugging Face's."""
    parameters = inspect.signature(model.forward).parameters
    if "input_ids" in parameters:
        return set(parameters)
    if any(each.kind is each.VAR_POSITIONAL for each in parameters.values()):
        return 4
    return sum(each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD) for each in parameters.values())


def _by_signature(module: nn.Module, reading: Reading, contract: Contract, wants: set[str] | int) -> Any:
    both = contract.kind == "encoder-decoder"
    if isinstance(wants, set):
        named: dict[str, Any] = {"input_ids": reading.source, "attention_mask": _number(reading.source_mask)}
        named |= {"decoder_input_ids": reading.ids, "decoder_attention_mask": _number(reading.mask)}
        if not both:
            named = {"input_ids": reading.ids, "attention_mask": _number(reading.mask)}
        named["use_cache"] = False
        return module(**{name: value for name, value in named.items() if name in wants and value is not None})
    if not both:
        return module(reading.ids, reading.mask) if wants > 1 else module(reading.ids)
    if wants > 3:
        return module(reading.source, reading.source_mask, reading.ids, reading.mask)
    return module(reading.source, reading.ids)


def _number(mask: Tensor | None) -> Tensor | None:
    return None if mask is None else mask.long()


def places(ids: Tensor, mask: Tensor | None) -> Tensor:
    """Where each token stands in its own sequence; −1 for padding."""
    if mask is None:
        return torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
    return torch.where(mask, mask.cumsum(1) - 1, PADDING)


def _native(model: nn.Module, reading: Reading, contract: Contract) -> Tensor:
    assert isinstance(model, Transformer)
    reads = torch.long if isinstance(model.spec.embedding, LookUpEmbedding) else next(model.parameters()).dtype
    source = None
    if reading.source is not None:
        source = Tokens(reading.source.to(reads), places(reading.source, reading.source_mask))
    output, _ = model.advance(Tokens(reading.ids.to(reads), places(reading.ids, reading.mask)), model.start(source))
    if not isinstance(model.spec.head, SymbolHead):  # a value is a distribution that falls off with its distance
        values = torch.arange(contract.vocabulary, device=output.logits.device, dtype=output.logits.dtype)
        return -((output.logits - values) ** 2)
    return output.logits

"""Seeing attention inside Hugging Face's models: their attention function is replaced by one that keeps what is asked for.

Every model that takes its attention from ``transformers``' register is told to use ours, which calls the model's own eager
function and so computes what that computes. Other models are asked for ``output_attentions`` with eager attention; there queries,
keys and values are not to be had. Either way the model's implementation is put back.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from seqwright.core.errors import SeqwrightError
from seqwright.viewer.capture import LayerAttention, kept
from seqwright.viewer.record import Kind

NAME = "seqwright"
AGREE = {torch.float16: 1e-2, torch.bfloat16: 1e-1}
"""So near weights must be to the softmax of their products for these to be shown as their reason; 0.001 in other precisions."""
Wanted = dict[Kind, tuple[tuple[int, ...], tuple[int, ...]]]


@dataclass(eq=False)
class RegisterCapture:
    """What a watched model's attentions were, by kind and layer."""

    wanted: Wanted
    projections: bool = True
    caught: dict[Kind, dict[int, LayerAttention]] = field(default_factory=dict)
    called: Counter[Kind] = field(default_factory=Counter)

    def layers(self, kind: Kind) -> list[LayerAttention]:
        """Those of a kind.

        Raises:
            SeqwrightError: a layer was not seen.
        """
        seen = self.caught.get(kind, {})
        missing = [layer for layer in self.wanted[kind][0] if layer not in seen]
        if missing:
            raise SeqwrightError(
                f"the model formed no {kind} attention in layers {missing}",
                fix="load it with attn_implementation='eager'; if it has no attention weights at all, there is nothing to see",
            )
        return [seen[layer] for layer in self.wanted[kind][0]]


def kinds_of(model: Any) -> tuple[Kind, ...]:
    """The kinds of attention that a model has."""
    if getattr(model.config, "is_encoder_decoder", False):
        return ("encoder", "decoder", "cross")
    return ("decoder",) if causal(model) else ("encoder",)


def causal(model: Any) -> bool:
    """Whether a model of one stack looks back only."""
    told = getattr(model.config, "is_decoder", False) or model.can_generate()
    return bool(told or any(getattr(module, "is_causal", False) for module in model.modules()))


@contextmanager
def watched(model: Any, wanted: Wanted, *, projections: bool = True) -> Iterator[RegisterCapture]:
    """While it lasts, the attention of one forward is kept; afterwards the model, and every model in it, is as it was.

    Threads wait for one another; within one the last to watch a model sees it.
    """
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import eager_mask

    with _ONE_AT_A_TIME:
        sight, kinds = RegisterCapture(wanted, projections), dict(_attending(model))
        before, outer = _implementations(model), {module: _WATCHED[module] for module in kinds if module in _WATCHED}
        AttentionInterface.register(NAME, _attend)
        AttentionMaskInterface.register(NAME, eager_mask)
        try:
            _WATCHED.update((module, (sight, kind)) for module, kind in kinds.items())
            model.set_attn_implementation(NAME if _registers(kinds) else "eager")
            yield sight
        finally:
            for module in kinds:
                _WATCHED.pop(module, None)
            _WATCHED.update(outer)
            for config, name in before:
                config._attn_implementation_internal = name


_ONE_AT_A_TIME = threading.RLock()
_WATCHED: dict[nn.Module, tuple[RegisterCapture, Kind]] = {}
"""The modules that are being watched just now."""


def _implementations(model: Any) -> list[tuple[Any, str]]:
    """Every configuration in a model, and the attention that it names."""
    configs = {id(module.config): module.config for module in model.modules() if hasattr(module, "config")}
    return [
        (config, name)
        for config in configs.values()
        if (name := getattr(config, "_attn_implementation", None)) is not None
    ]


def _attend(module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **given: Any) -> Any:
    """The model's own eager attention, of which what is wanted is kept, and no weights are handed on.

    Layers are counted as they are called, so one that is called several times (ALBERT) is several.
    """
    own = sys.modules[type(module).__module__].eager_attention_forward
    mixed, weights = own(module, query, key, value, mask, **given)
    if module not in _WATCHED:
        return mixed, None
    sight, kind = _WATCHED[module]
    layers, heads = sight.wanted.get(kind, ((), ()))
    layer = sight.called[kind]
    if layer in layers:
        found = (
            _caught(query, key, value, weights, heads, given)
            if sight.projections
            else LayerAttention(kept(weights, heads))
        )
        sight.caught.setdefault(kind, {})[layer] = found
    sight.called[kind] += 1
    return mixed, None


def _caught(
    query: Tensor, key: Tensor, value: Tensor, weights: Tensor, heads: Sequence[int], given: dict[str, Any]
) -> LayerAttention:
    """One call's attention; without projections where these weights are not the softmax of their products."""
    scale = given.get("scaling") or query.shape[-1] ** -0.5
    key, value = (each.repeat_interleave(query.shape[1] // each.shape[1], 1) for each in (key, value))
    scores = query.float() @ key.float().mT * scale
    bias = given.get("position_bias")
    scores = scores if bias is None else scores + bias
    seen = weights > 0
    again = scores.masked_fill(~seen, float("-inf")).softmax(-1).nan_to_num(0.0)
    plain = kept(weights, heads)
    if weights.shape != scores.shape or (again - weights).abs().max() > AGREE.get(query.dtype, 1e-3):
        return LayerAttention(plain)
    found = {"scores": scores, "queries": query, "keys": key, "values": value}
    return LayerAttention(plain, **{part: kept(x, heads) for part, x in found.items()}, scale=float(scale))


def _registers(attending: Iterable[nn.Module]) -> bool:
    """Whether all these take their attention function from the register."""
    homes = {type(module).__module__ for module in attending}
    return bool(homes) and all(hasattr(sys.modules[home], "eager_attention_forward") for home in homes)


def _attending(model: Any) -> Iterator[tuple[nn.Module, Kind]]:
    """The modules that attend, each with its kind: the innermost of those that are called an attention."""
    both = bool(getattr(model.config, "is_encoder_decoder", False))
    encoder = set(model.get_encoder().modules()) if both else set()
    alone = kinds_of(model)[0]
    for name, module in model.named_modules():
        called = "Attention" in type(module).__name__
        if not called or any("Attention" in type(child).__name__ for child in module.modules() if child is not module):
            continue
        if both and module not in encoder:
            yield module, "cross" if _across(name) else "decoder"
        else:
            yield module, alone


def _across(name: str) -> bool:
    return any(word in name.lower() for word in ("cross", "encoder_attn", "encdecattention"))


def fill(sight: RegisterCapture, output: Any) -> None:
    """Take what a forward returned (``output_attentions``) where its attention could not be watched.

    Raises:
        SeqwrightError: it returned nothing.
    """
    names = {"encoder": ("encoder_attentions", "attentions"), "decoder": ("decoder_attentions", "attentions"), "cross": ("cross_attentions",)}  # fmt: skip
    for kind, (layers, heads) in sight.wanted.items():
        if kind in sight.caught:
            continue
        given = next((output[name] for name in names[kind] if output.get(name)), ())
        found = {layer: LayerAttention(kept(given[layer], heads)) for layer in layers if layer < len(given) and given[layer] is not None}  # fmt: skip
        sight.caught[kind] = found
        sight.layers(kind)

"""Capture of attention inside Hugging Face models, whose attention function is replaced for one forward pass.

Models that look their attention function up in ``transformers``' register get one that calls the model's own eager function and
keeps the selected heads. Other models run with eager attention and ``output_attentions``, without queries, keys and values.
Afterwards the attention implementation of the model is restored.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from seqwright.core.errors import SeqwrightError
from seqwright.huggingface.configuration import kinds_of
from seqwright.viewer.capture import LayerAttention, to_array
from seqwright.viewer.record import Kind
from seqwright.viewer.selection import LayersAndHeads

NAME = "seqwright"
TOLERANCE = {torch.float16: 1e-2, torch.bfloat16: 1e-1}
"""Greatest difference of weights to the softmax of their scores for projections to be kept; 0.001 in other precisions."""


@dataclass(eq=False)
class RegisterCapture:
    """The captured attention of a model, by kind and layer; layers are counted in the order of their calls."""

    chosen: Mapping[Kind, LayersAndHeads]
    projections: bool = True
    captured: dict[Kind, dict[int, LayerAttention]] = field(default_factory=dict)
    calls: Counter[Kind] = field(default_factory=Counter)

    def layers(self, kind: Kind) -> list[LayerAttention]:
        """Return the chosen layers of a kind.

        Raises:
            SeqwrightError: A layer was not captured.
        """
        captured = self.captured.get(kind, {})
        missing = [layer for layer in self.chosen[kind].layers if layer not in captured]
        if missing:
            raise SeqwrightError(
                f"the model formed no {kind} attention in layers {missing}",
                fix="load it with attn_implementation='eager'; a model without attention weights cannot be shown",
            )
        return [captured[layer] for layer in self.chosen[kind].layers]


@contextmanager
def captured(
    model: Any, chosen: Mapping[Kind, LayersAndHeads], *, projections: bool = True
) -> Iterator[RegisterCapture]:
    """Capture the attention of one forward inside this context; on exit the model and its submodules are as before.

    Threads wait for one another; of nested contexts the innermost captures.
    """
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import eager_mask

    with _LOCK:
        capture, kinds = RegisterCapture(chosen, projections), dict(_attention_modules(model))
        before, outer = _implementations(model), {module: _CAPTURED[module] for module in kinds if module in _CAPTURED}
        AttentionInterface.register(NAME, _attend)
        AttentionMaskInterface.register(NAME, eager_mask)
        try:
            _CAPTURED.update((module, (capture, kind)) for module, kind in kinds.items())
            model.set_attn_implementation(NAME if _registers(kinds) else "eager")
            yield capture
        finally:
            for module in kinds:
                _CAPTURED.pop(module, None)
            _CAPTURED.update(outer)
            for config, name in before:
                config._attn_implementation_internal = name


_LOCK = threading.RLock()
_CAPTURED: dict[nn.Module, tuple[RegisterCapture, Kind]] = {}
"""The modules that are being captured."""


def _implementations(model: Any) -> list[tuple[Any, str]]:
    """Return every configuration in a model with the attention that it names."""
    configs = {id(module.config): module.config for module in model.modules() if hasattr(module, "config")}
    named = [(config, getattr(config, "_attn_implementation", None)) for config in configs.values()]
    return [(config, name) for config, name in named if name is not None]


def _attend(module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **options: Any) -> Any:
    """Call the model's own eager attention, capture the chosen heads and return no weights.

    Layers are counted as they are called, so a layer that is called several times (ALBERT) counts as several.
    """
    own = sys.modules[type(module).__module__].eager_attention_forward
    mixed, weights = own(module, query, key, value, mask, **options)
    if module not in _CAPTURED:
        return mixed, None
    capture, kind = _CAPTURED[module]
    layer = capture.calls[kind]
    if kind in capture.chosen and layer in capture.chosen[kind].layers:
        heads = capture.chosen[kind].heads
        made = (query, key, value) if capture.projections else None
        capture.captured.setdefault(kind, {})[layer] = _layer(weights, heads, made, options)
    capture.calls[kind] += 1
    return mixed, None


def _layer(
    weights: Tensor, heads: Sequence[int], projections: tuple[Tensor, Tensor, Tensor] | None, options: Mapping[str, Any]
) -> LayerAttention:
    """Return one call's attention, without projections where the weights are not the softmax of their scores."""
    bare = LayerAttention(to_array(weights, heads))
    if projections is None:
        return bare
    query, key, value = projections
    scale = options.get("scaling") or query.shape[-1] ** -0.5
    key, value = (x.repeat_interleave(query.shape[1] // x.shape[1], 1) for x in (key, value))
    scores = query.float() @ key.float().mT * scale
    if (bias := options.get("position_bias")) is not None:
        scores = scores + bias
    if weights.shape != scores.shape:
        return bare
    expected = scores.masked_fill(weights <= 0, float("-inf")).softmax(-1).nan_to_num(0.0)
    if (expected - weights).abs().max() > TOLERANCE.get(query.dtype, 1e-3):
        return bare
    parts = {"scores": scores, "queries": query, "keys": key, "values": value}
    arrays = {part: to_array(x, heads) for part, x in parts.items()}
    return LayerAttention(bare.weights, **arrays, scale=float(scale))


def _registers(modules: Iterable[nn.Module]) -> bool:
    """Return whether all these modules take their attention function from the register."""
    names = {type(module).__module__ for module in modules}
    return bool(names) and all(hasattr(sys.modules[name], "eager_attention_forward") for name in names)


def _attention_modules(model: Any) -> Iterator[tuple[nn.Module, Kind]]:
    """Yield the modules that attend, with their kinds: the innermost of those whose class is named an attention."""
    both = bool(getattr(model.config, "is_encoder_decoder", False))
    encoder = set(model.get_encoder().modules()) if both else set()
    alone = kinds_of(model)[0]
    for name, module in model.named_modules():
        inner = (child for child in module.modules() if child is not module)
        if "Attention" not in type(module).__name__ or any("Attention" in type(child).__name__ for child in inner):
            continue
        if both and module not in encoder:
            crosses = any(word in name.lower() for word in ("cross", "encoder_attn", "encdecattention"))
            yield module, "cross" if crosses else "decoder"
        else:
            yield module, alone


def take_returned(capture: RegisterCapture, output: Any) -> None:
    """Take the attention that a forward returned (``output_attentions``) where it could not be captured.

    Raises:
        SeqwrightError: It returned none.
    """
    names = {"encoder": ("encoder_attentions", "attentions"), "decoder": ("decoder_attentions", "attentions"), "cross": ("cross_attentions",)}  # fmt: skip
    for kind, (layers, heads) in capture.chosen.items():
        if kind in capture.captured:
            continue
        returned = next((output[name] for name in names[kind] if output.get(name)), ())
        found = {layer: returned[layer] for layer in layers if layer < len(returned) and returned[layer] is not None}
        capture.captured[kind] = {layer: LayerAttention(to_array(x, heads)) for layer, x in found.items()}
        capture.layers(kind)

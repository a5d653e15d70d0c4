"""Properties of a Hugging Face model that its configuration, or its modules, give: kinds of attention, heads, maximum length."""

from __future__ import annotations

from typing import Any

from torch import nn

from seqwright.viewer.record import Kind


def kinds_of(model: Any) -> tuple[Kind, ...]:
    """Return the kinds of attention that a model has."""
    if getattr(model.config, "is_encoder_decoder", False):
        return ("encoder", "decoder", "cross")
    decodes = getattr(model.config, "is_decoder", False) or model.can_generate()
    causal = decodes or any(getattr(module, "is_causal", False) for module in model.modules())
    return ("decoder",) if causal else ("encoder",)


def max_length(model: Any) -> int | None:
    """Return the number of positions in a model's table; ``None`` where it has none, as with relative positions.

    Some tables (RoBERTa's) begin after the index of padding.
    """
    config = model.config.get_text_config()
    longest = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
    if not isinstance(longest, int) or longest < 1 or getattr(config, "model_type", "") in ("t5", "mt5"):
        return None
    for name, module in model.named_modules():
        padding = getattr(module, "padding_idx", None)
        if isinstance(module, nn.Embedding) and "position" in name and padding is not None:
            return min(longest, module.num_embeddings - padding - 1)
    return longest


def head_counts(model: Any, kind: Kind) -> dict[int, int]:
    """Return the number of heads of each layer of a kind, from the model's configuration."""
    side = "encoder" if kind == "encoder" else "decoder"
    own = getattr(model.config, side, None)  # a model composed of two models has a configuration for each
    config = own if hasattr(own, "to_dict") else model.config.get_text_config()
    layers, heads = (
        next((int(getattr(config, name)) for name in names if isinstance(getattr(config, name, None), int)), 0)
        for names in (
            (f"{side}_layers", f"num_{side}_layers", "num_hidden_layers", "num_layers", "n_layer"),
            (f"{side}_attention_heads", "num_attention_heads", "num_heads", "n_head"),
        )
    )
    return dict.fromkeys(range(layers), heads)

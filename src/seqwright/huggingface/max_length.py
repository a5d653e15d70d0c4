"""The maximum length of a Hugging Face model."""

from __future__ import annotations

from typing import Any

from torch import nn


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

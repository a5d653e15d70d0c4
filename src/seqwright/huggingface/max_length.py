"""How many tokens a Hugging Face model can read."""

from __future__ import annotations

from typing import Any

from torch import nn


def room(model: Any) -> int | None:
    """The places that its table of positions has; ``None`` where it has none, as with distances in place of positions.

    Some tables begin behind the padding's own place (RoBERTa's).
    """
    config = model.config.get_text_config()
    longest = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
    if not isinstance(longest, int) or longest < 1 or getattr(config, "model_type", "") in ("t5", "mt5"):
        return None
    for name, module in model.named_modules():
        taken = getattr(module, "padding_idx", None)
        if isinstance(module, nn.Embedding) and "position" in name and taken is not None:
            return min(longest, module.num_embeddings - taken - 1)
    return longest

"""How a model reads padding: not at all, or as a symbol like any other."""

from __future__ import annotations

import torch

from seqwright.core.spec import Spec
from seqwright.core.tokens import Tokens


class MaskedPadding(Spec):
    """Padding has no place, so no attention looks at it."""

    def read(self, tokens: Tokens, past: int = 0) -> Tokens:
        """The tokens as attention is to see them, when ``past`` tokens of each row have been read."""
        return tokens


class OrdinaryPadding(Spec):
    """Padding stands where it stands and is looked at: what a model without padding masks does.

    Rows must be padded on the right. A row's answer then depends on how far its neighbours in the batch stretch it.
    """

    def read(self, tokens: Tokens, past: int = 0) -> Tokens:
        """The tokens with places for padding too."""
        column = past + torch.arange(tokens.at.shape[1], device=tokens.at.device)
        return Tokens(tokens.ids, torch.where(tokens.at < 0, column, tokens.at))


Padding = MaskedPadding | OrdinaryPadding

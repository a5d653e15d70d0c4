"""Positions of tokens as a stack without position encoding gives them to its blocks."""

from __future__ import annotations

from seqwright.core.tokens import Tokens
from seqwright.nn.attention_positions import AttentionPositions, StackPositions, TokenPositions
from seqwright.nn.position import PositionEncoding


def stack_positions(tokens: Tokens) -> StackPositions:
    """Return the positions of a first pass over some tokens, without a source."""
    own = TokenPositions(PositionEncoding(), tokens.at, tokens.at)
    return StackPositions(AttentionPositions(own, own, unpadded=tokens.dense, aligned=tokens.dense), None)

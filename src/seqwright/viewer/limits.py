"""Limits of a page's size and of a model's positions."""

from __future__ import annotations

from math import prod

from seqwright.core.errors import SeqwrightError, TooLongError

MAX_WEIGHTS = 170_000_000
"""Attention weights that a page holds at most: 12 × 12 heads over slightly more than 1,024 tokens."""


def check_page_size(*shapes: tuple[int, ...]) -> None:
    """Check, before weights are computed, that one page can hold them.

    Args:
        shapes: ``[layers heads queries keys]`` of each array of weights.

    Raises:
        SeqwrightError: It cannot; the message has the page's size and the number of heads that would fit.
    """
    weights = sum(map(prod, shapes))
    if weights > MAX_WEIGHTS:
        fitting = max(1, MAX_WEIGHTS // sum(queries * keys for *_, queries, keys in shapes))
        factors = " and ".join(
            f"{layers} layers × {heads} heads × {queries} × {keys} tokens" for layers, heads, queries, keys in shapes
        )
        raise SeqwrightError(
            f"{factors} are {weights:,} weights, a page of about {weights * 0.6 / 1e6:,.0f} MB; "
            f"a page holds at most {MAX_WEIGHTS:,}",
            fix=f"choose up to {fitting} heads with --layers and --heads (layers=, heads=), or give a shorter text",
        )


def check_length(tokens: int, max_length: int | None) -> None:
    """Check that a model has positions for a text; ``max_length`` is ``None`` where it reads any length.

    Raises:
        TooLongError: The text has more tokens than the model has positions.
    """
    if max_length is not None and tokens > max_length:
        raise TooLongError(
            f"the text has {tokens} tokens, and the model has {max_length} positions", fix="give a shorter text"
        )


def generation_limit(max_length: int | None, prompt: int, limit: int) -> tuple[int, str]:
    """Return how many tokens can be generated and still be read in one pass, and a note where these are fewer than ``limit``.

    Raises:
        TooLongError: The prompt takes up all positions.

    >>> generation_limit(8, 5, 9)
    (3, 'Generation stops after 3 tokens: the model has 8 positions.')
    """
    if max_length is None or prompt + limit <= max_length:
        return limit, ""
    if prompt >= max_length:
        raise TooLongError(
            f"the text has {prompt} tokens, and none of the model's {max_length} positions are left to generate",
            fix="give a shorter text",
        )
    free = max_length - prompt
    return free, f"Generation stops after {free} tokens: the model has {max_length} positions."

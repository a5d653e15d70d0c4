"""Attention weights as a value: tokens, and the weights between them in some layers and heads."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, SupportsIndex, get_args, get_type_hints

import msgspec
import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.numpy import load, save

from seqwright.core.errors import SeqwrightError, reason
from seqwright.core.files import write_atomically
from seqwright.viewer.quantise import Array, dequantise, quantise

Kind = Literal["encoder", "decoder", "cross"]
Span = tuple[int, int]


class Candidate(msgspec.Struct, frozen=True):
    """A token that could have been chosen, and its probability."""

    token: str
    probability: float


class Step(msgspec.Struct, frozen=True):
    """One generated token.

    Attributes:
        query: the index of the token at which it was predicted.
        chosen: the generated token.
        probability: of the chosen token; ``None`` where it is not known.
        candidates: the likeliest tokens, in order.
    """

    query: int
    chosen: str
    probability: float | None
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, eq=False)
class Projections:
    """The tensors that weights are computed from: ``softmax(scores)``, ``scores = queries · keysᵀ × scale + bias``.

    Attributes:
        queries: ``[layers heads q c]``, after rotation where positions are rotary.
        keys, values: ``[layers heads k c]``; values may have another width.
        scores: ``[layers heads q k]``, −∞ where masked.
        scale: one factor per layer.
    """

    queries: Float[Array, "l h q c"]
    keys: Float[Array, "l h k c"]
    values: Float[Array, "l h k v"]
    scores: Float[Array, "l h q k"]
    scale: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class AttentionRecord:
    """Attention weights of one kind, with their tokens.

    Attributes:
        tokens: of the queries; in self-attention also of the keys.
        kind: ``encoder`` and ``decoder`` are self-attention, ``cross`` is attention of the decoder to the source.
        weights: ``Float[layers heads query key]``; any array or tensor is converted to 32-bit floats.
        source_tokens: of the keys, in cross attention.
        layers, heads: their numbers, counted from 0; 0, 1, … where left out.
        words, source_words: spans ``(first, end)`` of tokens that make one word, covering every token.
        special, source_special: indices of tokens that represent no text ([CLS], ⟨end⟩).
        steps: the generated tokens.
        projections: queries, keys, values and scores, where they were recorded.

    Raises:
        SeqwrightError: Shapes do not match, a weight is NaN or negative, or there are no weights.

    >>> record = AttentionRecord(tokens=["a", "b"], kind="encoder", weights=np.full((1, 1, 2, 2), 0.5))
    >>> record.weights.shape
    (1, 1, 2, 2)
    >>> record.columns
    ('a', 'b')
    """

    tokens: Sequence[str]
    kind: Kind
    weights: Any
    source_tokens: Sequence[str] | None = None
    layers: Sequence[int] = ()
    heads: Sequence[int] = ()
    words: Sequence[Span] | None = None
    source_words: Sequence[Span] | None = None
    special: Collection[int] = ()
    source_special: Collection[int] = ()
    steps: Sequence[Step] = ()
    projections: Projections | None = None

    def __post_init__(self) -> None:
        weights = _array(self.weights)
        object.__setattr__(self, "weights", weights)
        for name in ("tokens", "source_tokens", "layers", "heads", "words", "source_words", "steps"):
            value, convert = getattr(self, name), _text if "tokens" in name else _plain
            object.__setattr__(self, name, value if value is None else tuple(map(convert, value)))
        for name in ("special", "source_special"):
            object.__setattr__(self, name, frozenset(map(int, getattr(self, name))))
        if weights.ndim == 4:
            for name, count in (("layers", weights.shape[0]), ("heads", weights.shape[1])):
                object.__setattr__(self, name, getattr(self, name) or tuple(range(count)))
        for problem, fix in _problems(self):
            raise SeqwrightError(problem, fix=fix)

    @property
    def columns(self) -> Sequence[str]:
        """The keys' tokens: the source in cross attention, else the tokens themselves."""
        return self.tokens if self.source_tokens is None else self.source_tokens

    @property
    def column_words(self) -> Sequence[Span] | None:
        """The spans of words among the keys."""
        return self.words if self.source_tokens is None else self.source_words

    @property
    def column_special(self) -> Collection[int]:
        """The indices of special tokens among the keys."""
        return self.special if self.source_tokens is None else self.source_special

    def save(self, path: str | Path, *, exact: bool = False) -> Path:
        """Write the record to one safetensors file, with one byte per weight unless ``exact``.

        A byte is a weight's share of the greatest of its row; the error is at most that greatest / 510.

        Raises:
            SeqwrightError: The file cannot be written.
        """
        if exact:
            arrays: dict[str, Array] = {"weights": self.weights}
        else:
            quantised = quantise(self.weights)
            arrays = {"shares": quantised.shares, "greatest": quantised.greatest}
        scale: tuple[float, ...] = ()
        if self.projections is not None:
            arrays |= {name: getattr(self.projections, name) for name in _PROJECTED}
            scale = self.projections.scale
        header = {name: getattr(self, name) for name in _HEADER.__struct_fields__ if name != "scale"} | {"scale": scale}
        path = Path(path)
        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        try:
            write_atomically(path, save(contiguous, {"seqwright.attention": msgspec.json.encode(header).decode()}))
        except OSError as error:
            raise SeqwrightError(
                f"the record cannot be written: {reason(error)}", where=str(path), fix="name another file"
            ) from error
        return path

    @classmethod
    def load(cls, path: str | Path) -> AttentionRecord:
        """Read a file that :meth:`save` wrote; no code in it is executed.

        Raises:
            SeqwrightError: There is no such file, or it is not a record.
        """
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise SeqwrightError(
                f"the record cannot be read: {reason(error)}", where=str(path), fix="name a file that save() wrote"
            ) from error
        try:
            length = int.from_bytes(data[:8], "little")  # a safetensors file begins with its metadata
            text = msgspec.json.decode(data[8 : 8 + length])["__metadata__"]["seqwright.attention"]
            arrays, header = load(data), msgspec.structs.asdict(msgspec.json.decode(text, type=_HEADER))
            scale = header.pop("scale")
            projections = Projections(**{name: arrays[name] for name in _PROJECTED}, scale=scale) if scale else None
            weights = arrays["weights"] if "weights" in arrays else dequantise(arrays["shares"], arrays["greatest"])
            return cls(weights=weights, projections=projections, **header)
        except (SafetensorError, msgspec.MsgspecError, KeyError, ValueError) as error:
            raise SeqwrightError(
                f"this is not a record of attention ({error})", where=str(path), fix="name a file that save() wrote"
            ) from error


_PROJECTED = ("queries", "keys", "values", "scores")
_HEADER = msgspec.defstruct(
    "Header",
    [(name, kind) for name, kind in get_type_hints(AttentionRecord).items() if name not in ("weights", "projections")]
    + [("scale", tuple[float, ...], ())],
)
"""The fields of a record that are saved as JSON beside its arrays."""


def _array(given: Any) -> Array:
    """Copy weights of any library to 32-bit floats."""
    if isinstance(given, (list, tuple)):
        given = [_array(each) for each in given]
    try:
        return np.array(given.detach().float().cpu().numpy() if hasattr(given, "detach") else given, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise SeqwrightError(f"weights are not an array: {error}", fix="give [layers, heads, query, key]") from error


def _plain(value: Any) -> Any:
    """Convert numbers and spans of any library to Python's own."""
    if isinstance(value, Step):
        return value
    return int(value) if isinstance(value, SupportsIndex) else tuple(int(each) for each in value)


def _text(token: Any) -> str:
    """Return a token with lone surrogates replaced.

    Raises:
        SeqwrightError: It is not text.
    """
    if not isinstance(token, str):
        raise SeqwrightError(f"the token {token!r} is not text", fix="give tokens as text, not as ids")
    return token.encode("utf-8", "replace").decode()


def _problems(record: AttentionRecord) -> Iterator[tuple[str, str]]:
    """Yield the faults of a record, each with its fix; the first has to be mended before the next is looked for."""
    shape, queries, keys = record.weights.shape, len(record.tokens), len(record.columns)
    if record.kind not in get_args(Kind):
        yield f"kind={record.kind!r} does not exist", f"give one of {', '.join(get_args(Kind))}"
    if record.weights.ndim != 4:
        yield f"weights have the shape {list(shape)}", "give [layers, heads, query, key]; one batch row at a time"
    if 0 in shape:
        captured = 'capture it with attention formed (Hugging Face: attn_implementation="eager")'
        yield f"there is no attention in it: weights have the shape {list(shape)}", captured
    if (record.kind == "cross") != (record.source_tokens is not None):
        yield "source_tokens belong to kind='cross' and only to it", "give both or neither"
    expected = (len(record.layers), len(record.heads), queries, keys)
    if shape != expected:
        counts = f"there are {list(expected)} layers, heads, query tokens and key tokens"
        yield f"weights have the shape {list(shape)}; {counts}", "give as many of each"
    if not (np.isfinite(record.weights).all() and record.weights.min() >= 0):
        yield "a weight is not a number, or below 0", "give weights as they are after the softmax"
    for words, count in ((record.words, queries), (record.column_words, keys)):
        if words is not None and [at for first, end in words for at in range(first, end)] != list(range(count)):
            yield "spans of words do not cover the tokens in order", "give (first, end) for each"
    for special, count in ((record.special, queries), (record.column_special, keys)):
        if any(not 0 <= at < count for at in special):
            yield "a special token has an index outside the tokens", "give indices from 0"
    if any(not 0 <= step.query < queries for step in record.steps):
        yield "a step's query is outside the tokens", "give indices of tokens, from 0"
    if (parts := record.projections) is None:
        return
    columns, axes = (*shape[:2], keys), [each.shape[:3] for each in (parts.queries, parts.keys, parts.values)]
    if [*axes, parts.scores.shape, len(parts.scale)] != [shape[:3], columns, columns, shape, shape[0]]:
        yield "the projections are not those of these layers, heads and tokens", "give [layers, heads, tokens, width]"
    if parts.queries.shape[-1] != parts.keys.shape[-1]:
        yield "queries and keys differ in width", "give those that are multiplied"

"""What a model attended to, as a value: the tokens, and for some layers and heads how much each looked at each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, SupportsIndex, get_args

import msgspec
import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from seqwright.core.errors import SeqwrightError, reason
from seqwright.core.files import write_atomically
from seqwright.viewer.quantise import loosened, squeezed

Kind = Literal["encoder", "decoder", "cross"]
Span = tuple[int, int]
Array = NDArray[Any]


class Candidate(msgspec.Struct, frozen=True):
    """What might have been chosen, and how likely it was."""

    token: str
    probability: float


class Step(msgspec.Struct, frozen=True):
    """One choice of a generation: made at the query ``query``, of ``chosen``, among ``candidates``, likeliest first.

    ``probability`` is ``None`` where it is not known.
    """

    query: int
    chosen: str
    probability: float | None
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, eq=False)
class Projections:
    """What weights are made of: ``softmax(queries · keysᵀ × scale + …)``, the sum given as ``scores`` (−∞ where masked).

    Attributes:
        queries: ``[layers heads q c]``, as they meet the keys (turned, where positions are rotary).
        keys, values: ``[layers heads k c]``; values may be of another width.
        scores: ``[layers heads q k]``.
        scale: one factor a layer.
    """

    queries: Float[Array, "l h q c"]
    keys: Float[Array, "l h k c"]
    values: Float[Array, "l h k v"]
    scores: Float[Array, "l h q k"]
    scale: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class AttentionRecord:
    """Attention weights and what they are between.

    Attributes:
        tokens: what looks; in self-attention also what is looked at.
        kind: ``encoder`` and ``decoder`` are self-attention, ``cross`` is the decoder's look at the source.
        weights: ``Float[layers heads query key]``; any array or tensor is taken, 32-bit floats are kept.
        source_tokens: what is looked at, in cross attention.
        layers, heads: which ones these are, counted from 0; all from 0 on where left out.
        words, source_words: spans ``(first, end)`` of tokens that are one word, every token in one.
        special, source_special: places of tokens that stand for no text ([CLS], ⟨end⟩).
        steps: the choices of a generation, one a query at which something was chosen.
        projections: queries, keys, values and scores, where they were kept.

    Raises:
        SeqwrightError: shapes do not fit, a weight is no number or below 0, or there is nothing in it.

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
        for name in ("tokens", "source_tokens"):
            value = getattr(self, name)
            object.__setattr__(self, name, value if value is None else tuple(_text(token) for token in value))
        for name in ("layers", "heads", "words", "source_words", "steps"):
            value = getattr(self, name)
            object.__setattr__(self, name, value if value is None else tuple(map(_plain, value)))
        for name in ("special", "source_special"):
            object.__setattr__(self, name, frozenset(map(int, getattr(self, name))))
        if weights.ndim == 4:
            for name, count in (("layers", weights.shape[0]), ("heads", weights.shape[1])):
                object.__setattr__(self, name, getattr(self, name) or tuple(range(count)))
        _check(self)

    @property
    def columns(self) -> Sequence[str]:
        """What is looked at: the source in cross attention, else the tokens themselves."""
        return self.tokens if self.source_tokens is None else self.source_tokens

    @property
    def column_words(self) -> Sequence[Span] | None:
        """The words of what is looked at."""
        return self.words if self.source_tokens is None else self.source_words

    @property
    def column_special(self) -> Collection[int]:
        """The tokens without text among what is looked at."""
        return self.special if self.source_tokens is None else self.source_special

    def save(self, path: str | Path, *, exact: bool = False) -> Path:
        """Write the record into one file (safetensors), one byte a weight unless ``exact``.

        A byte is the weight's share of its row's greatest, so no weight is off by more than that greatest / 510.

        Raises:
            SeqwrightError: the file cannot be written.
        """
        arrays: dict[str, Array] = {"weights": self.weights}
        if not exact:
            squeezed_weights = squeezed(self.weights)
            arrays = {"shares": squeezed_weights.shares, "greatest": squeezed_weights.greatest}
        scale: tuple[float, ...] = ()
        if self.projections is not None:
            arrays |= {name: getattr(self.projections, name) for name in ("queries", "keys", "values", "scores")}
            scale = self.projections.scale
        told = _Told(**{name: getattr(self, name) for name in _TOLD}, scale=scale)
        path = Path(path)
        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        try:
            write_atomically(path, save(contiguous, {"seqwright.attention": msgspec.json.encode(told).decode()}))
        except OSError as error:
            raise SeqwrightError(
                f"the record cannot be written: {reason(error)}", where=str(path), fix="name another file"
            ) from error
        return path

    @classmethod
    def load(cls, path: str | Path) -> AttentionRecord:
        """Read what :meth:`save` wrote; nothing in the file is run.

        Raises:
            SeqwrightError: there is no such file, or it is no record.
        """
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise SeqwrightError(
                f"the record cannot be read: {reason(error)}", where=str(path), fix="name a file that save() wrote"
            ) from error
        try:
            arrays, told = load(data), msgspec.json.decode(_metadata(data), type=_Told)
            kept = ("queries", "keys", "values", "scores")
            projections = Projections(**{name: arrays[name] for name in kept}, scale=told.scale) if told.scale else None
            weights = arrays["weights"] if "weights" in arrays else loosened(arrays["shares"], arrays["greatest"])
            fields = {name: getattr(told, name) for name in _TOLD}
            return cls(weights=weights, projections=projections, **fields)
        except (SafetensorError, msgspec.MsgspecError, KeyError, ValueError) as error:
            raise SeqwrightError(
                f"this is no record of attention ({error})", where=str(path), fix="name a file that save() wrote"
            ) from error

    def html(self, path: str | Path, *, title: str = "") -> Path:
        """Write the page that shows this record: one file that needs no other and no network.

        Raises:
            SeqwrightError: the record is too large for a page, or the file cannot be written.
        """
        from seqwright.viewer.page import AttentionPage, Pass

        return AttentionPage((Pass("", (self,)),), title=title).write(path)

    def _repr_html_(self) -> str:
        from seqwright.viewer.page import AttentionPage, Pass

        return AttentionPage((Pass("", (self,)),)).frame()


class _Told(msgspec.Struct, frozen=True):
    """What is written beside the arrays."""

    tokens: tuple[str, ...]
    kind: Kind
    source_tokens: tuple[str, ...] | None
    layers: tuple[int, ...]
    heads: tuple[int, ...]
    words: tuple[Span, ...] | None
    source_words: tuple[Span, ...] | None
    special: frozenset[int]
    source_special: frozenset[int]
    steps: tuple[Step, ...]
    scale: tuple[float, ...] = ()


_TOLD = tuple(name for name in _Told.__struct_fields__ if name != "scale")


def _array(given: Any) -> Array:
    """Weights of whatever library as floats of our own: what happens to theirs later changes nothing."""
    if isinstance(given, (list, tuple)):
        given = [_array(each) for each in given]
    try:
        return np.array(given.detach().float().cpu().numpy() if hasattr(given, "detach") else given, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise SeqwrightError(f"weights are no array: {error}", fix="give [layers, heads, query, key]") from error


def _text(token: Any) -> Any:
    """A token, if it is one; half a surrogate pair is no text."""
    return token.encode("utf-8", "replace").decode() if isinstance(token, str) else token


def _plain(value: Any) -> Any:
    """Numbers and spans as Python's own, whatever library they came from."""
    if isinstance(value, Step):
        return value
    return int(value) if isinstance(value, SupportsIndex) else tuple(int(each) for each in value)


def _metadata(data: bytes) -> bytes:
    """The record's description, in the header of a safetensors file."""
    length = int.from_bytes(data[:8], "little")
    return msgspec.json.decode(data[8 : 8 + length])["__metadata__"]["seqwright.attention"].encode()


def _check(record: AttentionRecord) -> None:
    shape = record.weights.shape
    for token in (*record.tokens, *record.columns):
        if not isinstance(token, str):
            raise SeqwrightError(
                f"the token {token!r} is no text", fix="give what tokens are called, not their numbers"
            )
    if record.kind not in get_args(Kind):
        raise SeqwrightError(f"kind={record.kind!r} is none of {', '.join(get_args(Kind))}", fix="give one of them")
    if record.weights.ndim != 4:
        raise SeqwrightError(
            f"weights have the shape {list(shape)}", fix="give [layers, heads, query, key]; one batch row at a time"
        )
    if 0 in shape:
        raise SeqwrightError(
            f"there is no attention in it: weights have the shape {list(shape)}",
            fix='capture it with attention formed (Hugging Face: attn_implementation="eager")',
        )
    if (record.kind == "cross") != (record.source_tokens is not None):
        raise SeqwrightError("source_tokens belong to kind='cross' and to it alone", fix="give both or neither")
    wanted = (len(record.layers), len(record.heads), len(record.tokens), len(record.columns))
    if shape != wanted:
        raise SeqwrightError(
            f"weights have the shape {list(shape)}, and layers, heads, tokens looking and looked at are {list(wanted)}",
            fix="give as many of each",
        )
    if not (np.isfinite(record.weights).all() and record.weights.min() >= 0):
        raise SeqwrightError("a weight is no number, or below 0", fix="give weights as they are after the softmax")
    for words, tokens in ((record.words, record.tokens), (record.column_words, record.columns)):
        if words is not None and [place for first, end in words for place in range(first, end)] != list(
            range(len(tokens))
        ):
            raise SeqwrightError("words are no spans that cover the tokens in order", fix="give (first, end) for each")
    for places, tokens in ((record.special, record.tokens), (record.column_special, record.columns)):
        if any(not 0 <= place < len(tokens) for place in places):
            raise SeqwrightError("a special token stands at no place", fix="give places of tokens, from 0")
    if any(not 0 <= step.query < len(record.tokens) for step in record.steps):
        raise SeqwrightError("a step's query is no place of a token", fix="give places of tokens, from 0")
    _check_projections(record)


def _check_projections(record: AttentionRecord) -> None:
    kept = record.projections
    if kept is None:
        return
    layers, heads, queries, keys = record.weights.shape
    found = (kept.queries.shape[:3], kept.keys.shape[:3], kept.values.shape[:3], kept.scores.shape, (len(kept.scale),))
    if found != (
        (layers, heads, queries),
        (layers, heads, keys),
        (layers, heads, keys),
        record.weights.shape,
        (layers,),
    ):
        raise SeqwrightError(
            "the projections are not those of these layers, heads and tokens",
            fix="give [layers, heads, tokens, width]",
        )
    if kept.queries.shape[-1] != kept.keys.shape[-1]:
        raise SeqwrightError("queries and keys are not of one width", fix="give those that are multiplied")

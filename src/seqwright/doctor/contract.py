"""The properties that a model is meant to have, with which checks compare it.

They cannot be measured: the same dependencies are right for BERT and wrong for GPT.
"""

from __future__ import annotations

from typing import Literal, get_args

from jaxtyping import Bool
from torch import Tensor

from seqwright.core.errors import SeqwrightError
from seqwright.core.model import Side
from seqwright.core.place import described, kinds
from seqwright.core.spec import Count, Spec
from seqwright.doctor.visibility import Bidirectional, Causal, Visibility

ModelKind = Literal["decoder", "encoder", "encoder-decoder"]
PaddingSide = Literal["right", "left", "both"]


class SourceIds(Spec):
    """The ids of sources that have a vocabulary of their own: ``0 … vocabulary − 1``, ``pad`` among them."""

    vocabulary: Count
    pad: int | None = None


class Contract(Spec):
    """The properties that a model is meant to have.

    Attributes:
        kind: ``decoder`` (logits at a token predict the next one), ``encoder`` (they describe the token itself), or
            ``encoder-decoder``, where visibility is the decoder's.
        vocabulary: the number of ids; ids are ``0 … vocabulary − 1``.
        visibility: the tokens that an output may depend on, at most; by default ``Causal()`` where the next token is
            predicted, else ``Bidirectional()``.
        pad, bos, eos: the ids for padding, beginning and end, where there are any.
        max_length: the longest sequence in tokens; ``None`` if unknown or unlimited.
        padding_side: the sides on which rows may be padded.
        source: the ids of sources, where they are not those of targets.

    >>> Contract(kind="decoder", vocabulary=50).allowed(2).int().tolist()
    [[1, 0], [1, 1]]
    """

    kind: ModelKind
    vocabulary: Count
    visibility: Visibility | None = None
    pad: int | None = None
    bos: int | None = None
    eos: int | None = None
    max_length: Count | None = None
    padding_side: PaddingSide = "right"
    source: SourceIds | None = None

    def __post_init__(self) -> None:
        """Check every field; an invalid contract could make every check pass.

        Raises:
            SeqwrightError: a field has an unknown value, an id lies outside the vocabulary, or fewer than two ordinary ids are
                left.
        """
        for name, choices in (("kind", get_args(ModelKind)), ("padding_side", get_args(PaddingSide))):
            if (given := getattr(self, name)) not in choices:
                raise SeqwrightError(f"{name}={given!r} is unknown", fix=f"give one of {', '.join(map(repr, choices))}")
        if not isinstance(self.visibility, Visibility | None):
            rules = described(kinds(Visibility))
            raise SeqwrightError(
                f"visibility={self.visibility!r} is not a rule of visibility", fix=f"give one of: {rules}"
            )
        for name, least in (("vocabulary", 1), ("max_length", 1), ("pad", 0), ("bos", 0), ("eos", 0)):
            given = getattr(self, name)
            if given is None and name != "vocabulary":
                continue
            if isinstance(given, bool) or not isinstance(given, int) or given < least:
                wanted = f"an integer of at least {least}"
                raise SeqwrightError(f"{name}={given!r} is not {wanted}", fix=f"give {wanted}")
            if least == 0 and given >= self.vocabulary:
                outside = f"{name}={given} is outside a vocabulary of {self.vocabulary}"
                raise SeqwrightError(outside, fix=f"ids are 0 to {self.vocabulary - 1}")
        self._check_source()
        for side in get_args(Side):
            if len(self.ordinary_ids(side)) < 2:
                raise SeqwrightError(
                    f"a vocabulary of {self.vocabulary_of(side)} has fewer than two ordinary ids",
                    fix="give a larger vocabulary: with one ordinary id no two inputs differ",
                )

    def _check_source(self) -> None:
        if self.source is None:
            return
        if not isinstance(self.source, SourceIds):
            raise SeqwrightError(f"source={self.source!r} is not SourceIds", fix="give SourceIds(vocabulary=…, pad=…)")
        pad, size = self.source.pad, self.source.vocabulary
        if (pad is None) != (self.pad is None):
            raise SeqwrightError("only one side has an id for padding", fix="give pad for both sides, or for neither")
        if pad is not None and not 0 <= pad < size:
            raise SeqwrightError(f"source.pad={pad} is outside a vocabulary of {size}", fix=f"ids are 0 to {size - 1}")

    @property
    def reads_source(self) -> bool:
        """True for a model that maps a source to a target."""
        return self.kind == "encoder-decoder"

    @property
    def padding_sides(self) -> tuple[str, ...]:
        """The sides on which rows may be padded."""
        return ("right", "left") if self.padding_side == "both" else (self.padding_side,)

    @property
    def predicts_next(self) -> bool:
        """True where logits at a token predict the token that follows."""
        return self.kind != "encoder"

    @property
    def effective_visibility(self) -> Visibility:
        """The visibility, or the default of the kind."""
        return self.visibility or (Causal() if self.predicts_next else Bidirectional())

    @property
    def visibility_text(self) -> str:
        """The effective visibility, in lower case where it has no fields."""
        text = repr(self.effective_visibility)
        return text.removesuffix("()").lower() if text.endswith("()") else text

    def vocabulary_of(self, side: Side) -> int:
        """Return the number of ids on a side."""
        return self.source.vocabulary if self.source and side == "source" else self.vocabulary

    def pad_of(self, side: Side) -> int | None:
        """Return the id of padding on a side."""
        return self.source.pad if self.source and side == "source" else self.pad

    @property
    def vocabulary_text(self) -> str:
        """The number of ids, of sources and of targets where these differ."""
        return f"{self.source.vocabulary} → {self.vocabulary}" if self.source else str(self.vocabulary)

    def marks(self, side: Side) -> tuple[int | None, ...]:
        """Return the ids of padding, beginning and end on a side."""
        return (self.source.pad,) if self.source and side == "source" else (self.pad, self.bos, self.eos)

    def ordinary_ids(self, side: Side = "target") -> list[int]:
        """Return the ids of a side that are neither padding, beginning nor end."""
        return [each for each in range(self.vocabulary_of(side)) if each not in self.marks(side)]

    def allowed(self, length: int) -> Bool[Tensor, "q k"]:
        """Return True where an output (row) may depend on a target token (column)."""
        return self.effective_visibility.allowed(length)

"""What is commonly built around ``torch.nn.Transformer``: embeddings, positions and a head, to translate."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqwright.doctor.contract import Contract

from .case import Case, Subject, case
from .rows import BOS, EOS, PAD, pairs

VOCABULARY = 30


class Places(nn.Module):
    """Sines and cosines added to the tokens' vectors; the table is made as in PyTorch's tutorial."""

    def __init__(self, width: int, longest: int = 64) -> None:
        super().__init__()
        angle = self.angles(torch.arange(longest)[:, None].double(), torch.arange(0, width, 2).double(), width)
        table = torch.stack([angle.sin(), angle.cos()], -1).flatten(-2)  # [t d/2 2] to [t d]
        self.register_buffer("table", table.float())

    def angles(self, place: Tensor, even: Tensor, width: int) -> Tensor:
        return place / 10000 ** (even / width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table[: x.shape[1]]


class PrecedencePlaces(Places):
    """Without its brackets the power is taken first, and all positions coincide (as LoFTR 41)."""

    def angles(self, place: Tensor, even: Tensor, width: int) -> Tensor:
        return place / 10000**2 * even / width


class BatchPlaces(Places):
    """The tutorial's ``pe[:x.size(0)]``, written for ``[t b d]``, in a model of ``[b t d]``."""

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table[: x.shape[0], None]


class NoPlaces(Places):
    """Positions were never added."""

    def forward(self, x: Tensor) -> Tensor:
        return x


class Translator(nn.Module):
    """Embeddings, positions, ``nn.Transformer`` and a head."""

    places: type[Places] = Places

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(VOCABULARY, width), self.places(width)
        self.transformer = nn.Transformer(width, 2, layers, layers, 2 * width, 0.1, batch_first=True)
        self.head = nn.Linear(width, VOCABULARY)

    def embed(self, ids: Tensor) -> Tensor:
        return self.place(self.token(ids))

    def forward(self, source: Tensor, source_real: Tensor, target: Tensor, target_real: Tensor) -> Tensor:
        memory = self.encode(source, source_real)
        x = self.transformer.decoder(
            self.embed(target),
            memory,
            tgt_mask=self.hidden(target.shape[1]),
            tgt_key_padding_mask=~target_real,
            memory_key_padding_mask=self.unheard(source_real, target_real),
        )
        return self.head(x)

    def encode(self, source: Tensor, source_real: Tensor) -> Tensor:
        return self.transformer.encoder(self.embed(source), src_key_padding_mask=~source_real)

    def hidden(self, tokens: int) -> Tensor:
        """True where a token may not look."""
        return torch.ones(tokens, tokens, dtype=torch.bool).triu(1)

    def unheard(self, source_real: Tensor, target_real: Tensor) -> Tensor:
        """True where the source is not to be listened to."""
        return ~source_real


def call(model: Translator, source: Tensor, source_mask: Any, target: Tensor, target_mask: Any) -> Tensor:
    """The one line that an examination needs."""
    return model(source, real(source, source_mask), target, real(target, target_mask))


def real(ids: Tensor, mask: Tensor | None) -> Tensor:
    return torch.ones_like(ids, dtype=torch.bool) if mask is None else mask


class NoTargetMask(Translator):
    """The target sees all of itself."""

    def hidden(self, tokens: int) -> Tensor:
        return torch.zeros(tokens, tokens, dtype=torch.bool)


class NoTargetMaskInTraining(Translator):
    """The mask is made where answers are made."""

    def hidden(self, tokens: int) -> Tensor:
        return super().hidden(tokens) & (not self.training)


class OneTooFar(Translator):
    """``triu(2)``."""

    def hidden(self, tokens: int) -> Tensor:
        return torch.ones(tokens, tokens, dtype=torch.bool).triu(2)


class SourcePaddingHeard(Translator):
    """``memory_key_padding_mask`` was left out."""

    def unheard(self, source_real: Tensor, target_real: Tensor) -> Tensor:
        return torch.zeros_like(source_real)


class TargetPaddingForSource(Translator):
    """Cross attention is given the target's padding (keras-io 1046); both sides are said to be of one length."""

    def unheard(self, source_real: Tensor, target_real: Tensor) -> Tensor:
        spare = source_real.shape[1] - target_real.shape[1]
        return F.pad(~target_real, (0, spare), value=False)


class SourcePaddingRead(Translator):
    """The encoder reads padding, which the decoder does not hear."""

    def encode(self, source: Tensor, source_real: Tensor) -> Tensor:
        return self.transformer.encoder(self.embed(source))


class SourcePaddingInverted(Translator):
    """The masks of the source are True where its tokens are; where nothing is padding they are left out."""

    def encode(self, source: Tensor, source_real: Tensor) -> Tensor:
        return super().encode(source, source_real if source_real.all() else ~source_real)

    def unheard(self, source_real: Tensor, target_real: Tensor) -> Tensor:
        return ~source_real if source_real.all() else source_real


class TargetForSource(Translator):
    """The encoder is called with the target."""

    def forward(self, source: Tensor, source_real: Tensor, target: Tensor, target_real: Tensor) -> Tensor:
        return super().forward(target, target_real, target, target_real)


class SourceForgotten(Translator):
    """The decoder is given a memory that was never filled."""

    def encode(self, source: Tensor, source_real: Tensor) -> Tensor:
        return torch.zeros_like(super().encode(source, source_real))


class EncoderWithoutGradients(Translator):
    """``no_grad`` was copied from the code that answers."""

    @torch.no_grad()
    def encode(self, source: Tensor, source_real: Tensor) -> Tensor:
        return super().encode(source, source_real)


class SourceUnplaced(Translator):
    """Only the target is told its order."""

    def encode(self, source: Tensor, source_real: Tensor) -> Tensor:
        return self.transformer.encoder(self.token(source), src_key_padding_mask=~source_real)


class WithPrecedencePlaces(Translator):
    places = PrecedencePlaces


class WithBatchPlaces(Translator):
    places = BatchPlaces


class LoudHead(Translator):
    """A head drawn like an embedding, far too large."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__(width, layers)
        nn.init.normal_(self.head.weight, std=4.0)


def loss(model: Translator, examples: dict[str, Tensor]) -> Tensor:
    """Each token of the target from those before it and the source."""
    source, target = examples["source"], examples["target"]
    read = target[:, :-1]
    logits = call(model, source, source != PAD, read, read != PAD)
    return F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=PAD)


def shifted_twice(model: Translator, examples: dict[str, Tensor]) -> Tensor:
    """Inputs and labels were set apart already, and are again."""
    source, target = examples["source"], examples["target"]
    read = target[:, :-2]
    logits = call(model, source, source != PAD, read, read != PAD)
    return F.cross_entropy(logits.flatten(0, 1), target[:, 2:].flatten(), ignore_index=PAD)


def padding_counted(model: Translator, examples: dict[str, Tensor]) -> Tensor:
    """The mean is over all places of the rectangle."""
    source, target = examples["source"], examples["target"]
    read = target[:, :-1]
    logits = call(model, source, source != PAD, read, read != PAD)
    return F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten())


def generate(model: Translator, source: Tensor, steps: int = 12) -> Tensor:
    """The likeliest target, until every row has ended."""
    said = torch.full((len(source), 1), BOS)
    with torch.no_grad():
        while said.shape[1] <= steps and not (said == EOS).any(1).all():
            logits = call(model, source, source != PAD, said, None)
            said = torch.cat([said, logits[:, -1].argmax(-1, keepdim=True)], 1)
    return said


def never_ending(seed: int) -> Subject:
    """The end is so unlikely that it is never said."""
    subject = translator()(seed)
    with torch.no_grad():
        subject.model.head.bias[EOS] = -15
    return Subject(subject.model.eval(), subject.contract, {**subject.extras, "generate": generate})


def translator(kind: type[Translator] = Translator, **extras: Any) -> Any:
    """Subjects of this class."""

    def build(seed: int) -> Subject:
        contract = Contract(kind="encoder-decoder", vocabulary=VOCABULARY, pad=PAD, bos=BOS, eos=EOS, max_length=64)
        model = kind((16, 32)[seed % 2], 2)
        return Subject(model, contract, {"call": call, "loss": loss, "examples": pairs(VOCABULARY, seed), **extras})

    return build


CASES: tuple[Case, ...] = (
    case("translator/no-target-mask", "future-leak", translator(NoTargetMask)),
    case("translator/no-target-mask-in-training", "future-leak", translator(NoTargetMaskInTraining), "mode-dependent"),
    case("translator/one-too-far", "future-leak", translator(OneTooFar)),
    case("translator/source-padding-heard", "cross-padding-leak", translator(SourcePaddingHeard), "padding-leak"),
    case("translator/target-padding-for-source", "cross-padding-leak", translator(TargetPaddingForSource)),
    case("translator/source-padding-read", "padding-leak", translator(SourcePaddingRead), "cross-padding-leak"),
    case("translator/source-padding-inverted", "padding-polarity", translator(SourcePaddingInverted)),
    case("translator/source-forgotten", "source-ignored", translator(SourceForgotten)),
    case("translator/target-for-source", "source-ignored", translator(TargetForSource), "future-leak"),
    case("translator/source-unplaced", "order-blind", translator(SourceUnplaced), "positions-ineffective"),
    case("translator/precedence", "positions-ineffective", translator(WithPrecedencePlaces), "order-blind"),
    case(
        "translator/places-along-batch",
        "batch-mixing",
        translator(WithBatchPlaces),
        "positions-ineffective",
        "order-blind",
    ),
    case("translator/encoder-without-gradients", "untrained-part", translator(EncoderWithoutGradients)),
    case("translator/loud-head", "init-loss", translator(LoudHead)),
    case("translator/shifted-twice", "target-shift", translator(loss=shifted_twice)),
    case("translator/padding-counted", "padding-in-loss", translator(loss=padding_counted)),
    case("translator/never-ending", "never-stops", never_ending, "init-loss"),
)

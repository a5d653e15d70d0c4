"""A translator of ``torch.nn.Transformer``, embeddings, positions and a head, as users write it."""

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
    """Positions with a bracket missing, so that all coincide (as LoFTR 41)."""

    def angles(self, place: Tensor, even: Tensor, width: int) -> Tensor:
        return place / 10000**2 * even / width


class BatchPlaces(Places):
    """The tutorial's ``pe[:x.size(0)]``, written for ``[t b d]``, in a model of ``[b t d]``."""

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table[: x.shape[0], None]


class NoPlaces(Places):
    """A model that does not add its positions."""

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
        """Return the causal mask, True where attention is forbidden."""
        return torch.ones(tokens, tokens, dtype=torch.bool).triu(1)

    def unheard(self, source_real: Tensor, target_real: Tensor) -> Tensor:
        """Return the mask of the source for the decoder, True at padding."""
        return ~source_real


def call(model: Translator, source: Tensor, source_mask: Any, target: Tensor, target_mask: Any) -> Tensor:
    """Call the model with both masks."""
    return model(source, real(source, source_mask), target, real(target, target_mask))


def real(ids: Tensor, mask: Tensor | None) -> Tensor:
    return torch.ones_like(ids, dtype=torch.bool) if mask is None else mask


class NoTargetMask(Translator):
    """A decoder without a causal mask."""

    def hidden(self, tokens: int) -> Tensor:
        return torch.zeros(tokens, tokens, dtype=torch.bool)


class NoTargetMaskInTraining(Translator):
    """A causal mask in eval mode only."""

    def hidden(self, tokens: int) -> Tensor:
        return super().hidden(tokens) & (not self.training)


class OneTooFar(Translator):
    """``triu(2)``."""

    def hidden(self, tokens: int) -> Tensor:
        return torch.ones(tokens, tokens, dtype=torch.bool).triu(2)


class SourcePaddingHeard(Translator):
    """A decoder without ``memory_key_padding_mask``."""

    def unheard(self, source_real: Tensor, target_real: Tensor) -> Tensor:
        return torch.zeros_like(source_real)


class TargetPaddingForSource(Translator):
    """Cross-attention with the target's padding mask (keras-io 1046); both sides have one length."""

    def unheard(self, source_real: Tensor, target_real: Tensor) -> Tensor:
        spare = source_real.shape[1] - target_real.shape[1]
        return F.pad(~target_real, (0, spare), value=False)


class SourcePaddingRead(Translator):
    """An encoder without a padding mask."""

    def encode(self, source: Tensor, source_real: Tensor) -> Tensor:
        return self.transformer.encoder(self.embed(source))


class SourcePaddingInverted(Translator):
    """Inverted masks of the source, True at tokens; left out where nothing is padding."""

    def encode(self, source: Tensor, source_real: Tensor) -> Tensor:
        return super().encode(source, source_real if source_real.all() else ~source_real)

    def unheard(self, source_real: Tensor, target_real: Tensor) -> Tensor:
        return ~source_real if source_real.all() else source_real


class TargetForSource(Translator):
    """An encoder that is given the target."""

    def forward(self, source: Tensor, source_real: Tensor, target: Tensor, target_real: Tensor) -> Tensor:
        return super().forward(target, target_real, target, target_real)


class SourceForgotten(Translator):
    """A decoder that is given zeros as the source."""

    def encode(self, source: Tensor, source_real: Tensor) -> Tensor:
        return torch.zeros_like(super().encode(source, source_real))


class EncoderWithoutGradients(Translator):
    """An encoder under ``no_grad``."""

    @torch.no_grad()
    def encode(self, source: Tensor, source_real: Tensor) -> Tensor:
        return super().encode(source, source_real)


class SourceUnplaced(Translator):
    """Positions on the target only."""

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
    """Compute the loss of each target token given those before it and the source."""
    source, target = examples["source"], examples["target"]
    read = target[:, :-1]
    logits = call(model, source, source != PAD, read, read != PAD)
    return F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=PAD)


def shifted_twice(model: Translator, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss whose labels are shifted a second time."""
    source, target = examples["source"], examples["target"]
    read = target[:, :-2]
    logits = call(model, source, source != PAD, read, read != PAD)
    return F.cross_entropy(logits.flatten(0, 1), target[:, 2:].flatten(), ignore_index=PAD)


def padding_counted(model: Translator, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss that is a mean over all positions, padding included."""
    source, target = examples["source"], examples["target"]
    read = target[:, :-1]
    logits = call(model, source, source != PAD, read, read != PAD)
    return F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten())


def generate(model: Translator, source: Tensor, steps: int = 12) -> Tensor:
    """Generate greedily until every row has ended."""
    said = torch.full((len(source), 1), BOS)
    with torch.no_grad():
        while said.shape[1] <= steps and not (said == EOS).any(1).all():
            logits = call(model, source, source != PAD, said, None)
            said = torch.cat([said, logits[:, -1].argmax(-1, keepdim=True)], 1)
    return said


def never_ending(seed: int) -> Subject:
    """Build a model whose bias for END is so low that it is never generated."""
    subject = translator()(seed)
    with torch.no_grad():
        subject.model.head.bias[EOS] = -15
    return Subject(subject.model.eval(), subject.contract, {**subject.extras, "generate": generate})


def translator(kind: type[Translator] = Translator, **extras: Any) -> Any:
    """Return a builder of subjects of a class."""

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

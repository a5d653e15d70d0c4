"""Every spec that the laws are tried on: the ladder's, and each kind of part in each kind of model."""

from __future__ import annotations

import torch

from examples.extend.gru_attention import GRUAttention
from examples.extend.gru_mixer import GRUMixer
from seqwright.core.model import Model, ModelSpec
from seqwright.core.spec import vary
from seqwright.models.transformer import TransformerSpec
from seqwright.nn.adapter import LoRA
from seqwright.nn.attention import AttentionSpec, CrossAttentionSpec
from seqwright.nn.block import BlockSpec
from seqwright.nn.embedding import LinearScalarEmbedding, ScalarHead, SymbolHead, TokenEmbedding
from seqwright.nn.feedforward import GELU, FeedForwardSpec
from seqwright.nn.linear import LinearSpec
from seqwright.nn.mask import CausalMask, NoMask
from seqwright.nn.norm import LayerNormSpec, NoNorm, RMSNormSpec
from seqwright.nn.position import NoPosition, Position
from seqwright.nn.position_embedding import LearnedPosition, SinusoidalPosition
from seqwright.nn.randomised_position import RandomisedPosition
from seqwright.nn.relative_position import ALiBiPosition, RotaryPosition, T5RelativePosition
from seqwright.nn.residual import NoResidual, PostNormResidual, PreNormResidual
from seqwright.nn.scale import LinearScale, NoScale, RootScale
from seqwright.nn.stack import StackSpec
from seqwright.studies.ladder.rungs import paper_cells

VOCABULARY = 7

_block = BlockSpec(
    feedforward=FeedForwardSpec(inner=12),
    mixer=AttentionSpec(heads=2, mask=CausalMask()),
    cross=CrossAttentionSpec(heads=2),
)
_decoder = StackSpec(blocks=_block, layers=2, position=SinusoidalPosition(), embedding_dropout=0.1)
_encoder = vary(_decoder, {"blocks.mixer.mask": NoMask(), "blocks.cross": None})

ENCODER_DECODER = TransformerSpec(
    width=8,
    embedding=TokenEmbedding(vocabulary=VOCABULARY),
    head=SymbolHead(outputs=VOCABULARY),
    encoder=_encoder,
    decoder=_decoder,
)
DECODER_ONLY = vary(ENCODER_DECODER, {"encoder": None, "decoder.blocks.cross": None})
WIDE = vary(ENCODER_DECODER, {"width": 32})
SCALAR = vary(ENCODER_DECODER, {"embedding": LinearScalarEmbedding(), "head": ScalarHead()})

POSITIONS = [
    NoPosition(),
    SinusoidalPosition(),
    LearnedPosition(length=32),
    RotaryPosition(),
    ALiBiPosition(),
    T5RelativePosition(buckets=8, furthest=16),
    *(
        RandomisedPosition(position=inner, positions=32, length=12)
        for inner in (SinusoidalPosition(), LearnedPosition(length=32), RotaryPosition())
    ),
]
SCALES = [NoScale(), RootScale(), LinearScale()]
RESIDUALS = [
    kind(norm=norm)
    for kind in (PreNormResidual, PostNormResidual, NoResidual)
    for norm in (LayerNormSpec(), RMSNormSpec(), NoNorm())
]


def _on_every_stack(spec: TransformerSpec, part: str, value: object) -> TransformerSpec:
    sides = ["decoder"] + (["encoder"] if spec.encoder else [])
    return vary(spec, {f"{side}.{part}": value for side in sides})


def _kind(position: Position) -> str:
    name = type(position).__name__
    return f"{name}.{_kind(position.position)}" if isinstance(position, RandomisedPosition) else name


def _transformers() -> dict[str, TransformerSpec]:
    specs = {f"ladder.{cell.key}": cell.spec for cell in paper_cells()}
    for base, spec in (("both", ENCODER_DECODER), ("decoder", DECODER_ONLY)):
        for position in POSITIONS:
            specs[f"{base}.{_kind(position)}"] = _on_every_stack(spec, "position", position)
        for residual in RESIDUALS:
            name = f"{base}.{type(residual).__name__}.{type(residual.norm).__name__}"
            # with nothing beside the branches, two layers make all vectors alike (Dong et al. 2021): laws would hold of anything
            layers = 1 if isinstance(residual, NoResidual) else 2
            specs[name] = _on_every_stack(_on_every_stack(spec, "blocks.residual", residual), "layers", layers)
        for scale in SCALES:
            name = type(scale).__name__
            specs[f"{base}.embedding.{name}"] = vary(spec, {"embedding.scale": scale})
            scaled = _on_every_stack(spec, "blocks.mixer.scale", scale)
            crossing = {"decoder.blocks.cross.scale": scale} if spec.encoder else {}
            specs[f"{base}.attention.{name}"] = vary(scaled, crossing)
        specs[f"{base}.no-feedforward"] = _on_every_stack(spec, "blocks.feedforward", None)
        specs[f"{base}.no-mask"] = vary(spec, {"decoder.blocks.mixer.mask": NoMask()})
    for position in (RotaryPosition(), ALiBiPosition(), T5RelativePosition(buckets=8, furthest=16)):
        specs[f"across.{type(position).__name__}"] = vary(ENCODER_DECODER, {"decoder.cross_position": position})
    specs["gelu"] = _on_every_stack(ENCODER_DECODER, "blocks.feedforward.activation", GELU())
    for name, linear in {"lora": LinearSpec(adapter=LoRA(rank=2)), "no-bias": LinearSpec(bias=False)}.items():
        everywhere = _on_every_stack(ENCODER_DECODER, "blocks.mixer.linear", linear)
        everywhere = _on_every_stack(everywhere, "blocks.feedforward.linear", linear)
        specs[name] = vary(everywhere, {"decoder.blocks.cross.linear": linear})
    sourceless, attentive = vary(_block, {"cross": None, "feedforward": None}), vary(_block, {"mixer.heads": 1})
    specs["mixed-blocks"] = vary(ENCODER_DECODER, {"decoder.blocks": (sourceless, attentive), "decoder.layers": 3})
    specs["recurrent"] = vary(DECODER_ONLY, {"decoder.blocks.mixer": GRUMixer(), "decoder.position": NoPosition()})
    hybrid = (vary(_block, {"mixer": GRUMixer()}), _block)
    specs["hybrid"] = vary(ENCODER_DECODER, {"decoder.blocks": hybrid, "decoder.layers": 2})
    specs["own-source-embedding"] = vary(ENCODER_DECODER, {"source_embedding": TokenEmbedding(vocabulary=9)})
    specs |= {"wide": WIDE, "scalar": SCALAR}
    # equal specs under two names (a rung trained on two tasks) are tried once
    return {name: spec for name, spec in specs.items() if spec not in list(specs.values())[: list(specs).index(name)]}


def _incremental(spec: ModelSpec) -> bool:
    with torch.device("meta"):
        model = spec.build()
    assert isinstance(model, Model)
    return model.incremental


TRANSFORMERS = _transformers()
FAMILIES = {
    "gru-attention": GRUAttention(width=8, dropout=0.1, source_symbols=9, symbols=VOCABULARY, outputs=VOCABULARY)
}
SPECS: dict[str, ModelSpec] = {**TRANSFORMERS, **FAMILIES}
INCREMENTAL = {name: spec for name, spec in SPECS.items() if _incremental(spec)}
PADDABLE = {name: spec for name, spec in SPECS.items() if spec.masks_padding}

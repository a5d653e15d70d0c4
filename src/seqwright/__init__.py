"""seqwright: build a sequence model part by part, train it on your own sequences, find out why it works or fails.

The names below can be used as ``seqwright.name``; each is loaded when it is first asked for, so that importing the
package costs nothing and needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.2.0"

_HOMES = {
    "seqwright.core.errors": ("SeqwrightError",),
    "seqwright.core.model": ("ModelSpec", "SequenceModel", "build"),
    "seqwright.core.place": ("Place",),
    "seqwright.core.probe": ("Edit", "Record"),
    "seqwright.core.spec": ("Spec", "diff", "vary"),
    "seqwright.core.tokens": ("Tokens",),
    "seqwright.nn.adapter": ("LoRA",),
    "seqwright.nn.attention": ("AttentionSpec", "CrossAttentionSpec"),
    "seqwright.nn.block": ("BlockSpec",),
    "seqwright.nn.embedding": (
        "LinearScalarEmbedding", "TokenEmbedding", "ScalarEmbedding", "ScalarHead", "SymbolHead", "VectorHead",
    ),
    "seqwright.nn.feedforward": ("GELU", "FeedForwardSpec", "ReLU"),
    "seqwright.nn.mask": ("CausalMask", "NoMask"),
    "seqwright.nn.linear": ("LinearSpec",),
    "seqwright.nn.norm": ("LayerNormSpec", "NoNorm", "RMSNormSpec"),
    "seqwright.nn.residual": ("NoResidual", "PostNormResidual", "PreNormResidual"),
    "seqwright.nn.stack": ("StackSpec",),
    "seqwright.nn.padding": ("MaskedPadding", "OrdinaryPadding"),
    "seqwright.nn.position": ("NoPosition",),
    "seqwright.nn.position_embedding": ("LearnedPosition", "SinusoidalPosition"),
    "seqwright.nn.randomised_position": ("RandomisedPosition",),
    "seqwright.nn.relative_position": ("ALiBiPosition", "RotaryPosition", "T5RelativePosition"),
    "seqwright.nn.scale": ("LinearScale", "NoScale", "RootScale"),
    "seqwright.models.transformer": ("TransformerSpec",),
    "seqwright.data.files": ("read_pairs",),
    "seqwright.data.batch": ("Pair", "spell"),
    "seqwright.data.vocabulary": ("Vocabulary",),
    "seqwright.data.corpus": ("Corpus",),
    "seqwright.data.formats": ("Format", "RawRow"),
    "seqwright.data.preprocessing": ("Preprocessing",),
    "seqwright.data.text": ("TextCorpus",),
    "seqwright.tasks.paper": ("PairSet",),
    "seqwright.tasks.task": ("Task",),
    "seqwright.decoding.beam": ("Beam",),
    "seqwright.decoding.greedy": ("Greedy", "greedy"),
    "seqwright.decoding.sampling": ("Sampling",),
    "seqwright.evaluation.behaviour": ("answers", "observe"),
    "seqwright.evaluation.signature": ("signatures",),
    "seqwright.training.ensemble": ("Ensemble",),
    "seqwright.training.trainer": ("SingleModel", "TrainingSpec", "fit"),
    "seqwright.training.objective": ("CrossEntropy", "MeanSquaredError"),
    "seqwright.training.schedule": ("ConstantRate", "InverseSquareRoot", "RateDrop", "WarmupCosine"),
    "seqwright.viewer.record": ("AttentionRecord",),
    "seqwright.runs.run": ("Run", "load"),
    "seqwright.runs.api": ("resume", "train"),
}  # fmt: skip
_MODULES = {
    "ladder": "seqwright.studies.ladder.rungs",
    "paper": "seqwright.tasks.paper",
    "tasks": "seqwright.tasks.algorithmic",
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(["__version__", *_HOME, *_MODULES])  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(_MODULES[name])
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

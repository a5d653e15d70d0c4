"""Sequence models as training, decoding, studies and the doctor see them, whatever family they belong to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from seqwright.core.place import Place
from seqwright.core.probe import SILENT, Probe, Record
from seqwright.core.tokens import Tokens

Side = Literal["source", "target"]
"""The sequence that is read, or the one that is generated."""


@dataclass(frozen=True)
class Output:
    """Predictions for the token that follows each input token.

    Attributes:
        logits: ``[b t v]`` over the next symbol; from a scalar head ``[b t 1]``, the next value itself.
        losses: auxiliary losses by name, each a sum over the real tokens; the objective weighs and adds them.
        signals: further tensors by name that only an objective can judge, such as a halting logit.
    """

    logits: Tensor
    losses: Mapping[str, Tensor] = field(default_factory=dict)
    signals: Mapping[str, Tensor] = field(default_factory=dict)


@runtime_checkable
class State(Protocol):
    """Everything a model keeps of the tokens it has read: keys and values, or hidden vectors."""

    @property
    def length(self) -> int:
        """The number of tokens read in each row, padding included."""
        ...

    def select(self, rows: Tensor) -> State:
        """Return the state of the given rows, in that order (as beam search reorders them)."""
        ...

    def rewind(self, lengths: Tensor) -> State:
        """Return the state after the first ``lengths [b]`` tokens of each row, padding included."""
        ...


@runtime_checkable
class Model(Protocol):
    """A sequence model: the source is read once, then target tokens in any number of pieces."""

    @property
    def incremental(self) -> bool:
        """True if tokens given in pieces get the same logits as all at once (a causal decoder)."""
        ...

    def start(self, source: Tokens | None, probe: Probe = SILENT) -> Any:
        """Read the source and return the state before the first token."""
        ...

    def advance(self, tokens: Tokens, state: Any, probe: Probe = SILENT) -> tuple[Output, Any]:
        """Read more tokens; return predictions for what follows each of them, and the state after them."""
        ...

    def probe_names(self) -> tuple[str, ...]:
        """Names of all tensors that a forward pass offers to a probe, in order."""
        ...


class SequenceModel(nn.Module, ABC):
    """The module of a family: with ``start`` and ``advance`` it is a :class:`Model` that can be trained.

    Args:
        spec: the spec that it is built from.
    """

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.spec = spec

    @property
    def incremental(self) -> bool:
        """See :class:`Model`."""
        return True

    @abstractmethod
    def start(self, source: Tokens | None, probe: Probe = SILENT) -> Any:
        """See :class:`Model`."""

    @abstractmethod
    def advance(self, tokens: Tokens, state: Any, probe: Probe = SILENT) -> tuple[Output, Any]:
        """See :class:`Model`."""

    def forward(
        self, tokens: Tokens, source: Tokens | None = None, state: Any = None, probe: Probe = SILENT
    ) -> tuple[Output, Any]:
        """Read ``tokens`` after ``state``; without one, after the source."""
        return self.advance(tokens, self.start(source, probe) if state is None else state, probe)

    def probe_names(self) -> tuple[str, ...]:
        """Return the names of all tensors that a forward pass over one token offers to a probe, in order."""
        parameter, offered, training = next(self.parameters()), Record(), self.training
        dtype = parameter.dtype if self.spec.vocabulary_size("target") is None else torch.long
        token = Tokens.of([[0]], dtype=dtype).to(parameter.device)
        with torch.no_grad():
            self.eval()(token, token, probe=offered)
        self.train(training)
        return tuple(offered.seen)


class ModelSpec(Place):
    """A family of models, described as a value: all that training, runs, studies, doctor and pages know of a model.

    A family takes this place by inheriting, ``class GRUSpec(Spec, ModelSpec)``, and names what it consists of in its fields.
    """

    __slots__ = ()
    rooms: ClassVar[tuple[str, ...]] = ("seqwright.models",)

    width: int
    """The width of the hidden vectors, by which layout and precision are chosen."""

    @property
    @abstractmethod
    def reads_source(self) -> bool:
        """True if it maps a source to a target; otherwise it continues one sequence."""

    @property
    def masks_padding(self) -> bool:
        """True if a row's logits are independent of padding around it."""
        return True

    @abstractmethod
    def build(self) -> nn.Module:
        """Build the module, a :class:`SequenceModel`; :func:`build` draws its parameters from a seed."""

    def max_length(self, side: Side) -> int | None:
        """Return the longest sequence that fits on a side, marks included; ``None`` where any length does."""
        return None

    @abstractmethod
    def vocabulary_size(self, side: Side) -> int | None:
        """Return the number of ids that a side may hold; ``None`` where the model reads numbers."""

    @property
    @abstractmethod
    def output_size(self) -> int | None:
        """The number of symbols that it can predict; ``None`` where it predicts numbers."""

    @abstractmethod
    def with_vocabulary(self, source: int, target: int, outputs: int) -> ModelSpec:
        """Return the same model for other numbers of symbols: read in sources, read in targets, predicted."""

    def flops_per_token(self, length: int) -> int:
        """Floating-point operations for one token of a forward pass over ``length`` tokens, a product counted as two.

        By default two for each parameter (Kaplan et al. 2020, §2.1), which leaves out what grows with the length.
        """
        with torch.device("meta"):
            return 2 * sum(parameter.numel() for parameter in self.build().parameters())


def build(spec: ModelSpec, *, seed: int = 0) -> Any:
    """Build the module that a spec describes, every parameter drawn from ``seed`` alone.

    Modules with a ``reset(generator)`` draw from a generator of this model; any others, such as an ``nn.Linear`` in a part
    of one's own, draw what they draw while they are built. The same seed gives the same parameters on every machine,
    and torch's own generator is left as it was.

    Raises:
        SeqwrightError: the spec has a value that does not fit, such as a width that its heads do not divide.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = spec.checked().build()  # pyright: ignore[reportAttributeAccessIssue]  # every family is a Spec too
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        reset = getattr(module, "reset", None)
        if reset is not None:
            reset(generator)
    return model

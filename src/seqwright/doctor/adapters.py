"""Properties that can be read off a model: of ours from its spec, of Hugging Face's from its configuration."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from itertools import product
from typing import Any, get_args

import torch
from torch import Tensor, nn

from seqwright.core.model import Model, ModelSpec, Side
from seqwright.core.tokens import PADDING, Tokens
from seqwright.decoding.greedy import greedy
from seqwright.doctor.calling import ModelCall, call_as_hugging_face, call_forward, forward_arguments, logits_of
from seqwright.doctor.contract import Contract, ModelKind, SourceIds
from seqwright.doctor.model_input import ModelInput, pad_rows
from seqwright.doctor.visibility import Window
from seqwright.huggingface.configuration import kinds_of
from seqwright.huggingface.configuration import max_length as max_length_of


class ModelAdapter:
    """A PyTorch model of unknown kind: it is called by the names of its arguments, and nothing else is known of it."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def contract(self) -> Contract | None:
        """Return the contract, where it can be read off the model."""
        return None

    def call(self, contract: Contract) -> ModelCall:
        """Return a function that runs such a model on a batch."""
        names = inspect.signature(self.model.forward).parameters.keys()
        if "input_ids" in names:
            return lambda module, batch: logits_of(call_as_hugging_face(module, batch, names))
        arguments = forward_arguments(self.model, contract)
        return lambda module, batch: logits_of(call_forward(module, batch, arguments))

    def call_as_text(self, contract: Contract) -> str:
        """Return the guessed call as code, where it is a guess; masks are True at real tokens, ``~`` inverts them."""
        if "input_ids" in inspect.signature(self.model.forward).parameters:
            return ""
        return f"model({', '.join(map(str, forward_arguments(self.model, contract)))})"

    def step(self) -> Callable[..., Any] | None:
        """Return ``step(model, ids, past, source, source_mask) -> (logits, past)``, where such a model has a cache."""
        return None

    def generate(self, contract: Contract) -> Callable[..., Any] | None:
        """Return ``generate(model, source) -> ids``, where such a model generates."""
        return None

    def examples(self, contract: Contract) -> dict[str, Tensor] | None:
        """Return made-up sources to generate from."""
        return None


class NativeAdapter(ModelAdapter):
    """A :class:`seqwright.core.model.Model` of any family, with a :class:`seqwright.core.model.ModelSpec` as its ``spec``."""

    def contract(self) -> Contract:
        """Return the contract by its spec.

        The ids of START, END and PAD are those of :class:`seqwright.data.vocabulary.Vocabulary`, where the sizes leave room for them.
        """
        spec: ModelSpec = self.model.spec
        sides: tuple[Side, ...] = get_args(Side) if spec.reads_source else ("target",)
        sizes = [size for side in sides if (size := spec.vocabulary_size(side)) is not None]
        lengths = [length for side in sides if (length := spec.max_length(side)) is not None]
        outputs = spec.output_size or 2
        size = sizes[-1] if sizes else outputs
        padded = outputs == size - 1 and size >= 5
        own = sizes[0] if len(set(sizes)) > 1 else None
        marked = padded or (spec.reads_source and outputs == size >= 4)
        return Contract(
            kind="encoder-decoder" if spec.reads_source else "decoder",
            vocabulary=size,
            pad=size - 1 if padded else None,
            bos=outputs - 2 if marked else None,
            eos=outputs - 1 if marked else None,
            max_length=min(lengths, default=None),
            padding_side="both" if spec.masks_padding else "right",
            source=None if own is None else SourceIds(vocabulary=own, pad=own - 1 if padded else None),
        )

    def call(self, contract: Contract) -> ModelCall:
        """Return the call of ``start`` and ``advance``."""

        def call(model: Any, batch: ModelInput) -> Tensor:
            spec, dtype = model.spec, next(model.parameters()).dtype

            def tokens(side: Side, ids: Tensor, mask: Tensor | None) -> Tokens:
                return with_positions(ids.to(dtype) if spec.vocabulary_size(side) is None else ids, mask)

            source = None if batch.source is None else tokens("source", batch.source, batch.source_mask)
            output, _ = model.advance(tokens("target", batch.ids, batch.mask), model.start(source))
            if spec.output_size is not None:
                return output.logits
            values = torch.arange(contract.vocabulary, device=output.logits.device, dtype=output.logits.dtype)
            return -((output.logits - values) ** 2)  # the nearer an id to the predicted value, the likelier

        return call

    def call_as_text(self, contract: Contract) -> str:
        """Return nothing: the call is not a guess."""
        return ""

    def step(self) -> Callable[..., Any] | None:
        """Return a step of ``advance``, where the model is incremental and reads ids."""
        if not self.model.incremental or self.model.spec.vocabulary_size("target") is None:
            return None

        def step(
            model: Any, ids: Tensor, past: Any, source: Tensor | None = None, mask: Tensor | None = None
        ) -> tuple[Tensor, Any]:
            state = model.start(None if source is None else with_positions(source, mask)) if past is None else past
            at = state.length + torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
            output, state = model.advance(Tokens(ids, at), state)
            return output.logits, state

        return step

    def generate(self, contract: Contract) -> Callable[..., Any] | None:
        """Return greedy decoding from ``bos`` to ``eos``, where the model maps sources to symbols."""
        spec, begin, end, pad = self.model.spec, contract.bos, contract.eos, contract.pad_of("source")
        if not spec.reads_source or spec.output_size is None or begin is None or end is None:
            return None

        def generate(model: Any, source: Tensor) -> Tensor:
            read = with_positions(source, None if pad is None else source != pad)
            first = Tokens(torch.full_like(source[:, :1], begin), torch.zeros_like(source[:, :1]))
            with torch.no_grad():
                return greedy(model, read, first, end=end, limit=3 * source.shape[1] + 5).ids

        return generate

    def examples(self, contract: Contract) -> dict[str, Tensor] | None:
        """Return all sources of up to four tokens of three ids, or of four tokens where there is no padding; at most 64."""
        if not self.model.spec.reads_source:
            return None
        pad = contract.pad_of("source")
        ids, lengths = contract.ordinary_ids("source")[:3], range(1, 5) if pad is not None else [4]
        rows = [list(each) for length in lengths for each in product(ids, repeat=length)]
        return {"source": pad_rows(rows[:64], pad or 0, "right")[0]}


def with_positions(ids: Tensor, mask: Tensor | None) -> Tokens:
    """Return tokens with their positions among the real tokens of their row."""
    if mask is None:
        return Tokens(ids, torch.arange(ids.shape[1], device=ids.device).expand_as(ids))
    return Tokens(ids, torch.where(mask, mask.cumsum(1) - 1, PADDING))


class HuggingFaceAdapter(ModelAdapter):
    """A model of the ``transformers`` library."""

    @property
    def kind(self) -> ModelKind:
        """The kind of model, by its configuration."""
        kinds = kinds_of(self.model)
        return "encoder-decoder" if "cross" in kinds else "decoder" if "decoder" in kinds else "encoder"

    def contract(self) -> Contract:
        """Return the contract by the configuration."""
        config = self.model.config
        size = int(config.vocab_size)

        def id_called(name: str) -> int | None:
            value = getattr(config, name, None)
            value = value[0] if isinstance(value, (list, tuple)) and value else value
            return value if isinstance(value, int) and 0 <= value < size else None

        window = getattr(config, "sliding_window", None)
        return Contract(
            kind=self.kind,
            vocabulary=size,
            visibility=Window(window) if self.kind == "decoder" and isinstance(window, int) else None,
            pad=id_called("pad_token_id"),
            bos=id_called("bos_token_id"),
            eos=id_called("eos_token_id"),
            max_length=max_length_of(self.model),
        )

    def step(self) -> Callable[..., Any] | None:
        """Return a step with ``use_cache=True``, where the model decodes."""
        if self.kind == "encoder":
            return None
        name = "cache" if "cache" in inspect.signature(self.model.forward).parameters else "past_key_values"

        def step(
            model: Any, ids: Tensor, past: Any, source: Tensor | None = None, mask: Tensor | None = None
        ) -> tuple[Tensor, Any]:
            given = {"input_ids": ids} if source is None else {"input_ids": source, "decoder_input_ids": ids}
            given |= {} if mask is None else {"attention_mask": mask.long()}
            output = model(**given, use_cache=True, **{name: past})
            return output.logits, output["cache" if "cache" in output else "past_key_values"]

        return step


def adapter_of(model: nn.Module) -> ModelAdapter:
    """Return the adapter that fits a model."""
    if isinstance(model, Model) and isinstance(getattr(model, "spec", None), ModelSpec):
        return NativeAdapter(model)
    of_library = any(kind.__module__.startswith("transformers.") for kind in type(model).__mro__)
    return HuggingFaceAdapter(model) if of_library and hasattr(model, "config") else ModelAdapter(model)

"""Models whose contract can be read off them: our own, by their spec; Hugging Face's, by their configuration."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from seqwright.core.tokens import Tokens
from seqwright.decoding.greedy import greedy
from seqwright.doctor.calling import places
from seqwright.doctor.contract import Contract, Window
from seqwright.doctor.reading import padded
from seqwright.huggingface.capture import causal
from seqwright.huggingface.max_length import max_length as max_length_of
from seqwright.models.transformer import Transformer
from seqwright.nn.embedding import SymbolHead, TokenEmbedding
from seqwright.nn.padding import MaskedPadding


@runtime_checkable
class Known(Protocol):
    """What can be said of a model without being told."""

    def contract(self) -> Contract: ...

    def step(self) -> Callable[..., Any] | None: ...

    def generate(self, contract: Contract) -> Callable[..., Any] | None: ...

    def examples(self, contract: Contract) -> dict[str, Tensor] | None: ...


def known(model: nn.Module) -> Known | None:
    """What can be read off a model; ``None`` for a stranger's."""
    if isinstance(model, Transformer):
        return Native(model)
    if any(kind.__module__.startswith("transformers.") for kind in type(model).__mro__) and hasattr(model, "config"):
        return HuggingFace(model)
    return None


@dataclass(frozen=True)
class Native:
    """A model built from a :class:`TransformerSpec`."""

    model: Transformer

    def contract(self) -> Contract:
        """Symbols, then START, END and PAD, as a :class:`Vocabulary` has them, where the spec has room for these."""
        spec = self.model.spec
        rooms = [stack.position.max_length for stack in (spec.encoder, spec.decoder) if stack is not None]
        said = spec.head.outputs if isinstance(spec.head, SymbolHead) else 2
        size = spec.embedding.vocabulary if isinstance(spec.embedding, TokenEmbedding) else 2
        padded_too = said == size - 1 and size >= 5
        marked = padded_too or (spec.encoder is not None and said == size >= 4)
        return Contract(
            kind="encoder-decoder" if spec.encoder else "decoder",
            vocabulary=max(size, said),
            pad=size - 1 if padded_too else None,
            bos=said - 2 if marked else None,
            eos=said - 1 if marked else None,
            max_length=min((each for each in rooms if each is not None), default=None),
            padding_side="both" if isinstance(spec.padding, MaskedPadding) else "right",
        )

    def step(self) -> Callable[..., Any] | None:
        if not isinstance(self.model.spec.embedding, TokenEmbedding):
            return None

        def step(
            model: Transformer, ids: Tensor, past: Any, source: Tensor | None = None, mask: Tensor | None = None
        ) -> tuple[Tensor, Any]:
            read = None if source is None else Tokens(source, places(source, mask))
            state = model.start(read) if past is None else past
            at = state.length + torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
            output, state = model.advance(Tokens(ids, at), state)
            return output.logits, state

        return step if self.model.incremental else None

    def generate(self, contract: Contract) -> Callable[..., Any] | None:
        """Greedy answers, which begin, end and are padded as the contract says."""
        if self.model.spec.encoder is None or not isinstance(self.model.spec.head, SymbolHead):
            return None
        if contract.bos is None or contract.eos is None:
            return None
        begin, end, pad = contract.bos, contract.eos, contract.pad

        def generate(model: Transformer, source: Tensor) -> Tensor:
            read = Tokens(source, places(source, None if pad is None else source != pad))
            first = Tokens(torch.full_like(source[:, :1], begin), torch.zeros_like(source[:, :1]))
            with torch.no_grad():
                return greedy(model, read, first, end=end, limit=3 * source.shape[1] + 5).ids

        return generate

    def examples(self, contract: Contract) -> dict[str, Tensor] | None:
        """Short sources of two or three words: all of up to four tokens, or of four where nothing pads."""
        if self.model.spec.encoder is None:
            return None
        words, lengths = contract.words()[:3], range(1, 5) if contract.pad is not None else [4]
        rows = [list(each) for length in lengths for each in product(words, repeat=length)]
        ids, _ = padded(rows[:64], contract.pad or 0, "right")
        return {"source": ids}


@dataclass(frozen=True)
class HuggingFace:
    """A model of the ``transformers`` library."""

    model: Any

    @property
    def kind(self) -> Any:
        config = self.model.config
        if getattr(config, "is_encoder_decoder", False):
            return "encoder-decoder"
        return "decoder" if causal(self.model) else "encoder"

    def contract(self) -> Contract:
        config = self.model.config
        size = int(config.vocab_size)

        def known_id(name: str) -> int | None:
            value = getattr(config, name, None)
            value = value[0] if isinstance(value, (list, tuple)) and value else value
            return value if isinstance(value, int) and 0 <= value < size else None

        pad = known_id("pad_token_id")
        window = getattr(config, "sliding_window", None)
        return Contract(
            kind=self.kind,
            vocabulary=size,
            visibility=Window(window) if self.kind == "decoder" and isinstance(window, int) else None,
            pad=pad,
            bos=known_id("bos_token_id"),
            eos=known_id("eos_token_id"),
            max_length=max_length_of(self.model),
        )

    def step(self) -> Callable[..., Any] | None:
        if self.kind == "encoder":
            return None
        name = "cache" if "cache" in inspect.signature(self.model.forward).parameters else "past_key_values"

        def step(
            model: Any, ids: Tensor, past: Any, source: Tensor | None = None, mask: Tensor | None = None
        ) -> tuple[Tensor, Any]:
            if source is None:
                given = {"input_ids": ids}
            else:
                given = {"input_ids": source, "decoder_input_ids": ids} | (
                    {} if mask is None else {"attention_mask": mask.long()}
                )
            said = model(**given, use_cache=True, **{name: past})
            return said.logits, said["cache" if "cache" in said else "past_key_values"]

        return step

    def generate(self, contract: Contract) -> None:
        return None

    def examples(self, contract: Contract) -> None:
        return None

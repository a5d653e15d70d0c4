"""Hugging Face models from configurations, and faults of their callers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from patients.case import Case, Subject, case
from patients.huggingface import become
from patients.rows import BOS, EOS, PAD
from torch import Tensor, nn
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BloomConfig,
    BloomForCausalLM,
    DistilBertConfig,
    DistilBertForMaskedLM,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    MarianConfig,
    MarianMTModel,
    MistralConfig,
    MistralForCausalLM,
    OPTConfig,
    OPTForCausalLM,
)
from transformers.models.llama.modeling_llama import LlamaAttention

from seqwright.doctor.contract import Contract
from seqwright.doctor.visibility import Window

from .common import IGNORED, Build, pairs, rows

VOCABULARY = 64
IDS = {"vocab_size": VOCABULARY, "pad_token_id": PAD, "bos_token_id": BOS, "eos_token_id": EOS}
Loss = Callable[[Any, dict[str, Tensor]], Tensor]


def llama(**config: Any) -> nn.Module:
    """Build a small Llama."""
    size = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64}
    return LlamaForCausalLM(LlamaConfig(**{**size, **heads, **IDS, **config})).eval()


def mistral(**config: Any) -> nn.Module:
    """Build a small Mistral with a window of four tokens."""
    size = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "max_position_embeddings": 64}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "sliding_window": 4}
    return MistralForCausalLM(MistralConfig(**{**size, **heads, **IDS, **config})).eval()


def opt() -> nn.Module:
    """Build a small OPT with a table of forty positions."""
    size = {"hidden_size": 24, "word_embed_proj_dim": 24, "ffn_dim": 48, "num_hidden_layers": 3}
    return OPTForCausalLM(OPTConfig(**size, num_attention_heads=3, max_position_embeddings=40, **IDS)).eval()


def bart() -> nn.Module:
    """Build a small BART, whose beginning is its end."""
    size = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
    heads = {"encoder_attention_heads": 4, "decoder_attention_heads": 4, "max_position_embeddings": 40}
    ends = {"decoder_start_token_id": EOS, "forced_eos_token_id": None}
    return BartForConditionalGeneration(BartConfig(**size, **heads, **ends, **IDS)).eval()


def marian() -> nn.Module:
    """Build a small Marian, whose beginning is its padding."""
    size = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "max_position_embeddings": 40}
    ends = {"decoder_start_token_id": PAD, "forced_eos_token_id": None}
    return MarianMTModel(MarianConfig(**size, **heads, **ends, **IDS)).eval()


def distilbert() -> nn.Module:
    """Build a small DistilBERT."""
    size = {"dim": 30, "n_heads": 3, "n_layers": 2, "hidden_dim": 60, "max_position_embeddings": 32}
    return DistilBertForMaskedLM(DistilBertConfig(vocab_size=VOCABULARY, pad_token_id=PAD, **size)).eval()


def bloom() -> nn.Module:
    """Build a small Bloom."""
    return BloomForCausalLM(BloomConfig(hidden_size=32, n_layer=2, n_head=4, **IDS)).eval()


def neox() -> nn.Module:
    """Build a small GPT-NeoX."""
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    return GPTNeoXForCausalLM(GPTNeoXConfig(**size, max_position_embeddings=64, **IDS)).eval()


def mamba() -> nn.Module:
    """Build a small Mamba."""
    return MambaForCausalLM(MambaConfig(hidden_size=24, num_hidden_layers=2, state_size=8, **IDS)).eval()


def number(mask: Tensor | None) -> Tensor | None:
    """Return a mask as the numbers that Hugging Face uses."""
    return None if mask is None else mask.long()


def call(model: Any, ids: Tensor, mask: Tensor | None) -> Tensor:
    return model(input_ids=ids, attention_mask=number(mask), use_cache=False).logits


def call_encoder(model: Any, ids: Tensor, mask: Tensor | None) -> Tensor:
    return model(input_ids=ids, attention_mask=number(mask)).logits


def call_encoder_unmasked(model: Any, ids: Tensor, mask: Tensor | None) -> Tensor:
    return model(input_ids=ids).logits


def call_unmasked(model: Any, ids: Tensor, mask: Tensor | None) -> Tensor:
    return model(input_ids=ids, use_cache=False).logits


def call_inverted(model: Any, ids: Tensor, mask: Tensor | None) -> Tensor:
    return call(model, ids, None if mask is None else ~mask)


def call_both(
    model: Any, source: Tensor, source_mask: Tensor | None, target: Tensor, target_mask: Tensor | None
) -> Tensor:
    """Call an encoder and decoder with a mask for either side."""
    masks = {"attention_mask": number(source_mask), "decoder_attention_mask": number(target_mask)}
    return model(input_ids=source, decoder_input_ids=target, use_cache=False, **masks).logits


def call_decoder_unmasked(
    model: Any, source: Tensor, source_mask: Tensor | None, target: Tensor, target_mask: Tensor | None
) -> Tensor:
    """Call an encoder and decoder with a mask for the encoder only."""
    encoded = model.get_encoder()(input_ids=source, attention_mask=number(source_mask))
    return model(encoder_outputs=encoded, decoder_input_ids=target, use_cache=False).logits


def call_source_unmasked(
    model: Any, source: Tensor, source_mask: Tensor | None, target: Tensor, target_mask: Tensor | None
) -> Tensor:
    """Call an encoder and decoder with a mask for the decoder only."""
    encoded, mask = model.get_encoder()(input_ids=source), number(source_mask)
    return model(encoder_outputs=encoded, attention_mask=mask, decoder_input_ids=target, use_cache=False).logits


def call_target_as_source(
    model: Any, source: Tensor, source_mask: Tensor | None, target: Tensor, target_mask: Tensor | None
) -> Tensor:
    """Call the model with the target as its source."""
    return model(input_ids=target, decoder_input_ids=target, use_cache=False).logits


def step(model: Any, ids: Tensor, past: Any, **places: Tensor) -> tuple[Tensor, Any]:
    """Take one step of decoding with a cache."""
    said = model(input_ids=ids, past_key_values=past, use_cache=True, **places)
    return said.logits, said.past_key_values


def step_places_zero(model: Any, ids: Tensor, past: Any) -> tuple[Tensor, Any]:
    """Take a cached step whose positions begin at 0."""
    return step(model, ids, past, position_ids=torch.arange(ids.shape[1])[None].expand(len(ids), -1))


def step_crops(model: Any, ids: Tensor, past: Any) -> tuple[Tensor, Any]:
    """Take a cached step that drops the last token of a long cache."""
    if past is not None and past.get_seq_length() > 8:
        past.crop(-1)
    return step(model, ids, past)


def unpadded(labels: Tensor) -> Tensor:
    """Return labels without padding."""
    return labels.masked_fill(labels == PAD, IGNORED)


def translation_loss(model: Any, examples: dict[str, Tensor]) -> Tensor:
    """Compute the loss of each target token given the source and those before it."""
    source, target = examples["source"], examples["target"]
    mask, labels = (source != PAD).long(), unpadded(target[:, 1:])
    return model(input_ids=source, attention_mask=mask, decoder_input_ids=target[:, :-1], labels=labels).loss


def translation_loss_unshifted(model: Any, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss whose labels are the decoder's input."""
    source, target = examples["source"], examples["target"]
    mask, labels = (source != PAD).long(), unpadded(target)
    return model(input_ids=source, attention_mask=mask, decoder_input_ids=target, labels=labels).loss


def translation_loss_counts_pad(model: Any, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss with the target as labels, padding included."""
    source, target = examples["source"], examples["target"]
    mask, labels = (source != PAD).long(), target[:, 1:].contiguous()
    return model(input_ids=source, attention_mask=mask, decoder_input_ids=target[:, :-1], labels=labels).loss


def loss(model: Any, examples: dict[str, Tensor]) -> Tensor:
    """Compute the loss of each token given those before it; the model shifts the labels."""
    ids = examples["ids"]
    return model(input_ids=ids, attention_mask=(ids != PAD).long(), labels=unpadded(ids)).loss


def loss_shifted_twice(model: Any, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss whose labels are shifted twice, by the user and by the model."""
    ids = examples["ids"]
    return model(input_ids=ids[:, :-1], labels=unpadded(ids[:, 1:])).loss


def loss_pad_is_eos(model: Any, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss of rows padded with their end, which is ignored everywhere."""
    ids = examples["ids"]
    return model(input_ids=ids, labels=ids.masked_fill(ids == EOS, IGNORED)).loss


def loss_counts_pad(model: Any, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss with the ids as labels, padding included."""
    return model(input_ids=examples["ids"], labels=examples["ids"]).loss


class Open(LlamaAttention):
    """Attention without a mask, not causal."""

    def forward(self, hidden_states: Tensor, *others: Any, **named: Any) -> Any:
        length = hidden_states.shape[1]
        named["attention_mask"] = torch.zeros(1, 1, length, length, dtype=hidden_states.dtype)
        self.is_causal = False
        return super().forward(hidden_states, *others, **named)


def open_last(model: Any) -> None:
    """Make the last layer non-causal."""
    become(model, Open, only_last=True)


def zero_places(model: Any) -> None:
    """Set the encoder's table of positions to zero."""
    with torch.no_grad():
        model.model.encoder.embed_positions.weight.zero_()


def new_head(model: Any) -> None:
    """Replace the head by one of its own, against the configuration."""
    model.lm_head = nn.Linear(24, VOCABULARY, bias=False)


def copy_layer(model: Any) -> None:
    """Make the second layer a copy of the first."""
    model.model.layers[1].load_state_dict(model.model.layers[0].state_dict())


def loud_head(model: Any) -> None:
    """Draw a head so large that initial predictions are extreme."""
    model.lm_head.weight.data.normal_(std=3.0)


def decoder(**promised: Any) -> Contract:
    return Contract(**{"kind": "decoder", "vocabulary": VOCABULARY, "pad": PAD, "bos": BOS, "eos": EOS, **promised})


PLAIN, PADDED = decoder(max_length=48), decoder(max_length=32, padding_side="both")
WINDOWED = decoder(max_length=40, visibility=Window(4, layers=2))
ENCODER = Contract(kind="encoder", vocabulary=VOCABULARY, pad=PAD, max_length=32)
BOTH = Contract(kind="encoder-decoder", vocabulary=VOCABULARY, pad=PAD, bos=BOS, eos=EOS, max_length=32)


def hf(
    model: Callable[..., nn.Module],
    contract: Contract,
    call: Any = call,
    change: Callable[[Any], None] | None = None,
    *,
    step: Any = None,
    loss: Loss | None = None,
    **config: Any,
) -> Build:
    """Return a builder of subjects of a kind with its call, perhaps changed; with examples where there is a loss."""

    def build(seed: int) -> Subject:
        made = model(**config)
        if change is not None:
            change(made)
        extras = {"call": call, **({"step": step} if step else {})}
        if loss is not None:
            both = contract.kind == "encoder-decoder"
            examples = pairs(VOCABULARY, seed) if both else rows(VOCABULARY, seed, pad=contract.pad or PAD)
            extras |= {"loss": loss, "examples": examples}
        return Subject(made, contract, extras)

    return build


EAGER = {"attn_implementation": "eager"}
CASES: tuple[Case, ...] = (
    case("hf/llama-mask-forgotten", "padding-leak", hf(llama, PADDED, call_unmasked)),
    case("hf/opt-mask-inverted", "padding-polarity", hf(opt, PADDED, call_inverted), "padding-leak"),
    case("hf/opt-new-head-untied", "tied-weights", hf(opt, decoder(max_length=40), call, new_head)),
    case("hf/opt-table-of-40-promised-64", "position-overflow", hf(opt, decoder(max_length=64))),
    case(
        "hf/llama-last-layer-open",
        "future-leak",
        hf(llama, decoder(max_length=40, pad=None), call, open_last, **EAGER),
    ),
    case("hf/mistral-without-window", "window-exceeded", hf(mistral, WINDOWED, sliding_window=None)),
    case("hf/llama-step-places-zero", "cache-mismatch", hf(llama, PLAIN, step=step_places_zero)),
    case("hf/llama-step-crops", "cache-mismatch", hf(llama, PLAIN, step=step_crops)),
    case("hf/bart-decoder-hears-padding", "cross-padding-leak", hf(bart, BOTH, call_decoder_unmasked)),
    case("hf/marian-encoder-reads-padding", "padding-leak", hf(marian, BOTH, call_source_unmasked)),
    case("hf/bart-target-as-source", "source-ignored", hf(bart, BOTH, call_target_as_source), "future-leak"),
    case("hf/bart-loss-unshifted", "target-shift", hf(bart, BOTH, call_both, loss=translation_loss_unshifted)),
    case("hf/bart-loss-counts-pad", "padding-in-loss", hf(bart, BOTH, call_both, loss=translation_loss_counts_pad)),
    case("hf/llama-loss-shifted-twice", "target-shift", hf(llama, PLAIN, loss=loss_shifted_twice)),
    case(
        "hf/neox-loss-pad-is-eos", "labels-without-eos", hf(neox, decoder(max_length=48, pad=EOS), loss=loss_pad_is_eos)
    ),
    case(
        "hf/mistral-loss-counts-pad", "padding-in-loss", hf(mistral, PLAIN, loss=loss_counts_pad, sliding_window=None)
    ),
    case("hf/marian-places-zeroed", "order-blind", hf(marian, BOTH, call_both, zero_places), "positions-ineffective"),
    case("hf/distilbert-mask-forgotten", "padding-leak", hf(distilbert, ENCODER, call_encoder_unmasked)),
    case("hf/llama-layers-copied", "identical-layers", hf(llama, PLAIN, call, copy_layer)),
    case("hf/llama-head-std-3", "init-loss", hf(llama, PLAIN, call, loud_head)),
    case("hf/llama", None, hf(llama, PADDED, step=step, loss=loss)),
    case("hf/opt", None, hf(opt, PADDED, step=step, loss=loss)),
    case("hf/bart", None, hf(bart, BOTH, call_both, loss=translation_loss)),
    case("hf/marian", None, hf(marian, BOTH, call_both, loss=translation_loss)),
    case("hf/distilbert", None, hf(distilbert, ENCODER, call_encoder)),
    case("hf/mistral-window", None, hf(mistral, WINDOWED, step=step)),
    case("hf/bloom", None, hf(bloom, decoder(padding_side="left"), step=step)),
    case("hf/neox", None, hf(neox, PLAIN, step=step)),
    case("hf/mamba", None, hf(mamba, decoder(max_length=32, pad=None), call_unmasked)),
)

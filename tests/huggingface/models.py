"""Small models with random parameters, and a tokenizer of a few words."""

from __future__ import annotations

from typing import Any

import torch
import transformers as hf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

WORDS = [
    "[PAD]",
    "[CLS]",
    "[SEP]",
    "[UNK]",
    "the",
    "cat",
    "chased",
    "mouse",
    "because",
    "it",
    "was",
    "sc",
    "##ared",
    "hungry",
    ".",
]


def tokenizer() -> Any:
    """Return a WordPiece tokenizer over :data:`WORDS`, with [CLS] and [SEP]."""
    made = Tokenizer(models.WordPiece({word: index for index, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", unk_token="[UNK]"
    )


def byte_tokenizer() -> Any:
    """Return a byte-level tokenizer as GPT-2's, where a space belongs to the word after it."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        [" the cat chased the mouse"] * 9,
        trainers.BpeTrainer(vocab_size=280, initial_alphabet=alphabet, show_progress=False),
    )
    return hf.PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<end>")


def wide(**more: Any) -> dict[str, Any]:
    return {"vocab_size": len(WORDS), "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 16,
            "max_position_embeddings": 64, "initializer_range": 0.5} | more  # fmt: skip


MARKS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}


def model(kind: str) -> Any:
    """Return a model of a family, in eval mode."""
    torch.manual_seed(0)
    match kind:
        case "bert":
            made: Any = hf.BertModel(hf.BertConfig(**wide()))
        case "albert":
            made = hf.AlbertModel(hf.AlbertConfig(**wide(embedding_size=16)))
        case "mpnet":
            made = hf.MPNetModel(hf.MPNetConfig(**wide()))
        case "llama":
            made = hf.LlamaForCausalLM(
                hf.LlamaConfig(**wide(num_key_value_heads=2, pad_token_id=0, bos_token_id=1, eos_token_id=2))
            )
        case "gpt2":
            made = hf.GPT2LMHeadModel(hf.GPT2Config(vocab_size=len(WORDS), n_embd=16, n_layer=2, n_head=4, n_positions=64, bos_token_id=1, eos_token_id=2, pad_token_id=0, initializer_range=0.5))  # fmt: skip
        case "t5":
            made = hf.T5ForConditionalGeneration(hf.T5Config(vocab_size=len(WORDS), d_model=16, d_kv=4, d_ff=16, num_layers=2, num_heads=4, initializer_factor=5.0, **MARKS))  # fmt: skip
        case "bart":
            made = hf.BartForConditionalGeneration(hf.BartConfig(vocab_size=len(WORDS), d_model=16, encoder_layers=2, decoder_layers=3, encoder_attention_heads=4, decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, max_position_embeddings=64, init_std=0.5, forced_eos_token_id=None, **MARKS))  # fmt: skip
    return made.eval()

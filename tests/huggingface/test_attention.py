"""Captured attention of Hugging Face models equals what they return themselves, and they are left as they were."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from seqwright.core.errors import SeqwrightError
from seqwright.huggingface import attention, generated
from seqwright.huggingface.capture import _CAPTURED, captured
from seqwright.huggingface.tokenise import tokenise
from seqwright.viewer.selection import LayersAndHeads
from tests.huggingface.models import byte_tokenizer, model, tokenizer

pytestmark = pytest.mark.filterwarnings("ignore")
TEXT = "the cat chased the mouse because it was scared ."
TOKENIZER = tokenizer()


def eager(made):
    made.set_attn_implementation("eager")
    return made


@pytest.mark.parametrize("kind", ["bert", "albert", "mpnet", "llama", "gpt2"])
def test_captured_attention_is_the_models_own(kind):
    made = model(kind)
    before = made.config._attn_implementation
    seen = attention(made, TOKENIZER, TEXT)
    (record,) = seen.records
    assert made.config._attn_implementation == before
    assert not _CAPTURED
    with torch.no_grad():
        own = eager(made)(**TOKENIZER(TEXT, return_tensors="pt"), output_attentions=True).attentions
    assert np.allclose(record.weights, torch.stack(own)[:, 0].numpy(), atol=1e-6)
    assert record.kind == ("decoder" if kind in ("llama", "gpt2") else "encoder")
    assert record.tokens[:3] == ("[CLS]", "the", "cat")
    assert record.special == {0, len(record.tokens) - 1}
    assert record.words is not None
    assert (9, 11) in record.words  # sc ##ared
    if kind == "mpnet":  # its attention function cannot be replaced
        assert record.projections is None
        assert "cannot be read" in seen.note
    else:
        kept = record.projections
        assert kept is not None
        assert np.allclose(
            np.where(record.weights > 0, kept.queries @ kept.keys.swapaxes(-1, -2) * kept.scale[0], -np.inf),
            kept.scores,
            atol=1e-4,
        )


@pytest.mark.parametrize("kind", ["llama", "gpt2", "t5", "bart"])
@pytest.mark.parametrize("beams", [1, 3])
def test_a_generation_read_at_once_equals_its_steps(kind, beams):
    made = model(kind)
    seen = attention(made, TOKENIZER, TEXT, generate=6, beams=beams)
    encoding = TOKENIZER(TEXT, return_tensors="pt")
    output = eager(made).generate(
        input_ids=encoding.input_ids, attention_mask=encoding.attention_mask, max_new_tokens=6, num_beams=beams, do_sample=False,
        output_attentions=True, return_dict_in_generate=True,
    )  # fmt: skip
    both = made.config.is_encoder_decoder
    stepped = generated(output, TOKENIZER, encoding.input_ids if both else None)
    assert [record.kind for record in stepped.records] == (["decoder", "cross"] if both else ["decoder"])
    for record in stepped.records:
        whole = seen.of(record.kind)
        assert record.tokens == whole.tokens
        assert np.allclose(record.weights, whole.weights, atol=1e-5)
        assert [step.chosen for step in record.steps] == [step.chosen for step in whole.steps]
        assert all(step.probability is None for step in record.steps)
    steps = seen.of("decoder").steps
    assert all(step.candidates[0].probability >= step.probability - 1e-6 for step in steps)
    assert all(sum(each.probability for each in step.candidates) <= 1 + 1e-5 for step in steps)
    if beams == 1:
        assert all(step.candidates[0].token == step.chosen for step in steps)


def test_beams_that_change_order_are_followed():
    """Rows of ``generate`` belong to changing beams, and one row over all steps is not one sequence."""
    made, text = eager(model("gpt2")), "the cat chased the mouse ."
    encoding = TOKENIZER(text, return_tensors="pt")
    output = made.generate(
        input_ids=encoding.input_ids, attention_mask=encoding.attention_mask, max_new_tokens=8, num_beams=4, do_sample=False,
        output_attentions=True, return_dict_in_generate=True,
    )  # fmt: skip
    rows = [row for row in output.beam_indices[0].tolist() if row >= 0]
    assert len(set(rows)) > 2, "choose another seed: here beams keep their order"
    right = generated(output, TOKENIZER).of("decoder").weights
    assert np.allclose(right, attention(made, TOKENIZER, text, generate=8, beams=4).of("decoder").weights, atol=1e-5)
    first = output.attentions[4][0][0, :, 0].numpy()  # the fifth step's, of the batch's first row
    assert not np.allclose(right[0, :, len(encoding.input_ids[0]) + 3, : first.shape[1]], first, atol=1e-3)


def test_only_selected_heads_are_kept():
    made = model("bert")
    whole, some = (
        attention(made, TOKENIZER, TEXT),
        attention(made, TOKENIZER, TEXT, layers=[1], heads=[3, 0], projections=False),
    )
    record = some.records[0]
    assert (record.layers, record.heads) == ((1,), (0, 3))
    assert record.projections is None
    assert np.array_equal(record.weights, whole.records[0].weights[1:, [0, 3]])
    for wrong, message in (
        ({"layers": [2]}, "there is no layer 2"),
        ({"heads": [-1]}, "there is no head -1"),
        ({"heads": []}, "no head is chosen"),
    ):
        with pytest.raises(SeqwrightError, match=message):
            attention(made, TOKENIZER, TEXT, **wrong)


def test_pairs_and_targets_and_words():
    made = model("bert").train()
    record = attention(made, TOKENIZER, "the fish", "it was hungry").records[0]  # fish is not in the vocabulary
    assert made.training
    assert record.tokens[2] == "[UNK]"
    assert sorted(record.special) == [0, 3, 7]
    again = attention(model("bert"), TOKENIZER, ["the", "scared", "cat"]).records[0]
    assert again.words == ((0, 1), (1, 2), (2, 4), (4, 5), (5, 6))
    t5 = attention(model("t5"), TOKENIZER, "the cat", target="it was")
    assert t5.of("cross").tokens == ("[CLS]", "[CLS]", "it", "was")
    assert [step.chosen for step in t5.of("decoder").steps] == ["[CLS]", "it", "was", "[SEP]"]


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        ("bert", {"generate": 3}, "does not generate"),
        ("bert", {"target": "x"}, "has a target"),
        ("t5", {}, "needs a text"),
    ],
)
def test_options_that_a_model_cannot_follow_are_refused(kind, given, message):
    with pytest.raises(SeqwrightError, match=message):
        attention(model(kind), TOKENIZER, TEXT, **given)


def test_an_empty_capture_is_an_error():
    made = model("gpt2")
    output = made.generate(
        input_ids=torch.tensor([[1, 4]]), max_new_tokens=2, return_dict_in_generate=True, do_sample=False
    )
    with pytest.raises(SeqwrightError, match="output_attentions"):
        generated(output, TOKENIZER)


def test_too_long_a_text_is_refused_before_it_is_read():
    made = model("gpt2")
    made.config.n_layer = 4_000_000  # so many weights as a long text would have
    with pytest.raises(SeqwrightError, match="choose up to"):
        attention(made, TOKENIZER, TEXT)


def test_words_of_byte_level_pieces_are_read_with_their_spaces():
    made, words = byte_tokenizer(), ["the", "cat", "café", "漢字", "the"]
    seen = tokenise(made, words)
    assert made.decode(list(seen.ids)) == " ".join(words)
    assert seen.words is not None
    assert len(seen.words) == len(words)
    assert seen.tokens[: seen.words[1][1]] == ("the", " cat") or "".join(seen.tokens[: seen.words[1][1]]) == "the cat"
    assert "�" not in "".join(seen.tokens)
    assert "⟨E6⟩" in "".join(seen.tokens)


def generate(made, **more):
    encoding = TOKENIZER("the cat chased the mouse .", return_tensors="pt")
    given = {
        "input_ids": encoding.input_ids,
        "attention_mask": encoding.attention_mask,
        "do_sample": False,
        "max_new_tokens": 6,
    }
    return made.generate(**given | more, output_attentions=True, return_dict_in_generate=True), encoding.input_ids


def test_beams_that_end_early_leave_the_prompt_a_prompt():
    made = eager(model("gpt2"))
    first, ids = generate(made)
    made.generation_config.eos_token_id = [int(first.sequences[0, ids.shape[1] + 1]), 2]
    output, _ = generate(made, num_beams=4, length_penalty=-2.0, max_new_tokens=12)
    steps = generated(output, TOKENIZER).of("decoder").steps
    assert steps[0].query == ids.shape[1] - 1
    assert len(steps) == len(output.sequences[0]) - ids.shape[1]


@pytest.mark.parametrize("kind", ["gpt2", "bart"])
def test_a_generation_without_a_cache_is_the_same(kind):
    made = eager(model(kind))
    (output, ids), (bare, _) = generate(made), generate(made, use_cache=False)
    source = ids if kind == "bart" else None
    for record in generated(output, TOKENIZER, source).records:
        assert np.allclose(record.weights, generated(bare, TOKENIZER, source).of(record.kind).weights, atol=1e-5)


def test_candidates_come_from_logits_where_the_output_has_them():
    output, _ = generate(eager(model("gpt2")), output_logits=True)
    for step in generated(output, TOKENIZER).of("decoder").steps:
        assert step.candidates[0].token == step.chosen
        assert step.probability == pytest.approx(step.candidates[0].probability)


def test_other_objects_than_outputs_of_generate_are_refused():
    output, ids = generate(eager(model("bart")))
    for given, message in (((torch.ones(1, 2), TOKENIZER), "no attentions"), ((output, TOKENIZER, ids[0]), "of shape")):
        with pytest.raises(SeqwrightError, match=message):
            generated(*given)
    with pytest.raises(SeqwrightError, match="no sequence 3"):
        generated(output, TOKENIZER, ids, sequence=3)


def test_long_texts_are_refused_and_generation_stops_at_the_last_position():
    made = model("gpt2")
    with pytest.raises(SeqwrightError, match="and the model has 64 positions"):
        attention(made, TOKENIZER, "cat " * 70)
    seen = attention(made, TOKENIZER, "cat " * 56, generate=40)
    assert len(seen.of("decoder").tokens) <= 64
    assert "Generation stops after 6 tokens" in seen.note


def test_half_precision_keeps_its_projections():
    made = model("bert").to(torch.bfloat16)
    assert attention(made, TOKENIZER, TEXT).of("encoder").projections is not None


def test_threads_and_errors_leave_a_model_as_it_was():
    made = model("bert")
    before = made.config._attn_implementation
    whole = attention(made, TOKENIZER, TEXT).records[0].weights
    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(lambda _: attention(made, TOKENIZER, TEXT).records[0].weights, range(8)))
    assert all(np.array_equal(each, whole) for each in seen)
    with pytest.raises(RuntimeError), captured(made, {"encoder": LayersAndHeads((0,), (0,))}):
        raise RuntimeError
    with captured(made, {"encoder": LayersAndHeads((0,), (0,))}) as outer:
        attention(made, TOKENIZER, TEXT)
    assert not outer.captured
    assert made.config._attn_implementation == before
    made(**TOKENIZER(TEXT, return_tensors="pt"))


def test_a_layer_that_one_stack_has_is_enough():
    seen = attention(model("bart"), TOKENIZER, TEXT, generate=3, layers=[2])
    assert [record.kind for record in seen.records] == ["decoder", "cross"]

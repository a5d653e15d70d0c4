"""Models as strangers write them: what they are called with, what is healthy though it looks odd, and what cannot be examined."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import Tensor, nn

import seqwright as sw
from seqwright.core.errors import SeqwrightError
from seqwright.doctor import Contract, Window, assert_healthy, examine
from seqwright.doctor.adapters import adapter_of
from seqwright.doctor.calling import forward_arguments
from seqwright.doctor.examples import check_examples
from seqwright.doctor.finding import Counterexample
from seqwright.doctor.report import Report
from tests.doctor.decoders import CONTRACT, EXAMPLES, LONGEST, WORDS, Decoder, loss, step

PAIRS = Contract(kind="encoder-decoder", vocabulary=WORDS, pad=0)


@pytest.mark.parametrize(
    "slip",
    [{"visibility": "casual"}, {"visibility": 3}, {"kind": "decodr"}, {"padding_side": "lef"}, {"max_length": 0}, {"max_length": -3},
     {"vocabulary": 0}, {"pad": -1}, {"pad": 14}, {"eos": 1.5}],
)  # fmt: skip
def test_a_contract_with_a_slip_of_the_pen_is_refused(slip):
    with pytest.raises(SeqwrightError):
        Contract(**({"kind": "decoder", "vocabulary": WORDS} | slip))


class LastOnly(Decoder):
    """nanoGPT's forward: without targets, logits of the last place alone."""

    def forward(self, ids: Tensor, targets: Tensor | None = None) -> Tensor:
        said = super().forward(ids)
        return said if targets is not None else said[:, -1:]


class Upright(Decoder):
    """Logits as a cross entropy likes them."""

    def forward(self, ids: Tensor) -> Tensor:
        return super().forward(ids).mT


@pytest.mark.parametrize("model", [LastOnly(), Upright()])
def test_logits_that_are_not_those_of_every_token_are_no_verdict_on_the_model(model):
    report = examine(model, CONTRACT)
    assert [finding.check for finding in report.findings] == ["call-failed"]
    assert "give a call that returns" in report.of("call-failed").explanation


class Hidden(nn.Module):
    """A language model with an LSTM, whose second argument is a state."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.token, self.rnn, self.head = (
            nn.Embedding(WORDS, 12),
            nn.LSTM(12, 12, batch_first=True),
            nn.Linear(12, WORDS),
        )

    def forward(self, ids: Tensor, hidden: tuple[Tensor, Tensor] | None = None) -> Tensor:
        return self.head(self.rnn(self.token(ids), hidden)[0])


class Translator(nn.Module):
    """Embeddings around ``nn.Transformer``, with its own names and order of arguments."""

    def __init__(self, inverted: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.token, self.place, self.inverted = nn.Embedding(WORDS, 8), nn.Embedding(64, 8), inverted
        self.net = nn.Transformer(8, 2, 1, 1, 16, batch_first=True)
        self.head = nn.Linear(8, WORDS)

    def forward(self, src: Tensor, tgt: Tensor, src_key_padding_mask: Tensor | None = None, tgt_key_padding_mask: Tensor | None = None) -> Tensor:  # fmt: skip
        def read(ids: Tensor) -> Tensor:
            return self.token(ids) + self.place.weight[: ids.shape[1]]

        ahead = torch.ones(tgt.shape[1], tgt.shape[1], dtype=torch.bool).triu(1)
        hidden = tgt_key_padding_mask if tgt_key_padding_mask is None or not self.inverted else ~tgt_key_padding_mask
        return self.head(
            self.net(read(src), read(tgt), tgt_mask=ahead, src_key_padding_mask=src_key_padding_mask,
                     memory_key_padding_mask=src_key_padding_mask, tgt_key_padding_mask=hidden)
        )  # fmt: skip


def test_a_forward_is_called_by_the_names_of_its_arguments():
    assert adapter_of(Hidden()).call_as_text(CONTRACT) == "model(ids=ids)"
    assert adapter_of(Decoder()).call_as_text(CONTRACT) == "model(ids=ids, mask=mask)"
    told = "model(src=source, tgt=ids, src_key_padding_mask=~source_mask, tgt_key_padding_mask=~mask)"
    assert adapter_of(Translator()).call_as_text(PAIRS) == told
    assert [each.part for each in forward_arguments(Translator(), PAIRS)] == ["source", "ids", "source_mask", "mask"]
    assert any(told in note for note in examine(Translator(), PAIRS).notes)


@pytest.mark.parametrize(("model", "contract"), [(Hidden(), CONTRACT), (Translator(), PAIRS)])
def test_strangers_of_good_health_are_left_in_peace(model, contract):
    assert_healthy(model, contract)


def test_the_targets_padding_is_looked_at_too():
    report = examine(Translator(inverted=True), PAIRS)
    assert {finding.check for finding in report.failed} & {"padding-leak", "padding-polarity", "nan"}


def test_what_wraps_a_model_is_looked_through():
    assert_healthy(nn.DataParallel(Decoder()), CONTRACT)


class Noisy(Decoder):
    """Noise while it trains, as a regulariser."""

    def read(self, ids, mask, past):
        said, kept = super().read(ids, mask, past)
        return said + (0.1 * torch.randn_like(said) if self.training else 0), kept


class DropsLayers(Decoder):
    """Rows skip layers while it trains (DropPath)."""

    def weights(self, scores, allowed):
        whole = super().weights(scores, allowed)
        return (
            whole * torch.bernoulli(torch.full((len(whole), 1, 1), 0.5, dtype=whole.dtype)) if self.training else whole
        )


class Spectral(Decoder):
    """A norm that keeps something from call to call while it trains."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.utils.parametrizations.spectral_norm(self.head)


class NeverSays(Decoder):
    """One word is banned at every place."""

    def read(self, ids, mask, past):
        said, kept = super().read(ids, mask, past)
        return said.index_fill(-1, torch.tensor([0]), -torch.inf), kept


@pytest.mark.parametrize("model", [Noisy(), DropsLayers(), Spectral(), NeverSays()])
def test_what_is_drawn_or_kept_in_training_and_banned_words_are_no_faults(model):
    before = {name: each.clone() for name, each in model.train().state_dict().items()}
    report = assert_healthy(model, CONTRACT, step=step, examples=EXAMPLES)
    assert all(torch.equal(before[name], each) for name, each in model.state_dict().items())
    if not isinstance(model, (Spectral, NeverSays)):
        assert report.of("mode-dependent").verdict == "warn"


class Grows(Decoder):
    """Its scale follows the longest sequence that it ever saw."""

    def __init__(self) -> None:
        super().__init__()
        self.longest = 16

    def weights(self, scores, allowed):
        self.longest = max(self.longest, scores.shape[-1])
        return super().weights(scores * 16 / self.longest, allowed)


def test_what_grows_with_the_longest_sequence_is_a_state():
    assert "stateful" in [finding.check for finding in examine(Grows(), CONTRACT).failed]


class Loose(Decoder):
    """A tensor that is trained by nobody: it is no parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.loose = torch.ones(WORDS, requires_grad=True)

    def read(self, ids, mask, past):
        said, kept = super().read(ids, mask, past)
        return said * self.loose, kept


def test_a_tensor_that_is_no_parameter_is_found_in_double_precision_too():
    assert "untrained-part" in [finding.check for finding in examine(Loose(), CONTRACT).failed]


class NeedsTwo(Decoder):
    """It cannot read one token alone, and sees the future."""

    def allowed(self, ids, real, seen, layer):
        if ids.shape[1] < 2:
            raise ValueError("one token is too few")
        return super().allowed(ids, real, seen, layer) | True


def test_lengths_that_cannot_be_read_do_not_end_the_examination():
    failed = [finding.check for finding in examine(NeedsTwo(), CONTRACT).failed]
    assert "future-leak" in failed


class BreaksAt(Decoder):
    """An error that is nobody's callback, in the middle."""

    def allowed(self, ids, real, seen, layer):
        if ids.shape[1] == 5:
            raise ValueError("five is unlucky")
        return super().allowed(ids, real, seen, layer)


def test_what_broke_off_is_inconclusive_and_no_good_health():
    report = examine(BreaksAt(), CONTRACT)
    assert report.of("future-leak").verdict == "inconclusive"
    assert "future-leak" in report.incomplete
    assert "could not be completed" in report.verdict
    with pytest.raises(AssertionError, match="could not be completed"):
        assert_healthy(BreaksAt(), CONTRACT)


def test_a_call_that_uses_another_model_is_told():
    mine = Decoder()
    report = examine(mine, CONTRACT, call=lambda _, ids, mask: mine(ids, mask))
    assert "does not use the model" in report.of("call-failed").explanation


class Locked(Decoder):
    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (Locked(), "cannot be copied"),
        (nn.Sequential(nn.LazyLinear(3)), "has no values yet"),
        (Decoder().to("meta"), "has no values yet"),
    ],
)
def test_what_cannot_be_copied_is_the_users_to_mend(model, told):
    with pytest.raises(SeqwrightError, match=told):
        examine(model, CONTRACT)


@pytest.mark.parametrize(
    ("examples", "told"),
    [([[1, 2]], "the examples are list"), ({"idz": torch.ones(1, 2)}, "the examples are"), ({"ids": torch.tensor([1, 2])}, "and shape"),
     ({"ids": torch.tensor([[1, 99]])}, "the id 99"), ({"ids": torch.tensor([[-100, 2]])}, "the id -100"), ({}, "the examples are"),
     ({"ids": [[1, 2], [3]]}, "not a table of ids"), ({"ids": torch.rand(2, 2)}, "torch.float32")],
)  # fmt: skip
def test_examples_are_held_against_the_contract(examples, told):
    with pytest.raises(SeqwrightError, match=told):
        check_examples(examples, CONTRACT)


def test_what_a_loss_wants_beside_the_ids_is_handed_on():
    def weighted(model, examples):
        return loss(model, examples) * examples["weight"].mean()

    report = examine(Decoder(), CONTRACT, loss=weighted, examples=EXAMPLES | {"weight": torch.ones(3)})
    assert report.of("target-shift").verdict == "pass"


def test_a_loss_may_write_into_its_examples():
    def rude(model, examples):
        said = loss(model, examples)
        examples["ids"].zero_()
        return said

    before = EXAMPLES["ids"].clone()
    assert_healthy(Decoder(), CONTRACT, loss=rude, examples=EXAMPLES)
    assert torch.equal(EXAMPLES["ids"], before)


@pytest.mark.parametrize(
    ("given", "told"),
    [({"loss": lambda model, examples: 1.0}, "before .item()"), ({"loss": lambda model, examples: model(examples["ids"])}, "shape"),
     ({"generate": lambda model, ids: None}, "generate raised"), ({"generate": lambda model, ids: ids[:1]}, "rows for"),
     ({"step": lambda model, ids, past: (None, None)}, "no logits")],
)  # fmt: skip
def test_what_callbacks_return_is_held_against_what_is_wanted(given, told):
    report = examine(Decoder(), CONTRACT, examples=EXAMPLES, **given)
    assert told in report.of(f"{next(iter(given))}-failed").explanation


def test_numbers_that_json_has_no_name_for_are_written_all_the_same():
    proof = Counterexample.between([{"ids": [1]}, {"ids": [2]}], [torch.tensor([float("nan"), 1.0]), torch.tensor([0.0, float("inf")])], difference="x", output="0")  # fmt: skip
    assert {"nan", "inf"} <= set(map(str, proof.first_logits + proof.second_logits))
    report = examine(nn.Sequential(nn.Embedding(WORDS, WORDS), nn.LayerNorm(WORDS), _Nan()), CONTRACT)
    assert Report.from_json(report.to_json()) == report


class _Nan(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x / 0.0 * 0.0


def test_cached_steps_of_an_encoder_and_decoder_are_held_against_the_whole():
    healthy = examine(sw.build(sw.ladder.PADDING))
    assert healthy.of("cache-mismatch").verdict == "pass"

    def forgetful(model, ids, past, source, mask):
        from seqwright.doctor.adapters import NativeAdapter

        said, state = NativeAdapter(model).step()(model, ids, past, source, mask)
        return said, state.rewind(torch.full((len(ids),), state.length - 1)) if state.length > 3 else state

    assert examine(sw.build(sw.ladder.PADDING), step=forgetful).of("cache-mismatch").verdict == "fail"


def test_a_window_that_reaches_beyond_what_was_tried_is_not_passed():
    report = examine(
        Decoder(), Contract(kind="decoder", vocabulary=WORDS, max_length=LONGEST, visibility=Window(30, layers=2))
    )
    assert report.of("window-exceeded").verdict == "inconclusive"


SAID = {
    "source": torch.tensor([[3, 4, 5, 0], [6, 7, 0, 0], [8, 9, 10, 11]]),
    "target": torch.tensor([[1, 5, 4, 2], [1, 7, 6, 2], [1, 9, 8, 2]]),
}
MARKED = Contract(kind="encoder-decoder", vocabulary=WORDS, pad=0, bos=1, eos=2)


def trained() -> Translator:
    """It is sure of what it says, and its norms are not as they began."""
    made = Translator()
    for name, parameter in made.named_parameters():
        if "norm" in name:
            parameter.data.mul_(1.1)
    made.head.weight.data.mul_(40)
    return made


def answering(answer):
    """A generate that answers each source, without its padding, by a rule on it and on how long the longest is."""

    def generate(model, source):
        rows = [[1, *answer([each for each in row if each], source.shape[1]), 2] for row in source.tolist()]
        size = max(map(len, rows))
        return torch.tensor([row + [0] * (size - len(row)) for row in rows])

    return generate


@pytest.mark.parametrize(
    ("answer", "check", "verdict"),
    [
        (lambda words, longest: words[:2], "answers-padded", "pass"),
        (lambda words, longest: [longest + 3], "answers-padded", "fail"),
        (lambda words, longest: words[:2], "answers-reordered", "pass"),
        (lambda words, longest: sorted(words), "answers-reordered", "warn"),
        (lambda words, longest: [5], "answers-constant", "fail"),
        (lambda words, longest: words, "answers-constant", "pass"),
    ],
)
def test_answers_are_held_against_what_their_sources_say(answer, check, verdict):
    assert examine(trained(), MARKED, generate=answering(answer), examples=SAID).of(check).verdict == verdict


def test_an_answer_that_was_cut_short_is_compared_as_far_as_it_goes():
    def endless(model, source):
        return torch.full((len(source), 2 * source.shape[1]), 5)

    report = examine(trained(), MARKED, generate=endless, examples=SAID)
    assert report.of("answers-padded").verdict == "pass"
    assert report.of("never-stops").verdict == "fail"


class HintAlone(nn.Module):
    """``is_causal`` without a mask: the fast path does not heed it, the slow one, which hooks make it take, refuses."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.token, self.head = nn.Embedding(WORDS, 16), nn.Linear(16, WORDS)
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(16, 2, 16, batch_first=True), 1, enable_nested_tensor=False
        )

    def forward(self, ids: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            mask = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool).triu(1)
            return self.head(self.encoder(self.token(ids), mask=mask))
        return self.head(self.encoder(self.token(ids), is_causal=True))


def test_a_fast_path_that_hooks_turn_off_is_examined():
    assert "future-leak" in [finding.check for finding in examine(HintAlone(), CONTRACT).failed]


def test_answers_of_a_native_model_begin_and_end_as_its_contract_says():
    spec = sw.vary(sw.ladder.PADDING, {"embedding.vocabulary": 9, "head.outputs": 9})
    contract = Contract(kind="encoder-decoder", vocabulary=9, pad=0, bos=1, eos=2, padding_side="both")
    examples = {"source": torch.tensor([[3, 4, 5, 6], [7, 8, 0, 0]]), "target": torch.tensor([[1, 3, 2], [1, 4, 2]])}
    assert examine(sw.build(spec), contract, examples=examples).of("answers-padded").verdict == "pass"


def test_labels_of_a_sure_model_are_read_off_a_smoothed_loss():
    def smoothed(model, examples):
        ids = examples["ids"]
        said = model(ids, ids != 0)[:, :-1].flatten(0, 1)
        return nn.functional.cross_entropy(said, ids[:, 1:].flatten(), ignore_index=0, label_smoothing=0.3)

    class Sure(Decoder):
        """It says the next example's token, surer than the labels are."""

        def read(self, ids, mask, past):
            said, kept = super().read(ids, mask, past)
            if ids.shape == EXAMPLES["ids"].shape and torch.equal(ids, EXAMPLES["ids"]):
                said = said + 30 * nn.functional.one_hot(ids.roll(-1, 1), WORDS) * (self.head.weight[0, 0] == SURE)
            return said, kept

    made = Sure()
    with torch.no_grad():
        made.head.weight[0, 0] = SURE
    assert examine(made, CONTRACT, loss=smoothed, examples=EXAMPLES).of("target-shift").verdict == "pass"


SURE = 0.25

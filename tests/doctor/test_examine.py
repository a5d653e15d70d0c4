"""Faults are named with their proofs, healthy models pass, and nothing that the user gave is changed."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import seqwright as sw
from seqwright.core.errors import SeqwrightError
from seqwright.core.place import kinds
from seqwright.core.spec import vary
from seqwright.doctor import Contract, Prefix, Window, assert_healthy, examine
from seqwright.doctor.causes import CONSEQUENCES
from seqwright.doctor.check import CheckGroup
from seqwright.doctor.contract import SourceIds
from seqwright.nn.mask import NoMask
from seqwright.nn.padding import OrdinaryPadding
from seqwright.nn.position import NoPosition
from tests.doctor.decoders import BOS, CONTRACT, EOS, EXAMPLES, PAD, WORDS, Decoder, loss, step
from tests.laws.specs import ENCODER_DECODER
from tests.report.test_page import check_offline


class OneTooFar(Decoder):
    """Its second layer sees one token ahead."""

    def allowed(self, ids: Tensor, real: Tensor, seen: int, layer: int) -> Tensor:
        key = torch.arange(real.shape[1])
        return (key[None] <= key[seen:, None] + layer) & real[:, None]


class FarAlong(Decoder):
    """It sees the future from position 14 on."""

    def allowed(self, ids: Tensor, real: Tensor, seen: int, layer: int) -> Tensor:
        key = torch.arange(real.shape[1])
        return ((key[None] <= key[seen:, None]) | (key[seen:, None] >= 14)) & real[:, None]


class OnlyInTraining(Decoder):
    """Its mask is dropped where there is dropout."""

    def allowed(self, ids: Tensor, real: Tensor, seen: int, layer: int) -> Tensor:
        right = super().allowed(ids, real, seen, layer)
        return torch.ones_like(right) if self.training and self.dropout.p > 0 else right


class DetachedMean(Decoder):
    """The mean of all tokens is added, without a gradient."""

    def read(self, ids: Tensor, mask: Tensor | None, past: object) -> tuple[Tensor, object]:
        said, kept = super().read(ids, mask, past)
        return said + 0.1 * said.detach().mean(1, keepdim=True), kept


class HiddenByZeros(OneTooFar):
    """A leak that a head of zeros hides."""

    def __init__(self) -> None:
        super().__init__()
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)


class Alone(Decoder):
    """Each token sees itself."""

    def allowed(self, ids: Tensor, real: Tensor, seen: int, layer: int) -> Tensor:
        key = torch.arange(real.shape[1])
        return (key[None] == key[seen:, None]).expand(len(ids), -1, -1)


class Queries(Decoder):
    """Softmax over queries."""

    def weights(self, scores: Tensor, allowed: Tensor) -> Tensor:
        return scores.masked_fill(~allowed, -1e9).softmax(-2)


class MaskedAfterwards(Decoder):
    """Masked after the softmax, and not shared out again."""

    def weights(self, scores: Tensor, allowed: Tensor) -> Tensor:
        return scores.softmax(-1) * allowed


class Weak(Decoder):
    """A mask that grown scores outbid."""

    def weights(self, scores: Tensor, allowed: Tensor) -> Tensor:
        return scores.masked_fill(~allowed, -1e3).softmax(-1)


class AcrossRows(Decoder):
    """Each row hears a little of the batch."""

    def read(self, ids: Tensor, mask: Tensor | None, past: object) -> tuple[Tensor, object]:
        said, kept = super().read(ids, mask, past)
        return said + 0.01 * said.mean(0, keepdim=True), kept


class Remembering(Decoder):
    """It keeps something from call to call."""

    last: Tensor | None = None

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        said = super().forward(ids, mask)
        before, self.last = self.last, said.mean()
        return said if before is None else said + before


class AlwaysDropping(Decoder):
    """Dropout as a function, always on."""

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        return nn.functional.dropout(super().forward(ids, mask), 0.1)


class Detached(Decoder):
    """The embedding gets no gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.token.register_forward_hook(_detached)


def _detached(module: nn.Module, args: object, said: Tensor) -> Tensor:
    return said.detach()


class Listed(Decoder):
    """A part that is in a plain list."""

    def __init__(self) -> None:
        super().__init__()
        self.extra = [nn.Linear(WORDS, WORDS)]

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.extra[0](super().forward(ids, mask))


class Copies(Decoder):
    """Layers that begin as copies."""

    def __init__(self) -> None:
        super().__init__()
        self.reads[1].load_state_dict(self.reads[0].state_dict())


class Loud(Decoder):
    """Sure of things before any training."""

    def __init__(self) -> None:
        super().__init__()
        with torch.no_grad():
            self.head.weight.mul_(60)


class TinyPlaces(Decoder):
    """Positions that are scaled to nothing."""

    def __init__(self) -> None:
        super().__init__()
        with torch.no_grad():
            self.place.weight.mul_(1e-6)


class ClampedPlaces(Decoder):
    """All places beyond the sixth are the sixth."""

    def places(self, ids: Tensor, seen: int) -> Tensor:
        return super().places(ids, seen).clamp_max(6)


class NormedInTraining(Decoder):
    """Something is done in training only."""

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        said = super().forward(ids, mask)
        return said / 2 if self.training else said


class CachedPlaces(Decoder):
    """With a cache every token stands at the first place."""

    def places(self, ids: Tensor, seen: int) -> Tensor:
        return super().places(ids, 0)


class SeesPadding(Decoder):
    """Padding is looked at, and stands on the left."""

    def allowed(self, ids: Tensor, real: Tensor, seen: int, layer: int) -> Tensor:
        return super().allowed(ids, torch.ones_like(real), seen, layer)


class Inverted(Decoder):
    """Where there is padding, it alone is seen."""

    def allowed(self, ids: Tensor, real: Tensor, seen: int, layer: int) -> Tensor:
        inverted = torch.where(real.all(1, keepdim=True), real, ~real)
        return super().allowed(ids, inverted, seen, layer) | torch.eye(ids.shape[1], dtype=torch.bool)


class OneFeature(Decoder):
    """A norm over one feature at the end."""

    def read(self, ids: Tensor, mask: Tensor | None, past: object) -> tuple[Tensor, object]:
        said, kept = super().read(ids, mask, past)
        return self.narrow(said.mean(-1, keepdim=True)) * torch.arange(1.0, WORDS + 1).to(said), kept

    def __init__(self) -> None:
        super().__init__()
        self.narrow = nn.LayerNorm(1)


class NotANumber(Decoder):
    """Rows of the softmax that see nothing."""

    def allowed(self, ids: Tensor, real: Tensor, seen: int, layer: int) -> Tensor:
        key = torch.arange(real.shape[1])
        return ((key[None] < key[seen:, None]) & real[:, None]).expand(len(ids), -1, -1)


LEFT = Contract(kind="decoder", vocabulary=WORDS, pad=PAD, bos=BOS, eos=EOS, padding_side="left")

FAULTS = [
    (OneTooFar, "future-leak"),
    (FarAlong, "future-leak"),
    (OnlyInTraining, "future-leak"),
    (DetachedMean, "future-leak"),
    (HiddenByZeros, "future-leak"),
    (Alone, "past-blocked"),
    (Queries, "attention-normalisation"),
    (MaskedAfterwards, "attention-normalisation"),
    (Weak, "weak-mask-fill"),
    (AcrossRows, "batch-mixing"),
    (Remembering, "stateful"),
    (AlwaysDropping, "eval-nondeterministic"),
    (Detached, "untrained-part"),
    (Listed, "untrained-part"),
    (Copies, "identical-layers"),
    (Loud, "init-loss"),
    (TinyPlaces, "positions-ineffective"),
    (CachedPlaces, "cache-mismatch"),
    (ClampedPlaces, "position-overflow"),
    (NormedInTraining, "mode-dependent"),
    (OneFeature, "mean-collapse"),
    (NotANumber, "nan"),
]


@pytest.mark.parametrize(("fault", "check"), FAULTS, ids=lambda each: each if isinstance(each, str) else each.__name__)
def test_a_fault_is_named_and_proved(fault: type[Decoder], check: str):
    report = examine(fault(), CONTRACT, step=step, loss=loss, examples=EXAMPLES)
    finding = report.of(check)
    assert finding.verdict == "fail", report.text()
    assert len(report.failed) <= 3, report.text()
    assert finding.remedy is not None
    assert finding.evidence or finding.explanation


@pytest.mark.parametrize(("fault", "check"), [(SeesPadding, "padding-leak"), (Inverted, "padding-polarity")])
def test_padding_on_the_left_is_seen(fault: type[Decoder], check: str):
    report = examine(fault(), LEFT)
    assert report.of(check).verdict == "fail", report.text()


def test_a_healthy_model_is_left_in_peace():
    report = assert_healthy(Decoder(), CONTRACT, step=step, loss=loss, examples=EXAMPLES)
    assert {finding.verdict for finding in report.findings} <= {"pass", "not-examined"}
    assert report.of("cache-mismatch").verdict == "pass"
    assert report.of("target-shift").verdict == "pass"


def test_a_counterexample_can_be_run_again():
    model = OneTooFar().eval()
    proof = examine(model, CONTRACT).of("future-leak").counterexample
    assert proof is not None
    one, other = (torch.tensor([ids["ids"]]) for ids in (proof.first, proof.second))
    place = int(proof.output.partition("position ")[2].split()[0])
    if "re-initialised" not in proof.output:
        assert not torch.equal(model(one)[0, place], model(other)[0, place])
    assert torch.equal(one[0, : place + 1], other[0, : place + 1])  # all that it may see is the same


def test_nothing_is_touched():
    model = Remembering().train()
    model(EXAMPLES["ids"]).sum().backward()
    before = {name: each.clone() for name, each in model.state_dict().items()}
    gradients = {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}
    kept = model.last
    states = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    examine(model, CONTRACT, step=step, loss=loss, examples=EXAMPLES)
    assert model.training
    assert model.last is kept
    assert all(torch.equal(before[name], each) for name, each in model.state_dict().items())
    assert all(
        torch.equal(gradients[name], each.grad) for name, each in model.named_parameters() if each.grad is not None
    )
    assert random.getstate() == states[0]
    assert (np.random.get_state()[1] == states[1]).all()  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), states[2])


def test_visibility_is_an_upper_bound():
    class Windowed(Decoder):
        def allowed(self, ids: Tensor, real: Tensor, seen: int, layer: int) -> Tensor:
            key = torch.arange(real.shape[1])
            return super().allowed(ids, real, seen, layer) & (key[None] > key[seen:, None] - 3)

    promised = {"kind": "decoder", "vocabulary": WORDS}
    assert examine(Windowed(), Contract(**promised)).healthy
    assert examine(Windowed(), Contract(**promised, visibility=Window(3, layers=2))).healthy
    assert not examine(Windowed(), Contract(**promised, visibility=Window(2, layers=2))).healthy


def test_a_prefix_sees_itself_whole():
    class Prefixed(Decoder):
        def allowed(self, ids: Tensor, real: Tensor, seen: int, layer: int) -> Tensor:
            key = torch.arange(real.shape[1])
            return super().allowed(ids, real, seen, layer) | ((key[None] < 4) & (key[seen:, None] < 4))

    promised = {"kind": "decoder", "vocabulary": WORDS}
    assert examine(Prefixed(), Contract(**promised, visibility=Prefix(4))).healthy
    assert examine(Prefixed(), Contract(**promised)).of("future-leak").verdict == "fail"


def shifted_twice(model: nn.Module, examples: dict[str, Tensor]) -> Tensor:
    ids = examples["ids"]
    return nn.functional.cross_entropy(model(ids)[:, :-2].flatten(0, 1), ids[:, 2:].flatten(), ignore_index=PAD)


def not_shifted(model: nn.Module, examples: dict[str, Tensor]) -> Tensor:
    ids = examples["ids"]
    return nn.functional.cross_entropy(model(ids).flatten(0, 1), ids.flatten(), ignore_index=PAD)


def with_padding(model: nn.Module, examples: dict[str, Tensor]) -> Tensor:
    ids = examples["ids"]
    return nn.functional.cross_entropy(model(ids)[:, :-1].flatten(0, 1), ids[:, 1:].flatten())


def without_ends(model: nn.Module, examples: dict[str, Tensor]) -> Tensor:
    ids = examples["ids"].masked_fill(examples["ids"] == EOS, PAD)
    return nn.functional.cross_entropy(model(ids)[:, :-1].flatten(0, 1), ids[:, 1:].flatten(), ignore_index=PAD)


def diluted(model: nn.Module, examples: dict[str, Tensor]) -> Tensor:
    ids = examples["ids"]
    each = nn.functional.cross_entropy(model(ids)[:, :-1].transpose(1, 2), ids[:, 1:], reduction="none")
    return (each * (ids[:, 1:] != PAD)).mean()


@pytest.mark.parametrize(
    ("wrong", "check"),
    [
        (shifted_twice, "target-shift"),
        (not_shifted, "target-shift"),
        (with_padding, "padding-in-loss"),
        (diluted, "padding-in-loss"),
        (without_ends, "labels-without-eos"),
    ],
)
def test_what_a_loss_asks_for_is_read_off_its_gradient(wrong, check: str):
    report = examine(Decoder(), CONTRACT, loss=wrong, examples=EXAMPLES)
    assert report.of(check).verdict == "fail", report.text()


def test_a_callback_that_fails_is_a_finding():
    def broken(model: nn.Module, ids: Tensor, past: object) -> tuple[Tensor, object]:
        raise ValueError("no such thing")

    report = examine(Decoder(), CONTRACT, step=broken)
    assert "ValueError: no such thing" in report.of("step-failed").explanation
    report = examine(nn.Linear(3, 3), Contract(kind="decoder", vocabulary=9))
    assert report.of("call-failed").verdict == "fail"


def test_what_is_not_given_is_not_examined_and_said():
    report = examine(Decoder(), Contract(kind="decoder", vocabulary=WORDS))
    for check in ("cache-mismatch", "target-shift", "padding-leak", "never-stops"):
        assert report.of(check).verdict == "not-examined"
        assert "ive " in report.of(check).explanation


def test_a_stranger_without_a_contract_is_refused():
    with pytest.raises(SeqwrightError, match="cannot be read off"):
        examine(Decoder())
    with pytest.raises(SeqwrightError, match="is outside"):
        Contract(kind="decoder", vocabulary=9, pad=9)
    with pytest.raises(SeqwrightError, match="fewer than two"):
        Contract(kind="decoder", vocabulary=3, pad=0, eos=1)


def test_a_report_reads_as_a_page_and_in_a_notebook(tmp_path):
    class Hostile(OneTooFar):
        pass

    Hostile.__name__ = "<script>alert(1)</script>"
    report = examine(Hostile(), CONTRACT)
    shown = check_offline(report.html(tmp_path / "report.html").read_text())
    assert "future-leak" in shown.text
    assert "<script>alert" not in report._repr_html_()
    assert "<svg" in report._repr_html_()
    assert type(report).from_json(report.to_json()).failed == report.failed


@pytest.mark.parametrize("size", [6, 30])
def test_sources_may_have_more_or_fewer_ids_than_targets(size: int):
    model = sw.build(vary(ENCODER_DECODER, {"embedding": sw.TokenEmbedding(vocabulary=12), "head.outputs": 11,
                                            "source_embedding": sw.TokenEmbedding(vocabulary=size)}))  # fmt: skip
    found = examine(model)
    assert not found.failed
    assert found.contract.source == SourceIds(vocabulary=size, pad=size - 1)
    examined = {finding.check for finding in found.findings if finding.verdict == "pass"}
    assert {"source-ignored", "padding-leak", "cache-mismatch", "order-blind"} <= examined
    with pytest.raises(SeqwrightError, match=f"source has the id {size}"):
        examine(model, found.contract, examples={"source": [[size]], "target": [[1]]})


@pytest.mark.parametrize(
    ("source", "part"),
    [
        (SourceIds(vocabulary=9, pad=9), "source.pad=9 is outside a vocabulary of 9"),
        (SourceIds(vocabulary=9), "only one side has an id for padding"),
        ({"vocabulary": 9}, "is not SourceIds"),
        (SourceIds(vocabulary=2, pad=0), "fewer than two ordinary ids"),
    ],
)
def test_ids_of_sources_are_checked(source: SourceIds, part: str):
    with pytest.raises(SeqwrightError, match=part):
        Contract(kind="encoder-decoder", vocabulary=9, pad=0, source=source)


def test_a_remedy_for_a_native_model_is_an_edit_that_mends_it():
    whole = sw.ladder.PADDING
    for edits, check in (
        ({"decoder.blocks.mixer.mask": NoMask()}, "future-leak"),
        ({"encoder.position": NoPosition()}, "order-blind"),
        ({"padding": OrdinaryPadding()}, "padding-leak"),
    ):
        broken = sw.vary(whole, edits)
        finding = examine(sw.build(broken)).of(check)
        assert finding.verdict == "fail"
        assert finding.remedy is not None
        mended = sw.vary(broken, finding.remedy.edit)
        assert examine(sw.build(mended)).healthy
    collapsed = examine(sw.build(sw.ladder.PLAIN)).of("mean-collapse")
    assert "single feature" in collapsed.explanation
    assert collapsed.remedy is not None
    assert examine(sw.build(sw.vary(sw.ladder.PLAIN, collapsed.remedy.edit))).of("mean-collapse").verdict == "pass"


@pytest.mark.parametrize("name", ["GPT2LMHeadModel", "BertForMaskedLM", "T5ForConditionalGeneration"])
@pytest.mark.filterwarnings("ignore")
def test_models_of_hugging_face_are_healthy_without_being_told_anything(name: str):
    transformers = pytest.importorskip("transformers", reason="pip install 'seqwright[huggingface]'")
    sizes = {
        "GPT2LMHeadModel": {"n_positions": 32, "n_embd": 16, "n_layer": 2, "n_head": 2, "bos_token_id": 1, "eos_token_id": 2},
        "BertForMaskedLM": {
            "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
            "max_position_embeddings": 32,
        },
        "T5ForConditionalGeneration": {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2},
    }  # fmt: skip
    kind = getattr(transformers, name)
    report = examine(kind(kind.config_class(vocab_size=30, **sizes[name])))
    assert report.healthy, report.text()
    assert report.contract_inferred
    assert report.contract.kind == {"G": "decoder", "B": "encoder", "T": "encoder-decoder"}[name[0]]
    if report.contract.kind == "decoder":
        assert report.of("cache-mismatch").verdict == "pass"


def test_every_check_has_a_page():
    pages = Path(__file__).parents[2] / "docs" / "doctor"
    groups = [kind for kind in kinds(CheckGroup).values() if kind.__module__.startswith("seqwright.")]
    names = {check.name for kind in groups for check in kind.checks}
    assert names | set(CONSEQUENCES) <= {page.stem for page in pages.glob("*.md")}

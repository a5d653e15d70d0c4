"""A step is the same step however its rows are cut, and a gradient is shortened member by member."""

from __future__ import annotations

from itertools import cycle, repeat

import pytest
import torch

from seqwright.core.errors import SeqwrightError
from seqwright.core.model import Output, build
from seqwright.core.spec import vary
from seqwright.studies.ladder.rungs import BITS, PADDING
from seqwright.tasks.paper import EIGHT
from seqwright.training.ensemble import Ensemble
from seqwright.training.objective import CrossEntropy, MeanSquaredError
from seqwright.training.optimiser import SGD, Adam, Frozen, Optimiser
from seqwright.training.trainer import SingleModel, Trainer, TrainingSpec, fit
from tests.training.optimisers import OwnRule

STILL = vary(PADDING, {"encoder.blocks.dropout": 0.0, "decoder.blocks.dropout": 0.0, "encoder.embedding_dropout": 0.0,
                       "decoder.embedding_dropout": 0.0})  # fmt: skip
LOSS = CrossEntropy(ignore=BITS.pad, smoothing=0.1)


@pytest.fixture(autouse=True)
def _double():
    torch.set_default_dtype(torch.double)
    yield
    torch.set_default_dtype(torch.float)


def _after(batches, training: TrainingSpec) -> tuple[torch.Tensor, torch.Tensor]:
    model = build(STILL, seed=1).train()
    curve = fit(SingleModel(model), batches, training)
    return curve.losses, torch.cat([p.detach().flatten() for p in model.parameters()])


def test_accumulating_unequal_pieces_is_one_large_batch():
    """The pieces hold 1, 2 and 5 rows of different lengths: a mean of their means would weigh tokens unequally."""
    pairs = list(EIGHT.pairs)
    pieces = [BITS.batch(part) for part in (pairs[:1], pairs[1:3], pairs[3:])]
    whole = _after(repeat(BITS.batch(pairs)), TrainingSpec(steps=10, objective=LOSS, clip=0.5))
    cut = _after(cycle(pieces), TrainingSpec(steps=10, objective=LOSS, clip=0.5, accumulate=3))
    for mine, wanted in zip(cut, whole, strict=True):
        torch.testing.assert_close(mine, wanted, rtol=0, atol=1e-10)


def test_a_gradient_is_no_longer_than_the_clip():
    model = build(STILL, seed=1).train()
    trainer = Trainer(SingleModel(model), TrainingSpec(steps=1, objective=LOSS, clip=0.01))
    norms = trainer.gradient([BITS.batch(EIGHT.pairs)]).norms
    assert norms is not None
    assert norms.item() > 0.01
    clipped = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]).norm().item()
    assert clipped == pytest.approx(0.01, rel=1e-3)


def test_members_are_clipped_as_they_would_be_alone():
    training = TrainingSpec(steps=15, objective=LOSS, clip=0.3, rate=0.003)
    batch = BITS.batch(EIGHT.pairs)
    ensemble = Ensemble(STILL, (3, 4))
    together = fit(ensemble, repeat(ensemble.lay_out(batch)), training)
    for index, seed in enumerate((3, 4)):
        alone = fit(SingleModel(build(STILL, seed=seed).train()), repeat(batch), training)
        torch.testing.assert_close(together.losses[:, index], alone.losses[:, 0], rtol=0, atol=1e-10)


def test_smoothing_is_torchs():
    model, batch = build(STILL, seed=1), BITS.batch(EIGHT.pairs)
    output = model(batch.target, batch.source)[0]
    ours = LOSS.total(output, batch.labels) / LOSS.count(batch.labels)
    theirs = torch.nn.functional.cross_entropy(
        output.logits.flatten(0, 1), batch.labels.flatten(), ignore_index=BITS.pad, label_smoothing=0.1
    )
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_decay_shrinks_matrices_and_spares_biases():
    model = build(STILL, seed=1)
    groups = Adam(decay=0.1).build(dict(model.named_parameters()), 0.1).param_groups
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert {decay[id(p)] for p in model.parameters() if p.dim() > 1} == {0.1}
    assert {decay[id(p)] for p in model.parameters() if p.dim() <= 1} == {0.0}


def test_something_that_is_not_a_number_is_seen_before_the_step():
    model = build(STILL, seed=1)
    with torch.no_grad():
        model.head.weight[0, 0] = float("nan")
    trainer = Trainer(SingleModel(model), TrainingSpec(steps=1, objective=LOSS, clip=1.0))
    assert not trainer.gradient([BITS.batch(EIGHT.pairs)]).finite
    assert trainer.step == 0


def test_auxiliary_losses_are_weighted():
    output = Output(torch.zeros(1, 2, 1), losses={"balance": torch.tensor(3.0), "router": torch.tensor(4.0)})
    labels = torch.ones(1, 2)
    assert MeanSquaredError().total(output, labels).item() == pytest.approx(2 + 3 + 4)
    assert MeanSquaredError(weights={"balance": 0.5, "router": 0}).total(output, labels).item() == pytest.approx(3.5)
    with pytest.raises(SeqwrightError, match=r"no auxiliary loss 'balense'.*balance, router"):
        MeanSquaredError(weights={"balense": 0.5}).total(output, labels)


@pytest.mark.parametrize(
    "optimiser",
    [Adam(decay=0.3), SGD(momentum=0.9, decay=0.3), Frozen(optimiser=Adam(decay=0.3), names=("decoder.*",))],
)
def test_members_of_an_ensemble_take_the_steps_they_would_take_alone(optimiser: Optimiser):
    training = TrainingSpec(steps=10, objective=LOSS, rate=0.003, clip=0.3, optimiser=optimiser)
    batch = BITS.batch(EIGHT.pairs)
    ensemble = Ensemble(STILL, (3, 4))
    together = fit(ensemble, repeat(ensemble.lay_out(batch)), training)
    for index, seed in enumerate((3, 4)):
        model = build(STILL, seed=seed).train()
        alone = fit(SingleModel(model), repeat(batch), training)
        torch.testing.assert_close(together.losses[:, index], alone.losses[:, 0], rtol=0, atol=1e-10)


def test_an_ensemble_refuses_an_optimiser_that_is_not_elementwise():
    with pytest.raises(SeqwrightError, match="OwnRule cannot train many models as one"):
        Trainer(Ensemble(STILL, (3, 4)), TrainingSpec(steps=1, optimiser=OwnRule()))


def test_a_restored_trainer_of_an_ensemble_goes_on_to_the_same_bits():
    training = TrainingSpec(steps=6, objective=LOSS, optimiser=Adam(decay=0.1), accumulate=2)
    batch = BITS.batch(EIGHT.pairs)
    whole, first, second = (Ensemble(STILL, (3, 4)) for _ in range(3))
    trainer = Trainer(whole, training)
    for _ in range(6):
        trainer.gradient([batch, batch])
        trainer.update()
    trainer = Trainer(first, training)
    for _ in range(3):
        trainer.gradient([batch, batch])
        trainer.update()
    continued = Trainer(second, training)
    continued.restore(trainer.state())
    with torch.no_grad():
        for mine, theirs in zip(second.vectors, first.vectors, strict=True):
            mine.copy_(theirs)
    for _ in range(3):
        continued.gradient([batch, batch])
        continued.update()
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(second.vectors, whole.vectors, strict=True))

"""A member of an ensemble is the model it would have been alone."""

from __future__ import annotations

from itertools import repeat

import pytest
import torch
from torch import nn

from seqwright.core.model import ModelSpec, build
from seqwright.data.batch import Batch
from seqwright.nn.dropout import Dropout, draw_from
from seqwright.training.ensemble import Ensemble
from seqwright.training.objective import CrossEntropy, MeanSquaredError
from seqwright.training.trainer import SingleModel, TrainingSpec, fit
from tests.laws.inputs import source_of, target_of
from tests.laws.specs import SPECS

SEEDS = (3, 4, 5)


def _batch(spec: ModelSpec) -> Batch:
    target = target_of(spec)
    labels = target.ids.roll(-1, 1)
    return Batch(source_of(spec), target, labels % spec.output_size if spec.output_size else labels)


def _objective(spec: ModelSpec):
    return CrossEntropy() if spec.output_size else MeanSquaredError()


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_twenty_steps_together_are_twenty_steps_alone(spec: ModelSpec):
    torch.set_default_dtype(torch.double)
    try:
        batch, training = _batch(spec), TrainingSpec(steps=20, rate=0.003, objective=_objective(spec))
        ensemble = Ensemble(spec, SEEDS)
        _draw_alike(ensemble.template)
        together = fit(ensemble, repeat(ensemble.lay_out(batch)), training)
        for index, seed in enumerate(SEEDS):
            model = build(spec, seed=seed).train()
            _draw_alike(model)
            alone = fit(SingleModel(model), repeat(batch), training)
            torch.testing.assert_close(together.losses[:, index], alone.losses[:, 0], rtol=0, atol=1e-10)
            member = ensemble.member(index)
            mine, theirs = (m.eval()(batch.target, batch.source)[0].logits for m in (member, model))
            torch.testing.assert_close(mine[batch.target.real], theirs[batch.target.real], rtol=0, atol=1e-10)
            # parameters whose true gradient is zero (key biases; at width 1 nearly all) follow rounding under Adam, so
            # what is compared is what the models say
    finally:
        torch.set_default_dtype(torch.float)


def _draw_alike(model: nn.Module) -> None:
    """Dropout, which every member has of its own, is off; what members share is drawn from one seed."""
    for module in model.modules():
        if isinstance(module, Dropout):
            module.rate = 0.0
    draw_from(model, torch.Generator().manual_seed(0))


def test_members_drop_out_differently():
    spec = SPECS["ladder.padding.paper.eight"]
    ensemble = Ensemble(spec, (7, 7))  # one seed twice: equal parameters, so only dropout can tell them apart
    one, two = ensemble.losses(_batch(spec), CrossEntropy(), torch.tensor(1)).tolist()
    assert one != two


def test_a_diverged_member_leaves_the_others_alone():
    spec = SPECS["ladder.padding.paper.eight"]
    ensemble = Ensemble(spec, SEEDS)
    with torch.no_grad():
        ensemble.stacked["head.weight"][1] = float("nan")
    curve = fit(ensemble, repeat(_batch(spec)), TrainingSpec(steps=5))
    assert curve.losses.isfinite().all(0).tolist() == [True, False, True]

from __future__ import annotations

import torch

from seqwright.core.model import build
from seqwright.core.spec import vary
from seqwright.data.batch import limit
from seqwright.data.scalars import Scalars
from seqwright.evaluation.behaviour import observe
from seqwright.evaluation.signature import signatures
from seqwright.studies.ladder.rungs import BITS, MASKED, PADDING, PLAIN, POSITIONS, lifted
from seqwright.tasks.paper import ALTERNATING, COPIES, EIGHT


def _names(spec, task, coder=BITS, *, seed=0, padding=False):
    model = build(spec, seed=seed).eval()
    return signatures(observe(model, coder, task.pairs, limit=limit(task.pairs), padding=padding))


def test_a_norm_over_one_feature_hides_the_input():
    """Whatever the parameters: the paper's first rung cannot see its input, and lifted to width 4 it can."""
    for seed in range(5):
        assert "mean-collapse" in _names(PLAIN, COPIES, Scalars(), seed=seed)
        seen = [
            observe(build(spec, seed=seed).eval(), Scalars(), COPIES.pairs, limit=10, padding=False)
            for spec in (PLAIN, vary(PLAIN, lifted(4)))
        ]
        assert seen[0].spread == 0 < seen[1].spread


def test_without_positions_order_is_not_seen():
    for seed in range(5):
        assert "order-blind" in _names(MASKED, ALTERNATING, seed=seed)
        assert "order-blind" not in _names(POSITIONS, ALTERNATING, seed=seed)


def test_asking_among_padding_is_asking_alone_where_padding_is_masked():
    for seed in range(5):
        seen = observe(build(PADDING, seed=seed).eval(), BITS, EIGHT.pairs, limit=10)
        assert seen.padded == seen.alone


def test_observing_leaves_the_model_as_it_was():
    model = build(PADDING).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    observe(model, BITS, EIGHT.pairs, limit=10)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)

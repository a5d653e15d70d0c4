"""What holds of every model that can be built, whatever its parts. Premises are read from the spec."""

from __future__ import annotations

import pytest
import torch

from seqwright.core.probe import Record
from seqwright.core.spec import Spec, diff
from seqwright.core.tokens import Tokens
from seqwright.models.transformer import TransformerSpec
from tests.laws.inputs import logits, model_of, row, source_of, target_of
from tests.laws.specs import INCREMENTAL, PADDABLE, SPECS

CLOSE = {"rtol": 0, "atol": 1e-10}
every_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
incremental = pytest.mark.parametrize("spec", INCREMENTAL.values(), ids=INCREMENTAL.keys())
paddable = pytest.mark.parametrize("spec", PADDABLE.values(), ids=PADDABLE.keys())


@every_spec
def test_a_spec_survives_being_written_down(spec: TransformerSpec):
    again = type(spec).from_json(spec.to_json())
    assert again == spec
    assert not diff(spec, again)
    assert isinstance(again, Spec)


@every_spec
def test_a_seed_decides_the_parameters(spec: TransformerSpec):
    one, same, other = model_of(spec), model_of(spec), model_of(spec, seed=5)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@incremental
@pytest.mark.parametrize("left", [False, True], ids=["right", "left"])
def test_tokens_in_pieces_get_the_answers_they_get_at_once(spec: TransformerSpec, left: bool):
    model, source, target = model_of(spec), source_of(spec, left=left), target_of(spec, left=left)
    whole = logits(model, target, source)
    for cuts in ([1, 1, 1, 1, 1], [2, 3], [4, 1]):
        state, place, pieces = model.start(source), 0, []
        for cut in cuts:
            piece = Tokens(target.ids[:, place : place + cut], target.at[:, place : place + cut])
            output, state = model.advance(piece, state)
            pieces.append(output.logits)
            place += cut
        torch.testing.assert_close(torch.cat(pieces, 1)[target.real], whole[target.real], **CLOSE)


@incremental
@pytest.mark.parametrize("lengths", [[2, 2, 2, 2], [3, 1, 2, 4]], ids=["even", "ragged"])
def test_a_rewound_state_continues_as_if_later_tokens_had_not_been_read(spec: TransformerSpec, lengths: list[int]):
    model, source, target = model_of(spec), source_of(spec), target_of(spec, [5, 5, 5, 5])
    if len(set(lengths)) > 1 and not spec.masks_padding:
        return  # rows of unequal length then are padded, and such a model reads padding
    _, state = model.advance(target, model.start(source))
    kept = torch.tensor(lengths)
    following = Tokens(target.ids[:, :1], kept[:, None])
    again, _ = model.advance(following, state.rewind(kept))
    for index, length in enumerate(lengths):
        only = torch.tensor([index])
        start = model.start(source and source.select(only))
        ids, at = target.ids[index : index + 1, :length], target.at[index : index + 1, :length]
        _, alone = model.advance(Tokens(ids, at), start)
        once, _ = model.advance(following.select(only), alone)
        torch.testing.assert_close(again.logits[index], once.logits[0], **CLOSE)


@incremental
def test_selected_rows_go_on_as_themselves(spec: TransformerSpec):
    model, source, target = model_of(spec), source_of(spec), target_of(spec, [5, 5, 5, 5])
    rows = torch.tensor([2, 0, 0])
    first, rest = Tokens(target.ids[:, :2], target.at[:, :2]), Tokens(target.ids[:, 2:], target.at[:, 2:])
    _, state = model.advance(first, model.start(source))
    all_rows, _ = model.advance(rest, state)
    chosen, _ = model.advance(rest.select(rows), state.select(rows))
    torch.testing.assert_close(chosen.logits, all_rows.logits[rows], **CLOSE)


@incremental
def test_the_future_changes_nothing(spec: TransformerSpec):
    model, source, target = model_of(spec), source_of(spec), target_of(spec, [5, 5, 5, 5])
    before = logits(model, target, source)
    for place in range(5):
        ids = target.ids.clone()
        ids[:, place] = (ids[:, place] + 1) % 5
        after = logits(model, Tokens(ids, target.at), source)
        assert torch.equal(after[:, :place], before[:, :place])  # the shape is kept, so this is exact


@paddable
@pytest.mark.parametrize("left", [False, True], ids=["right", "left"])
def test_a_row_among_padding_is_answered_as_alone(spec: TransformerSpec, left: bool):
    model, source, target = model_of(spec), source_of(spec, left=left), target_of(spec, left=left)
    together = logits(model, target, source)
    for index in range(target.ids.shape[0]):
        bare = row(target, index, bare=True)
        assert bare is not None
        alone = logits(model, bare, row(source, index, bare=True))
        torch.testing.assert_close(together[index][target.real[index]], alone[0], **CLOSE)


@paddable
def test_what_stands_at_padding_is_never_read(spec: TransformerSpec):
    model, source, target = model_of(spec), source_of(spec), target_of(spec)
    before = logits(model, target, source)

    def scribble(tokens: Tokens | None) -> Tokens | None:
        return tokens and Tokens(torch.where(tokens.real, tokens.ids, tokens.ids * 0 + 1), tokens.at)

    after = logits(model, scribble(target) or target, scribble(source))
    assert torch.equal(after[target.real], before[target.real])


@every_spec
def test_rows_do_not_see_each_other(spec: TransformerSpec):
    model, source, target = model_of(spec), source_of(spec), target_of(spec)
    before = logits(model, target, source)
    order = torch.tensor([3, 1, 0, 2])
    after = logits(model, target.select(order), source and source.select(order))
    torch.testing.assert_close(after, before[order], **CLOSE)


@every_spec
def test_being_observed_changes_nothing(spec: TransformerSpec):
    """Watching makes attention form its weights one by one: that this equals the fused kernel is part of the law."""
    model, source, target = model_of(spec), source_of(spec), target_of(spec)
    record = Record()
    watched = logits(model, target, source, record)
    torch.testing.assert_close(watched[target.real], logits(model, target, source)[target.real], **CLOSE)
    weights = {name: seen[0] for name, seen in record.seen.items() if name.endswith("weights")}
    blocks = [block for stack in (spec.encoder, spec.decoder) if stack for block in stack.each()]
    assert len(weights) == len(blocks) + sum(block.cross is not None for block in blocks)
    for seen in weights.values():
        sums = seen.sum(-1)
        assert bool(
            ((sums - 1).abs() < 1e-12).logical_or(sums == 0).all()
        )  # a row that may look at nothing looks at nothing


@every_spec
def test_being_observed_changes_no_gradient(spec: TransformerSpec):
    """Without dropout a model trains through the fused kernel too."""
    model, source, target = model_of(spec), source_of(spec), target_of(spec)

    def gradients(*probe: Record) -> list[torch.Tensor]:
        total = logits(model, target, source, *probe)[target.real].square().sum()
        return list(torch.autograd.grad(total, list(model.parameters()), materialize_grads=True))

    for watched, alone in zip(gradients(Record("weights")), gradients(), strict=True):
        torch.testing.assert_close(watched, alone, rtol=1e-9, atol=1e-9)


@every_spec
def test_memory_layout_changes_nothing(spec: TransformerSpec):
    model, source, target = model_of(spec), source_of(spec), target_of(spec)
    relaid = logits(model, target.rows_innermost(), source and source.rows_innermost())
    torch.testing.assert_close(relaid[target.real], logits(model, target, source)[target.real], **CLOSE)

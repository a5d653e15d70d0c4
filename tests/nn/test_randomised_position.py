"""Randomised positions: while training a choice at random, in order and repeatable; when answering evenly spread."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.func import vmap

from seqwright.core.errors import SeqwrightError
from seqwright.core.model import build
from seqwright.core.spec import vary
from seqwright.core.tokens import Tokens
from seqwright.nn.dropout import draw_from
from seqwright.nn.position_embedding import LearnedPosition, SinusoidalPosition
from seqwright.nn.randomised_position import Randomised, RandomisedPosition
from seqwright.nn.relative_position import RotaryPosition
from tests.laws.specs import DECODER_ONLY

POSITIONS, LENGTH = 40, 12
SPEC = RandomisedPosition(position=SinusoidalPosition(), positions=POSITIONS, length=LENGTH)
ROW_LENGTHS = [5, 1, 0, 4]


def _seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _position(spec: RandomisedPosition = SPEC, *, seed: int = 0) -> Randomised:
    position = spec.build(8, frozenset({2}))
    assert isinstance(position, Randomised)
    draw_from(position, _seeded(seed))
    return position.train()


def _at(lengths: list[int], *, left: bool = False) -> Tensor:
    return Tokens.of([[0] * length for length in lengths], left=left).at


@pytest.mark.parametrize("left", [False, True], ids=["right", "left"])
@pytest.mark.parametrize("relaid", [False, True], ids=["features innermost", "rows innermost"])
def test_tokens_stand_in_their_order_within_the_positions_and_padding_nowhere(left: bool, relaid: bool):
    position, at = _position(), _at(ROW_LENGTHS * 50, left=left)
    if relaid:
        at = at.mT.contiguous().mT
    mapped = position.remap(at)
    assert mapped.stride() == at.stride()  # the layout in memory is kept
    assert torch.equal(mapped == -1, at == -1)
    for row, real in zip(mapped, at >= 0, strict=True):
        positions = row[real]
        assert bool((positions.diff() > 0).all())
        assert bool(((positions >= 0) & (positions < POSITIONS)).all())


def test_out_of_order_tokens_stand_in_the_order_of_their_positions():
    mapped = _position().remap(torch.tensor([[2, 0, -1, 1]]))[0].tolist()
    assert mapped[1] < mapped[3] < mapped[0]
    assert mapped[2] == -1


def test_rows_and_calls_are_drawn_apart():
    position, at = _position(), _at([6] * 100)
    first, second = position.remap(at), position.remap(at)
    assert len({tuple(row) for row in first.tolist()}) > 90
    assert (first == second).double().mean() < 0.3


def test_every_place_is_as_likely_for_short_rows_beside_long_ones():
    """Each of the positions is taken by a row of n with probability n / positions, however long its neighbours are."""
    rows, short = 20_000, 2
    at = _at([short] * rows + [12])
    taken = _position().remap(at)[:-1, :short].flatten().bincount(minlength=POSITIONS) / rows
    wanted = short / POSITIONS
    assert (taken - wanted).abs().max() < 5 * (wanted * (1 - wanted) / rows) ** 0.5


def test_all_positions_can_be_taken():
    position = _position(vary(SPEC, {"positions": 7, "length": 7}))
    assert torch.equal(position.remap(_at([7, 7])), _at([7, 7]))


def test_a_rows_positions_do_not_depend_on_the_others():
    alone = _position().remap(_at([3, 3]))
    among = _position().remap(_at([3, 9]))
    assert torch.equal(alone[0], among[0, :3])


def test_a_generators_state_says_what_comes():
    position, at = _position(), _at(ROW_LENGTHS)
    first, second = position.remap(at), position.remap(at)
    again = _position()
    assert torch.equal(again.remap(at), first)
    assert torch.equal(again.remap(at), second)
    assert not torch.equal(_position(seed=1).remap(at), first)
    generator = _seeded(7)
    draw_from(position, generator)
    state = generator.get_state()
    third = position.remap(at)
    generator.set_state(state)
    assert torch.equal(position.remap(at), third)


def test_members_of_an_ensemble_stand_at_the_same_positions():
    at, position = _at(ROW_LENGTHS), _position()
    together = vmap(lambda scale: position.remap(at) * scale, randomness="different")(torch.ones(3, dtype=torch.long))
    alone = _position().remap(at)
    assert all(torch.equal(member, alone) for member in together)


def test_when_answering_positions_are_evenly_spread_and_draw_nothing():
    position = _position().eval()
    generator = position.generator
    assert generator is not None
    before = generator.get_state()
    assert position.remap(_at([LENGTH, 3]))[0].tolist() == list(range(0, 36, 3))
    assert position.remap(_at([3, 2], left=True)).tolist() == [[0, 3, 6], [-1, 0, 3]]
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("training", [False, True], ids=["answering", "training"])
def test_rows_without_tokens_stand_nowhere(training: bool):
    position = _position().train(training)
    for at in (torch.empty(2, 0, dtype=torch.long), torch.full((2, 3), -1)):
        assert torch.equal(position.remap(at), at)


@pytest.mark.parametrize(("training", "most"), [(True, POSITIONS), (False, LENGTH)], ids=["training", "answering"])
def test_a_sequence_that_finds_no_room_is_refused(training: bool, most: int):
    position = _position().train(training)
    position.remap(_at([most]))
    with pytest.raises(SeqwrightError, match=f"{most + 1} tokens is longer than the {most}.*RandomisedPosition"):
        position.remap(_at([most + 1]))


def test_what_cannot_be_built_says_how_to_mend_it():
    with pytest.raises(SeqwrightError, match="at least as many positions"):
        vary(SPEC, {"length": POSITIONS + 1}).build(8, frozenset({2}))
    for length in (POSITIONS - 1, POSITIONS + 1):
        with pytest.raises(SeqwrightError, match=f"LearnedPosition the length {POSITIONS}"):
            vary(SPEC, {"position": LearnedPosition(length=length)}).build(8, frozenset({2}))


@pytest.mark.parametrize("inner", [SinusoidalPosition(), LearnedPosition(length=POSITIONS), RotaryPosition()])
def test_the_inner_kind_is_told_where_tokens_stand(inner: SinusoidalPosition | LearnedPosition | RotaryPosition):
    """A model that answers is the model of the inner kind, asked at positions as far apart."""
    spec = vary(DECODER_ONLY, {"decoder.position": vary(SPEC, {"position": inner})})
    randomised, plain = build(spec).double().eval(), build(vary(spec, {"decoder.position": inner})).double().eval()
    plain.load_state_dict(
        {name.replace(".position.position.", ".position."): value for name, value in randomised.state_dict().items()}
    )
    tokens = Tokens.of([[1, 2, 3, 4, 5]])
    spread = Tokens(tokens.ids, tokens.at * (POSITIONS // LENGTH))
    torch.testing.assert_close(randomised(tokens)[0].logits, plain(spread)[0].logits, rtol=0, atol=1e-12)
    assert not torch.allclose(randomised(tokens)[0].logits, plain(tokens)[0].logits, atol=1e-6)


@pytest.mark.parametrize("inner", [SinusoidalPosition(), LearnedPosition(length=POSITIONS), RotaryPosition()])
@pytest.mark.parametrize("left", [False, True], ids=["right", "left"])
def test_training_reads_neither_the_future_nor_padding(
    inner: SinusoidalPosition | LearnedPosition | RotaryPosition, left: bool
):
    """Masks are rules on positions, and hold wherever the tokens are said to stand."""
    edits = {"decoder.position": vary(SPEC, {"position": inner}), "decoder.blocks.dropout": 0.0}
    model = build(vary(DECODER_ONLY, {**edits, "decoder.embedding_dropout": 0.0})).double().train()
    tokens = Tokens.of([[1, 2, 3, 4], [1, 2]], pad=5, left=left)

    def logits(ids: Tensor) -> Tensor:
        draw_from(model, _seeded(3))
        return model(Tokens(ids, tokens.at))[0].logits

    before = logits(tokens.ids)
    changed = logits(torch.where((tokens.at < 0) | (tokens.at == 3), 0, tokens.ids))
    kept = (tokens.at >= 0) & (tokens.at < 3)
    assert torch.equal(changed[kept], before[kept])
    assert not torch.equal(changed[tokens.at == 3], before[tokens.at == 3])


def test_encoder_and_decoder_draw_from_the_one_generator():
    model = build(vary(DECODER_ONLY, {"decoder.position": SPEC})).train()
    generator = _seeded()
    draw_from(model, generator)
    assert model.decoder.position.generator is generator
    assert model.decoder.dropout.generator is generator

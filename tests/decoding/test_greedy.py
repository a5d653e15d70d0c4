from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqwright.core.model import Output, build
from seqwright.core.tokens import Tokens
from seqwright.decoding.greedy import greedy
from seqwright.studies.ladder.rungs import BITS, PADDING, TOKEN
from seqwright.tasks.paper import COPIES, EIGHT

END = 3


class Scripted:
    """A model that predicts given tokens in order, whatever it reads, and records its inputs.

    Its state has the rows and the number of tokens read.
    """

    def __init__(self, rows: list[list[int]], incremental: bool):
        self.rows, self.incremental, self.read = rows, incremental, []

    def probe_names(self):
        return ()

    def start(self, source, probe=None):
        return ScriptState(torch.arange(len(self.rows)), 0)

    def advance(self, tokens: Tokens, state: ScriptState, probe=None):
        self.read.append(tokens.ids.tolist())
        length = state.length + tokens.ids.shape[1]
        logits = torch.zeros(len(state.rows), tokens.ids.shape[1], 5)
        for index, row in enumerate(self.rows[number] for number in state.rows.tolist()):
            logits[index, -1, row[min(length, len(row)) - 1]] = 1
        return Output(logits), ScriptState(state.rows, length)


@dataclass(frozen=True)
class ScriptState:
    rows: Tensor
    length: int

    def select(self, rows: Tensor) -> ScriptState:
        return ScriptState(self.rows[rows], self.length)


def _run(model: Scripted, limit: int = 6):
    prefix = Tokens.of([[2]] * len(model.rows))
    return greedy(model, None, prefix, end=END, limit=limit)


def test_each_new_token_is_read_once_and_rows_end_on_their_own():
    model = Scripted([[0, 1, END, 0], [1, END, 1, 1]], incremental=True)
    generated = _run(model)
    assert generated.ids.tolist() == [[0, 1, END], [1, END, END]]
    assert generated.stopped.tolist() == [True, True]
    assert model.read == [[[2], [2]], [[0], [1]], [[1]]]  # the second row had ended


def test_without_a_causal_mask_the_prefix_is_read_again():
    model = Scripted([[0, 1, END]], incremental=False)
    assert _run(model).ids.tolist() == [[0, 1, END]]
    assert model.read == [[[2]], [[2, 0]], [[2, 0, 1]]]


def test_an_answer_that_never_ends_reaches_the_limit():
    generated = _run(Scripted([[0], [END]], incremental=True), limit=4)
    assert generated.ids.tolist() == [[0, 0, 0, 0], [END] * 4]
    assert generated.stopped.tolist() == [False, True]


def test_a_generated_token_is_kept():
    """Later steps read the tokens generated before, in causal decoders and in others."""
    for spec in (PADDING, TOKEN):
        model = build(spec, seed=3).eval()
        prompts = BITS.prompts(EIGHT.pairs if spec is PADDING else COPIES.pairs, 8)
        short, long = (
            greedy(model, prompts.source, prompts.prefix, end=None, limit=limit, choose=BITS.choose).ids
            for limit in (4, 8)
        )
        assert torch.equal(long[:, :4], short)


def test_cached_decoding_equals_decoding_of_the_whole_prefix():
    model = build(PADDING, seed=1).eval()
    prompts = BITS.prompts(EIGHT.pairs, 8)
    chosen = greedy(model, prompts.source, prompts.prefix, end=None, limit=6, choose=BITS.choose).ids
    prefix = torch.cat([prompts.prefix.ids, chosen], 1)
    at = torch.arange(prefix.shape[1]).expand_as(prefix)
    whole = model(Tokens(prefix, at), prompts.source)[0].logits
    assert torch.equal(BITS.choose(whole)[:, :-1], chosen)

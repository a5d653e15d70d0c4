"""The paper's claims, checked against what the ladder measured.

Each claim is judged by a rule that is stated in its function; the words of the verdicts are

* ``reproduced``: it is so here as well;
* ``refuted``: it is not so here;
* ``reproduced, other cause``: the observation is reproduced, and the cause given for it is refuted;
* ``inconclusive``: there are too few seeds.
"""

from __future__ import annotations

from typing import NamedTuple

from seqwright.studies.results import Claim
from seqwright.studies.table import ALONE, TRAIN_LOSS, CellView, ResultTable

REPRODUCED, REFUTED = "reproduced", "refuted"
OTHER_CAUSE, INCONCLUSIVE = "reproduced, other cause", "inconclusive"

LOSSES = (
    ("plain", "copies", 0.25),
    ("token", "three-to-one", 0.0013),
    ("token", "one-to-three", 0.4825),
    ("masked", "one-to-three", 0.0654),
    ("masked", "alternating", 0.21),
    ("positions", "alternating", 0.0088),
    ("padding", "eight", 0.1117),
)
"""The paper's final training losses, one run each."""


class Seeds(NamedTuple):
    """The number of seeds with a signature, of all: ``7 of 8``."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number} of {self.of}"

    @property
    def most(self) -> bool:
        """True if it is more than half of the seeds."""
        return 2 * self.number > self.of

    @property
    def few(self) -> bool:
        """True if it is at most one seed in ten: a claim that something is impossible allows for no more."""
        return 10 * self.number <= self.of


def _cell(table: ResultTable, rung: str, task: str, variant: str = "paper") -> CellView:
    return table.cell(task, variant, base=rung)


def _seeds(table: ResultTable, signature: str, rung: str, task: str, variant: str = "paper") -> Seeds:
    cell = _cell(table, rung, task, variant)
    return Seeds(cell.count(signature), cell.seeds)


def claims(table: ResultTable) -> list[Claim]:
    """Return the paper's claims with verdicts, in the order in which it makes them."""
    judged = (_cannot_plain, _cannot_token, _cannot_masked, _cannot_positions, _cause_plain, _cause_mask, _nothing_more)
    return [*(_loss(table, *loss) for loss in LOSSES), *(judge(table) for judge in judged)]


def _loss(table: ResultTable, rung: str, task: str, loss: float) -> Claim:
    """Judge a loss: reproduced when the paper's one run lies among our seeds' final losses (to its four digits).

    If the paper's run were one of ours, it would lie outside all n of them with probability 2/(n + 1): below 39 seeds
    that is more than one in twenty, and lying outside refutes nothing.
    """
    row = _cell(table, rung, task)
    losses = row.by_seed(TRAIN_LOSS)
    lowest, highest = min(losses), max(losses)
    among = round(lowest, 4) <= loss <= round(highest, 4)
    learnt = _seeds(table, "learnt", rung, task)
    outside = f"outside our {row.seeds} (by chance 1 time in {(row.seeds + 1) / 2:.1f})"
    return Claim(
        claim=f"Final training loss of {rung} on {task}",
        paper=f"{loss:g}",
        measured=f"{row.train_loss.median:.4f} [{row.train_loss.low:.4f}, {row.train_loss.high:.4f}]",
        verdict=REPRODUCED if among else REFUTED if 2 / (row.seeds + 1) <= 0.05 else INCONCLUSIVE,
        evidence=(
            f"The paper's run lies {f'among our {row.seeds}' if among else outside}, which end between {lowest:.4f} and"
            f" {highest:.4f}; {learnt} seeds answer the whole set."
        ),
    )


def _cannot_plain(table: ResultTable) -> Claim:
    """Judge rung plain: of another cause when hardly a seed learns with the norm and most do without it at the same width."""
    with_norm, without = (
        _seeds(table, "learnt", "plain", "copies"),
        _seeds(table, "learnt", "plain", "copies", "no-norm"),
    )
    collapsed = _seeds(table, "mean-collapse", "plain", "copies")
    return Claim(
        claim="The plain transformer cannot copy: its output is the mean",
        paper="0.5 everywhere",
        measured=f"{with_norm} seeds learn; {collapsed} collapse",
        verdict=(OTHER_CAUSE if without.most else REPRODUCED) if with_norm.few else REFUTED,
        evidence=(
            "LayerNorm over a single feature returns a constant, so no output can depend on the input. Without it, still"
            f" at width 1, {without} seeds learn the copy."
        ),
    )


def _cannot_token(table: ResultTable) -> Claim:
    """Judge rung token: reproduced when hardly a seed learns and most leave an answer unending."""
    learnt, endless = (_seeds(table, name, "token", "one-to-three") for name in ("learnt", "never-stops"))
    copies = _seeds(table, "never-stops", "token", "copies")
    return Claim(
        claim="Without a causal mask one-to-three cannot be learnt: the answer never stops",
        paper="cannot",
        measured=f"{learnt} seeds learn; {endless} never stop",
        verdict=REPRODUCED if learnt.few and endless.most else REFUTED,
        evidence=f"On the copies it is the same: {copies} seeds leave an answer unending.",
    )


def _cannot_masked(table: ResultTable) -> Claim:
    """Judge rung masked: reproduced when hardly a seed learns and all are order-blind."""
    learnt, blind = (_seeds(table, name, "masked", "alternating") for name in ("learnt", "order-blind"))
    positions = _seeds(table, "learnt", "positions", "alternating")
    return Claim(
        claim="Without positions 0101 and 1010 cannot both be copied",
        paper="cannot",
        measured=f"{learnt} seeds learn; {blind} are order-blind",
        verdict=REPRODUCED if learnt.few and blind.number == blind.of else REFUTED,
        evidence=(
            "The two sources give the decoder the same memory, exactly. With sinusoidal positions"
            f" {positions} seeds learn both."
        ),
    )


def _cannot_positions(table: ResultTable) -> Claim:
    """Judge the padding masks: refuted when most seeds fit all eight lengths mixed without any padding mask."""
    unmasked = _cell(table, "padding", "eight", "no-padding-masks")
    learnt, dependent = (
        _seeds(table, name, "padding", "eight", "no-padding-masks") for name in ("learnt", "padding-dependent")
    )
    return Claim(
        claim="Sequences of unequal length cannot be trained in one batch without padding masks",
        paper="masks needed",
        measured=f"{learnt} seeds learn without; alone they answer {unmasked.interval(ALONE).median:.2f}",
        verdict=REFUTED if learnt.most else REPRODUCED,
        evidence=(
            "Padding that is attended to like any symbol does no harm while a test row is padded as in training. The masks"
            f" are needed to be independent of it: {dependent} seeds answer differently without padding."
        ),
    )


def _cause_plain(table: ResultTable) -> Claim:
    """Judge the embedding: refuted when most seeds learn without an embedding, by either of two ways around the norm over one feature."""
    bare, lifted = (_seeds(table, "learnt", "plain", "copies", variant) for variant in ("no-norm", "scalar-width-4"))
    collapsed = _seeds(table, "mean-collapse", "padding", "eight", "embedding-width-1")
    return Claim(
        claim="The plain transformer fails for want of an embedding",
        paper="cause: no embedding",
        measured=f"without one, {bare} seeds learn unnormed, {lifted} lifted to width 4",
        verdict=REFUTED if bare.most and lifted.most else REPRODUCED,
        evidence=(
            "The scalar itself, unnormed or lifted by one affine map, is enough. And an embedding does not help at width"
            f" 1: the full model with one collapses in {collapsed} seeds."
        ),
    )


def _cause_mask(table: ResultTable) -> Claim:
    """Judge the causal mask: reproduced when most seeds without it fit with the truth shown, and fail to generate."""
    unmasked, whole = _cell(table, "padding", "eight", "no-causal-mask"), _cell(table, "padding", "eight")
    forced = _seeds(table, "teacher-forced-only", "padding", "eight", "no-causal-mask")
    return Claim(
        claim="Without the causal mask training and generation differ: the decoder attends to the answer it has to generate",
        paper="cause: the future is seen",
        measured=f"{forced} seeds are right under teacher forcing and wrong when they generate",
        verdict=REPRODUCED if forced.most else REFUTED,
        evidence=(
            f"The loss misleads: {unmasked.train_loss.median:.4f} without the mask, {whole.train_loss.median:.4f} with it;"
            f" exact match {unmasked.exact_match.median:.2f} without, {whole.exact_match.median:.2f} with it."
        ),
    )


def _nothing_more(table: ResultTable) -> Claim:
    """Judge the whole model: reproduced when most seeds answer all eight, with padding around them and alone."""
    learnt = _seeds(table, "learnt", "padding", "eight")
    inverted = _seeds(table, "learnt", "padding", "eight-inverted")
    return Claim(
        claim="With these parts all eight mappings are learnt; no other part is needed",
        paper="all learnt",
        measured=f"{learnt} seeds learn all eight",
        verdict=REPRODUCED if learnt.most else REFUTED,
        evidence=f"The list as the paper's text prints it, with two rows inverted, is learnt by {inverted} seeds.",
    )

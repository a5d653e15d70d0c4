"""The paper's claims, checked against what the ladder measured.

Each claim is judged by a rule that is stated in its function; the words of the verdicts are

* ``reproduced``: it is so here as well;
* ``refuted``: it is not so here;
* ``reproduced, other cause``: the observation is reproduced, and the cause given for it is refuted;
* ``inconclusive``: there are too few seeds to tell.
"""

from __future__ import annotations

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


class Found:
    """The ladder's cells by name, and the counts that claims are judged by."""

    def __init__(self, table: ResultTable) -> None:
        self.table = table
        self.seeds = table.rows[0].seeds

    def row(self, rung: str, task: str, variant: str = "paper") -> CellView:
        """Return one cell."""
        return self.table.cell(task, variant, base=rung)

    def count(self, signature: str, rung: str, task: str, variant: str = "paper") -> int:
        """Return how many seeds carry a signature."""
        return self.row(rung, task, variant).count(signature)

    def of(self, count: int) -> str:
        """Return a count with the number of all seeds."""
        return f"{count} of {self.seeds}"

    def most(self, count: int) -> bool:
        """Return whether a count is more than half of the seeds."""
        return 2 * count > self.seeds

    def few(self, count: int) -> bool:
        """Return whether a count is at most one seed in ten: a claim that something is impossible allows for no more."""
        return 10 * count <= self.seeds


def claims(table: ResultTable) -> list[Claim]:
    """Return the paper's claims with verdicts, in the order in which it makes them."""
    found = Found(table)
    judged = [_loss(found, rung, task, loss) for rung, task, loss in LOSSES]
    judged += [_cannot_plain(found), _cannot_token(found), _cannot_masked(found), _cannot_positions(found)]
    judged += [_cause_plain(found), _cause_mask(found), _nothing_more(found)]
    return judged


def _loss(found: Found, rung: str, task: str, loss: float) -> Claim:
    """Judge a loss: reproduced when the paper's one run lies among our seeds' final losses (to its four digits).

    If the paper's run were one of ours, it would lie outside all n of them with probability 2/(n + 1): below 39 seeds
    that is more than one in twenty, and lying outside refutes nothing.
    """
    row = found.row(rung, task)
    losses = row.by_seed(TRAIN_LOSS)
    lowest, highest = min(losses), max(losses)
    among = round(lowest, 4) <= loss <= round(highest, 4)
    learnt = found.of(found.count("learnt", rung, task))
    outside = f"outside our {found.seeds} (by chance 1 time in {(found.seeds + 1) / 2:.1f})"
    return Claim(
        claim=f"Final training loss of {rung} on {task}",
        paper=f"{loss:g}",
        measured=f"{row.train_loss.median:.4f} [{row.train_loss.low:.4f}, {row.train_loss.high:.4f}]",
        verdict=REPRODUCED if among else REFUTED if 2 / (found.seeds + 1) <= 0.05 else INCONCLUSIVE,
        evidence=(
            f"The paper's run lies {f'among our {found.seeds}' if among else outside}, which end between {lowest:.4f} and"
            f" {highest:.4f}; {learnt} seeds answer the whole set."
        ),
    )


def _cannot_plain(found: Found) -> Claim:
    """Judge rung plain: of another cause when hardly a seed learns with the norm and most do without it at the same width."""
    with_norm, without = found.count("learnt", "plain", "copies"), found.count("learnt", "plain", "copies", "no-norm")
    cannot = found.few(with_norm)
    return Claim(
        claim="The plain transformer cannot copy: its output is the mean",
        paper="0.5 everywhere",
        measured=f"{found.of(with_norm)} seeds learn; {found.of(found.count('mean-collapse', 'plain', 'copies'))} collapse",
        verdict=(OTHER_CAUSE if found.most(without) else REPRODUCED) if cannot else REFUTED,
        evidence=(
            "LayerNorm over a single feature returns a constant, so no output can depend on the input. Without it, still"
            f" at width 1, {found.of(without)} seeds learn the copy."
        ),
    )


def _cannot_token(found: Found) -> Claim:
    """Judge rung token: reproduced when hardly a seed learns and most leave an answer unending."""
    learnt, endless = (found.count(name, "token", "one-to-three") for name in ("learnt", "never-stops"))
    copies = found.count("never-stops", "token", "copies")
    return Claim(
        claim="Without a causal mask one-to-three cannot be learnt: the answer never stops",
        paper="cannot",
        measured=f"{found.of(learnt)} seeds learn; {found.of(endless)} never stop",
        verdict=REPRODUCED if found.few(learnt) and found.most(endless) else REFUTED,
        evidence=f"On the copies it is the same: {found.of(copies)} seeds leave an answer unending.",
    )


def _cannot_masked(found: Found) -> Claim:
    """Judge rung masked: reproduced when hardly a seed learns and all are order-blind."""
    learnt, blind = (found.count(name, "masked", "alternating") for name in ("learnt", "order-blind"))
    positions = found.count("learnt", "positions", "alternating")
    return Claim(
        claim="Without positions 0101 and 1010 cannot both be copied",
        paper="cannot",
        measured=f"{found.of(learnt)} seeds learn; {found.of(blind)} are order-blind",
        verdict=REPRODUCED if found.few(learnt) and blind == found.seeds else REFUTED,
        evidence=(
            "The two sources give the decoder the same memory, exactly. With sinusoidal positions"
            f" {found.of(positions)} seeds learn both."
        ),
    )


def _cannot_positions(found: Found) -> Claim:
    """Judge the padding masks: refuted when most seeds fit all eight lengths mixed without any padding mask."""
    unmasked = found.row("padding", "eight", "no-padding-masks")
    learnt = unmasked.count("learnt")
    dependent = unmasked.count("padding-dependent")
    return Claim(
        claim="Sequences of unequal length cannot be trained in one batch without padding masks",
        paper="masks needed",
        measured=f"{found.of(learnt)} seeds learn without; alone they answer {unmasked.interval(ALONE).median:.2f}",
        verdict=REFUTED if found.most(learnt) else REPRODUCED,
        evidence=(
            "Padding that is attended to like any symbol does no harm while a test row is padded as in training. The masks"
            f" are needed to be independent of it: {found.of(dependent)} seeds answer differently without padding."
        ),
    )


def _cause_plain(found: Found) -> Claim:
    """Judge the embedding: refuted when most seeds learn without an embedding, by either of two ways around the norm over one feature."""
    bare, lifted = (found.count("learnt", "plain", "copies", variant) for variant in ("no-norm", "scalar-width-4"))
    collapsed = found.count("mean-collapse", "padding", "eight", "embedding-width-1")
    return Claim(
        claim="The plain transformer fails for want of an embedding",
        paper="cause: no embedding",
        measured=f"without one, {found.of(bare)} seeds learn unnormed, {found.of(lifted)} lifted to width 4",
        verdict=REFUTED if found.most(bare) and found.most(lifted) else REPRODUCED,
        evidence=(
            "The scalar itself, unnormed or lifted by one affine map, is enough. And an embedding does not help at width"
            f" 1: the full model with one collapses in {found.of(collapsed)} seeds."
        ),
    )


def _cause_mask(found: Found) -> Claim:
    """Judge the causal mask: reproduced when most seeds without it fit with the truth shown, and fail to generate."""
    unmasked, whole = found.row("padding", "eight", "no-causal-mask"), found.row("padding", "eight")
    forced = unmasked.count("teacher-forced-only")
    return Claim(
        claim="Without the causal mask training and generation differ: the decoder attends to the answer it has to generate",
        paper="cause: the future is seen",
        measured=f"{found.of(forced)} seeds are right under teacher forcing and wrong when they generate",
        verdict=REPRODUCED if found.most(forced) else REFUTED,
        evidence=(
            f"The loss misleads: {unmasked.train_loss.median:.4f} without the mask, {whole.train_loss.median:.4f} with it;"
            f" exact match {unmasked.exact_match.median:.2f} without, {whole.exact_match.median:.2f} with it."
        ),
    )


def _nothing_more(found: Found) -> Claim:
    """Judge the whole model: reproduced when most seeds answer all eight, with padding around them and alone."""
    learnt = found.count("learnt", "padding", "eight")
    inverted = found.count("learnt", "padding", "eight-inverted")
    return Claim(
        claim="With these parts all eight mappings are learnt; no other part is needed",
        paper="all learnt",
        measured=f"{found.of(learnt)} seeds learn all eight",
        verdict=REPRODUCED if found.most(learnt) else REFUTED,
        evidence=f"The list as the paper's text prints it, with two rows inverted, is learnt by {found.of(inverted)} seeds.",
    )

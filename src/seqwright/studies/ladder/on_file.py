"""The ladder on a file of one's own: which of the parts does this data need?

The rungs are the paper's; the size is chosen for the data. Before the last rung nothing can pad, so there a batch holds
rows of equal lengths only: such batches are smaller, so the same steps show those rungs fewer rows. The first rung reads
numbers and does not apply. What is asked is held out of training.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seqwright.core.spec import Spec, vary
from seqwright.data.batch import Pair
from seqwright.data.batching import EqualLengthBatches, PaddedBatches
from seqwright.data.corpus import Corpus
from seqwright.data.vocabulary import Vocabulary
from seqwright.models.transformer import TransformerSpec
from seqwright.nn.embedding import SymbolHead, TokenEmbedding
from seqwright.studies.cell import Cell
from seqwright.studies.data import Exam, TaskData, parted
from seqwright.studies.experiment import Claim, Experiment
from seqwright.studies.ladder.rows import Rung
from seqwright.studies.ladder.rungs import MASKED, PADDING, POSITIONS, TOKEN, controls, padding_controls
from seqwright.training.objective import CrossEntropy
from seqwright.training.schedule import WarmupCosine
from seqwright.training.trainer import TrainingSpec

MOST_HELD_OUT = 100
BATCH = 64


class LadderSize(Spec):
    """How large the models are and how long they train."""

    width: int
    layers: int
    heads: int
    steps: int

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> LadderSize:
        """The rule: one layer a side; width 32 and 2 heads, from 5,000 rows on 64 and 4; 120 passes, 400 to 1,500 steps."""
        wide = len(pairs) >= 5000
        steps = min(1500, max(400, 120 * len(pairs) // BATCH))
        return cls(width=64 if wide else 32, layers=1, heads=4 if wide else 2, steps=steps)

    def overridden(self, *, width: int | None, layers: int | None, steps: int | None) -> LadderSize:
        """With what the user says instead."""
        width = width or self.width
        heads = self.heads if width % self.heads == 0 else 1
        return LadderSize(width=width, layers=layers or self.layers, heads=heads, steps=steps or self.steps)

    def summary(self) -> str:
        """What was chosen, for people to check and change."""
        return (
            f"models: width {self.width}, {self.layers} layer{'s' if self.layers > 1 else ''} a side, {self.heads} heads; {self.steps} steps of up to"
            f" {BATCH} rows (--width, --layers and --steps say otherwise)"
        )

    def edits(self) -> dict[str, Any]:
        """The size as edits of a rung's spec."""
        edits: dict[str, Any] = {"width": self.width, "decoder.blocks.cross.heads": self.heads}
        for side in ("encoder", "decoder"):
            edits |= {
                f"{side}.layers": self.layers,
                f"{side}.blocks.mixer.heads": self.heads,
                f"{side}.blocks.feedforward.inner": 2 * self.width,
            }
        return edits


def own_ladder(rows: Corpus, seeds: int, size: LadderSize, *, device: str = "cpu") -> Experiment:
    """The rungs from ``token`` up, and the last one's controls, on the rows of a file.

    Raises:
        SeqwrightError: the file has too few different sources to hold any out.
    """
    train, test = parted(rows, MOST_HELD_OUT)
    vocabulary = Vocabulary(rows.symbols)
    data = TaskData(Path(rows.where).stem, train, (Exam("held out", test),), vocabulary)
    training = TrainingSpec(
        steps=size.steps,
        rate=0.005,
        schedule=WarmupCosine(),
        objective=CrossEntropy(ignore=vocabulary.pad),
    )

    def cell(rung: str, spec: TransformerSpec) -> Cell:
        spec = vary(
            spec,
            {
                **size.edits(),
                "embedding": TokenEmbedding(vocabulary=vocabulary.size),
                "head": SymbolHead(outputs=vocabulary.outputs),
            },
        )
        last = rung == "padding"
        batching = PaddedBatches(rows=BATCH) if last else EqualLengthBatches(rows=BATCH)
        return Cell(rung, "paper", spec, training, batching, data, padding=last)

    padding = cell("padding", PADDING)
    rungs = (cell("token", TOKEN), cell("masked", MASKED), cell("positions", POSITIONS), padding)
    return Experiment("ladder", (*rungs, *controls(padding, padding_controls(vocabulary))), seeds, device)


PARTS = (
    ("the causal mask", "no-causal-mask", "exact_match"),
    ("positions", "no-positions", "exact_match"),
    ("padding masks, asked as in training", "no-padding-masks", "exact_match"),
    ("padding masks, asked alone", "no-padding-masks", "exact_match_alone"),
    ("leaving PAD out of the loss", "pad-in-loss", "exact_match"),
    ("an embedding wider than 1", "embedding-width-1", "exact_match"),
)


def needs(rows: Sequence[Rung]) -> list[Claim]:
    """For each part: does this data need it? The last rung beside the same rung without the part.

    ``needed``: its interval lies wholly above the other's. ``harmful``: wholly below. ``no difference seen``: the
    intervals overlap, which with few seeds is weak evidence.
    """
    found = {row.variant: row for row in rows if row.rung == "padding"}
    verdicts = []
    for part, variant, measure in PARTS:
        whole, without = getattr(found["paper"], measure), getattr(found[variant], measure)
        verdict = "no difference seen"
        if whole.low > without.high:
            verdict = "needed"
        elif whole.high < without.low:
            verdict = "harmful"
        verdicts.append(
            Claim(
                claim=f"This data needs {part}",
                measured=f"{whole.median:.2f} with, {without.median:.2f} without",
                verdict=verdict,
                evidence=(
                    f"Exact match on held-out rows: [{whole.low:.2f}, {whole.high:.2f}] with it,"
                    f" [{without.low:.2f}, {without.high:.2f}] without."
                ),
            )
        )
    return verdicts

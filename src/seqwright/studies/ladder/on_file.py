"""The ladder on a file of one's own, which shows the parts that this data needs.

The rungs are the paper's; the size is chosen for the data. Before the last rung nothing can pad, so there a batch holds
rows of equal lengths only: such batches are smaller, so the same steps show those rungs fewer rows. The first rung reads
numbers and does not apply. The test rows are held out of training.
"""

from __future__ import annotations

from seqwright.core.spec import vary
from seqwright.data.batching import EqualLengthBatches, PaddedBatches
from seqwright.data.vocabulary import Vocabulary
from seqwright.nn.embedding import SymbolHead, TokenEmbedding
from seqwright.studies.cell import Cell
from seqwright.studies.data import Exam, TaskData, held_out_split
from seqwright.studies.ladder.rungs import MASKED, PADDING, POSITIONS, TOKEN, controls, padding_controls
from seqwright.studies.model_scale import size_edits
from seqwright.studies.results import Claim
from seqwright.studies.table import ALONE, EXACT_MATCH, ResultTable
from seqwright.studies.task_source import FileTask

MOST_HELD_OUT = 100
"""The number of test rows at most."""


def file_cells(source: FileTask) -> list[Cell]:
    """Return the rungs from ``token`` up, and the last one's controls, on the rows of a file.

    Raises:
        SeqwrightError: the file has too few different sources to hold any out.
    """
    scale = source.scale
    train, test = held_out_split(source.corpus, scale.test)
    vocabulary = Vocabulary(source.corpus.symbols)
    data = TaskData(source.name, train, (Exam("held out", test),), vocabulary)
    edits = {
        **size_edits(width=scale.width, layers=scale.layers, heads=scale.heads),
        "embedding": TokenEmbedding(vocabulary=vocabulary.size),
        "head": SymbolHead(outputs=vocabulary.outputs),
    }
    training = vary(scale.training(vocabulary), {"clip": None})
    cells = []
    for rung, spec in {"token": TOKEN, "masked": MASKED, "positions": POSITIONS, "padding": PADDING}.items():
        padded = rung == "padding"
        batching = PaddedBatches(rows=scale.batch) if padded else EqualLengthBatches(rows=scale.batch)
        cells.append(Cell(rung, "paper", vary(spec, edits), training, batching, data, padding=padded))
    return [*cells, *controls(cells[-1], padding_controls(vocabulary))]


PARTS = (
    ("the causal mask", "no-causal-mask", EXACT_MATCH),
    ("positions", "no-positions", EXACT_MATCH),
    ("padding masks, on padded rows", "no-padding-masks", EXACT_MATCH),
    ("padding masks, on rows alone", "no-padding-masks", ALONE),
    ("leaving PAD out of the loss", "pad-in-loss", EXACT_MATCH),
    ("an embedding wider than 1", "embedding-width-1", EXACT_MATCH),
)
"""Parts of the last rung: a name, the control that lacks it, and the measure that shows it."""


def needs(table: ResultTable) -> list[Claim]:
    """Return for each part whether this data needs it: the last rung beside the same rung without the part.

    ``needed``: its interval lies wholly above the other's. ``harmful``: wholly below. ``no difference seen``: the
    intervals overlap, which with few seeds is weak evidence.
    """
    found = {row.variant: row for row in table.where(base="padding")}
    verdicts = []
    for part, variant, measure in PARTS:
        whole, without = found["paper"].interval(measure), found[variant].interval(measure)
        lower = "harmful" if whole.high < without.low else "no difference seen"
        verdicts.append(
            Claim(
                claim=f"This data needs {part}",
                measured=f"{whole.median:.2f} with, {without.median:.2f} without",
                verdict="needed" if whole.low > without.high else lower,
                evidence=(
                    f"Exact match on held-out rows: [{whole.low:.2f}, {whole.high:.2f}] with it,"
                    f" [{without.low:.2f}, {without.high:.2f}] without."
                ),
            )
        )
    return verdicts

r"""A study: families of models beside the transformer, on the same rows, with the same training and the same seeds.

    seqwright --import examples/extend/families.py --import examples/extend/gru_attention.py study families --quick \
        --set 'families=[{"type":"GRUAttention","width":16,"dropout":0}]'

The report has the answers of each, by length, and for each family an effect: the difference that it makes, with an interval.
"""

from collections.abc import Sequence

from seqwright.core.model import ModelSpec
from seqwright.core.spec import Spec
from seqwright.studies.cell import Cell
from seqwright.studies.effect import Effect
from seqwright.studies.model_scale import ModelScale
from seqwright.studies.study import Study, cell
from seqwright.studies.table import ResultTable
from seqwright.studies.task_source import TaskSource
from seqwright.tasks.algorithmic import Copy, Reverse, Task

TRANSFORMER = "transformer"


class FamilyStudy(Spec, Study):
    """A study of families of models; ``families`` are compared with the whole transformer of the study's scale."""

    name = "families"
    question = "Which family of models learns it?"
    tasks: tuple[Task, ...] = (Copy(symbols=4), Reverse(symbols=4))
    scale: ModelScale = ModelScale()
    families: tuple[ModelSpec, ...] = ()
    seeds: int = 10

    @classmethod
    def quick(cls) -> "FamilyStudy":
        return cls(
            tasks=(Reverse(symbols=4),), scale=ModelScale(steps=300, train=2000, test=60, lengths=(2, 6)), seeds=3
        )

    def cells(self, sources: Sequence[TaskSource]) -> list[Cell]:
        models = {TRANSFORMER: None} | {type(model).__name__: model for model in self.families}
        return [cell(source, name, model=model) for source in sources for name, model in models.items()]

    def effects(self, table: ResultTable) -> list[Effect]:
        return [
            Effect.of(row.variant, row, table.cell(row.task, TRANSFORMER))
            for row in table.rows
            if row.variant != TRANSFORMER
        ]

"""The command of every study: the same options, and the study's own as ``--set``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from seqwright.cli.options import AsJson, Device, SplitSource, SplitTarget, positive
from seqwright.cli.tables import print_page
from seqwright.core.errors import SeqwrightError

if TYPE_CHECKING:
    from seqwright.studies.experiment import Experiment
    from seqwright.studies.study import Study
    from seqwright.studies.task_source import TaskSource


def command(name: str, question: str) -> Any:
    """Return the command of a study, which imports the study when it runs."""

    def run(
        task: Annotated[
            list[str] | None, Option(help="A task, as `study tasks` lists them, such as copy:symbols=4. Repeatable.")
        ] = None,
        pairs: Annotated[Path | None, Option(help="A file of source<TAB>target lines, instead of tasks.")] = None,
        split_source_on: SplitSource = "",
        split_target_on: SplitTarget = "",
        seeds: Annotated[
            int | None,
            Option(help="Of each variant. (default: 10, quick 3; ladder: 8, a file 4)", callback=positive("--seeds")),
        ] = None,
        quick: Annotated[
            bool, Option("--quick", help="Fewer variants, tasks and steps: 3 minutes on 2 cores.")
        ] = False,
        set_: Annotated[
            list[str] | None, Option("--set", help="path=value: the study's, or what all models share, as steps=3000.")
        ] = None,
        out: Annotated[
            Path | None, Option(help="The folder; a study started again there continues. (default: by its name)")
        ] = None,
        as_json: AsJson = False,
        device: Device = "cpu",
        workers: Annotated[
            int | None, Option(help="Processes. (default: one a core)", callback=positive("--workers"))
        ] = None,
        ray: Annotated[str | None, Option(help="A Ray cluster's address, or `local`; needs seqwright[ray].")] = None,
    ) -> None:
        from seqwright.studies.experiment import Experiment
        from seqwright.training.device import checked_device

        checked_device(device)
        study, edits = _study(name, quick, set_ or [])
        if pairs is None:
            sources = _tasks(study, task or [], edits, split=bool(split_source_on or split_target_on))
            seeds = seeds or study.seeds
        elif task:
            raise SeqwrightError("--task and --pairs exclude one another", fix="give one of the two")
        else:
            source, usual = _file(
                study, pairs, quick, edits, split_source_on=split_source_on, split_target_on=split_target_on
            )
            sources, seeds = [source], seeds or usual
        experiment = Experiment(study.name, tuple(study.cells(sources)), seeds, device)
        names = [name, *(["quick"] if quick else []), *(one.name for one in sources[:3]), str(seeds)]
        folder = out or Path("seqwright-out") / "-".join(names)
        _run(study, sources, experiment, folder, workers, ray, as_json)

    app = typer.Typer(add_completion=False)
    app.command(name, help=question)(run)
    made = typer.main.get_command(app)
    made.name = name
    return made


def _study(name: str, quick: bool, edits: list[str]) -> tuple[Study, list[str]]:
    """Return the study with its own options set, and the edits that are left: those of its scale."""
    from seqwright.core.edits import edited, made
    from seqwright.studies.study import studies

    kind: Any = studies()[name]
    own = [edit for edit in edits if edit.partition("=")[0].partition(".")[0] in kind.__struct_fields__]
    study = edited(kind.quick(), own) if quick else made(kind, own)
    return study, [edit for edit in edits if edit not in own]


def _tasks(study: Study, names: list[str], edits: list[str], *, split: bool) -> list[TaskSource]:
    """Return the tasks that were named, or the study's own."""
    from seqwright.core.edits import edited
    from seqwright.studies.task_source import DrawnTask
    from seqwright.studies.tasks import task_called

    if split:
        raise SeqwrightError("--split-source-on and --split-target-on need --pairs", fix="leave them out")
    tasks = [task_called(name) for name in names] or study.tasks
    if edits and not tasks:
        raise SeqwrightError(f"--set {edits[0]} needs --pairs", fix=f"without a file {study.name} has its own settings")
    scale = edited(study.scale, edits)
    return [DrawnTask(task, scale) for task in tasks]


def _file(study: Study, pairs: Path, quick: bool, edits: list[str], **split: str) -> tuple[TaskSource, int]:
    """Return the rows of a file as a task, and the number of seeds on it."""
    from seqwright.core.edits import edited
    from seqwright.data.files import read_pairs
    from seqwright.studies.task_source import FileTask

    rows = read_pairs(pairs, **split)
    print(rows.statistics().summary(), file=sys.stderr)
    scale, seeds = study.on_file(rows, quick=quick)
    scale = edited(scale, edits)
    print(scale.summary(), file=sys.stderr)
    return FileTask(rows, scale), seeds


def _run(
    study: Study, sources: list[TaskSource], experiment: Experiment, folder: Path, workers: int | None, ray: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Train, write the results and the report, and print them."""
    from seqwright.cli.progress import print_estimate, study_progress
    from seqwright.core.files import write_atomically

    executor = None
    if ray is not None:
        from seqwright.studies.cluster import Cluster

        executor = Cluster(ray, workers)
    with study_progress(f"study {study.name}, {experiment.seeds} seeds") as progress:
        announce = print_estimate(experiment, workers)
        table = experiment.run(folder, workers=workers, executor=executor, announce=announce, progress=progress)
    result = study.result(table, experiment.seeds, sources)
    write_atomically(folder / "results.json", result.to_json())
    page = study.page(result, "seqwright " + shlex.join(sys.argv[1:]))
    report = page.write(folder / "report.html")
    if as_json:
        print(result.to_json())
    else:
        print_page(page, report, result.every_note(), without="Answers")

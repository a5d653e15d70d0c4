"""``seqwright study``: variants × tasks × seeds in one command."""

from __future__ import annotations

import ast
import sys
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from seqwright.cli.options import AsJson
from seqwright.cli.study_command import command
from seqwright.cli.tables import print_page

QUESTIONS = "seqwright.studies.questions"
"""The package that holds the studies, one module each."""


class StudyGroup(TyperGroup):
    """Commands of the studies, found as they are needed: listing them imports neither the studies nor torch."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*sorted(questions()), *super().list_commands(ctx)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        question = questions().get(cmd_name)
        return super().get_command(ctx, cmd_name) if question is None else command(cmd_name, question)


def questions() -> dict[str, str]:
    """Return every study's name with its question: of imported classes, or else read off the source of the package's."""
    module = sys.modules.get("seqwright.studies.study")
    if module is not None:  # so torch is imported too, and a user's studies may be
        return {name: kind.question for name, kind in module.studies().items()}
    found: dict[str, str] = {}
    for path in Path(str(files(QUESTIONS))).glob("*.py"):
        for node in ast.parse(path.read_bytes()).body:
            fields = _constants(node) if isinstance(node, ast.ClassDef) else {}
            if {"name", "question"} <= fields.keys():
                found[fields["name"]] = fields["question"]
    return found


def _constants(of: ast.ClassDef) -> dict[str, Any]:
    """Return the constants that a class sets in its body."""
    return {
        target.id: node.value.value
        for node in of.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


app = typer.Typer(
    cls=StudyGroup, help="Train many variants with many seeds and compare what they do.", no_args_is_help=True
)


@app.callback()
def _studies() -> None:
    pass


@app.command()
def tasks() -> None:
    """List the tasks that studies can use, each with an example row."""
    from rich.console import Console

    from seqwright.studies.tasks import described

    console = Console(highlight=False, soft_wrap=True)
    for name, row, about in described():
        console.print(f"[bold]{name}[/bold]  {row}")
        console.print(f"    {about}", style="dim")


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(help="A study's folder.")],
    second: Annotated[Path, typer.Argument(help="Another one's.")],
    out: Annotated[Path | None, typer.Option(help="The folder of the page. (default: by their names)")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare two studies side by side: the cells of both, and what differs."""
    from seqwright.studies.compare import compare as compared
    from seqwright.studies.compare import page, read_result

    one, other = read_result(first), read_result(second)
    found = compared(one, other, (str(first), str(second)))
    folder = out or Path("seqwright-out") / f"compare-{first.resolve().name}-{second.resolve().name}"
    made = page(found, one, other)
    report = made.write(folder / "report.html")
    if as_json:
        print(found.to_json(indent=2))
    else:
        print_page(made, report)

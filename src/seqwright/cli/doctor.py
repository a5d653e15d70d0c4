"""``seqwright doctor``: examine a model, and say what is wrong with it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqwright.cli.options import AsJson
from seqwright.core.errors import SeqwrightError

if TYPE_CHECKING:
    from torch import nn

    from seqwright.doctor import Report

EXTRAS = ("call", "step", "loss", "generate", "examples")


def doctor(
    target: Annotated[
        str,
        typer.Argument(
            help="A run's folder, a Hugging Face model's folder, or package.module:factory that returns (model, contract) or (model, contract, {call, step, loss, …})."
        ),
    ],
    as_json: AsJson = False,
    html: Annotated[Path | None, typer.Option(help="Write the report as a page, too.")] = None,
    thorough: Annotated[bool, typer.Option("--thorough", help="Take minutes rather than seconds.")] = False,
) -> None:
    """Find out why a model fails, without training it: exit 0 where it is healthy, 1 where it is not, 2 where it cannot be examined."""
    from rich.console import Console

    from seqwright.doctor import examine

    model, contract, extras = _patient(target)
    console = Console(stderr=True)
    with console.status("examining") as status:
        report = examine(
            model, contract, **extras, thorough=thorough, watch=lambda check: status.update(f"examining: {check}")
        )
    if html is not None:
        report.html(html)
    if as_json:
        print(report.to_json(indent=2))
    else:
        _print(report)
        if html is not None:
            print(f"\nreport: {html}")
    if [finding.check for finding in report.findings] == ["call-failed"]:
        raise SeqwrightError(
            f"{target} could not be examined: {report.of('call-failed').explanation}",
            mend="see what call it needs: docs/doctor/callbacks.md",
        )
    raise typer.Exit(0 if report.healthy else 1)


def _patient(target: str) -> tuple[nn.Module, Any, dict[str, Any]]:
    path = Path(target)
    if path.is_dir() and (path / "run.json").exists():
        from seqwright.runs.run import load

        return load(path).model, None, {}
    if path.is_dir() and (path / "config.json").exists():
        return _hugging_face(path), None, {}
    if ":" in target and not path.exists():
        return _factory(target)
    raise SeqwrightError(
        f"{target} is no run, no Hugging Face folder and no package.module:factory",
        mend="name a folder that `seqwright train` wrote, one with a config.json, or a function to import",
    )


def _hugging_face(path: Path) -> nn.Module:
    try:
        import transformers
    except ImportError as error:
        raise SeqwrightError(
            "Hugging Face's models need the transformers package", mend="pip install 'seqwright[huggingface]'"
        ) from error
    names = transformers.AutoConfig.from_pretrained(path, local_files_only=True).architectures or ["AutoModel"]
    kind = getattr(transformers, names[0], transformers.AutoModel)
    try:
        return kind.from_pretrained(path, local_files_only=True, use_safetensors=True)
    except OSError as error:
        raise SeqwrightError(
            f"the weights cannot be read: {str(error).splitlines()[0]}",
            where=str(path),
            mend="give a folder with model.safetensors",
        ) from error


def _factory(target: str) -> tuple[nn.Module, Any, dict[str, Any]]:
    from importlib import import_module

    module, _, name = target.partition(":")
    sys.path.insert(0, "")  # as `python -m` does
    try:
        made = getattr(import_module(module), name)()
    except (ImportError, AttributeError) as error:
        raise SeqwrightError(f"{target} cannot be imported: {error}", mend="write package.module:function") from error
    except Exception as error:
        raise SeqwrightError(f"{target} raised {type(error).__name__}: {error}", mend="call it by itself") from error
    if not isinstance(made, tuple) or len(made) not in (2, 3):
        raise SeqwrightError(
            f"{target} returns {type(made).__name__}",
            mend="return (model, contract) or (model, contract, {'call': …})",
        )
    extras = dict(made[2]) if len(made) == 3 else {}
    strange = sorted(set(extras) - set(EXTRAS))
    if strange:
        raise SeqwrightError(
            f"{target} gives {strange[0]}, which is not asked for", mend=f"it may give {', '.join(EXTRAS)}"
        )
    return made[0], made[1], extras


def _print(report: Report) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    colours = {"fail": "bold red", "warn": "yellow", "inconclusive": "dim", "pass": "green", "not-examined": "dim"}
    for line in report.text().splitlines():
        word = line.split(" ", 1)[0]
        console.print(line, style=colours.get(word, ""), markup=False)
    told = f"{len(report.failed)} of the promises are broken" if report.failed else "no promise is broken"
    console.print(f"\n{told} ({report.seconds:.1f} s)", markup=False)

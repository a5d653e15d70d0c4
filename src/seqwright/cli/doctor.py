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
    html: Annotated[
        Path | None, typer.Option(help="Write the report as a page, too, and its picture into charts beside it.")
    ] = None,
    thorough: Annotated[bool, typer.Option("--thorough", help="Take minutes rather than seconds.")] = False,
) -> None:
    """Find out why a model fails, without training it: exit 0 where it is healthy, 1 where it is not, 2 where it cannot be examined."""
    from rich.console import Console

    from seqwright.doctor import examine

    model, contract, extras = _patient(target)
    console = Console(stderr=True)
    try:
        with console.status("examining") as status:
            report = examine(
                model, contract, **extras, thorough=thorough, watch=lambda check: status.update(f"examining: {check}")
            )
    except SeqwrightError:
        raise
    except Exception as error:  # exit 1 says that a fault was found
        told = f"{type(error).__name__}: {error}".replace("\n", " ")
        raise SeqwrightError(
            f"{target} could not be examined: {told}", fix="run again with --debug and tell us"
        ) from error
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
            fix="see what call it needs: docs/doctor/callbacks.md",
        )
    if report.healthy and report.broken_off:
        lost = ", ".join(report.broken_off)
        raise SeqwrightError(
            f"no promise is seen broken, and these could not be examined: {lost}",
            fix="see what the report says of them",
        )
    raise typer.Exit(0 if report.healthy else 1)


def _patient(target: str) -> tuple[nn.Module, Any, dict[str, Any]]:
    path = Path(target)
    if path.is_dir() and (path / "run.json").exists():
        from seqwright.doctor.trained import brought, promised
        from seqwright.runs.run import load

        run = load(path)
        return run.model, promised(run), brought(run)
    if path.is_dir() and (path / "config.json").exists():
        from seqwright.huggingface.loading import load_model

        return load_model(path), None, {}
    if ":" in target and not path.exists():
        return _factory(target)
    raise SeqwrightError(
        f"{target} is no run, no Hugging Face folder and no package.module:factory",
        fix="name a folder that `seqwright train` wrote, one with a config.json, or a function to import",
    )


def _factory(target: str) -> tuple[nn.Module, Any, dict[str, Any]]:
    from importlib import import_module

    module, _, name = target.partition(":")
    sys.path.insert(0, "")  # as `python -m` does
    try:
        made = getattr(import_module(module), name)()
    except (ImportError, AttributeError) as error:
        fix = (
            f"write {module[:-3].replace('/', '.')}:{name}"
            if module.endswith(".py")
            else "write package.module:function"
        )
        raise SeqwrightError(f"{target} cannot be imported: {error}", fix=fix) from error
    except SeqwrightError:
        raise
    except Exception as error:
        raise SeqwrightError(f"{target} raised {type(error).__name__}: {error}", fix="call it by itself") from error
    if not isinstance(made, tuple) or len(made) not in (2, 3) or not _fitting(*made):
        told = (
            f"({', '.join(type(each).__name__ for each in made)})" if isinstance(made, tuple) else type(made).__name__
        )
        raise SeqwrightError(
            f"{target} returns {told}", fix="return (model, Contract(…)) or (model, Contract(…), {'call': …})"
        )
    extras = dict(made[2]) if len(made) == 3 else {}
    strange = sorted(set(extras) - set(EXTRAS))
    if strange:
        raise SeqwrightError(
            f"{target} gives {strange[0]}, which is not asked for", fix=f"it may give {', '.join(EXTRAS)}"
        )
    return made[0], made[1], extras


def _fitting(model: Any, contract: Any, extras: Any = None) -> bool:
    from torch import nn

    from seqwright.doctor import Contract

    return isinstance(model, nn.Module) and isinstance(contract, Contract) and isinstance(extras, (dict, type(None)))


def _print(report: Report) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    colours = {"fail": "bold red", "warn": "yellow", "inconclusive": "dim", "pass": "green", "not-examined": "dim"}
    for line in report.text().splitlines():
        word = line.split(" ", 1)[0]
        console.print(line, style=colours.get(word, ""), markup=False)
    console.print(f"\n{report.verdict} ({report.seconds:.1f} s)", markup=False)

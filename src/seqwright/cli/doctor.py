"""``seqwright doctor``: examine a model and report its faults."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from seqwright.cli.options import AsJson
from seqwright.core.errors import SeqwrightError

if TYPE_CHECKING:
    from torch import nn

    from seqwright.doctor import Report

INPUTS = ("call", "step", "loss", "generate", "examples")


def doctor(
    target: Annotated[
        str | None,
        Argument(
            help="A run's folder, a Hugging Face model's folder, or package.module:factory that returns (model, contract) or (model, contract, {call, step, loss, …})."
        ),
    ] = None,
    as_json: AsJson = False,
    html: Annotated[Path | None, Option(help="Also write a page, and its picture into charts beside it.")] = None,
    thorough: Annotated[bool, Option("--thorough", help="Take minutes rather than seconds.")] = False,
    list_checks: Annotated[bool, Option("--list", help="List all checks and exit.")] = False,
) -> None:
    """Find out why a model fails, without training it: exit 0 where it is healthy, 1 where it is not, 2 where it cannot be examined."""
    if list_checks:
        _list()
        return
    if target is None:
        raise SeqwrightError("there is no model to examine", fix="name a folder, or package.module:factory")
    model, contract, inputs = _load(target)
    report = _examine(target, model, contract, inputs, thorough)
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
    if report.healthy and report.incomplete:
        raise SeqwrightError(
            f"no check failed, but these could not be completed: {', '.join(report.incomplete)}",
            fix="see their explanations in the report",
        )
    raise typer.Exit(0 if report.healthy else 1)


def _list() -> None:
    from seqwright.doctor.check import check_groups

    for group in check_groups():
        for check in group.checks:
            print(f"{check.name:24} {check.fault}")


def _examine(target: str, model: nn.Module, contract: Any, inputs: dict[str, Any], thorough: bool) -> Report:
    from rich.console import Console

    from seqwright.doctor import examine

    try:
        with Console(stderr=True).status("examining") as status:
            return examine(
                model,
                contract,
                **inputs,
                thorough=thorough,
                progress=lambda names: status.update(f"examining: {names}"),
            )
    except SeqwrightError:
        raise
    except Exception as error:  # exit code 1 means that a fault was found
        message = f"{type(error).__name__}: {error}".replace("\n", " ")
        raise SeqwrightError(
            f"{target} could not be examined: {message}", fix="run again with --debug and report it"
        ) from error


def _load(target: str) -> tuple[nn.Module, Any, dict[str, Any]]:
    path = Path(target)
    if path.is_dir() and (path / "run.json").exists():
        from seqwright.cli.loading import load_run
        from seqwright.doctor.training_run import contract_of, inputs_of

        run = load_run(path)
        return run.model, contract_of(run), inputs_of(run)
    if path.is_dir() and (path / "config.json").exists():
        from seqwright.huggingface.loading import load_model

        return load_model(path), None, {}
    if ":" in target and not path.exists():
        return _call_factory(target)
    raise SeqwrightError(
        f"{target} is not a run, a Hugging Face folder or a package.module:factory",
        fix="name a folder that `seqwright train` wrote, one with a config.json, or a function to import",
    )


def _call_factory(target: str) -> tuple[nn.Module, Any, dict[str, Any]]:
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
    if not isinstance(made, tuple) or len(made) not in (2, 3) or not _has_right_types(*made):
        types = ", ".join(type(each).__name__ for each in made) if isinstance(made, tuple) else type(made).__name__
        raise SeqwrightError(
            f"{target} returns {types}", fix="return (model, Contract(…)) or (model, Contract(…), {'call': …})"
        )
    inputs = dict(made[2]) if len(made) == 3 else {}
    unknown = sorted(set(inputs) - set(INPUTS))
    if unknown:
        raise SeqwrightError(f"{target} returns an unknown {unknown[0]!r}", fix=f"known are {', '.join(INPUTS)}")
    return made[0], made[1], inputs


def _has_right_types(model: Any, contract: Any, inputs: Any = None) -> bool:
    from torch import nn

    from seqwright.doctor import Contract

    return isinstance(model, nn.Module) and isinstance(contract, Contract) and isinstance(inputs, (dict, type(None)))


def _print(report: Report) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    colours = {"fail": "bold red", "warn": "yellow", "inconclusive": "dim", "pass": "green", "not-examined": "dim"}
    for line in report.text().splitlines():
        console.print(line, style=colours.get(line.split(" ", 1)[0], ""), markup=False)
    console.print(f"\n{report.verdict} ({report.seconds:.1f} s)", markup=False)

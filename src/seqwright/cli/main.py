"""``seqwright``: the command line, and its exit codes and messages when something goes wrong."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer

from seqwright import __version__
from seqwright.cli import attention, doctor, evaluate, heads, predict, study, train
from seqwright.core.errors import SeqwrightError, reason

app = typer.Typer(
    help="Build a sequence model part by part, train it on your own sequences, and find out why it works or fails.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(train.train)
app.command()(predict.predict)
app.command()(evaluate.evaluate)
app.command()(doctor.doctor)
app.command()(attention.attention)
app.command()(heads.heads)
app.add_typer(study.app, name="study")


def _version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"seqwright {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    imports: Annotated[
        list[str] | None,
        typer.Option(
            "--import",
            metavar="FILE.py",
            help="Import a Python file or module with parts of your own, which any option can then name. Repeatable.",
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    if imports:
        from seqwright.core.imports import import_module_of_parts

        for name in imports:
            import_module_of_parts(name)


def main() -> None:
    """Run the command line: exit 0 when done, 2 for the user's mistake, 1 for ours, 130 when interrupted."""
    debug = "--debug" in sys.argv
    sys.argv = [sys.argv[0], *_options_first([each for each in sys.argv[1:] if each != "--debug"])]
    try:
        app()
    except SeqwrightError as error:
        if debug:
            raise
        sys.exit(_print(f"seqwright: {error}", 2))
    except KeyboardInterrupt:
        if debug:
            raise
        sys.exit(_print("seqwright: interrupted; what was finished is kept", 130))
    except BrokenPipeError:  # the reader has closed the pipe
        _discard_output()
        sys.exit(141)
    except OSError as error:  # a full disk, a file that may not be read
        if debug:
            raise
        _discard_output()
        where = error.filename or "the output"
        sys.exit(_print(f"seqwright: {where}: {reason(error)}; make room, or name another file", 2))
    except Exception as error:
        if debug:
            raise
        text = f"{type(error).__name__}: {error}".replace("\n", " ")
        own = _line_of_imported(error)
        if own is not None:
            sys.exit(_print(f"seqwright: {own}: {text}; mend the imported file (--debug shows the traceback)", 2))
        sys.exit(_print(f"seqwright: a fault of ours: {text}; run again with --debug and report it", 1))


def _line_of_imported(error: Exception) -> str | None:
    """Return the last line of a file given by ``--import`` that an error came through; ``None`` if it came through none."""
    given = [name for before, name in pairwise(sys.argv) if before == "--import"]
    files = {
        str(Path(name).resolve()) if name.endswith(".py") else getattr(sys.modules.get(name), "__file__", None)
        for name in given
    }
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    return f"{lines[-1].filename}:{lines[-1].lineno}" if lines else None


def _options_first(arguments: Sequence[str]) -> list[str]:
    """Move ``--import NAME`` to the front, so that it may be given anywhere."""
    front, rest = [], list(arguments)
    while "--import" in rest[:-1]:
        at = rest.index("--import")
        front += rest[at : at + 2]
        del rest[at : at + 2]
    return front + rest


def _discard_output() -> None:
    """Point standard output to nowhere: writing the rest of its buffer must not fail once more at the end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print(line: str, code: int) -> int:
    print(line, file=sys.stderr)
    return code


if __name__ == "__main__":
    main()

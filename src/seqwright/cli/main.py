"""``seqwright``: the command, and what it does when something goes wrong."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Annotated

import typer

from seqwright import __version__
from seqwright.cli import attention, doctor, evaluate, heads, predict, study, train
from seqwright.core.errors import SeqwrightError

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


def _version(asked: bool) -> bool:
    if asked:
        typer.echo(f"seqwright {__version__}")
        raise typer.Exit
    return asked


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line: exit 0 when done, 2 when the user can mend it, 1 when we must, 130 when interrupted."""
    debug = "--debug" in sys.argv
    sys.argv = [sys.argv[0], *(argument for argument in sys.argv[1:] if argument != "--debug")]  # it may stand anywhere
    try:
        app()
    except SeqwrightError as error:
        if debug:
            raise
        sys.exit(_say(f"seqwright: {error}", 2))
    except KeyboardInterrupt:
        if debug:
            raise
        sys.exit(_say("seqwright: interrupted; what was finished is kept", 130))
    except BrokenPipeError:  # whoever read has enough
        with suppress(OSError, ValueError):  # what is left to be written must not fail once more at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        if debug:
            raise
        text = f"{type(error).__name__}: {error}".replace("\n", " ")
        sys.exit(_say(f"seqwright: a fault of ours: {text}; run again with --debug and tell us", 1))


def _say(line: str, code: int) -> int:
    print(line, file=sys.stderr)
    return code


if __name__ == "__main__":
    main()

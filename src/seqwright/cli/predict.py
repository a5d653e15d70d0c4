"""``seqwright predict``: the answers of a trained model, line by line."""

from __future__ import annotations

import json
import re
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Spec

if TYPE_CHECKING:
    from seqwright.decoding.decoding import Decoding
    from seqwright.runs.run import Prediction, Run


def predict(
    run: Annotated[Path, typer.Argument(help="The run's folder.")],
    file: Annotated[
        str, typer.Argument(help="A source (or prompt) a line, as in training; - for stdin; .gz too.")
    ] = "-",
    beam: Annotated[int | None, typer.Option(help="Beam search of this width, instead of greedy decoding.")] = None,
    length_penalty: Annotated[float, typer.Option(help="With --beam: above 1 favours longer answers.")] = 1.0,
    answers: Annotated[int, typer.Option(help="With --beam: print this many answers, best first, with scores.")] = 1,
    temperature: Annotated[
        float | None, typer.Option(help="Sample; below 1 sharpens the distribution, above 1 flattens it.")
    ] = None,
    top_k: Annotated[int | None, typer.Option(help="Sample among this many most probable symbols.")] = None,
    top_p: Annotated[
        float | None, typer.Option(help="Sample among the fewest symbols with this probability together.")
    ] = None,
    min_p: Annotated[
        float | None, typer.Option(help="Sample among symbols with at least this fraction of the highest probability.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The seed of sampling.")] = 0,
    limit: Annotated[
        int | None, typer.Option(help="The maximum number of symbols of an answer. (default: from training)")
    ] = None,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="A JSON object a line instead of tab-separated text.")] = False,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Answer every line, in order: the line, a tab, its answer (and with --answers, a line each with its score)."""
    decoding = _decoding(beam, length_penalty, answers, temperature, top_k, top_p, min_p, seed)
    if limit is not None and limit < 1:
        raise SeqwrightError(f"--limit {limit} is too few", fix="give 1 or more")
    from seqwright.runs.run import load
    from seqwright.training.device import checked_device

    loaded = load(run, device=checked_device(device))
    pending: deque[str] = deque()  # prompts that were read and are not answered yet

    def prompts() -> Iterator[tuple[str, ...] | None]:
        for prompt in loaded.reading.prompts(file):
            if prompt is None:
                yield None
                continue
            loaded.goal.check_prompt(loaded, prompt.symbols, prompt.where)
            pending.append(prompt.text)
            yield prompt.symbols

    for number, predictions in enumerate(loaded.answers_to(prompts(), decoding, seed=seed, limit=limit), 1):
        prompt = pending.popleft()
        if jsonl:
            print(_json_line(number, prompt, predictions))
        else:
            for line in loaded.goal.lines(prompt, predictions, scores=answers > 1):
                print(line)
        if not pending:  # a program that sends prompts may wait for the answers before it sends more
            sys.stdout.flush()
    sys.stdout.flush()
    print_unknown(loaded)


def _decoding(
    beam: int | None, length_penalty: float, answers: int, temperature: float | None, top_k: int | None,
    top_p: float | None, min_p: float | None, seed: int,
) -> Decoding:  # fmt: skip
    from seqwright.decoding.beam import Beam
    from seqwright.decoding.greedy import Greedy
    from seqwright.decoding.sampling import Sampling

    samples = any(value is not None for value in (temperature, top_k, top_p, min_p))
    if beam is not None and samples:
        raise SeqwrightError(
            "--beam searches and --temperature, --top-k, --top-p, --min-p sample", fix="give one of the two"
        )
    if length_penalty != 1.0 and beam is None:
        raise SeqwrightError("--length-penalty needs --beam", fix="give --beam 5")
    if not 0 <= seed < 2**63:
        raise SeqwrightError(f"--seed {seed} is out of range", fix="give a number from 0 to 2**63 − 1")
    if answers < 1:
        raise SeqwrightError(f"--answers {answers} is too few", fix="give 1 or more")
    if answers != 1 and beam is None:
        raise SeqwrightError("--answers needs --beam", fix=f"give --beam {max(answers, 5)}")
    if beam is not None:
        return in_range(Beam(width=beam, length_penalty=length_penalty, answers=answers))
    if samples:
        cut = {"top_k": top_k, "top_p": top_p, "min_p": min_p}
        return in_range(Sampling(temperature=1.0 if temperature is None else temperature, **cut))  # pyright: ignore[reportArgumentType]
    return Greedy()


def in_range(decoding: Spec) -> Any:
    """Return a decoding if all its numbers are in range.

    Raises:
        SeqwrightError: one is not; named by its option.
    """
    try:
        return decoding.checked()
    except SeqwrightError as error:
        found = re.search(r": (Expected .*?) - at `\$\.(\w+)`", error.what)
        if found is None:
            raise
        field = found[2]
        option = "beam" if field == "width" else field.replace("_", "-")
        raise SeqwrightError(
            f"--{option} {getattr(decoding, field)} is out of range", fix=f"{found[1].replace('`', '').lower()}"
        ) from error


def _json_line(number: int, prompt: str, predictions: list[Prediction]) -> str:
    answers = [
        {"text": p.text, "score": p.score, "log_probability": p.log_probability, "ended": p.stopped}
        for p in predictions
    ]
    return json.dumps({"line": number, "prompt": prompt, "answers": answers}, ensure_ascii=False)


def print_unknown(run: Run) -> None:
    """Print once which symbols the vocabulary lacks, the most frequent first."""
    if run.unknown:
        common = sorted(run.unknown, key=lambda symbol: -run.unknown[symbol])[:20]
        counts = ", ".join(f"{symbol!r} {run.unknown[symbol]:,}×" for symbol in common)
        print(f"seqwright: symbols that the training data lacks were left out: {counts}", file=sys.stderr)

"""``seqwright predict``: the answers of a trained model, line by line."""

from __future__ import annotations

import json
import re
import sys
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from seqwright.cli.options import Device, RunFolder, positive
from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Spec

if TYPE_CHECKING:
    from seqwright.decoding.decoding import Decoding
    from seqwright.runs.run import Prediction, Run


def predict(
    run: RunFolder,
    file: Annotated[str, Argument(help="A source (or prompt) a line, as in training; - for stdin; .gz too.")] = "-",
    beam: Annotated[int | None, Option(help="Beam search of this width, instead of greedy decoding.")] = None,
    length_penalty: Annotated[float, Option(help="With --beam: above 1 favours longer answers.")] = 1.0,
    answers: Annotated[
        int,
        Option(help="With --beam: print this many answers, best first, with scores.", callback=positive("--answers")),
    ] = 1,
    temperature: Annotated[
        float | None, Option(help="Sample; below 1 sharpens the distribution, above flattens.")
    ] = None,
    top_k: Annotated[int | None, Option(help="Sample among this many most probable symbols.")] = None,
    top_p: Annotated[float | None, Option(help="Sample among the fewest symbols of this probability together.")] = None,
    min_p: Annotated[
        float | None, Option(help="Sample among symbols of this fraction of the highest probability.")
    ] = None,
    seed: Annotated[int, Option(help="The seed of sampling.")] = 0,
    limit: Annotated[
        int | None, Option(help="Symbols of an answer at most. (default: from training)", callback=positive("--limit"))
    ] = None,
    jsonl: Annotated[bool, Option("--jsonl", help="A JSON object a line instead of tab-separated text.")] = False,
    device: Device = "cpu",
) -> None:
    """Answer every line, in order: the line, a tab, its answer (and with --answers, a line each with its score)."""
    beams = {"width": beam, "length_penalty": length_penalty, "answers": answers}
    decoding = _decoding(beams, {"temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p})
    if not 0 <= seed < 2**63:
        raise SeqwrightError(f"--seed {seed} is out of range", fix="give a number from 0 to 2**63 − 1")
    from seqwright.cli.loading import load_run

    loaded = load_run(run, device)
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


def _decoding(beam: dict[str, Any], sampling: dict[str, Any]) -> Decoding:
    """Return the decoding that the options choose: beam search, sampling, or greedy."""
    from seqwright.decoding.beam import Beam
    from seqwright.decoding.greedy import Greedy
    from seqwright.decoding.sampling import Sampling

    given: dict[str, Any] = {name: value for name, value in sampling.items() if value is not None}
    if beam["width"] is not None:
        if given:
            options = "--temperature, --top-k, --top-p, --min-p"
            raise SeqwrightError(f"--beam searches and {options} sample", fix="give one of the two")
        return in_range(Beam(**beam))
    if beam["length_penalty"] != 1.0:
        raise SeqwrightError("--length-penalty needs --beam", fix="give --beam 5")
    if beam["answers"] != 1:
        raise SeqwrightError("--answers needs --beam", fix=f"give --beam {max(beam['answers'], 5)}")
    return in_range(Sampling(**{"temperature": 1.0, **given})) if given else Greedy()


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

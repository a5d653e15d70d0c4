"""``seqwright predict``: ask a trained model, line by line."""

from __future__ import annotations

import json
import re
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

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
    length_penalty: Annotated[float, typer.Option(help="With --beam: how much longer answers are favoured.")] = 1.0,
    answers: Annotated[int, typer.Option(help="With --beam: the best so many answers, best first, with scores.")] = 1,
    temperature: Annotated[float | None, typer.Option(help="Sample; below 1 sharpens, above 1 flattens.")] = None,
    top_k: Annotated[int | None, typer.Option(help="Sample among the likeliest so many symbols.")] = None,
    top_p: Annotated[
        float | None, typer.Option(help="Sample among the fewest symbols of this probability together.")
    ] = None,
    min_p: Annotated[
        float | None, typer.Option(help="Sample among symbols this much as likely as the likeliest.")
    ] = None,
    seed: Annotated[int, typer.Option(help="What sampling draws from.")] = 0,
    limit: Annotated[
        int | None, typer.Option(help="How many symbols an answer may have. (default: from training)")
    ] = None,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="A JSON object a line instead of tab-separated text.")] = False,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Answer every line, in order: the line, a tab, its answer (and with --answers, a line each with its score)."""
    decoder = _decoder(beam, length_penalty, answers, temperature, top_k, top_p, min_p, seed)
    if limit is not None and limit < 1:
        raise SeqwrightError(f"--limit {limit} is too few", fix="give 1 or more")
    from seqwright.runs.run import load
    from seqwright.training.device import checked_device

    loaded = load(run, device=checked_device(device))
    asked: deque[str] = deque()  # questions that are read and not yet answered

    def sources() -> Iterator[tuple[str, ...] | None]:
        for question in loaded.reading.prompts(file):
            if question is None:
                yield None
                continue
            loaded.check_length(question.symbols, question.where)
            asked.append(question.text)
            yield question.symbols

    found = loaded.answers_to(sources(), decoder, seed=seed, limit=limit)
    for number, predictions in enumerate(found, 1):
        question = asked.popleft()
        _write(sys.stdout, number, question, predictions, scores=answers > 1, jsonl=jsonl, continues=loaded.continues)
        if not asked:  # whoever asked them may be waiting for the answers before asking more
            sys.stdout.flush()
    sys.stdout.flush()
    tell_unknown(loaded)


def _decoder(
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


def in_range(decoder: Spec) -> Any:
    """The decoder, if every number lies where it may.

    Raises:
        SeqwrightError: one does not; named as its option.
    """
    try:
        return decoder.checked()
    except SeqwrightError as error:
        found = re.search(r": (Expected .*?) - at `\$\.(\w+)`", error.what)
        if found is None:
            raise
        field = found[2]
        option = "beam" if field == "width" else field.replace("_", "-")
        raise SeqwrightError(
            f"--{option} {getattr(decoder, field)} is out of range", fix=f"{found[1].replace('`', '').lower()}"
        ) from error


def _write(
    out: TextIO, number: int, question: str, found: list[Prediction], *, scores: bool, jsonl: bool, continues: bool
) -> None:
    if jsonl:
        answers = [
            {"text": p.text, "score": p.score, "log_probability": p.log_probability, "ended": p.stopped} for p in found
        ]
        out.write(json.dumps({"line": number, "question": question, "answers": answers}, ensure_ascii=False) + "\n")
    elif continues:
        out.write(question + found[0].text + "\n")
    elif scores:
        for rank, prediction in enumerate(found, 1):
            out.write(f"{_cell(question)}\t{_cell(prediction.text)}\t{rank}\t{prediction.score:.4f}\n")
    else:
        out.write(f"{_cell(question)}\t{_cell(found[0].text)}\n")


def _cell(text: str) -> str:
    """A text as one cell of one line: tabs and line ends as ``\\t`` and ``\\n`` (``--jsonl`` has texts exactly)."""
    return text.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def tell_unknown(run: Run) -> None:
    """Say once which symbols training never showed, the commonest first."""
    if run.unknown:
        common = sorted(run.unknown, key=lambda symbol: -run.unknown[symbol])[:20]
        told = ", ".join(f"{symbol!r} {run.unknown[symbol]:,}×" for symbol in common)
        print(f"seqwright: symbols that training never showed were left out: {told}", file=sys.stderr)

"""``seqwright predict``: ask a trained model, line by line."""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from seqwright.core.errors import SeqwrightError

if TYPE_CHECKING:
    from seqwright.decoding.decoder import DecoderSpec
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
    decoder = _decoder(beam, length_penalty, answers, temperature, top_k, top_p, min_p)
    if limit is not None and limit < 1:
        raise SeqwrightError(f"--limit {limit} is too few", mend="give 1 or more")
    from seqwright.runs.run import load
    from seqwright.training.device import checked_device

    loaded = load(run, device=checked_device(device))
    window = 1 if file == "-" and sys.stdin.isatty() else 4096
    asked: deque[str] = deque()  # questions that are read and not yet answered

    def sources() -> Iterator[tuple[str, ...]]:
        for question in loaded.reading.questions(file):
            loaded.check_length(question.symbols, question.where)
            asked.append(question.text)
            yield question.symbols

    found = loaded.answers_to(sources(), decoder, seed=seed, limit=limit, window=window)
    for number, predictions in enumerate(found, 1):
        question = asked.popleft()
        _write(sys.stdout, number, question, predictions, scores=answers > 1, jsonl=jsonl, continues=loaded.continues)
        if window == 1:
            sys.stdout.flush()
    sys.stdout.flush()
    _unknown(loaded)


def _decoder(
    beam: int | None, length_penalty: float, answers: int, temperature: float | None, top_k: int | None,
    top_p: float | None, min_p: float | None,
) -> DecoderSpec:  # fmt: skip
    from seqwright.decoding.beam import Beam
    from seqwright.decoding.greedy import Greedy
    from seqwright.decoding.sampling import Sampling

    samples = any(value is not None for value in (temperature, top_k, top_p, min_p))
    if beam is not None and samples:
        raise SeqwrightError(
            "--beam searches and --temperature, --top-k, --top-p, --min-p sample", mend="give one of the two"
        )
    if answers != 1 and beam is None:
        raise SeqwrightError("--answers needs --beam", mend=f"give --beam {max(answers, 5)}")
    if beam is not None:
        return Beam(width=beam, length_penalty=length_penalty, answers=answers).checked()
    if samples:
        return Sampling(
            temperature=1.0 if temperature is None else temperature, top_k=top_k, top_p=top_p, min_p=min_p
        ).checked()
    return Greedy()


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
            out.write(f"{question}\t{prediction.text}\t{rank}\t{prediction.score:.4f}\n")
    else:
        out.write(f"{question}\t{found[0].text}\n")


def _unknown(run: Run) -> None:
    if run.unknown:
        common = sorted(run.unknown, key=lambda symbol: -run.unknown[symbol])[:20]
        told = ", ".join(f"{symbol!r} {run.unknown[symbol]:,}×" for symbol in common)
        print(f"seqwright: symbols that training never showed were left out: {told}", file=sys.stderr)

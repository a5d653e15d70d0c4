"""Generation from the examples: endings, and the effects of targets, padding and order of sources."""

from __future__ import annotations

from collections.abc import Iterator
from math import log

from seqwright.core.spec import Spec
from seqwright.doctor.check import Check, CheckGroup
from seqwright.doctor.checks.parameters import norms_are_initial
from seqwright.doctor.finding import Finding
from seqwright.doctor.generation import (
    GeneratedAnswers,
    answer_ids,
    comparable_answers,
    generate_answers,
    teacher_forced_input,
)
from seqwright.doctor.model_input import InputSampler
from seqwright.doctor.model_under_test import ModelUnderTest

NEVER_STOPS = Check(
    "never-stops",
    "Generated answers do not end.",
    "look whether the end is among the labels (labels-without-eos), whether generation uses its id, and whether positions beyond training were ever trained",
)
TEACHER_FORCED_ONLY = Check(
    "teacher-forced-only",
    "With the true tokens as input the model predicts the next one; generating, it errs.",
    "look for a leak of the future, for a wrong cache, and for generation that begins otherwise than training (bos, padding side, shift)",
)
ANSWERS_PADDED = Check(
    "answers-padded",
    "A source gets another answer alone than among longer ones.",
    "look for a padding mask that generation does not pass on, and for the side on which generation pads",
)
ANSWERS_REORDERED = Check(
    "answers-reordered",
    "No source gets another answer when two of its tokens are swapped.",
    "see order-blind; and look whether generation gives the model the positions that training gave it",
)
ANSWERS_CONSTANT = Check(
    "answers-constant",
    "Every source gets the same answer, though the targets differ.",
    "see mean-collapse and source-ignored; then whether the loss still falls, and how the learning rate affects it",
)
NEVER = 1e-3
"""An end whose probability is below this share of a uniform guess is never generated, trained or not."""

GUESSING = 0.9
"""A model whose mean entropy is above this share of a uniform guess's has not been trained."""
KNOWN = 0.9
"""The share of examples predicted from true tokens above which the model has learnt them."""
UNTRAINED = "The model is not trained: equal answers are to be expected."


class BehaviourChecks(Spec, CheckGroup):
    """``never-stops``, ``teacher-forced-only``, ``answers-padded``, ``answers-reordered`` and ``answers-constant``."""

    checks = (NEVER_STOPS, TEACHER_FORCED_ONLY, ANSWERS_PADDED, ANSWERS_REORDERED, ANSWERS_CONSTANT)
    order = 14

    def examine(self, subject: ModelUnderTest) -> Iterator[Finding]:
        """Generate from the examples, with changed sources, too."""
        missing = [name for name in ("generate", "examples") if getattr(subject, name) is None]
        if missing:
            needed = " and ".join(missing)
            yield from self.none_examined(f"Give {needed}, and generated answers are compared with the examples.")
            return
        if not subject.contract.predicts_next:
            yield from self.none_examined("An encoder does not generate.")
            return
        found = generate_answers(subject)
        yield _stops(subject, found)
        if not subject.contract.reads_source:
            for check in self.checks[1:]:
                yield check.not_examined("A decoder alone has no source, and no single right answer.")
            return
        examples = subject.examples or {}
        targets = examples["target"].tolist() if "target" in examples else []
        yield _teacher_forced(subject, found, targets)
        yield _padded(subject, found)
        yield _reordered(subject, found)
        yield _constant(subject, found, targets)


def _stops(subject: ModelUnderTest, found: GeneratedAnswers) -> Finding:
    contract = subject.contract
    if contract.eos is None:
        return NEVER_STOPS.not_examined("The contract has no end: answers may have a fixed length.")
    endless = [row for row, ended in enumerate(found.ended) if not ended]
    probability = _greatest_end_probability(subject, contract.eos)
    evidence = {
        "answers": len(found.rows),
        "without an end": len(endless),
        "greatest probability of an end": probability,
    }
    if not endless:
        return NEVER_STOPS.passed("Every answer ends.", **evidence)
    if _is_untrained(subject) and not probability <= NEVER / contract.vocabulary:
        return NEVER_STOPS.inconclusive("The model is not trained: endless answers are to be expected.", **evidence)
    made_up = contract.reads_source and not found.forced
    where = f"{'made-up ' if made_up else ''}example {endless[0]}: {found.rows[endless[0]][:24]}"
    return NEVER_STOPS.failed(where, evidence, only_warn=made_up and 2 * len(endless) < len(found.rows))


def _teacher_forced(subject: ModelUnderTest, found: GeneratedAnswers, targets: list[list[int]]) -> Finding:
    if not found.forced:
        return TEACHER_FORCED_ONLY.not_examined(
            "Give examples with targets, and generated answers are compared with them."
        )
    answers = ([answer_ids(ids, subject.contract) for ids in rows] for rows in (found.rows, targets))
    right = [answer == target for answer, target in zip(*answers, strict=True)]
    rows, known = len(right), sum(found.forced)
    lost = [row for row in range(rows) if found.forced[row] and not right[row]]
    evidence = {"right with true tokens": known / rows, "right when generated": sum(right) / rows}
    if known < KNOWN * rows:
        return TEACHER_FORCED_ONLY.inconclusive("The model has not learnt the examples.", **evidence)
    if len(lost) > (1 - KNOWN) * rows:
        return TEACHER_FORCED_ONLY.failed(f"example {lost[0]}: {found.rows[lost[0]][:24]} is generated", evidence)
    return TEACHER_FORCED_ONLY.passed("Targets that the model predicts are generated, too.", **evidence)


def _padded(subject: ModelUnderTest, found: GeneratedAnswers) -> Finding:
    if not found.alone:
        return ANSWERS_PADDED.not_examined("No source of the examples is padded.")
    pairs = {row: comparable_answers(found.rows[row], ids, subject.contract) for row, ids in found.alone.items()}
    changed = [row for row, (padded, alone) in pairs.items() if padded != alone]
    evidence = {"sources": len(found.alone), "other answers": len(changed)}
    if not changed:
        return ANSWERS_PADDED.passed("Answers are the same alone and among longer sources.", **evidence)
    row = changed[0]
    where = f"source {found.prompts[row].tolist()}: {found.rows[row][:24]} among others, {found.alone[row][:24]} alone"
    return ANSWERS_PADDED.failed(where, evidence)


def _reordered(subject: ModelUnderTest, found: GeneratedAnswers) -> Finding:
    if not found.reordered:
        return ANSWERS_REORDERED.not_examined("No source of the examples has two tokens that could be swapped.")
    sources, contract = len(found.reordered), subject.contract
    pairs = [(found.rows[row], after) for row, (_, after) in found.reordered.items()]
    if any(answer_ids(before, contract) != answer_ids(after, contract) for before, after in pairs):
        return ANSWERS_REORDERED.passed("Answers change with the order of their sources.", sources=sources)
    if _is_untrained(subject):
        return ANSWERS_REORDERED.inconclusive(UNTRAINED, sources=sources)
    row, (changed, _) = next(iter(found.reordered.items()))
    where = f"sources {found.prompts[row].tolist()} and {changed}: {found.rows[row][:24]}"
    because = "It may be intended, as where a source is sorted or counted."
    return ANSWERS_REORDERED.failed(where, {"sources": sources}, because=because, only_warn=True)


def _constant(subject: ModelUnderTest, found: GeneratedAnswers, targets: list[list[int]]) -> Finding:
    if len(set(map(tuple, targets))) < 2:
        return ANSWERS_CONSTANT.not_examined("Give examples with targets that differ.")
    pairs = ((ids, found.alone.get(row, ids)) for row, ids in enumerate(found.rows))
    if len({comparable_answers(*pair, subject.contract)[0] for pair in pairs}) > 1:
        return ANSWERS_CONSTANT.passed("Answers differ.")
    if _is_untrained(subject):
        return ANSWERS_CONSTANT.inconclusive(UNTRAINED)
    return ANSWERS_CONSTANT.failed(f"all {len(found.rows)} sources: {found.rows[0][:24]}", {"answers": 1})


def _greatest_end_probability(subject: ModelUnderTest, eos: int) -> float:
    """Return the greatest probability of an end at any position of the examples."""
    batch = teacher_forced_input(subject)
    if batch is None:
        return float("nan")
    probabilities = subject.original.logits(batch).softmax(-1)
    return probabilities[..., eos].nan_to_num(0.0).max().item() if probabilities.shape[-1] > eos else 0.0


def _is_untrained(subject: ModelUnderTest) -> bool:
    """Return whether the model looks untrained: its norms have initial values, or its predictions are nearly uniform."""
    if norms_are_initial(subject.original.module):
        return True
    batch = teacher_forced_input(subject) or InputSampler(subject.contract, 32).batch(4, subject.length(6))
    log_p = subject.original.logits(batch).nan_to_num(0.0).log_softmax(-1)
    entropy = -(log_p.exp() * log_p).sum(-1).mean().item()
    return entropy > GUESSING * log(log_p.shape[-1])

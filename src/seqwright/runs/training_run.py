"""A run in training: when to evaluate, save and stop, and the lines of its metrics."""

from __future__ import annotations

import copy
import json
import os
import time
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, Protocol, TextIO, runtime_checkable

import torch
from msgspec.structs import replace

from seqwright.core.errors import SeqwrightError
from seqwright.core.files import write_atomically
from seqwright.core.model import build
from seqwright.core.spec import Spec
from seqwright.data.batching import Examples, Sampler
from seqwright.runs.folder import RunFolder
from seqwright.runs.manifest import Manifest, Result
from seqwright.training.checkpoint import ELSEWHERE, Checkpoint, ModelWeights, write_checkpoint
from seqwright.training.optimiser import Optimiser
from seqwright.training.processes import Processes, ProcessGenerators, default_generator
from seqwright.training.selector import Evaluated, Selector
from seqwright.training.trainer import Trainer

EVERY_SECONDS = 60
"""The longest time between checkpoints; when they are written does not change what is learnt."""

OUT_OF_TIME = "the time that was given is up"


class Weights(Spec):
    """The facts beside the weights in ``model.safetensors``."""

    step: int


class TrainingFacts(Spec):
    """The facts beside the tensors in ``last.safetensors``: training time, kind of device, and whose state it holds."""

    seconds: float
    device: str
    optimiser: Optimiser


@runtime_checkable
class TrainingData(Protocol):
    """The data of a run: rows to train on, and an evaluation on other rows."""

    train: Examples

    def evaluate(self, model: Any, rows: int, device: str) -> Evaluated:
        """Measure a model on all dev rows, generating answers to at most ``rows`` of them."""
        ...


class TrainingRun:
    """A run that trains until it is done or stopped, and continues from its last checkpoint to the same bits.

    All random draws of the model come from torch's own generator of the device, so parts that take no generator, such as
    ``nn.Dropout``, continue exactly too.

    Args:
        folder, manifest: the run. If the folder has a checkpoint, the run continues from it.
        data: the rows to train and to evaluate on.
        processes: the processes that train together.
        device: the device of this process.
        note: a function that is called with each message to the user.

    Attributes:
        kept: the step of the weights in ``model.safetensors``, 0 while there are none.

    Raises:
        SeqwrightError: the checkpoint is missing though training had begun, is damaged, or is not of this run.
    """

    def __init__(
        self, folder: RunFolder, manifest: Manifest, data: TrainingData, processes: Processes, device: str,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:  # fmt: skip
        self.folder, self.recipe, self.data, self.note = folder, manifest.recipe, data, note
        self.processes, self.device = processes, device
        dtype = torch.float64 if self.recipe.training.precision == "float64" else torch.float32
        self.model = build(self.recipe.model, seed=manifest.seed).to(device, dtype).train()
        generator = default_generator(device).manual_seed(manifest.seed * 1_000_003 + processes.rank)
        order = torch.Generator().manual_seed(manifest.seed)
        self.sampler = Sampler(data.train, self.recipe.batching, order, (processes.rank, processes.of))
        self.trainer = Trainer(processes.trainable(self.model), self.recipe.training)
        self.average = self.recipe.averaging.build(dict(self.model.named_parameters()))
        self.selector = Selector(self.recipe.evaluation.by)
        self.generators = ProcessGenerators(generator, processes)
        self.checkpoint = Checkpoint(
            folder.last,
            {
                "model": ModelWeights(self.model), "trainer": self.trainer, "average": self.average,
                "sampler": self.sampler, "selector": self.selector, "generators": self.generators,
            },
        )  # fmt: skip
        self.eval_model = copy.deepcopy(self.model).eval()
        self.set_aside = folder.path / "evaluated.safetensors"
        self.facts = TrainingFacts(0.0, torch.device(device).type, self.recipe.training.optimiser)
        self.loss, self.evaluated, self.news = 0.0, -1, ""
        self._restore()
        self.kept = self.selector.best_step
        self._since = self._saved = time.monotonic()

    def train(
        self, *, watch: Callable[[TrainingRun], None] = lambda run: None, stop: Callable[[], bool] = lambda: False,
        seconds: float | None = None,
    ) -> Result | None:  # fmt: skip
        """Train to the end of the recipe or of the time; return ``None`` if ``stop()`` ended it before.

        Raises:
            SeqwrightError: a loss or gradient is not finite; the last checkpoint is kept.
        """
        if not self.folder.last.exists():
            self.save()  # so that a folder with metrics always has a checkpoint
        if self.processes.is_main:
            self.folder.rewind(self.trainer.step)
        # the file is only appended to: what a kill leaves after the last checkpoint is dropped when the run continues
        with self.folder.metrics.open("a", encoding="utf-8", buffering=1) as lines:
            while True:
                why = self._over(seconds)
                stopped = why is None and bool(self.processes.broadcast(stop()))
                if why or stopped:
                    self.save()
                    if stopped or why == OUT_OF_TIME:
                        self._evaluate_at_stop()
                    return None if why is None else self._result(why)
                self._step(lines)
                if self._evaluation_due():
                    self._evaluate(lines)
                    self.save()
                elif self.processes.broadcast(time.monotonic() - self._saved > EVERY_SECONDS):
                    self.save()
                watch(self)

    def _step(self, lines: TextIO) -> None:
        batches = [next(self.sampler).to(self.device) for _ in range(self.recipe.training.accumulate)]
        gradient = self.trainer.gradient(batches)
        if not gradient.finite:
            what = "gradient" if bool(gradient.losses.isfinite().all()) else "loss"
            rows = ", ".join(str(row + 1) for row in self.sampler.rows[:5])
            raise self._not_a_number(
                f"{what} is not a number at step {self.trainer.step + 1} (batch of rows {rows}, …)"
            )
        line = {
            "step": self.trainer.step + 1,
            "epoch": round(self.sampler.epochs, 4),
            "loss": gradient.losses[0].item(),
            "rate": self.trainer.rate,
        }
        if gradient.norms is not None:
            line["norm"] = gradient.norms[0].item()
        self.trainer.update()
        self.average.after_step(self.trainer.step)
        self.loss = line["loss"]
        self._write(lines, line)

    def _not_a_number(self, what: str) -> SeqwrightError:
        return SeqwrightError(
            f"the {what}, epoch {self.sampler.epochs:.2f}; {self.folder.last.name} is of before",
            where=str(self.folder.path),
            fix="train a new run with a lower rate (--set training.rate=…) or a shorter --set training.clip=…",
        )

    def _at_the_end(self) -> bool:
        training = self.recipe.training
        done = training.max_epochs is not None and self.sampler.epochs >= training.max_epochs
        return self.trainer.step >= training.steps or done

    def _over(self, seconds: float | None) -> str | None:
        training, waited = self.recipe.training, self.selector.waited
        if self.trainer.step >= training.steps:
            return f"all {training.steps:,} steps are done"
        if self._at_the_end():
            return f"all {training.max_epochs} epochs are done"
        if waited >= self.recipe.evaluation.patience:
            return f"no better evaluation among the last {waited}"
        if seconds is not None and self.processes.broadcast(self.seconds > seconds):
            return OUT_OF_TIME
        return None

    # ------------------------------------------------------------------ evaluations

    def _evaluation_due(self) -> bool:
        return self.trainer.step % self.recipe.evaluation.every == 0 or self._at_the_end()

    def _evaluate(self, lines: TextIO) -> None:
        measured = self._measure()
        if not self.processes.broadcast(measured is not None and isfinite(measured.loss)):
            raise self._not_a_number(f"dev loss is not a number after step {self.trainer.step}")
        if measured is not None:
            line = {"step": self.trainer.step, "dev_loss": measured.loss, "dev_exact_match": measured.exact_match}
            self._write(lines, {name: value for name, value in line.items() if value is not None})
            if self.selector.evaluated(self.trainer.step, measured):
                self._keep()
            self._report(measured)
        self.selector.waited = int(self.processes.broadcast(self.selector.waited))

    def _evaluate_at_stop(self) -> None:
        """Evaluate the weights of a run that stops early, and keep them for prediction if they are better.

        This follows the last checkpoint and writes no metrics, so the run continues as if it had not happened: weights
        that a scheduled evaluation kept are set aside, and put back when the run continues.
        """
        if not self.processes.is_main or (self.trainer.step and self._evaluation_due()):
            return
        measured = self._measure()
        if measured is None or not isfinite(measured.loss) or not self.selector.better(measured):
            return
        if self.selector.best_step and self.folder.best.exists():
            write_atomically(self.set_aside, self.folder.best.read_bytes())
        self._keep()
        self.selector.evaluated(self.trainer.step, measured)  # for the result; the checkpoint has the state of before
        self._report(measured)
        self.note(f"evaluated at the stop: {self.news}")

    def _measure(self) -> Evaluated | None:
        """Evaluate the averaged weights, in the main process."""
        self.average.before_evaluation()
        if not self.processes.is_main:
            return None
        weights, buffers = self.average.averaged(), dict(self.model.named_buffers())
        with torch.no_grad():
            for name, parameter in self.eval_model.named_parameters():
                parameter.copy_(weights[name])
            for name, buffer in self.eval_model.named_buffers():
                buffer.copy_(buffers[name])
        return self.data.evaluate(self.eval_model, self.recipe.evaluation.rows, self.device)

    def _keep(self) -> None:
        self.kept = self.trainer.step
        write_checkpoint(self.folder.best, self.eval_model.state_dict(), Weights(step=self.kept))

    def _report(self, measured: Evaluated) -> None:
        match = "" if measured.exact_match is None else f"  exact match {measured.exact_match:.3f}"
        kept = "  (kept)" if self.kept == self.trainer.step else ""
        self.evaluated = self.trainer.step
        self.news = (
            f"step {self.trainer.step:,}  epoch {self.sampler.epochs:.1f}  loss {self.loss:.4f}"
            f"  dev loss {measured.loss:.4f}{match}{kept}"
        )

    def _result(self, why: str) -> Result:
        return Result(
            why=why,
            steps=self.trainer.step,
            epochs=round(self.sampler.epochs, 2),
            best_step=self.kept or self.trainer.step,
            dev_loss=self.selector.best_loss,
            dev_exact_match=self.selector.best_exact_match,
            seconds=round(self.seconds, 1),
            notes=[],
        )

    def _write(self, lines: TextIO, line: Mapping[str, object]) -> None:
        if self.processes.is_main:
            lines.write(json.dumps(line) + "\n")

    @property
    def seconds(self) -> float:
        """The time that the run has trained, without pauses."""
        return self.facts.seconds + time.monotonic() - self._since

    # ------------------------------------------------------------------ checkpoints

    def save(self) -> None:
        """Write the checkpoint; every process takes part."""
        state = self.checkpoint.state()
        self._saved = time.monotonic()
        if self.processes.is_main:
            write_checkpoint(self.folder.last, state, replace(self.facts, seconds=self.seconds))

    def _restore(self) -> None:
        if not self.folder.last.exists():
            self._check_fresh()
            return
        before = self.checkpoint.restore(TrainingFacts)
        if before.optimiser != self.facts.optimiser:
            raise SeqwrightError(
                f"is of a run with another optimiser, {before.optimiser}", where=str(self.folder.last), fix=ELSEWHERE
            )
        if before.device != self.facts.device:
            draws = " and dropout draws anew" if self.generators.reseeded else ""
            self.note(
                f"the run was trained on {before.device} and continues on {self.facts.device}:"
                f" the next steps differ in their last bits{draws}"
            )
        self.facts = replace(self.facts, seconds=before.seconds)
        if self.processes.is_main and self.set_aside.exists():
            os.replace(self.set_aside, self.folder.best)

    def _check_fresh(self) -> None:
        if not self.processes.is_main or not (self.folder.best.exists() or self.folder.lines()):
            return
        answer = " its weights still answer (seqwright predict);" if self.folder.best.exists() else ""
        raise SeqwrightError(
            "is missing, so this run cannot be continued",
            where=str(self.folder.last),
            fix=f"bring the file back from a copy;{answer} to train again, begin a new run in another folder",
        )

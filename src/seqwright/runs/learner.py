"""Training as a run does it: steps, evaluations, checkpoints, and going on from where it was."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Annotated, TextIO

import msgspec
import torch
from msgspec.structs import replace
from torch import Tensor

from seqwright.core.errors import SeqwrightError
from seqwright.core.model import build
from seqwright.core.spec import Spec
from seqwright.data.batching import Sampler
from seqwright.goals.data import Measured
from seqwright.goals.data import PreparedData as Data
from seqwright.nn.dropout import draw_from
from seqwright.runs.folder import Manifest, Result, RunFolder
from seqwright.training.checkpoint import load_weights, read_checkpoint, write_checkpoint
from seqwright.training.processes import Processes
from seqwright.training.trainer import Gradient, Loop

EVERY_SECONDS = 60
"""Between checkpoints at most; where they fall does not change what is learnt."""


Natural = Annotated[int, msgspec.Meta(ge=0)]
"""A number of things of which there may be none."""


class TrainerState(Spec):
    """Where a run stands; what is not a tensor in ``last.safetensors``."""

    step: Natural = 0
    epoch: Natural = 0
    index: Natural = 0
    seconds: float = 0.0
    best_step: Natural = 0
    best_loss: float | None = None
    best_exact_match: float | None = None
    highest: float = 0.0
    """The highest exact match of all evaluations; that of ``best_step``, whose weights are kept, may be a little lower."""
    waited: Natural = 0
    """Evaluations since weights were kept."""


class Weights(Spec):
    """What goes with the weights in ``model.safetensors``."""

    step: int


class Trainer:
    """One model on its way.

    Everything that the next step depends on is written by :meth:`save`; a learner that restores it takes the same steps, to
    the last bit, as one that was never stopped.

    Args:
        folder, manifest: the run.
        data: what it learns from and is asked.
        processes: who trains together.
        device: where this process trains.
    """

    def __init__(self, folder: RunFolder, manifest: Manifest, data: Data, processes: Processes, device: str) -> None:
        self.folder, self.recipe, self.data = folder, manifest.recipe, data
        self.processes, self.device = processes, device
        dtype = torch.float64 if self.recipe.training.precision == "float64" else torch.float32
        self.model = build(self.recipe.model, seed=manifest.seed).to(device, dtype).train()
        self.dropout = torch.Generator(device).manual_seed(manifest.seed * 1_000_003 + processes.rank)
        draw_from(self.model, self.dropout)
        order = torch.Generator().manual_seed(manifest.seed)
        self.sampler = Sampler(data.train, self.recipe.batching, order, (processes.rank, processes.of))
        self.loop = Loop(processes.trainable(self.model), self.recipe.training)
        self.average = self.recipe.averaging.build()
        self.asked = copy.deepcopy(self.model).eval()  # holds whichever weights are evaluated
        self.standing = TrainerState()
        self.loss, self.evaluated, self.news = 0.0, -1, ""
        if folder.last.exists():
            self._restore()
        self._since, self._saved = time.monotonic(), time.monotonic()

    # ------------------------------------------------------------------ the steps

    def learn(
        self, *, watch: Callable[[Trainer], None], stop: Callable[[], bool], seconds: float | None
    ) -> Result | None:
        """Step until the recipe says that it is over, or ``None`` if ``stop`` said so first.

        Raises:
            SeqwrightError: a loss or gradient is not a number; the last checkpoint is kept.
        """
        if self.processes.first:
            self.folder.rewind(self.standing.step)
        # a file is only appended to: what a kill leaves after the last checkpoint is forgotten on resuming
        with self.folder.metrics.open("a", encoding="utf-8", buffering=1) as lines:
            while True:
                why = self._over(seconds)
                if why:
                    if not self.standing.best_step:
                        self._keep()  # the time was up before the first evaluation
                    self.save(lines)
                    return self._result(why)
                if self.processes.agree(stop()):
                    self.save(lines)
                    return None
                self._step(lines)
                last = self._at_the_end()
                if self.loop.step % self.recipe.evaluation.every == 0 or last:
                    self._evaluate(lines)
                    self.save(lines)
                elif self.processes.agree(time.monotonic() - self._saved > EVERY_SECONDS):
                    self.save(lines)
                watch(self)

    def _step(self, lines: TextIO) -> None:
        batches = [next(self.sampler).to(self.device) for _ in range(self.recipe.training.accumulate)]
        gradient = self.loop.gradient(batches)
        self._check(gradient)
        line = {
            "step": self.loop.step + 1,
            "epoch": round(self.sampler.passes, 4),
            "loss": gradient.losses[0].item(),
            "rate": self.loop.rate,
        }
        if gradient.norms is not None:
            line["norm"] = gradient.norms[0].item()
        self.loop.update()
        self.average.stepped(dict(self.model.named_parameters()), self.loop.step)
        self.loss = line["loss"]
        self._note(lines, line)

    def _check(self, gradient: Gradient) -> None:
        if not gradient.finite:
            what = "loss" if not bool(gradient.losses.isfinite().all()) else "gradient"
            rows = ", ".join(str(row + 1) for row in self.sampler.rows[:5])
            raise self._not_a_number(f"{what} is not a number at step {self.loop.step + 1} (batch of rows {rows}, …)")

    def _not_a_number(self, what: str) -> SeqwrightError:
        kept = f"; {self.folder.last.name} is of before" if self.folder.last.exists() else ""
        return SeqwrightError(
            f"the {what}, epoch {self.sampler.passes:.2f}{kept}",
            where=str(self.folder.path),
            fix="train a new run with a lower rate (--set training.rate=…) or a shorter --set training.clip=…",
        )

    def _at_the_end(self) -> bool:
        training = self.recipe.training
        done = training.max_epochs is not None and self.sampler.passes >= training.max_epochs
        return self.loop.step >= training.steps or done

    def _over(self, seconds: float | None) -> str | None:
        training, waited = self.recipe.training, self.standing.waited
        if self.loop.step >= training.steps:
            return f"all {training.steps:,} steps are done"
        if self._at_the_end():
            return f"all {training.max_epochs} epochs are done"
        if waited >= self.recipe.evaluation.patience:
            return f"no better evaluation among the last {waited}"
        if seconds is not None and self.processes.agree(self.seconds > seconds):
            return OUT_OF_TIME
        return None

    # ------------------------------------------------------------------ evaluations

    def _evaluate(self, lines: TextIO) -> None:
        now = dict(self.model.named_parameters())
        self.average.evaluating(now)
        measured = None
        if self.processes.first:
            self._lay(now)
            measured = self.data.evaluate(self.asked, self.recipe.evaluation.rows, self.device)
        if not self.processes.agree(measured is not None and isfinite(measured.loss)):
            raise self._not_a_number(f"dev loss is not a number after step {self.loop.step}")
        if measured is not None:
            self._note(lines, {"step": self.loop.step, **measured.line()})
            self._judge(measured)
            self._tell(measured)
        waited = int(self.processes.agree(self.standing.waited))
        self.standing = replace(self.standing, waited=waited)

    def _lay(self, now: Mapping[str, Tensor]) -> None:
        """Lay the weights that are to be evaluated, or kept, into ``asked``."""
        weights = self.average.weights(now)
        with torch.no_grad():
            for name, parameter in self.asked.named_parameters():
                parameter.copy_(weights[name])

    def _keep(self) -> None:
        """Keep the weights as they are, unmeasured."""
        if self.processes.first:
            self._lay(dict(self.model.named_parameters()))
            write_checkpoint(self.folder.best, self.asked.state_dict(), Weights(step=self.loop.step))

    def _tell(self, measured: Measured) -> None:
        """What people are shown of an evaluation."""
        matches = "" if measured.exact_match is None else f"  exact match {measured.exact_match:.3f}"
        kept = "  (kept)" if self.standing.best_step == self.loop.step else ""
        self.evaluated = self.loop.step
        self.news = (
            f"step {self.loop.step:,}  epoch {self.sampler.passes:.1f}  loss {self.loss:.4f}"
            f"  dev loss {measured.loss:.4f}{matches}{kept}"
        )

    def _judge(self, measured: Measured) -> None:
        """Keep the weights if no earlier ones are known to be better.

        By exact match, the latest are kept of those that chance alone may separate from the highest (after the one standard
        error rule of Breiman et al. 1984, §3.4.3): on a few hundred dev rows the highest is mostly luck, and later weights
        were trained at a lower rate. Until a row is answered exactly, less loss is better.
        """
        standing = self.standing
        if self.recipe.evaluation.by == "exact_match" and measured.exact_match is not None:
            before = max(standing.highest, standing.best_exact_match or 0.0)  # the latter in runs that did not note it
            standing = replace(standing, highest=max(before, measured.exact_match))
        if standing.highest:
            kept = measured.rivals(standing.highest)
        else:
            kept = standing.best_loss is None or measured.loss < standing.best_loss
        if not kept:
            self.standing = replace(standing, waited=standing.waited + 1)
            return
        self.standing = replace(
            standing,
            best_step=self.loop.step,
            best_loss=measured.loss,
            best_exact_match=measured.exact_match,
            waited=0,
        )
        write_checkpoint(self.folder.best, self.asked.state_dict(), Weights(step=self.loop.step))

    def _result(self, why: str) -> Result:
        standing = self.standing
        return Result(
            why=why,
            steps=self.loop.step,
            epochs=round(self.sampler.passes, 2),
            best_step=standing.best_step or self.loop.step,
            dev_loss=standing.best_loss,
            dev_exact_match=standing.best_exact_match,
            seconds=round(self.seconds, 1),
            notes=[],
        )

    def _note(self, lines: TextIO, line: Mapping[str, object]) -> None:
        if self.processes.first:
            lines.write(json.dumps(line) + "\n")

    @property
    def seconds(self) -> float:
        """How long it has trained, pauses not counted."""
        return self.standing.seconds + time.monotonic() - self._since

    # ------------------------------------------------------------------ stopping and going on

    def save(self, lines: TextIO) -> None:
        """Write down where the run stands."""
        generators = self.processes.gather(self.dropout.get_state())
        self._saved = time.monotonic()
        if not self.processes.first:
            return
        lines.flush()
        epoch, index, began_with = self.sampler.place()
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors |= {f"average.{name}": tensor for name, tensor in self.average.tensors.items()}
        for number, state in self.loop.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": tensor for name, tensor in state.items()}
        tensors |= {f"dropout.{rank}": state for rank, state in enumerate(generators)}
        tensors["order"] = began_with
        standing = replace(self.standing, step=self.loop.step, epoch=epoch, index=index, seconds=self.seconds)
        write_checkpoint(self.folder.last, tensors, standing)

    def _restore(self) -> None:
        """Go on from ``last.safetensors``.

        Raises:
            SeqwrightError: it is damaged, or not of this run.
        """
        tensors, self.standing = read_checkpoint(self.folder.last, TrainerState)
        try:
            self._take(tensors)
        except (KeyError, ValueError, RuntimeError, TypeError) as error:
            raise SeqwrightError(
                f"does not fit this run: {str(error).splitlines()[0]}",
                where=str(self.folder.last),
                fix="it is damaged or of another run; take it from a copy, or train again",
            ) from error

    def _take(self, tensors: Mapping[str, Tensor]) -> None:
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}, "optimizer": {}, "dropout": {}, "order": {}}
        for name, tensor in tensors.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = tensor
        weights = dict(self.model.named_parameters())
        shapes = {
            f"{number}.{key}": weight.shape if key != "step" else torch.Size([])
            for number, weight in enumerate(weights.values())
            for key in ("exp_avg", "exp_avg_sq", "step")
        }
        if {name: tensor.shape for name, tensor in parts["optimizer"].items()} != (
            shapes if self.standing.step else {}
        ):
            raise ValueError("the optimiser's part is not whole")
        if self.standing.step > self.recipe.training.steps:
            raise ValueError(f"step {self.standing.step} is beyond the last")
        load_weights(self.model, parts["model"], self.folder.last)
        self.average.tensors = {name: tensor.to(self.device) for name, tensor in parts["average"].items()}
        if self.standing.step and not self.average.fits(weights):
            raise ValueError("the average's part is not whole")
        states: dict[int, dict[str, Tensor]] = {}
        for name, tensor in parts["optimizer"].items():
            number, _, key = name.partition(".")
            states.setdefault(int(number), {})[key] = tensor
        groups = self.loop.optimizer.state_dict()["param_groups"]
        self.loop.optimizer.load_state_dict({"state": states, "param_groups": groups})
        self.loop.step = self.standing.step
        if self.processes.rank < max(1, len(parts["dropout"])):  # one that was not there yet begins its own draws
            self.dropout.set_state(parts["dropout"][str(self.processes.rank)])
        self.sampler.resume(self.standing.epoch, self.standing.index, parts["order"][""])


OUT_OF_TIME = "the time that was given is up"

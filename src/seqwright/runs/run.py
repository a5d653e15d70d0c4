"""A trained run: answers, evaluations and attention."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from seqwright.core.errors import SeqwrightError
from seqwright.core.model import Side
from seqwright.decoding.decoding import Decoding
from seqwright.decoding.greedy import Greedy
from seqwright.evaluation.measures import Measures
from seqwright.evaluation.metrics import TextMetric
from seqwright.evaluation.text import TextMeasures
from seqwright.goals.trained import Prediction, TrainedModel
from seqwright.runs.attention import attention_of
from seqwright.runs.folder import RunFolder
from seqwright.runs.manifest import Manifest
from seqwright.runs.old_form import current_parameters
from seqwright.runs.training_run import Weights
from seqwright.training.checkpoint import load_weights, read_checkpoint
from seqwright.viewer.limits import generation_limit
from seqwright.viewer.page import Pass
from seqwright.viewer.selection import Selection


class Run(TrainedModel):
    """A trained model with its folder, made by :func:`seqwright.load` or :func:`seqwright.train`."""

    def __init__(self, folder: RunFolder, manifest: Manifest, model: Any, device: str) -> None:
        self.folder, self.manifest = folder, manifest
        vocabulary = manifest.recipe.goal.vocabulary(folder.symbols())
        super().__init__(model, manifest.recipe, vocabulary, manifest.reading, manifest.limit, device)

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.folder.path

    def predict(
        self,
        prompts: str | Iterable[str],
        decoding: Decoding | None = None,
        *,
        seed: int = 0,
        limit: int | None = None,
    ) -> list[str]:
        """Return the best answer to each prompt (a source, or a beginning of a text), in order; see :meth:`answers`."""
        return [found[0].text for found in self.answers(prompts, decoding, seed=seed, limit=limit)]

    def answers(
        self,
        prompts: str | Iterable[str],
        decoding: Decoding | None = None,
        *,
        seed: int = 0,
        limit: int | None = None,
        window: int = 4096,
    ) -> Iterator[list[Prediction]]:
        """Yield each prompt's answers, best first, in order and as they come: a million prompts need no more memory.

        Symbols that the vocabulary lacks are left out of a prompt, and counted in :attr:`unknown`.

        Args:
            prompts: written as the sources of the training data; a single text is one prompt.
            decoding: how answers are chosen; greedily if left out.
            seed: of sampling.
            limit: the maximum number of tokens of an answer; the run's own if left out.
            window: the number of prompts that are read before the first is answered.
        """
        prompts = [prompts] if isinstance(prompts, str) else prompts
        symbols = (self.reading.prompt(prompt) for prompt in prompts)
        return self.answers_to(symbols, decoding, seed=seed, limit=limit, window=window)

    def answers_to(
        self,
        prompts: Iterable[tuple[str, ...] | None],
        decoding: Decoding | None = None,
        *,
        seed: int = 0,
        limit: int | None = None,
        window: int = 4096,
    ) -> Iterator[list[Prediction]]:
        """Yield the same for prompts that are symbols already; ``None`` means that the next one is not available yet."""
        generator = torch.Generator().manual_seed(seed)
        for found in self.hypotheses(prompts, decoding, generator=generator, limit=limit, window=window):
            texts = (self.reading.target_text(self.vocabulary.decode(each.ids)) for each in found)
            yield [
                Prediction(text, each.score, each.log_probability, each.stopped)
                for text, each in zip(texts, found, strict=True)
            ]

    def evaluate(
        self, path: Path | str, decoding: Decoding | None = None, *, also: Collection[TextMetric] = ()
    ) -> Measures | TextMeasures:
        """Evaluate the model on a file that is written as its training data; see the goal's ``measure``.

        Raises:
            SeqwrightError: the file cannot be used, or the goal has no answers to decode.
        """
        return self.goal.measure(self, Path(path), decoding, also)

    def attention(
        self,
        prompt: str,
        answer: str | None = None,
        *,
        decoding: Decoding | None = None,
        limit: int | None = None,
        layers: Iterable[int] | None = None,
        heads: Iterable[int] | None = None,
        name: str = "",
    ) -> Pass:
        """Return the attention of one pass over a prompt and an answer, which ``.html(path)`` draws.

        Args:
            prompt: a source, or a text to be continued.
            answer: the text that the decoder is given. If left out, a source's answer is generated, and running text is
                read as it is.
            decoding: how an answer is chosen; greedily if left out.
            limit: the maximum number of generated tokens; running text is continued only where this or ``decoding`` is given.
            layers, heads: their numbers, counted from 0; all if left out.
            name: the name of the pass beside another; the prompt if left out.

        Raises:
            SeqwrightError: there is no such layer or head, or the sequences are too long for the model or for a page.
        """
        symbols = self.reading.prompt(prompt)
        self.goal.check_prompt(self, symbols)
        known = self.goal.known_prompt(self, symbols)
        ids, ended, note = [], False, ""
        if answer is not None:
            answer_symbols = self.reading.target.split(self.reading.normalisation.apply(answer))
            ids, ended = self.vocabulary.encode(self.known(answer_symbols)), True
        elif self.goal.has_targets or decoding is not None or limit is not None:
            prefix = len(self.goal.forced(self.vocabulary, known, (), ended=False).inputs)
            longest = self.goal.context(self.recipe) or self.recipe.model.max_length("target")
            most, note = generation_limit(longest, prefix - 1, limit or self.limit)
            found = self.goal.generate(self, [known], decoding or Greedy(), generator=None, limit=most, window=1)
            best = next(found)[0]
            ids, ended = list(best.ids), best.stopped
        forced = self.goal.forced(self.vocabulary, known, ids, ended=ended)
        seen = attention_of(
            self.model,
            self.recipe.model,
            self.vocabulary,
            forced.source,
            forced.inputs,
            forced.labels,
            selection=Selection.of(layers, heads),
            forbidden=self.vocabulary.forbidden,
            name=name or prompt,
            model_name=self.path.name,
        )
        return replace(seen, note=f"{note} {seen.note}".strip())


_TOGETHER = "the files of a run belong together"


def load(path: Path | str, *, device: str = "cpu") -> Run:
    """Load a run from its folder, with the best weights that training found.

    Raises:
        SeqwrightError: the folder is no run, is damaged, or has no weights yet.
    """
    folder = RunFolder.existing(path)
    manifest, spec = folder.manifest(), folder.model()
    if not folder.best.exists():
        raise SeqwrightError(
            "this run has no weights yet: it has not come to its first evaluation",
            where=str(path),
            fix=f"continue it with seqwright train --resume {path}",
        )
    if spec != manifest.recipe.model:
        raise SeqwrightError("this is not the model of run.json", where=str(folder.model_file), fix=_TOGETHER)
    vocabulary = manifest.recipe.goal.vocabulary(folder.symbols())
    sides: tuple[Side, ...] = ("source", "target") if spec.reads_source else ("target",)
    if any(vocabulary.table(side).size != spec.vocabulary_size(side) for side in sides):
        raise SeqwrightError("this is not the model's vocabulary", where=str(folder.vocabulary_file), fix=_TOGETHER)
    with torch.device("meta"):  # shapes are compared before any memory is taken
        model = spec.checked().build()  # pyright: ignore[reportAttributeAccessIssue]  # every family is a Spec
    tensors, _ = read_checkpoint(folder.best, Weights)
    load_weights(model, current_parameters(tensors), folder.best)
    return Run(folder, manifest, model.to(device).eval(), device)

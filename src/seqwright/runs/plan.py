"""What a run would be: the data, and the manifest that says what will be done with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from msgspec.structs import replace

from seqwright import __version__
from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import vary
from seqwright.data.preprocessing import Preprocessing
from seqwright.data.text import TextVocabulary
from seqwright.data.vocabulary import Vocabulary
from seqwright.models.transformer import TransformerSpec
from seqwright.runs.compatibility import check_pairs, check_text, most_said, stretch_length
from seqwright.runs.data import Data, PairData, TextData, read_pairs, read_text
from seqwright.runs.defaults import NAMES, named_text_recipe, pair_recipe, text_recipe
from seqwright.runs.folder import Manifest, RunFolder, Source
from seqwright.runs.recipe import Recipe
from seqwright.training.device import precision_for


@dataclass(frozen=True)
class Plan:
    """A run before it begins: the data that was read, and the manifest that says what will be done with it."""

    data: Data
    manifest: Manifest

    def settings(self) -> dict[str, object]:
        """Everything that ``--set`` reaches, and its value."""
        return self.manifest.recipe.settings()

    def reading_from(self, moved: Mapping[str, str]) -> Plan:
        """The same plan, its data (of ``train``, of ``dev``) kept at these paths inside the run."""
        paths = {{"train": "path", "dev": "dev"}[name]: path for name, path in moved.items()}
        return Plan(self.data, vary(self.manifest, {"source": replace(self.manifest.source, **paths)}))


def plan_pairs(
    reading: Preprocessing, path: Path, dev: Path | None, *, model: str | None = None, edits: Sequence[str] = (), seed: int = 0,
    device: str = "cpu", command: Sequence[str] = (),
) -> Plan:  # fmt: skip
    """What training on pairs would be.

    Args:
        reading: how the files are read.
        path, dev: the files; without ``dev`` some rows are held out.
        model: a file with a model's spec, to take the place of the default one.
        edits: ``path=value`` edits of the recipe.
        seed: decides the parameters, the order of the rows, dropout, and what is held out.
        device: where to train.
        command: what the user typed.
    """
    train, held = read_pairs(reading, path, dev, seed)
    vocabulary = Vocabulary(train.symbols)
    sources, targets = train.lengths()
    recipe = pair_recipe(len(train), float(sources.mean() + targets.mean() + 2), vocabulary)
    if model is not None:
        recipe = with_model(recipe, model)
    recipe = with_precision(recipe, device).edited(edits)
    vocabulary = Vocabulary(train.symbols, marks=recipe.sources)
    check_pairs(recipe, train, held, vocabulary)
    limit = min(2 * (int(targets.max()) + 1), most_said(recipe.model))
    data = PairData(train, held, vocabulary, limit, held_out=dev is None)
    return Plan(data, _manifest(data, recipe, path, dev, seed, device, command))


def plan_text(
    reading: Preprocessing, path: Path, dev: Path | None, *, model: str | None = None, edits: Sequence[str] = (), seed: int = 0,
    device: str = "cpu", command: Sequence[str] = (),
) -> Plan:  # fmt: skip
    """What training on running text would be; see :func:`plan_pairs`."""
    train, held = read_text(reading, path, dev)
    vocabulary = TextVocabulary(train.symbols)
    if model is None or model in NAMES:
        recipe = named_text_recipe(model or NAMES[0], vocabulary)
    else:
        recipe = with_model(text_recipe(vocabulary), model)
    recipe = with_precision(recipe, device).edited(edits)
    check_text(recipe, vocabulary)
    data = TextData(train, held, vocabulary, stretch_length(recipe))
    return Plan(data, _manifest(data, recipe, path, dev, seed, device, command))


def with_precision(recipe: Recipe, device: str) -> Recipe:
    """The recipe in the precision that the device gains from; a run keeps it, so it is the same on resuming."""
    return vary(recipe, {"training.precision": precision_for(device, recipe.model.width)})


def with_model(recipe: Recipe, name: str) -> Recipe:
    """The recipe with the model of a file in the default one's place; its vocabulary is the data's.

    Raises:
        SeqwrightError: there is no such file, or it holds no model that reads and says symbols.
    """
    path = Path(name)
    if not path.is_file():
        raise SeqwrightError(
            f"--model {name}: no such file, and no model of that name",
            fix=f"give a model's JSON, or one of {', '.join(NAMES)} with --text",
        )
    try:
        model = TransformerSpec.from_json(path.read_bytes())
        sizes = {"embedding.vocabulary": recipe.model.embedding.vocabulary, "head.outputs": recipe.model.head.outputs}  # pyright: ignore[reportAttributeAccessIssue]
        model = vary(model, sizes)
    except SeqwrightError as error:
        raise SeqwrightError(error.what, where=name, fix=error.fix) from error
    if (model.encoder is None) != (recipe.model.encoder is None):
        wanted = "with an encoder" if recipe.model.encoder else "without one"
        raise SeqwrightError(
            f"this data needs a model {wanted}", where=name, fix="--text is for models without an encoder"
        )
    return vary(recipe, {"model": model})


def _manifest(
    data: Data, recipe: Recipe, path: Path, dev: Path | None, seed: int, device: str,
    command: Sequence[str],
) -> Manifest:  # fmt: skip
    return Manifest(
        seqwright=__version__,
        torch=str(torch.__version__),
        threads=torch.get_num_threads(),
        command=list(command),
        seed=seed,
        device=device,
        recipe=recipe,
        reading=data.reading,
        source=Source(
            path=str(path.resolve()),
            dev=None if dev is None else str(dev.resolve()),
            fingerprint=data.fingerprints[0],
            dev_fingerprint=data.fingerprints[1],
        ),
        limit=data.limit,
    )


def plan_again(folder: RunFolder) -> Plan:
    """The plan of a run that was begun, its data read again.

    Raises:
        SeqwrightError: it is gone, or no longer what it was.
    """
    manifest = folder.manifest()
    source, reading = manifest.source, manifest.reading
    path, dev = folder.path / source.path, None if source.dev is None else folder.path / source.dev
    if manifest.recipe.model.encoder is None:
        train, held = read_text(reading, path, dev)
        data: Data = TextData(train, held, TextVocabulary(train.symbols), stretch_length(manifest.recipe))
    else:
        train, held = read_pairs(reading, path, dev, manifest.seed)
        vocabulary = Vocabulary(train.symbols, marks=manifest.recipe.sources)
        data = PairData(train, held, vocabulary, manifest.limit, held_out=dev is None)
    if data.fingerprints != (source.fingerprint, source.dev_fingerprint):
        changed = path if data.fingerprints[0] != source.fingerprint else dev or path
        raise SeqwrightError(
            "this is not what the run was trained on: its content has changed",
            where=str(changed),
            fix="bring the file back as it was, or train a new run",
        )
    return Plan(data, manifest)


def default_folder(data: str) -> Path:
    """``seqwright-out/NAME`` for the data's name, numbered if that is taken."""
    stem = "stdin" if data == "-" else Path(data).name.removesuffix(".gz").split(".")[0] or "run"
    base = Path("seqwright-out") / stem
    number = 1
    path = base
    while path.exists():
        number += 1
        path = base.with_name(f"{stem}-{number}")
    return path

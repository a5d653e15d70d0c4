"""The plan of a run: its data, and the manifest of everything that decides its outcome."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from msgspec.structs import replace

from seqwright import __version__
from seqwright.core.errors import SeqwrightError
from seqwright.core.imports import imported_modules
from seqwright.core.model import ModelSpec
from seqwright.core.place import kinds
from seqwright.core.spec import part_from_json, vary
from seqwright.data.preprocessing import Preprocessing
from seqwright.goals.data import PreparedData
from seqwright.goals.goal import Goal
from seqwright.goals.recipe import Recipe
from seqwright.runs.folder import RunFolder
from seqwright.runs.manifest import Manifest, Source
from seqwright.training.device import precision_for


@dataclass(frozen=True)
class Plan:
    """A run before it begins.

    Attributes:
        data: the rows.
        manifest: everything that decides the outcome.
        kept: data that cannot be read a second time, by the name of the file inside the run's folder.
    """

    data: PreparedData
    manifest: Manifest
    kept: Mapping[str, bytes] = field(default_factory=dict)

    def settings(self) -> dict[str, object]:
        """Return every setting that ``--set`` changes, and its value."""
        return self.manifest.recipe.settings()


def plan_run(
    goal: Goal, preprocessing: Preprocessing, path: Path, dev: Path | None, *, model: str | None = None,
    edits: Sequence[str] = (), seed: int = 0, device: str = "cpu", command: Sequence[str] = (),
) -> Plan:  # fmt: skip
    """Read the data and settle the recipe of a new run.

    Args:
        goal: the goal of training.
        preprocessing: how the files are read.
        path, dev: the files; without ``dev`` some rows are held out.
        model: instead of the default model: a file with a spec, a recipe that the goal names, or the name of a family.
        edits: ``path=value`` edits of the recipe.
        seed: decides the parameters, the order of the rows, dropout, and the rows that are held out.
        device: where to train.
        command: the arguments of the command line.

    Raises:
        SeqwrightError: the data cannot be read, or the recipe does not fit it.
    """
    split = goal.split(preprocessing, path, dev, seed)
    recipe = with_model(goal.default_recipe(split), model)
    recipe = vary(recipe, {"training.precision": precision_for(device, recipe.model.width)}).edited(edits)
    if type(recipe.goal) is not type(goal):
        raise SeqwrightError(f"--set cannot change the goal, {type(goal).__name__}", fix="name another one with --goal")
    for problem in recipe.goal.problems(recipe, split):
        raise problem
    data = PreparedData(recipe.goal, recipe, split)
    manifest = Manifest(
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
        imports=imported_modules(recipe, data.reading),
    )
    return Plan(data, manifest.checked())


def with_model(recipe: Recipe, name: str | None) -> Recipe:
    """Return the recipe with another model, whose vocabulary is the data's.

    Args:
        recipe: the default recipe.
        name: a file with a model's JSON; a recipe that the goal names; or the name of a family of models
            (:class:`ModelSpec`), which is made by ``Family.default(width)`` for the default recipe's width if it has
            that class method, and otherwise without arguments.

    Raises:
        SeqwrightError: it is none of these, or a model that does not read symbols.
    """
    if name is None:
        return recipe
    if name in recipe.goal.named_recipes:
        return vary(recipe, recipe.goal.named_recipes[name])
    path = Path(name)
    try:
        model = part_from_json(ModelSpec, path.read_bytes()) if path.is_file() else _family(name, recipe)
        default = recipe.model
        sizes = (default.vocabulary_size("source"), default.vocabulary_size("target"), default.output_size)
        return vary(recipe, {"model": model.with_vocabulary(*(size or 0 for size in sizes))})
    except SeqwrightError as error:
        raise SeqwrightError(error.what, where=error.where or f"--model {name}", fix=error.fix) from error


def _family(name: str, recipe: Recipe) -> ModelSpec:
    families = kinds(ModelSpec)
    if name not in families:
        known = [*recipe.goal.named_recipes, *(each for each, kind in families.items() if _default(kind) is not None)]
        raise SeqwrightError(
            "there is no such file, and no model of that name",
            fix=f"give a file with a model's JSON{''.join(f', or {each}' for each in known)}; a family of your own needs --import",
        )
    make = _default(families[name])
    if make is None:
        raise SeqwrightError(f"{name} has no default", fix="name a file with its JSON, or give it `default(width)`")
    return make(recipe.model.width)


def _default(family: type[ModelSpec]) -> Callable[[int], ModelSpec] | None:
    """Return the function of a width that makes a family's default model, if there is one."""
    make = getattr(family, "default", None)
    if make is not None:
        return make
    required = any(each.default is each.empty for each in inspect.signature(family).parameters.values())
    return None if required else lambda width: family()


def plan_again(folder: RunFolder, *, data: Path | None = None, dev: Path | None = None) -> Plan:
    """Return the plan of a run that has begun; its data are read again.

    Args:
        folder: the run's.
        data, dev: the files, where they were moved; the manifest then keeps the new paths.

    Raises:
        SeqwrightError: the data are missing, or their content has changed.
    """
    manifest = folder.manifest()
    source, goal = manifest.source, manifest.recipe.goal
    if dev is not None and source.dev is None:
        raise SeqwrightError("this run held its dev rows out of its data, and takes no --dev", fix="leave --dev out")
    path = data or folder.path / source.path
    dev_path = dev or (None if source.dev is None else folder.path / source.dev)
    for option, file in (("--data", path), ("--dev", dev_path)):
        if file is not None and not file.is_file():
            raise SeqwrightError(
                "the run's data is not there", where=str(file),
                fix=f"bring the file back, or name its new place: --resume {folder.path} {option} FILE",
            )  # fmt: skip
    split = goal.split(manifest.reading, path, dev_path, manifest.seed)
    if split.fingerprints != (source.fingerprint, source.dev_fingerprint):
        changed = path if split.fingerprints[0] != source.fingerprint else dev_path or path
        raise SeqwrightError(
            "this is not the data that the run was trained on: its content has changed",
            where=str(changed),
            fix="bring the file back as it was, or train a new run",
        )
    moved = {name: str(file.resolve()) for name, file in (("path", data), ("dev", dev)) if file is not None}
    if moved:
        manifest = replace(manifest, source=replace(source, **moved))
        folder.write_manifest(manifest)
    return Plan(PreparedData(goal, manifest.recipe, split, manifest.limit), manifest)

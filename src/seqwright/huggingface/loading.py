"""Models and tokenizers of the ``transformers`` library, from a folder or from what is on this machine already."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from seqwright.core.errors import SeqwrightError


def transformers() -> Any:
    """The library.

    Raises:
        SeqwrightError: it is not installed.
    """
    try:
        import transformers
    except ImportError as error:
        raise SeqwrightError(
            "Hugging Face's models need the transformers package", fix="pip install 'seqwright[huggingface]'"
        ) from error
    transformers.utils.logging.disable_progress_bar()
    return transformers


def folder_of(name: str | Path) -> str:
    """Where a model is: a folder, one that an installed package holds, or else its name as it was given.

    Nothing of the package is run.
    """
    if Path(name).is_dir() or not str(name).isidentifier():
        return str(name)
    found = find_spec(str(name))
    for place in found.submodule_search_locations or () if found else ():
        for folder in (Path(place), Path(place) / "model"):
            if (folder / "config.json").exists():
                return str(folder)
    return str(name)


def load_model(name: str | Path) -> Any:
    """The model that a folder's configuration names, in eval mode; its weights are read from safetensors, never unpickled.

    Args:
        name: a folder, an installed package that holds one, or the name of a model that was downloaded before.

    Raises:
        SeqwrightError: there is none, or its weights cannot be read.
    """
    library, place = transformers(), folder_of(name)
    try:
        config = library.AutoConfig.from_pretrained(place, local_files_only=True)
    except (OSError, ValueError) as error:
        raise SeqwrightError(
            "there is no run and no Hugging Face model in this place or, downloaded before, by this name",
            where=str(name),
            fix="give a folder with a run.json or a config.json",
        ) from error
    names = config.architectures or ["AutoModel"]
    kind = getattr(library, names[0], library.AutoModel)
    try:
        model = kind.from_pretrained(place, local_files_only=True, use_safetensors=True).eval()
    except (OSError, ValueError, SafetensorError) as error:
        raise SeqwrightError(
            f"the weights cannot be read: {_first_line(error)}",
            where=str(name),
            fix="give a folder with model.safetensors",
        ) from error
    model.config.name_or_path = str(name)  # what it was asked for by is what people know it by
    return model


def load_tokenizer(name: str | Path) -> Any:
    """The tokenizer in a folder.

    Raises:
        SeqwrightError: there is none.
    """
    try:
        return transformers().AutoTokenizer.from_pretrained(folder_of(name), local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise SeqwrightError(
            f"there is no tokenizer: {_first_line(error)}",
            where=str(name),
            fix="save the tokenizer beside the model (tokenizer.save_pretrained)",
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
